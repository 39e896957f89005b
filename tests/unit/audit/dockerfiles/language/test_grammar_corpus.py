"""Each Dockerfile of the corpus is built or refused as BuildKit's documentation and source say."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from fleet_audit.audit.dockerfiles.language.building import refusals
from fleet_audit.audit.dockerfiles.language.expansion import scopes
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.model.dockerfiles import Rejection

CORPUS = Path(__file__).parents[4] / "fixtures" / "dockerfiles"
OUTCOMES: dict[str, dict[str, Any]] = tomllib.loads((CORPUS / "outcomes.toml").read_text("utf-8"))


def refused(folder: str, name: str) -> tuple[Rejection, ...]:
    outcome = OUTCOMES[folder][name]
    target = outcome.get("target", "")
    dockerfile = parse((CORPUS / folder / f"{name}.Dockerfile").read_bytes().decode())
    known = scopes(dockerfile, outcome.get("build_args", {}), target=target)
    return (*dockerfile.rejections, *refusals(dockerfile, known, target))


@pytest.mark.parametrize("name", OUTCOMES["accepted"])
def test_what_buildkit_builds_is_not_refused(name: str) -> None:
    assert refused("accepted", name) == ()


@pytest.mark.parametrize("name", OUTCOMES["refused"])
def test_what_buildkit_refuses_is_refused_at_its_line_for_its_reason(name: str) -> None:
    outcome = OUTCOMES["refused"][name]

    first = refused("refused", name)[0]

    assert (first.line, first.kind) == (outcome["line"], outcome["kind"])
    assert (first.cause_line or 0) == outcome["cause_line"]
    assert bool(first.cause) is bool(outcome["cause_line"])


def test_every_file_of_the_corpus_has_an_outcome_with_its_source() -> None:
    files = {(path.parent.name, path.stem) for path in CORPUS.rglob("*.Dockerfile")}

    assert files == {(folder, name) for folder, cases in OUTCOMES.items() for name in cases}
    assert all(case["source"] for cases in OUTCOMES.values() for case in cases.values())
    assert len(files) >= 150
