"""What follows from clauses by unit propagation alone, and from which clause each step follows."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

Clause = tuple[int, ...]


class Propagation(msgspec.Struct, frozen=True):
    """The literals that must hold, in the order in which they follow from one another.

    `reasons` leads from each to the number of the clause whose other literals had all been ruled out by
    then. `conflict` is the number of a clause that was left without any; what
    follows is then not complete.
    """

    literals: tuple[int, ...]
    reasons: Mapping[int, int]
    conflict: int | None = None

    @property
    def true(self) -> frozenset[int]:
        """Return the variables that must be true."""
        return frozenset(literal for literal in self.literals if literal > 0)


def propagate(clauses: Sequence[Clause]) -> Propagation:
    """Return what must hold where every one of `clauses` does.

    Clauses of one literal come first, in their order, and each literal's consequences follow in the order
    of the clauses: the shortest chains are found before longer ones (breadth first).
    """
    return _Trail(clauses).run()


class _Trail:
    def __init__(self, clauses: Sequence[Clause]) -> None:
        self._clauses = clauses
        self._reasons: dict[int, int] = {}
        self._order: list[int] = []
        self._occurrences: defaultdict[int, list[int]] = defaultdict(list)
        for number, clause in enumerate(clauses):
            for literal in clause:
                self._occurrences[literal].append(number)

    def run(self) -> Propagation:
        conflict = self._begin()
        at = 0
        while conflict is None and at < len(self._order):
            conflict = self._follow(self._order[at])
            at += 1
        return Propagation(tuple(self._order), self._reasons, conflict)

    def _begin(self) -> int | None:
        for number, clause in enumerate(self._clauses):
            if len(set(clause)) <= 1:
                conflict = self._examine(number)
                if conflict is not None:
                    return conflict
        return None

    def _follow(self, literal: int) -> int | None:
        for number in self._occurrences[-literal]:
            conflict = self._examine(number)
            if conflict is not None:
                return conflict
        return None

    def _examine(self, number: int) -> int | None:
        """Draw the conclusion that clause `number` allows; return the number where it cannot hold."""
        open_literal = 0
        for literal in self._clauses[number]:
            if literal in self._reasons:
                return None
            if -literal not in self._reasons and literal != open_literal:
                if open_literal:
                    return None
                open_literal = literal
        if not open_literal:
            return number
        self._reasons[open_literal] = number
        self._order.append(open_literal)
        return None
