"""``fleet-audit dockerfiles`` as people call it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.packaged import with_known_rules
from tests.support.worlds import World

GOOD = "FROM debian:12\nRUN true\n"
BAD = "FROM debian:12\nRUN apt-get update && \\\n  apt-get install -y curl\n  libgl1\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty repository without a manifest, and be in it."""
    folder = tmp_path / "shop"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FLEET_AUDIT_CACHE_DIR", str(with_known_rules(tmp_path / "cache")))
    return folder


def _run(*words: str) -> tuple[int, dict[str, Any]]:
    code, out, _ = World.say("dockerfiles", *words, "-o", "json")
    return code, json.loads(out) if out else {}


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_a_refused_file_is_told_with_its_line_and_its_cause(here: Path) -> None:
    _write(here, {"docker/web/Dockerfile": BAD, "Dockerfile": GOOD})
    code, document = _run()
    assert code == 1
    assert [(file["path"], file["parses"]) for file in document["files"]] == [
        ("Dockerfile", True),
        ("docker/web/Dockerfile", False),
    ]
    assert document["files"][1]["error"] | {"cause": ""} == {
        "line": 4,
        "kind": "unknown-instruction",
        "message": "there is no instruction 'libgl1'",
        "cause_line": 3,
        "cause": "",
    }


def test_paths_say_of_what_to_speak(here: Path) -> None:
    _write(here, {"a/Dockerfile": BAD, "b/Dockerfile": GOOD})
    assert _run("b")[0] == 0
    assert _run("a/Dockerfile")[0] == 1


def test_a_file_that_is_named_is_read_as_a_dockerfile_whatever_it_is_called(here: Path) -> None:
    _write(here, {"image.txt": BAD})
    assert _run("image.txt")[0] == 1


def test_an_argument_that_a_build_may_give_is_not_held_against_the_file(here: Path) -> None:
    _write(here, {"Dockerfile": "ARG BASE\nFROM $BASE\nARG PORT\nEXPOSE $PORT\n"})
    assert _run()[0] == 0


def test_what_cannot_be_read_makes_the_answer_incomplete(here: Path) -> None:
    (here / "Dockerfile").write_bytes(b"FROM a\n\0\n")
    assert _run()[0] == 3


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("words", [("nothere",), (".",), ("..",)])
def test_nothing_to_check_is_no_clean_report(words: tuple[str, ...]) -> None:
    assert _run(*words) == (2, {})


def test_a_comment_above_an_instruction_waives_a_rule_there(here: Path) -> None:
    _write(
        here,
        {"Dockerfile": "FROM scratch\n# fleet-audit: ignore[FA-DF-001] built by another tool\nEXPOSE http\n"},
    )
    code, document = _run()
    assert code == 0
    waivers = [finding["waiver"] for finding in document["findings"] if finding["rule"] == "FA-DF-001"]
    assert waivers == ["Dockerfile:2: built by another tool"]


def test_paths_within_and_beside_a_manifest_are_checked_as_one_repository(here: Path) -> None:
    manifest = "version: 1\nfleet: inner\nfamilies: {}\nservices: []\n"
    _write(
        here,
        {"svc/fleet.yaml": manifest, "svc/a/Dockerfile": GOOD, "svc/b/Dockerfile": GOOD, "Dockerfile": GOOD},
    )

    assert _run("svc/a/Dockerfile", "svc/b")[1]["subject"] == "inner"
    code, document = _run("svc/a/Dockerfile", "Dockerfile")
    assert (code, document["subject"]) == (0, "shop")
    assert [file["path"] for file in document["files"]] == ["Dockerfile", "svc/a/Dockerfile"]


def test_a_template_of_a_dockerfile_is_something_to_check(here: Path) -> None:
    (here / "Dockerfile.j2").write_text("FROM {{ base }}\n")

    code, out, _ = World.say("dockerfiles", "Dockerfile.j2")

    assert code == 0
    assert "fleet-audit init" not in out


def test_a_comment_that_waives_nothing_is_told(here: Path) -> None:
    _write(
        here,
        {"Dockerfile": "FROM scratch\n# fleet-audit: ignore[FA-DF-001] built by another tool\nEXPOSE 80\n"},
    )
    assert "FA-SRC-004" in [finding["rule"] for finding in _run()[1]["findings"]]


def test_what_looks_like_such_a_comment_in_a_command_is_none(here: Path) -> None:
    _write(here, {"Dockerfile": "FROM a:1\nRUN echo # fleet-audit: ignore[FA-DF-001] x\nEXPOSE http\n"})
    assert _run()[0] == 1
