"""Why each package of a choice has to come, step by step, so that a person can follow and check it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from fleet_audit.audit.apt.planning.choice import Choice
from fleet_audit.audit.apt.planning.universe import Universe
from fleet_audit.audit.apt.solving.propagation import propagate
from fleet_audit.audit.model.apt import Step
from fleet_audit.audit.model.identity import PackageName


class Certificate:
    """The statements that a choice follows from, in an order in which every reason is there before it serves.

    What unit propagation alone shows comes first. Of statements that leave a choice, the first one that asks
    for something is taken, and of its packages the one that was chosen.
    """

    def __init__(self, choice: Choice, universe: Universe) -> None:
        """Find for each chosen package the statement that it is there for."""
        self._choice = choice
        self._universe = universe
        self._clauses = [statement.literals for statement in choice.statements]
        self._proved = propagate(self._clauses).reasons
        self._reasons = {literal: number for literal, number in self._proved.items() if literal > 0}
        waiting = [number for number, clause in enumerate(self._clauses) if self._is_open(clause)]
        while len(self._reasons) < len(choice.chosen):
            step = next(self._next_steps(waiting), None)
            if step is None:
                break
            self._reasons[step[0]] = step[1]

    def steps(self) -> tuple[Step, ...]:
        """Return a step for each chosen package, in this order."""
        return tuple(
            Step(
                package=PackageName(self._universe.name(variable)),
                because=self._choice.statements[number].source,
                excluded=tuple(self._excluded(variable, number)),
                is_choice=self._is_choice(variable),
            )
            for variable, number in self._reasons.items()
        )

    def choices(self) -> frozenset[str]:
        """Return the packages that were chosen among alternatives."""
        return frozenset(self._universe.name(v) for v in self._reasons if self._is_choice(v))

    def rivals(self) -> dict[str, frozenset[str]]:
        """Return for chosen packages the others that would answer a statement which they answer."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        chosen, name = self._choice.chosen, self._universe.name
        for clause in self._clauses:
            options = [literal for literal in clause if literal > 0]
            rest = {name(option) for option in options if option not in chosen}
            for option in options if rest else ():
                if option in chosen:
                    found[name(option)] |= rest
        return {each: frozenset(others) for each, others in found.items()}

    def chains(self) -> dict[str, list[str]]:
        """Return for each chosen package those that lead to it from a need, itself last."""
        name = self._universe.name
        return {name(variable): list(map(name, self._chain(variable))) for variable in self._reasons}

    def _chain(self, variable: int) -> Sequence[int]:
        path = [variable]
        while True:
            clause = self._clauses[self._reasons[path[-1]]]
            parents = (-literal for literal in clause if -literal in self._reasons and -literal not in path)
            parent = next(parents, None)
            if parent is None:
                return path[::-1]
            path.append(parent)

    def _is_open(self, clause: Sequence[int]) -> bool:
        return not any(literal in self._proved for literal in clause)

    def _next_steps(self, waiting: Sequence[int]) -> Iterator[tuple[int, int]]:
        for number in waiting:
            clause = self._clauses[number]
            options = [literal for literal in clause if literal > 0 and literal in self._choice.chosen]
            is_asked = all(literal > 0 or -literal in self._reasons for literal in clause)
            if is_asked and options and not any(option in self._reasons for option in options):
                yield options[0], number

    def _is_choice(self, variable: int) -> bool:
        options = [literal for literal in self._clauses[self._reasons[variable]] if literal > 0]
        others = [option for option in options if option != variable and -option not in self._proved]
        return bool(others) and variable not in self._choice.forced

    def _excluded(self, variable: int, number: int) -> Iterator[str]:
        for literal in self._clauses[number]:
            if literal > 0 and literal != variable:
                name = self._universe.name(literal)
                if -literal in self._proved:
                    yield f"{name} cannot come: {self._choice.statements[self._proved[-literal]].complaint}"
                elif literal not in self._choice.chosen:
                    yield f"{name} would do, but the cheapest addition is without it"
