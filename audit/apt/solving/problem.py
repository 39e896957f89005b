"""What is asked of the solver and what it answers: clauses over yes-or-no variables, and what a yes costs."""

from collections.abc import Iterable, Mapping

import msgspec

from fleet_audit.audit.errors import FleetAuditError

Cost = tuple[int, ...]
"""Compared as tuples are: an earlier place outweighs all later ones."""


class SolverGaveUp(FleetAuditError):
    """The solver came to no proved answer; `why` says what stopped it."""

    exit_code = 3

    def __init__(self, why: str) -> None:
        """Keep the reason."""
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        """Return one clause."""
        return f"no answer could be proved to be the best: {self.why}"


class Problem(msgspec.Struct, frozen=True):
    """Clauses of which every one must hold, and what is to be paid for variables that are true.

    Variables are positive numbers. A clause is a tuple of literals as in the DIMACS format: ``3`` says that
    variable 3 is true, ``-3`` that it is false; one literal of each clause must hold, so an empty clause
    never does. `costs` gives each variable one non-negative whole number per level, as many for each; a
    variable without an entry is free.
    """

    clauses: tuple[tuple[int, ...], ...]
    costs: Mapping[int, Cost]

    @property
    def levels(self) -> int:
        """Return how many numbers a cost has; 0 where nothing costs anything."""
        return len(next(iter(self.costs.values()), ()))

    def cost_of(self, true: Iterable[int]) -> Cost:
        """Return what the variables `true` cost together, level by level."""
        free = (0,) * self.levels
        rows = [self.costs.get(variable, free) for variable in true]
        return tuple(map(sum, zip(*rows, strict=True))) if rows else free


class Optimum(msgspec.Struct, frozen=True):
    """The cheapest answer: exactly the variables in `true` are true, all others false.

    It is always proved: no assignment that meets every clause costs less. Where several cost the same, which
    one is returned is settled by the solver's release alone; give the costs a last level that tells them
    apart where that matters.

    `forced` are those of `true` that are true in every answer there is, as unit propagation alone shows;
    `searched` counts the variables that were left to search among.
    """

    true: frozenset[int]
    cost: Cost
    forced: frozenset[int] = frozenset()
    searched: int = 0


def check(problem: Problem) -> None:
    """Raise ValueError for a problem that is not well-formed."""
    if any(literal == 0 for clause in problem.clauses for literal in clause):
        raise ValueError("0 is no literal")
    if any(len(cost) != problem.levels or min(cost, default=0) < 0 for cost in problem.costs.values()):
        raise ValueError("costs have equally many levels, none of them negative")
