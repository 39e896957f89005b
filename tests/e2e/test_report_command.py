"""``report image`` tells everything that stored audits say, by today's rules, and reads no image."""

import csv
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from fleet_audit.audit.model.stored_audit import audit_of
from tests.support.gates import GRAVE, gate, lacking, passing
from tests.support.snapshots import assert_sample
from tests.support.worlds import FAMILY, SERVICE, World

PAGE = Path(__file__).resolve().parents[2] / "docs" / "commands" / "report.md"
FORMATS = ("text", "json", "markdown", "csv")
WAIVER = """\
- id: W-1
  rule: FA-VULN-001
  match: {vuln: CVE-2030-1}
  owner: vision-team
  reason: the images that it reads are its own
  created: 2026-11-01
  expires: 2026-11-25
"""
_HEAD = re.compile(r"^[A-Z]+  [^ ]*:", re.MULTILINE)


@pytest.fixture
def failing(world: World) -> World:
    """Give a fleet with a stored audit of an image that lacks a library, and without that image."""
    gate(lacking(world), FAMILY, "--audits", "audits")
    shutil.rmtree(world.folder / "images")
    return world


@pytest.fixture
def advised(world: World) -> World:
    """Give a fleet with a stored audit of an image of which a grave advisory is known."""
    gate(passing(world), FAMILY, "--audits", "audits", advisories={"libwebp7": [GRAVE]})
    return world


def reported(world: World, *words: str) -> tuple[int, str, str]:
    return world.say("report", "image", *words, *(() if "--audit" in words else ("--audits", "audits")))


def document(world: World, *words: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(reported(world, *words, "-o", "json")[1])
    return told


def test_the_report_begins_with_the_verdict_and_what_to_do(failing: World) -> None:
    code, out, err = reported(failing, FAMILY)

    assert (code, err) == (1, "")
    assert out.startswith(f"FAIL  {FAMILY}: 1 finding blocks: FA-NEED-001 · exit code 1\n")
    assert " blocks  FA-NEED-001  services/face/app.py:1\n" in out
    assert "\n        libgl1=1.6.0-1 \\\n" in out
    sections = ("What to do", "Rules", "By origin", "Needs", "Advisories", "Layers", "What this rests on")
    places = [out.index(f"\n{title}") for title in sections]
    assert places == sorted(places)


def test_no_format_changes_the_exit_code(failing: World) -> None:
    assert {reported(failing, FAMILY, "-o", name)[0] for name in FORMATS} == {1}


def test_several_documents_come_from_one_judgement_and_agree(failing: World) -> None:
    outputs = [part for name in FORMATS for part in ("-o", f"{name}={name}.out")]

    code, out, _ = reported(failing, FAMILY, *outputs)

    told = json.loads(Path("json.out").read_text())
    blocking = [each["fingerprint"] for each in told["findings"] if each["blocks"]]
    rows = [*csv.DictReader(io.StringIO(Path("csv.out").read_text()))]
    findings = [row for row in rows if row["row"] == "finding"]
    assert (code, out, len(blocking)) == (1, "", 1)
    assert [row["fingerprint"] for row in findings if row["blocks"] == "true"] == blocking
    assert "1 finding blocks" in Path("text.out").read_text()
    assert "1 finding blocks" in Path("markdown.out").read_text()


def test_a_waiver_of_today_holds_for_an_audit_of_before(advised: World) -> None:
    advised.file("waivers.yaml", WAIVER)

    assert reported(advised, FAMILY)[0] == 1
    code, out, _ = reported(advised, FAMILY, "--waivers", "waivers.yaml")

    assert (code, out[:4]) == (0, "PASS")
    assert re.search(r"in effect +W-1 +FA-VULN-001, until 2026-11-25", out)


def test_as_stored_tells_what_was_said_then(advised: World) -> None:
    advised.file("waivers.yaml", WAIVER)
    manifest = advised.folder / "fleet.yaml"
    manifest.write_text(manifest.read_text() + "waivers: waivers.yaml\n")

    assert reported(advised, FAMILY)[0] == 0
    assert reported(advised, FAMILY, "--as-stored")[0] == 1


def test_the_document_is_an_audit_that_can_be_stored(advised: World) -> None:
    code, out, _ = reported(advised, FAMILY, "-o", "json")

    Path("again.audit.json").write_text(out)
    assert audit_of(out.encode(), "x").subject == FAMILY
    assert reported(advised, "--audit", "again.audit.json")[0] == code == 1


def test_advisories_stand_with_who_reaches_them(advised: World) -> None:
    _, out, _ = reported(advised, FAMILY)

    assert re.search(r"critical +1 +0 +0 +1\n", out)
    assert re.search(rf"critical +CVE-2030-1 .*{SERVICE}", out)


def test_without_names_all_are_reported_and_the_worst_is_the_exit_code(failing: World) -> None:
    failing.file("audits/gone/x.audit.json", "{")

    code, out, _ = reported(failing)

    assert code == 1
    assert {f"FAIL  {FAMILY}:", "INCOMPLETE  audits/gone/x.audit.json:"} <= set(_HEAD.findall(out))
    assert {each["verdict"] for each in document(failing)["subjects"]} == {"fail", "incomplete"}


def test_a_service_is_reported_with_its_family(failing: World) -> None:
    assert document(failing, SERVICE)["subject"] == FAMILY


def test_the_manifest_says_where_audits_are(failing: World) -> None:
    manifest = failing.folder / "fleet.yaml"
    manifest.write_text(manifest.read_text() + "audits: audits\n")

    assert failing.say("report", "image", FAMILY)[0] == 1


def test_what_was_never_audited_is_incomplete(failing: World) -> None:
    failing.family("planned", image="oci:images/planned")

    code, out, _ = reported(failing, "planned")

    assert code == 3
    assert "audits holds no audit of it that can be read" in " ".join(out.split())


def test_an_old_database_keeps_a_stored_audit_from_passing(world: World) -> None:
    gate(passing(world), FAMILY, "--audits", "audits")

    assert reported(world, FAMILY)[0] == 0
    assert reported(world, FAMILY, "--max-db-age", "1")[0] == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--audit", "x", FAMILY), "leave out names"),
        (("--audit", "x", "--audits", "y"), "leave out names and --audits"),
        (("--audit", "nowhere"), "nowhere"),
        ((FAMILY,), "pass --audits DIR"),
        ((FAMILY, "--audits", "nowhere"), "no such folder of audits"),
        (("--audits", "services"), "holds no audits"),
        (("nobody", "--audits", "services"), "no family or service"),
        (("--as-stored", "--policy", "strict"), "judges nothing"),
        (("--audits", "services", "-o", "html"), "not one of text, json, markdown, csv"),
    ],
)
def test_what_cannot_be_asked_is_refused(world: World, words: tuple[str, ...], said: str) -> None:
    code, out, err = passing(world).say("report", "image", *words)

    assert (code, out) == (2, "")
    assert said in err


_CHANGING = re.compile(r"sha256:[0-9a-f]{12}…[0-9a-f]{4}|(?<=oci:)\S+(?=/images/)")


def test_the_page_shows_what_the_command_says(failing: World) -> None:
    manifest = failing.folder / "fleet.yaml"
    manifest.write_text(manifest.read_text() + "audits: audits\n")

    _, said, _ = failing.say("report", "image", FAMILY)

    begin, found, _ = said.partition("\n\nRules (")
    assert found
    assert_sample(PAGE, f"fleet-audit report image {FAMILY}", _CHANGING.sub("…", begin) + "\n\n…\n")
