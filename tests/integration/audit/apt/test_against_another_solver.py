"""No cheaper set of packages exists: a solver of another kind (core-guided MaxSAT) finds none either."""

import random

import pytest
from pysat.examples.rc2 import RC2Stratified
from pysat.formula import WCNF

from fleet_audit.audit.apt.solving.optimum import optimum
from fleet_audit.audit.apt.solving.problem import Cost, Problem
from fleet_audit.audit.model.identity import Distro
from tests.support.debian import RELEASES, index, minimal, state_of
from tests.support.needs import needs_of
from tests.support.problems import problem_of

pytestmark = pytest.mark.integration

DRAWN = 67
"""Sets drawn by lot for each of three releases."""


def drawn(release: Distro) -> list[tuple[str, ...]]:
    choose = random.Random(release.version)  # noqa: S311  (the same sets each time, not secrets)
    sonames, programs = sorted(index(release).sonames), sorted(index(release).programs)
    return [
        tuple(f"so:{name}" for name in choose.sample(sonames, choose.randint(2, 6)))
        + tuple(f"bin:{name}" for name in choose.sample(programs, choose.randint(0, 2)))
        for _ in range(DRAWN)
    ]


def problem(needs: tuple[str, ...], release: Distro) -> Problem:
    return problem_of(needs, state_of(minimal(release)), index(release))


def cost_by_cores(asked: Problem) -> Cost | None:
    """Return what the cheapest answer costs; levels become one weight, in whole numbers of any size."""
    formula = WCNF()
    formula.extend([list(clause) for clause in asked.clauses])
    ceilings = [sum(level) + 1 for level in zip(*asked.costs.values(), strict=True)]
    for variable, cost in asked.costs.items():
        weight = 0
        for ceiling, part in zip(ceilings, cost, strict=True):
            weight = weight * ceiling + part
        formula.append([-variable], weight=weight)
    with RC2Stratified(formula, solver="g4") as solver:
        model = solver.compute()
    return None if model is None else asked.cost_of(variable for variable in model if variable > 0)


@pytest.mark.parametrize("codename", RELEASES)
def test_another_solver_finds_nothing_cheaper_for_well_known_sets(codename: str) -> None:
    release = RELEASES[codename]

    differing = []
    for name, needs in needs_of(release).items():
        asked = problem(needs, release)
        found = optimum(asked)
        if found is None or found.cost != cost_by_cores(asked):
            differing.append(name)

    assert len(needs_of(release)) > 100
    assert differing == []


@pytest.mark.parametrize("codename", RELEASES)
def test_another_solver_finds_nothing_cheaper_for_sets_drawn_by_lot(codename: str) -> None:
    release = RELEASES[codename]

    differing = []
    for needs in drawn(release):
        asked = problem(needs, release)
        found = optimum(asked)
        if (found and found.cost) != cost_by_cores(asked):
            differing.append(needs)

    assert differing == []


def test_an_answer_that_is_not_the_cheapest_would_be_noticed() -> None:
    release = RELEASES["bookworm"]
    asked = problem(("so:libportaudio.so.2",), release)
    least = optimum(asked)
    assert least is not None
    dearer = optimum(
        Problem((*asked.clauses, tuple(-v for v in sorted(least.true - least.forced))), asked.costs)
    )

    assert dearer is not None
    assert dearer.cost > least.cost == cost_by_cores(asked)
