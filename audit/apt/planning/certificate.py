"""Why each package of a choice has to come, step by step, so that a person can follow and check it."""

from collections.abc import Iterator, Sequence

from fleet_audit.audit.apt.planning.choice import Choice
from fleet_audit.audit.apt.planning.clauses import Statement
from fleet_audit.audit.apt.planning.universe import Universe
from fleet_audit.audit.apt.solving.propagation import Propagation, propagate
from fleet_audit.audit.model.apt import Step
from fleet_audit.audit.model.identity import PackageName

Reasons = dict[int, int]
"""For each chosen variable the number of the statement that it is there for."""


def reasons(choice: Choice) -> Reasons:
    """Return why each chosen package comes, in an order in which every reason is there before it serves.

    What is forced comes first. Of statements that leave a choice, the first one that asks for something is
    taken, and of its packages the one that was chosen.
    """
    clauses = [statement.literals for statement in choice.statements]
    found: Reasons = {}
    _add_propagated(found, propagate(clauses))
    waiting = list(range(len(clauses)))
    while len(found) < len(choice.chosen):
        number, variable = _next_choice(clauses, waiting, choice.chosen, found)
        if not variable:
            break
        found[variable] = number
    return found


def steps(choice: Choice, found: Reasons, universe: Universe) -> tuple[Step, ...]:
    """Return a step for each chosen package, in the order of `found`."""
    proved = propagate([statement.literals for statement in choice.statements])
    return tuple(
        Step(
            package=PackageName(universe.name(variable)),
            because=choice.statements[number].source,
            excluded=tuple(_excluded(choice, proved, universe, variable, number)),
            is_choice=_is_choice(choice, proved, variable, number),
        )
        for variable, number in found.items()
    )


def _is_choice(choice: Choice, proved: Propagation, variable: int, number: int) -> bool:
    options = [literal for literal in choice.statements[number].literals if literal > 0]
    is_open = any(-other not in proved.reasons for other in options if other != variable)
    return is_open and variable not in choice.forced


def chain(variable: int, found: Reasons, statements: Sequence[Statement]) -> tuple[int, ...]:
    """Return the variables that lead from a need to `variable`, which is the last."""
    path = [variable]
    while True:
        conditions = (-literal for literal in statements[found[path[-1]]].literals if literal < 0)
        parent = next((v for v in conditions if v in found and v not in path), None)
        if parent is None:
            return tuple(reversed(path))
        path.append(parent)


def _add_propagated(found: Reasons, proved: Propagation) -> None:
    for literal in proved.literals:
        if literal > 0:
            found[literal] = proved.reasons[literal]


def _next_choice(
    clauses: Sequence[tuple[int, ...]], waiting: list[int], chosen: frozenset[int], found: Reasons
) -> tuple[int, int]:
    for number in waiting:
        clause = clauses[number]
        if all(literal > 0 or -literal in found for literal in clause):
            options = [literal for literal in clause if literal > 0 and literal in chosen]
            if options and not any(literal in found for literal in options):
                return number, options[0]
    return 0, 0


def _excluded(
    choice: Choice, proved: Propagation, universe: Universe, variable: int, number: int
) -> Iterator[str]:
    for literal in choice.statements[number].literals:
        if literal > 0 and literal != variable:
            name = universe.name(literal)
            if -literal in proved.reasons:
                why = choice.statements[proved.reasons[-literal]].complaint
                yield f"{name} cannot come: {why}"
            elif literal not in choice.chosen:
                yield f"{name} would do, but the cheapest addition is without it"
