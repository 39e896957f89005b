"""``gate`` records what it found: what a scan that could not be made does not find stays open."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.gates import GRAVE, gate, passing, scanners
from tests.support.worlds import FAMILY, World

FOUND = {"libwebp7": [GRAVE]}
HISTORY = "build/history.sqlite"
RECORDED = (FAMILY, "--history", HISTORY)


def at(monkeypatch: pytest.MonkeyPatch, day: int) -> None:
    """Let the time be noon of a day of November 2026."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(1793534400 + (day - 1) * 86400))


def courses(world: World) -> dict[str, list[tuple[str, str]]]:
    """Return how each finding on the advisory changed, by rule."""
    _, out, _ = world.say("history", "export", "--history", HISTORY)

    lines: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    return {
        line["rule"]: [(change["since"][:10], change["state"]) for change in line["changes"]]
        for line in lines
        if line.get("advisory") == "CVE-2030-1"
    }


def test_a_finding_is_open_from_the_gate_that_has_it_to_the_one_that_has_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing(world)
    for day, found in ((16, FOUND), (17, FOUND), (18, {})):
        at(monkeypatch, day)
        gate(world, *RECORDED, advisories=found)

    assert courses(world)["FA-VULN-001"] == [("2026-11-16", "open"), ("2026-11-18", "closed")]
    (image,) = world.run("history", "show", "--history", HISTORY).document["images"]
    assert (image["image"], image["last_audit"]["complete"]) == (FAMILY, True)
    assert image["last_audit"]["digest"].startswith("sha256:")


def test_without_a_scanner_nothing_is_closed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    passing(world)
    at(monkeypatch, 16)
    gate(world, *RECORDED, advisories=FOUND)
    at(monkeypatch, 17)
    options = list(scanners(world))
    options[options.index("--trivy") + 1] = "/nowhere/trivy"

    answer = world.run("gate", *RECORDED, *options)

    assert answer.code == 3
    assert courses(world)["FA-VULN-001"] == [("2026-11-16", "open")]
    (image,) = world.run("history", "show", "--history", HISTORY).document["images"]
    assert (image["last_audit"]["complete"], image["last_complete_audit"]["at"][:10]) == (False, "2026-11-16")


def test_the_same_gate_again_changes_no_byte_of_an_export(world: World) -> None:
    passing(world)
    gate(world, *RECORDED, advisories=FOUND)
    before = world.say("history", "export", "--history", HISTORY)

    gate(world, *RECORDED, advisories=FOUND)

    assert world.say("history", "export", "--history", HISTORY) == before


def test_the_manifest_names_the_history_of_its_own_images_alone(world: World) -> None:
    passing(world)
    manifest = world.folder / "fleet.yaml"
    manifest.write_text(f"{manifest.read_text()}history: {HISTORY}\naudits: audits\n")
    other = world.image("images/other")

    gate(world, FAMILY, "--image", other)
    assert not (world.folder / HISTORY).exists()

    gate(world)
    before = (world.folder / HISTORY).read_bytes()
    gate(world, FAMILY, "--stored")
    assert (world.folder / HISTORY).read_bytes() == before


def test_a_damaged_history_is_kept_aside_and_the_gate_answers(world: World) -> None:
    passing(world)
    place = world.folder / HISTORY
    place.parent.mkdir()
    place.write_text("damaged" * 1000)

    answer = gate(world, *RECORDED)

    (aside,) = (each for each in place.parent.iterdir() if "damaged" in each.name)
    assert (answer.code, aside.read_text()[:7]) == (0, "damaged")
    assert f"it is kept as {Path(HISTORY).parent / aside.name}" in answer.err


def test_a_history_that_cannot_be_written_costs_no_answer_and_is_no_pass(world: World) -> None:
    passing(world)
    (world.folder / HISTORY).mkdir(parents=True)

    answer = gate(world, *RECORDED)

    assert (answer.code, answer.document["verdict"]) == (2, "incomplete")
    assert "it is no regular file" in answer.err


def test_an_audit_that_is_too_old_is_told_and_judged_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing(world)
    gate(world, *RECORDED)
    at(monkeypatch, 16)

    answer = gate(world, *RECORDED)

    assert answer.code == 0
    assert "is older than the last one that was recorded" in answer.err
