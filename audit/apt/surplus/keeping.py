"""Which installed packages have to stay: the smallest set that holds what is needed and all it depends on."""

from collections.abc import Collection

from fleet_audit.audit.apt.solving.optimum import optimum
from fleet_audit.audit.apt.solving.problem import Problem, SolverGaveUp
from fleet_audit.audit.apt.surplus.dependencies import Dependencies
from fleet_audit.audit.model.identity import PackageName

_SECONDS = 5.0
"""For each independent choice; those of real systems take thousandths."""


def keep_set(dependencies: Dependencies, needed: Collection[str]) -> frozenset[PackageName]:
    """Return the packages to keep: `needed` as far as installed, and what they depend on, directly or not.

    Where any of several packages answers a dependency, those are chosen that leave the fewest bytes
    installed, then the fewest packages, then the first by name. Every package is chosen from what is
    installed, so that nothing has to be added. Where the solver gives up, all of several answers stay: too
    much is kept, never too little.
    """
    start = frozenset(name for name in needed if name in dependencies)
    reachable = _all_reachable(dependencies, start)
    names = sorted(reachable)
    number = {name: index for index, name in enumerate(names, start=1)}
    clauses: list[tuple[int, ...]] = [(number[name],) for name in names if name in start]
    clauses += [
        (-number[name], *(number[answer] for answer in answers))
        for name in names
        for answers in dependencies.of(name)
    ]
    costs = {
        number[name]: (dependencies.records[name].package.installed_bytes, 1, number[name]) for name in names
    }
    try:
        found = optimum(Problem(tuple(clauses), costs), seconds=_SECONDS)
    except SolverGaveUp:
        return reachable
    # All that is reachable satisfies every clause, so that there is an answer.
    return reachable if found is None else frozenset(names[index - 1] for index in found.true)


def _all_reachable(dependencies: Dependencies, start: Collection[str]) -> frozenset[PackageName]:
    found: set[PackageName] = set()
    pending = [PackageName(name) for name in start]
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += (answer for answers in dependencies.of(name) for answer in answers)
    return frozenset(found)
