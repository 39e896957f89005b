"""hadolint itself, beside our own rules on the same file."""

import json
import platform
from pathlib import Path
from typing import Any

import pytest

from tests.support.worlds import World

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="hadolint has no wheel for this machine"
)

DOCKERFILE = """\
FROM debian:12
RUN cd /srv && make
RUN apt-get update && \\
    apt-get install -y curl
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with a Dockerfile, and be in it."""
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLEET_AUDIT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def _run(*words: str) -> tuple[int, dict[str, Any]]:
    code, out, _ = World.say("dockerfiles", "-o", "json", *words)
    return code, json.loads(out)


@pytest.mark.usefixtures("here")
def test_its_remarks_are_joined_to_ours() -> None:
    alone, both = _run()[1]["findings"], _run("--hadolint")[1]["findings"]
    added = [finding for finding in both if finding not in alone]
    assert [f for f in alone if f not in both] == []
    assert ("FA-DF-002", 2, "DL3003") in [
        (f["rule"], f["location"]["line"], f["message"].split()[1].rstrip(":")) for f in added
    ]


def test_what_our_rules_say_of_the_same_instruction_is_not_repeated(here: Path) -> None:
    (here / "Dockerfile").write_text("FROM debian:12\nRUN true\nfoo bar\n")
    assert [
        finding["rule"] for finding in _run("--hadolint")[1]["findings"] if "DL1000" in finding["message"]
    ] == []


def test_comments_and_configuration_of_the_repository_hold(here: Path) -> None:
    (here / ".hadolint.yaml").write_text("ignored: [DL3003]\n")
    assert not any("DL3003" in finding["message"] for finding in _run("--hadolint")[1]["findings"])


@pytest.mark.usefixtures("here")
def test_where_it_is_not_installed_the_answer_is_incomplete(
    monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    (here / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.setattr("sys.executable", "/nonexistent/python")
    monkeypatch.setenv("PATH", "")
    code, document = _run("--hadolint")
    assert (code, [gap["kind"] for gap in document["gaps"]]) == (3, ["tool-failed"])
