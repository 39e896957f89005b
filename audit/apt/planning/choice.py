"""Which packages come so that every need is supplied at the least cost, and what stands against a need."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from fleet_audit.audit.apt.planning.clauses import Clauses, Statement
from fleet_audit.audit.apt.planning.universe import Universe
from fleet_audit.audit.apt.solving.optimum import optimum
from fleet_audit.audit.apt.solving.problem import Cost, Problem
from fleet_audit.audit.apt.solving.propagation import Propagation, propagate

_MAX_STEPS_BACK = 1000

LEVELS = ("vulnerabilities", "packages to avoid", "installed bytes", "download bytes", "packages")
"""What is made least, in this order; ties are settled by the packages' names."""


def nothing_is_named(name: str) -> bool:
    """Mean no package at all."""
    del name
    return False


class Blemishes(msgspec.Struct, frozen=True):
    """What speaks against packages, whatever their size.

    `vulnerabilities` counts those that are known of a package; what `is_to_avoid` holds for is left out where
    anything else will do.
    """

    vulnerabilities: Mapping[str, int] = {}
    is_to_avoid: Callable[[str], bool] = nothing_is_named

    def of(self, names: Iterable[str]) -> tuple[int, int]:
        """Return what speaks against these together, the weightier number first."""
        listed = list(names)
        known = sum(self.vulnerabilities.get(name, 0) for name in listed)
        return known, sum(map(self.is_to_avoid, listed))


class Choice(msgspec.Struct, frozen=True):
    """The packages that come, by variable of the universe, and the statements that make them do.

    `missed` are the needs that cannot be supplied beside the others, as few as possible, with the reason.
    `forced` are those of the chosen that come in any case; `searched` counts what there was to choose among.
    """

    chosen: frozenset[int]
    statements: tuple[Statement, ...]
    missed: tuple[tuple[str, str], ...] = ()
    forced: frozenset[int] = frozenset()
    searched: int = 0


class Chooser:
    """Chooses among the packages of a universe that are needed for some needs."""

    def __init__(
        self,
        universe: Universe,
        clauses: Clauses,
        options: Mapping[str, Sequence[str]],
        blemishes: Blemishes,
    ) -> None:
        """Take for each need the packages of which one has to come, and what speaks against some."""
        self._universe = universe
        self._needs = {
            need: Statement(
                tuple(v.literal for name in names if (v := universe.candidate(name)) is not None), need
            )
            for need, names in options.items()
        }
        clauses.reach(name for need in sorted(options) for name in options[need])
        self._statements = tuple(clauses.statements())
        self._costs = _costs(universe, (*self._needs.values(), *self._statements), blemishes)

    def cheapest(self, order: Sequence[int] = range(len(LEVELS)), *, seconds: float) -> Choice:
        """Return the choice that costs least, by the levels in this order.

        Raises SolverGaveUp where one search takes longer than `seconds`.
        """
        costs = {
            variable: tuple(cost[level] for level in order) + cost[-1:]
            for variable, cost in self._costs.items()
        }
        statements = (*self._needs.values(), *self._statements)
        found = optimum(_problem(statements, costs), seconds=seconds)
        if found is not None:
            return Choice(found.true, statements, (), found.forced, found.searched)
        return self._largest_part(costs, seconds)

    def problem(self) -> Problem:
        """Return what has to hold where every need is supplied, and what that costs."""
        return _problem((*self._needs.values(), *self._statements), self._costs)

    def _largest_part(self, costs: Mapping[int, Cost], seconds: float) -> Choice:
        """Leave as few needs unsupplied as possible; of equally many, those whose supply costs most."""
        first = max(costs, default=0) + 1
        missing = dict(enumerate(self._needs, first))
        levels = len(LEVELS) + 1
        relaxed = {variable: (0, *cost) for variable, cost in costs.items()}
        relaxed |= {variable: (1, *[0] * levels) for variable in missing}
        loose = [
            msgspec.structs.replace(self._needs[need], literals=(*self._needs[need].literals, variable))
            for variable, need in missing.items()
        ]
        found = optimum(_problem((*loose, *self._statements), relaxed), seconds=seconds)
        assert found is not None  # noqa: S101  (with every need missed, nothing has to change)
        missed = {need for variable, need in missing.items() if variable in found.true}
        kept = (*(self._needs[need] for need in self._needs if need not in missed), *self._statements)
        chosen = optimum(_problem(kept, costs), seconds=seconds)
        assert chosen is not None  # noqa: S101  (it has the answer just found, without what was missed)
        reasons = tuple((need, self._reason(self._needs[need], kept)) for need in sorted(missed))
        return Choice(chosen.true, kept, reasons, chosen.forced, chosen.searched)

    def _reason(self, need: Statement, kept: Sequence[Statement]) -> str:
        """Return why a need cannot be supplied: alone where that is so, else beside the others."""
        for others in (self._statements, kept):
            statements = (need, *others)
            found = propagate([statement.literals for statement in statements])
            if found.conflict is not None:
                return _complaint(statements, found, found.conflict)
        return f"nothing that supplies {need.source} can be installed beside what supplies the rest"


def _problem(statements: Iterable[Statement], costs: Mapping[int, Cost]) -> Problem:
    return Problem(tuple(statement.literals for statement in statements), costs)


def _complaint(statements: Sequence[Statement], found: Propagation, number: int) -> str:
    """Return the words for the statement in which a contradiction begins."""
    seen: set[int] = set()
    while number not in seen and len(seen) < _MAX_STEPS_BACK:
        seen.add(number)
        ruled_out = [-literal for literal in statements[number].literals if literal > 0]
        reasons = [found.reasons[literal] for literal in ruled_out if literal in found.reasons]
        if not reasons:
            break
        number = reasons[0]
    return statements[number].complaint


def _costs(universe: Universe, statements: Iterable[Statement], blemishes: Blemishes) -> dict[int, Cost]:
    variables = {abs(literal) for statement in statements for literal in statement.literals}
    return {
        variable: (
            *blemishes.of([universe.name(variable)]),
            # A newer version that is smaller is no reason to upgrade.
            max(universe.growth(universe.name(variable)), 0),
            universe.package(variable).download_bytes,
            1,
            rank,
        )
        for rank, variable in enumerate(sorted(variables, key=universe.name), 1)
    }
