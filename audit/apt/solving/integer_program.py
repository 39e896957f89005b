"""The cheapest assignment as an integer program, solved by HiGHS: one level of the costs after the other.

HiGHS calculates in floating point, so little is taken on its word. Each level is a program of its own, in
which what was reached on the levels before is a bound, so that no weight has to make one level outweigh the
next. Costs are divided by their greatest common divisor, and refused where their sum exceeds what a double
holds exactly. The answer is checked in whole numbers, clause by clause and level by level, and it counts as
proved only where the lower bound that HiGHS gives leaves no whole number below it.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from math import gcd

import highspy

from fleet_audit.audit.apt.solving.problem import Cost, SolverGaveUp
from fleet_audit.audit.apt.solving.propagation import Clause

_EXACT = 2**53
_TOLERANCE = 1e-10
"""How far from whole a variable may be; the least that HiGHS accepts."""

_OPTIONS: Mapping[str, bool | int | float | str] = {
    "output_flag": False,
    "threads": 1,
    "random_seed": 0,
    "mip_rel_gap": 0.0,
    "mip_abs_gap": 0.0,
    "mip_feasibility_tolerance": _TOLERANCE,
    "primal_feasibility_tolerance": _TOLERANCE,
}

Row = tuple[Sequence[int], Sequence[float], float, float]
"""Columns and their coefficients, and between which bounds their sum must be."""


def cheapest(
    clauses: Sequence[Clause], costs: Mapping[int, Cost], *, levels: int, seconds: float
) -> frozenset[int] | None:
    """Return the variables that the cheapest answer to `clauses` makes true; None where there is no answer.

    Raises SolverGaveUp.
    """
    variables = sorted({abs(literal) for clause in clauses for literal in clause})
    search = _Search(clauses, variables, seconds)
    for level in range(levels):
        prices = [costs[variable][level] if variable in costs else 0 for variable in variables]
        if any(prices) and not search.reach(prices):
            return None
    if not search.levels and not search.reach([0] * len(variables)):
        return None
    return frozenset(variables[column] for column in search.chosen)


class _Search:
    """One set of clauses, and what has been reached of the levels of their costs so far."""

    def __init__(self, clauses: Sequence[Clause], variables: Sequence[int], seconds: float) -> None:
        self.chosen: frozenset[int] = frozenset()
        self.levels: list[tuple[Sequence[int], int]] = []
        column = {variable: number for number, variable in enumerate(variables)}
        self._clauses = [[(column[abs(literal)], literal > 0) for literal in clause] for clause in clauses]
        self._seconds = seconds

    def reach(self, prices: Sequence[int]) -> bool:
        """Find the lowest sum of `prices` that the levels before leave; False where there is no answer."""
        divisor = gcd(*prices) or 1
        prices = [price // divisor for price in prices]
        if sum(prices) >= _EXACT:
            raise SolverGaveUp(f"the costs of level {len(self.levels) + 1} are too large for it")
        found = _solved(prices, self._rows(), self._seconds)
        if found is None and self.levels:
            raise SolverGaveUp("an answer that had been found was lost")
        if found is not None:
            self._accept(prices, *found)
        return found is not None

    def _accept(self, prices: Sequence[int], chosen: frozenset[int], bound: float) -> None:
        paid = _paid(prices, chosen)
        if not bound > paid - 0.5:
            raise SolverGaveUp(f"the answer costs {paid}, and only what is below {bound} is ruled out")
        if not all(any((at in chosen) == is_true for at, is_true in clause) for clause in self._clauses):
            raise SolverGaveUp("the answer does not meet every clause")
        if any(_paid(before, chosen) > reached for before, reached in self.levels):
            raise SolverGaveUp("the answer costs more on an earlier level than had been reached there")
        self.levels.append((prices, paid))
        self.chosen = chosen

    def _rows(self) -> list[Row]:
        clauses = [_clause_row(clause) for clause in self._clauses]
        return clauses + [
            (range(len(prices)), prices, -highspy.kHighsInf, paid) for prices, paid in self.levels
        ]


def _paid(prices: Sequence[int], chosen: Iterable[int]) -> int:
    return sum(prices[column] for column in chosen)


def _clause_row(clause: Sequence[tuple[int, bool]]) -> Row:
    # x or not y holds where x + (1 - y) >= 1.
    columns = [column for column, _ in clause]
    signs = [1.0 if is_true else -1.0 for _, is_true in clause]
    return columns, signs, 1.0 - sum(not is_true for _, is_true in clause), highspy.kHighsInf


def _solved(
    prices: Sequence[int], rows: Sequence[Row], seconds: float
) -> tuple[frozenset[int], float] | None:
    """Return the columns that are 1 in the best solution, and below which sum there is proved to be none."""
    solver = highspy.Highs()  # type: ignore[no-untyped-call]  # its stubs leave the constructor out
    for name, value in _OPTIONS.items():
        solver.setOptionValue(name, value)
    solver.setOptionValue("time_limit", seconds)
    # A program that is refused must not be run: HiGHS would abort the whole process.
    if solver.passModel(_program(prices, rows)) != highspy.HighsStatus.kOk:
        raise SolverGaveUp("HiGHS refuses the program")
    solver.run()
    status = solver.getModelStatus()
    if status == highspy.HighsModelStatus.kInfeasible:
        return None
    if status != highspy.HighsModelStatus.kOptimal:
        raise SolverGaveUp(f"HiGHS says: {solver.modelStatusToString(status)}")
    values = solver.getSolution().col_value
    chosen = frozenset(column for column, value in enumerate(values) if value > 0.5)
    return chosen, solver.getInfo().mip_dual_bound


def _program(prices: Sequence[int], rows: Sequence[Row]) -> highspy.HighsLp:
    program = highspy.HighsLp()
    program.num_col_ = len(prices)
    program.num_row_ = len(rows)
    program.col_cost_ = list(map(float, prices))
    program.col_lower_ = [0.0] * len(prices)
    program.col_upper_ = [1.0] * len(prices)
    program.integrality_ = [highspy.HighsVarType.kInteger] * len(prices)
    program.row_lower_ = [row[2] for row in rows]
    program.row_upper_ = [row[3] for row in rows]
    program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    program.a_matrix_.start_ = [0, *accumulate(len(row[0]) for row in rows)]
    program.a_matrix_.index_ = [column for row in rows for column in row[0]]
    program.a_matrix_.value_ = [float(value) for row in rows for value in row[1]]
    return program
