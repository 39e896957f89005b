"""What is said of small programs over real distributions, against what an interpreter really loads.

Truth: each program is run in a Debian 12 that has the wheels, by its own Python, in a process of its own and
without a network. Its modules (``sys.modules``) and the shared objects that are mapped then are what it
loads. The prediction sees the same system from outside and runs nothing.

A third of the programs is held out: nobody looks at them when rules are made. Scores are of the pairs of a
program and a module, over all programs together; the same is demanded of those that are held out.
"""

import os
import re

import pytest

from fleet_audit.audit.model.imports import Level
from tests.support.import_scores import Trial, extension_score, library_score, table, trials

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="bootstrapping and chroot need root"),
]

PROGRAMS, DISTRIBUTIONS = 60, 200
"""How many there are at the least, and from how many distributions the programs load modules."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Trial]:
    return trials(tmp_path_factory.mktemp("records"))


@pytest.fixture(params=["all", "held out"])
def scored(request: pytest.FixtureRequest, found: list[Trial]) -> list[Trial]:
    return [trial for trial in found if request.param == "all" or trial.program.is_held_out]


def test_the_programs_are_many_and_every_third_is_held_out(found: list[Trial]) -> None:
    assert len(found) >= PROGRAMS
    assert [trial.program.is_held_out for trial in found] == [i % 3 == 2 for i in range(len(found))]
    assert len(frozenset[str]().union(*(trial.distributions for trial in found))) >= DISTRIBUTIONS


def test_every_program_runs_to_its_end_where_its_libraries_are(found: list[Trial]) -> None:
    assert {trial.program.name: trial.error for trial in found if trial.error} == {}


def test_scores_are_complete(found: list[Trial], capsys: pytest.CaptureFixture[str]) -> None:
    scores = table(found)
    with capsys.disabled():
        print(f"\n{scores}")  # noqa: T201  (they are to be read where the tests are run)
    assert scores.count("\n") == 2 + 2 * len(Level) + 1


def test_extension_modules_that_are_called_certain_are_loaded(scored: list[Trial]) -> None:
    assert extension_score(scored, Level.CERTAIN).precision >= 98


def test_extension_modules_that_are_loaded_are_called_certain(scored: list[Trial]) -> None:
    assert extension_score(scored, Level.CERTAIN).recall >= 93


def test_what_is_certainly_missing_is_what_the_program_would_load(found: list[Trial]) -> None:
    score = library_score(found)

    assert score.foreseen > 10
    assert score.precision == 100, {t.program.name: t.missing - t.lacking for t in found}


def test_a_program_fails_where_something_is_certainly_missing_and_names_it(found: list[Trial]) -> None:
    for trial in found:
        if trial.missing:
            named = re.search(r"(\S+): cannot open shared object file", trial.refusal)
            assert trial.refusal, f"{trial.program.name} runs without {', '.join(trial.missing)}"
            assert named is None or named[1] in trial.missing, trial.refusal


def test_no_program_fails_unforeseen(found: list[Trial]) -> None:
    assert {t.program.name: t.refusal for t in found if t.refusal and not t.missing} == {}
