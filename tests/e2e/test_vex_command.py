"""``vex export``: waivers on vulnerabilities, for those who scan the images with something else."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.gates import GRAVE, gate, passing, scanners
from tests.support.stored_audits import TIFF, grave, stored_audit
from tests.support.worlds import FAMILY, Answer, World

WAIVER = """\
- id: W-1
  rule: FA-VULN-001
  match: {vuln: CVE-2024-7006}
  scope: {image: vision}
  owner: vision-team
  justification: vulnerable_code_not_in_execute_path
  reason: only an offline tool reads TIFF files
  created: 2026-11-01
  expires: 2026-12-19
"""
NEED = """\
- id: W-2
  rule: FA-NEED-001
  match: {need: 'so:libGL.so.1'}
  owner: a
  reason: b
  created: 2026-11-01
  expires: 2026-11-30
"""
PACKAGE = WAIVER.replace("W-1", "W-3").replace("scope: {image: vision}", "scope: {image: 'vis*'}")


@pytest.fixture
def fleet(world: World) -> World:
    """Give a family with a service, and a manifest that names waivers."""
    world.family("vision", image=None).service("face")
    manifest = world.folder / "fleet.yaml"
    manifest.write_text(
        manifest.read_text() + "waivers: waivers.yaml\nregistry: {prefix: ghcr.example/acme}\n"
    )
    return world.file("waivers.yaml", WAIVER)


def exported(world: World, *words: str) -> tuple[int, dict[str, Any], str]:
    code, out, err = world.say("vex", "export", *words)
    return code, json.loads(out), err


def test_a_waiver_names_the_very_image_and_packages_that_it_was_applied_to(fleet: World) -> None:
    stored_audit(fleet.folder / "audits", "vision", grave("CVE-2024-7006", "face"))

    code, document, err = exported(fleet, "--audits", "audits")

    (statement,) = document["statements"]
    (product,) = statement["products"]
    digest = "a" * 64
    assert (code, err) == (0, "")
    assert (document["author"], document["timestamp"]) == ("small", "2026-11-18T11:06:40Z")
    assert product["@id"] == f"pkg:oci/vision@sha256:{digest}?repository_url=ghcr.example/acme/vision"
    assert [part["@id"] for part in product["subcomponents"]] == [TIFF]
    assert statement["vulnerability"] == {"name": "CVE-2024-7006", "aliases": ["GHSA-2024-7006"]}
    assert (statement["status"], statement["impact_statement"]) == (
        "not_affected",
        "only an offline tool reads TIFF files",
    )


def test_without_audits_only_what_a_statement_can_say_is_said_and_the_rest_is_told(fleet: World) -> None:
    fleet.file("waivers.yaml", WAIVER + NEED + PACKAGE)

    code, document, err = exported(fleet)

    assert code == 0
    assert [product["@id"] for each in document["statements"] for product in each["products"]] == [
        "pkg:oci/vision?repository_url=ghcr.example/acme/vision"
    ]
    assert "W-2 is left out: names no vulnerability (match.vuln)" in err
    assert "W-3 is left out: which images its scope means is known from audits alone; give --audits" in err


def test_without_a_chosen_time_a_document_bears_the_day_of_its_newest_waiver(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    began = datetime.now(UTC).date() - timedelta(days=1)
    text = WAIVER.replace("2026-11-01", f"{began}").replace("2026-12-19", f"{began + timedelta(days=9)}")
    fleet.file("waivers.yaml", text)

    first, second = exported(fleet), exported(fleet)

    assert first == second
    assert first[1]["timestamp"] == f"{began}T00:00:00Z"


def test_what_has_expired_is_not_said_any_more(fleet: World) -> None:
    fleet.file("waivers.yaml", WAIVER.replace("2026-12-19", "2026-11-10"))

    code, _, err = fleet.say("vex", "export")

    assert (code, "W-1: expired on 2026-11-10" in err) == (2, True)


def test_nothing_to_say_writes_no_document(fleet: World) -> None:
    fleet.file("waivers.yaml", NEED)

    code, out, err = fleet.say("vex", "export", "-o", "openvex=vex.json")

    assert (code, out) == (2, "")
    assert "there is nothing to export\nW-2: names no vulnerability" in err
    assert not (fleet.folder / "vex.json").exists()


def test_a_stored_audit_that_cannot_be_read_makes_the_document_incomplete(fleet: World) -> None:
    stored_audit(fleet.folder / "audits", "vision", grave("CVE-2024-7006", "face"))
    fleet.file("audits/torch/b.audit.json", "{")

    code, document, err = exported(fleet, "--audits", "audits")

    assert (code, len(document["statements"])) == (3, 1)
    assert "incomplete: audits/torch/b.audit.json" in err


def test_somebody_has_to_answer_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.yaml").write_text(WAIVER)

    assert World.say("vex", "export", "w.yaml")[0] == 2
    assert World.say("vex", "export", "w.yaml", "--author", "a\udce9")[0] == 2
    code, out, _ = World.say("vex", "export", "w.yaml", "--author", "security@acme.example")
    assert (code, json.loads(out)["author"]) == (0, "security@acme.example")


def test_waivers_tell_what_they_name_in_stored_audits(fleet: World) -> None:
    fleet.file("waivers.yaml", WAIVER + NEED)
    stored_audit(fleet.folder / "audits", "vision", grave("CVE-2024-7006", "face"))
    stored_audit(fleet.folder / "audits", "torch", grave("CVE-2024-7006", "face"), digits="b")

    answer = fleet.run("waivers", "list", "--audits", "audits")

    used, idle = answer.document["waivers"]
    assert answer.document["audits"] == 2
    assert [(each["audit"], each["severity"]) for each in used["findings"]] == [("vision", "error")]
    assert idle["findings"] == []
    assert "names nothing in 2 stored audits" in fleet.say("waivers", "list", "--audits", "audits")[1]


def test_an_expired_waiver_is_told_with_what_blocks_again(fleet: World) -> None:
    fleet.file("waivers.yaml", WAIVER.replace("2026-12-19", "2026-11-10"))
    stored_audit(fleet.folder / "audits", "vision", grave("CVE-2024-7006", "face"))

    code, out, _ = fleet.say("waivers", "check", "--audits", "audits")

    assert code == 1
    assert "! vision: CVE-2024-7006 in tiff" in out


def test_a_waiver_for_one_service_names_nothing_once_another_one_reaches_it(fleet: World) -> None:
    fleet.file(
        "waivers.yaml", WAIVER.replace("{vuln: CVE-2024-7006}", "{vuln: CVE-2024-7006, service: face}")
    )
    stored_audit(fleet.folder / "audits", "vision", grave("CVE-2024-7006", "face", "ocr"))

    (told,) = fleet.run("waivers", "list", "--audits", "audits").document["waivers"]

    assert told["findings"] == []


def test_a_folder_of_audits_that_is_not_there_is_told(fleet: World) -> None:
    code, _, err = fleet.say("waivers", "list", "--audits", "nowhere")

    assert (code, "there is no such folder of audits" in err) == (2, True)


def test_what_is_exported_of_a_gate_is_heard_by_the_next_scan_of_the_image(world: World) -> None:
    text = WAIVER.replace("CVE-2024-7006", "CVE-2030-1").replace("  scope: {image: vision}\n", "")
    passing(world).file("waivers.yaml", text)
    gate(world, FAMILY, "--audits", "audits", advisories={"libwebp7": [GRAVE]})
    world.say("vex", "export", "waivers.yaml", "--audits", "audits", "-o", "openvex=vex.json")
    _, _, *trivy = scanners(world, {"libwebp7": [GRAVE]})

    def scanned(*words: str) -> Answer:
        return world.run("vulns", FAMILY, *trivy, *words)

    (told,) = scanned("--vex", "vex.json").document["advisories"]
    assert [(each["status"], each["justification"]) for each in told["vex"]] == [
        ("not_affected", "vulnerable_code_not_in_execute_path")
    ]
    assert (scanned().code, scanned("--vex", "vex.json").code) == (1, 0)
