"""What of a problem is left to search once all that needs no search is settled, in independent parts."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from fleet_audit.audit.apt.solving.propagation import Clause


def open_clauses(clauses: Sequence[Clause], held: Iterable[int]) -> list[Clause]:
    """Return the clauses that the literals `held` leave open, without what they rule out.

    A clause that holds in any case (``1 or not 1``) asks for nothing, and is not among them.
    """
    known = frozenset(held)
    return sorted(
        {
            tuple(sorted({literal for literal in clause if -literal not in known}))
            for clause in clauses
            if not any(literal in known or -literal in clause for literal in clause)
        }
    )


def wanted(clauses: Sequence[Clause]) -> frozenset[int]:
    """Return the variables that some cheapest answer may have to make true.

    All others can be false at once, whatever the costs, as long as none is negative: a clause asks for its
    variables only once all those that it is conditional on (its negative literals) are wanted themselves, so
    an answer stays one when every other variable is taken out of it.
    """
    waiting = [sum(literal < 0 for literal in clause) for clause in clauses]
    conditional: defaultdict[int, list[int]] = defaultdict(list)
    for number, clause in enumerate(clauses):
        for literal in clause:
            if literal < 0:
                conditional[-literal].append(number)
    ready = [number for number, count in enumerate(waiting) if not count]
    found: set[int] = set()
    while ready:
        for variable in [literal for literal in clauses[ready.pop()] if literal > 0]:
            if variable not in found:
                found.add(variable)
                for number in conditional[variable]:
                    waiting[number] -= 1
                    if not waiting[number]:
                        ready.append(number)
    return frozenset(found)


def independent(clauses: Sequence[Clause]) -> Iterator[tuple[Clause, ...]]:
    """Yield the clauses in parts that share no variable, the part of the lowest variable first."""
    parent: dict[int, int] = {}

    def leader(variable: int) -> int:
        while parent.setdefault(variable, variable) != variable:
            parent[variable] = parent[parent[variable]]
            variable = parent[variable]
        return variable

    for clause in clauses:
        for literal in clause:
            low, high = sorted((leader(abs(clause[0])), leader(abs(literal))))
            parent[high] = low
    parts: defaultdict[int, list[Clause]] = defaultdict(list)
    for clause in clauses:
        parts[leader(abs(clause[0]))].append(clause)
    yield from (tuple(parts[first]) for first in sorted(parts))
