"""Laws of saying what the image of a Dockerfile would run."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.errors import UsageError
from fleet_audit.audit.model.inspection import InspectReport
from fleet_audit.audit.pipeline.inspecting_dockerfiles import Question, inspect_dockerfile
from fleet_audit.audit.pipeline.repository.grounds import Grounds
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.reports.inspect_document import inspect_document
from fleet_audit.reports.inspect_text import inspect_text
from tests.support.reports import OPTIONS
from tests.support.trees import tree

CORPUS = sorted(
    path for path in (Path(__file__).parents[1] / "fixtures" / "dockerfiles").glob("*/*") if path.is_file()
)
SECRET = "correct-horse-battery"  # noqa: S105  (what no answer may hold)
FORMS = st.sampled_from(
    [
        'ENV API_KEY={0}\nCMD ["app", "{0}"]',
        "ENV API_KEY={0}\nLABEL note='uses {0} now'",
        "ARG X={0}\nENV DB_PASSWORD=$X\nHEALTHCHECK CMD check {0}",
        "ENV URL=postgres://me:{0}@db/x",
        "ENTRYPOINT app --token {0}",
        'ENTRYPOINT ["app", "--api-key", "{0}"]',
        'ENTRYPOINT ["app", "--password={0}"]',
        "ENV A_TOKEN={0}\nONBUILD ENV B={0}\nVOLUME /{0}\nUSER {0}\nWORKDIR /{0}",
    ]
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    return Shared(Settings(cache_dir=tmp_path_factory.mktemp("cache"), created="2026-11-20T00:00:00Z"))


def inspected(text: str, shared: Shared) -> InspectReport | None:
    """Return the answer; None where a Dockerfile with this text is refused as no such thing."""
    try:
        grounds = Grounds(Repository(tree({"Dockerfile": text})), shared)
        return inspect_dockerfile(Question("Dockerfile", "Dockerfile"), grounds)
    except UsageError:
        return None


def told(report: InspectReport) -> str:
    return inspect_text([report], OPTIONS) + inspect_document([report], OPTIONS)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_every_dockerfile_of_the_corpus_is_told_or_refused(path: Path, shared: Shared) -> None:
    text = path.read_bytes().decode(errors="replace")

    first, second = (inspected(text, shared) for _ in range(2))

    assert first == second
    assert first is None or msgspec.json.decode(inspect_document([first], OPTIONS))


@given(form=FORMS, base=st.sampled_from(["scratch", "python:3.11-slim", "somebody/image:1"]))
@settings(deadline=None)
def test_a_secret_is_told_in_no_format(shared: Shared, form: str, base: str) -> None:
    report = inspected(f"FROM {base}\n{form.format(SECRET)}\n", shared)

    assert report is not None
    assert SECRET not in told(report)


@given(st.text(max_size=60))
@settings(deadline=None)
def test_whatever_a_value_holds_the_answer_can_be_written(shared: Shared, value: str) -> None:
    report = inspected(f"FROM scratch\nENV A={value}\nCMD {value}\nLABEL b={value}\n", shared)

    if report is not None:
        assert "\x1b" not in inspect_text([report], OPTIONS)
        assert inspect_document([report], OPTIONS)
