"""``vulns`` and what its scanner knows: a database that is fetched, lacks a source, or is not to be had."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.bolt import bolt_file
from tests.support.record_scanners import TRIVY
from tests.support.scanner_programs import trivy_that
from tests.support.trivy_database import DEBIAN, write_trivy_database
from tests.support.vulnerable_image import FINDINGS, vulnerable_image
from tests.support.worlds import Answer, World

RECENT = datetime(2026, 11, 15, tzinfo=UTC)
OLD = datetime(2026, 9, 1, tzinfo=UTC)
ANSWERS = f"cat '{TRIVY}' > \"$OUT\""


@pytest.fixture(autouse=True)
def _image(world: World) -> None:
    vulnerable_image().write(world.folder / "image")


def _vulns(world: World, *lines: str, words: tuple[str, ...] = ()) -> Answer:
    program = trivy_that(world.folder / "bin", *lines)
    named = ("--trivy", str(program), "--db", str(world.folder / "trivy"))
    return world.run("vulns", "--image", "oci:image", *named, *words)


def _advisories(answer: Answer) -> set[str]:
    return {each["id"] for each in answer.document["advisories"]}


def _database(world: World, made: datetime) -> Path:
    return write_trivy_database(world.folder / "trivy", made=made)


def test_a_database_is_fetched_first_where_that_is_asked_for(world: World) -> None:
    _database(world, OLD)
    newer = write_trivy_database(world.folder / "newer", made=RECENT)
    fetches = f'case "$*" in *--download-db-only*) cp {newer}/db/* "{world.folder}/trivy/db"; exit;; esac'

    answer = _vulns(world, fetches, ANSWERS, words=("--update-db",))

    assert "stale-database" not in answer.gaps
    assert {tool["database_date"] for tool in answer.document["tools"]} == {"2026-11-15T00:00:00Z"}
    assert _advisories(answer) == {identifier for _, identifier in FINDINGS}


def test_nothing_is_fetched_unless_that_is_asked_for(world: World) -> None:
    _database(world, OLD)
    asked = world.folder / "asked"

    answer = _vulns(world, f"echo \"$@\" >> '{asked}'", ANSWERS)

    assert "--download-db-only" not in asked.read_text()
    assert "2026-09-01" in answer.gaps["stale-database"]["why"]


def test_where_fetching_fails_the_database_that_is_there_is_used_and_the_failure_told(world: World) -> None:
    _database(world, RECENT)
    fails = 'case "$*" in *--download-db-only*) echo "no route to host" >&2; exit 1;; esac'

    answer = _vulns(world, fails, ANSWERS, words=("--update-db",))

    assert answer.code == 3
    assert "cannot be renewed: ended with status 1: no route to host" in answer.gaps["scanner-failed"]["why"]
    assert _advisories(answer) == {identifier for _, identifier in FINDINGS}


def test_where_there_is_none_and_none_can_be_fetched_both_are_told(world: World) -> None:
    answer = _vulns(world, "echo unreachable >&2; exit 1", words=("--update-db",))

    reasons = [gap["why"] for gap in answer.document["gaps"] if gap["kind"] == "scanner-failed"]
    assert answer.code == 3
    assert any("unreachable" in reason for reason in reasons)
    assert any("is not there" in reason for reason in reasons)


def test_without_a_network_nothing_can_be_fetched(world: World) -> None:
    _database(world, RECENT)

    code, _, err = world.say("vulns", "--image", "oci:image", "--update-db", "--offline")

    assert code == 2
    assert "--offline" in err


def test_packages_that_the_database_has_no_source_of_are_not_clean(world: World) -> None:
    caches = _database(world, RECENT)
    (caches / "db" / "trivy.db").write_bytes(bolt_file({DEBIAN: {}}))

    answer = _vulns(world, ANSWERS)

    gaps = [gap for gap in answer.document["gaps"] if gap["kind"] == "not-scanned"]
    assert answer.code == 3
    assert [gap["what"] for gap in gaps] == ["4 packages (Python)"]


def test_java_archives_that_cannot_be_told_are_a_gap(world: World) -> None:
    _database(world, RECENT)
    says = 'echo "first run cannot skip downloading Java DB" >&2'
    refuses = f'case "$*" in *--skip-files*) ;; *) {says}; exit 1;; esac'

    answer = _vulns(world, refuses, ANSWERS)

    assert answer.code == 3
    assert answer.gaps["not-scanned"]["what"] == "Java archives"
    assert "--download-java-db-only" in answer.gaps["not-scanned"]["why"]
    assert _advisories(answer) == {identifier for _, identifier in FINDINGS}


def test_a_scanner_that_does_not_end_is_killed_and_a_gap(world: World) -> None:
    _database(world, RECENT)

    answer = _vulns(world, 'echo $$ > "$0.pid"', "sleep 600", words=("--scanner-timeout", "0.5"))

    why = answer.gaps["scanner-failed"]["why"]
    assert (answer.code, answer.document["verdict"]) == (3, "incomplete")
    assert why == "did not end within 0.5 seconds; --scanner-timeout gives it longer"
    assert answer.document["advisories"] == []
    with pytest.raises(ProcessLookupError):
        os.kill(int((world.folder / "bin" / "trivy.pid").read_text()), 0)


def test_a_list_of_packages_is_not_waited_for_longer_than_an_image(world: World) -> None:
    _database(world, RECENT)
    component = {"type": "library", "bom-ref": "x", "name": "torch", "purl": "pkg:pypi/torch@2.4.1"}
    body = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [component]}
    world.file("own.json", json.dumps(body))
    program = trivy_that(world.folder / "bin", "sleep 600")
    named = ("--trivy", str(program), "--db", str(world.folder / "trivy"), "--scanner-timeout", "0.5")

    answer = world.run("vulns", "--sbom", "own.json", *named)

    assert answer.code == 3
    assert "did not end within 0.5 seconds" in answer.gaps["scanner-failed"]["why"]


def test_a_release_that_the_database_does_not_know_is_named_the_same_in_every_run(world: World) -> None:
    caches = _database(world, RECENT)
    (caches / "db" / "trivy.db").write_bytes(bolt_file({"debian 11": {}}))

    first, second = _vulns(world, ANSWERS), _vulns(world, ANSWERS)

    gaps = [gap["what"] for gap in first.document["gaps"] if gap["kind"] == "not-scanned"]
    assert gaps == ["7 packages (debian 12.15)", "4 packages (Python)"]
    assert first.document["gaps"] == second.document["gaps"]
