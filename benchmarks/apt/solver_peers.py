"""Answers problems read as JSON with one exact solver: a program for an environment that has it.

Says in JSON what importing the solver took, and for each problem the sum that was reached (null where there
is no answer) and the processor seconds; nothing further once a problem took longer than the limit.
"""

import json
import signal
import sys
import time
from collections.abc import Callable

Clauses = list[list[int]]
Weights = dict[int, int]
Solve = Callable[[Clauses, Weights], int | None]


def with_highs() -> Solve:
    """Return HiGHS: an integer program in floating point, by branch and cut."""
    import highspy  # noqa: PLC0415  (the import is what is measured)

    def solve(clauses: Clauses, weights: Weights) -> int | None:
        solver = highspy.Highs()  # type: ignore[no-untyped-call]  # its stubs leave the constructor out
        for name, value in (
            ("output_flag", False),
            ("threads", 1),
            ("mip_rel_gap", 0.0),
            ("mip_abs_gap", 0.0),
        ):
            solver.setOptionValue(name, value)
        variables = sorted({abs(literal) for clause in clauses for literal in clause})
        column = {variable: number for number, variable in enumerate(variables)}
        for variable in variables:
            solver.addVar(0.0, 1.0)
            solver.changeColCost(column[variable], float(weights.get(variable, 0)))
            solver.changeColIntegrality(column[variable], highspy.HighsVarType.kInteger)
        for clause in clauses:
            signs = {column[abs(literal)]: 1.0 if literal > 0 else -1.0 for literal in clause}
            least = 1.0 - sum(literal < 0 for literal in clause)
            solver.addRow(least, highspy.kHighsInf, len(signs), list(signs), list(signs.values()))
        solver.run()
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        values = solver.getSolution().col_value
        return sum(weights.get(v, 0) for v in variables if values[column[v]] > 0.5)

    return solve


def with_cp_sat() -> Solve:
    """Return OR-Tools' CP-SAT: clause learning and linear relaxation."""
    from ortools.sat.python import cp_model  # noqa: PLC0415  (the import is what is measured)

    def solve(clauses: Clauses, weights: Weights) -> int | None:
        model = cp_model.CpModel()
        known = {abs(literal) for clause in clauses for literal in clause}
        variables = {variable: model.new_bool_var("") for variable in sorted(known)}
        for clause in clauses:
            model.add_bool_or([variables[abs(x)] if x > 0 else ~variables[abs(x)] for x in clause])
        model.minimize(sum(weights.get(variable, 0) * x for variable, x in variables.items()))
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        if solver.solve(model) != cp_model.OPTIMAL:
            return None
        return sum(weights.get(variable, 0) for variable, x in variables.items() if solver.value(x))

    return solve


def with_rc2() -> Solve:
    """Return python-sat's RC2: MaxSAT by unsatisfiable cores."""
    from pysat.examples.rc2 import RC2Stratified  # noqa: PLC0415  (the import is what is measured)
    from pysat.formula import WCNF  # noqa: PLC0415  (the same)
    from pysat.solvers import Solver  # noqa: PLC0415  (the same)

    def solve(clauses: Clauses, weights: Weights) -> int | None:
        # RC2 does not come back where the clauses alone have no answer.
        with Solver(name="g4", bootstrap_with=clauses) as check:
            if not check.solve():
                return None
        formula = WCNF()
        formula.extend(clauses)
        for variable, weight in weights.items():
            if weight:
                formula.append([-variable], weight=weight)
        with RC2Stratified(formula, solver="g4") as solver:
            model = solver.compute()
        return None if model is None else sum(weights.get(v, 0) for v in model if v > 0)

    return solve


SOLVERS = {"HiGHS": with_highs, "CP-SAT": with_cp_sat, "RC2": with_rc2}


def main(name: str, limit: int) -> None:
    """Answer what stands on the standard input."""
    problems = json.load(sys.stdin)
    started = time.process_time()
    solve = SOLVERS[name]()
    imported = time.process_time() - started
    print(json.dumps(imported), flush=True)
    for clauses, weights in problems:
        # The default action of the signal ends the process, wherever the solver is.
        signal.alarm(limit)
        started = time.process_time()
        reached = solve(clauses, {int(variable): weight for variable, weight in weights.items()})
        print(json.dumps([reached, time.process_time() - started]), flush=True)
    signal.alarm(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
