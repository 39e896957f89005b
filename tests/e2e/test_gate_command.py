"""``gate`` says whether images may be released, and never that one may at which nobody could look."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from fleet_audit.audit.pipeline.audits.stored import read_audit
from tests.support.gates import GRAVE, SYFT_ANSWER, gate, lacking, layers, passing, scanners, syft_saying
from tests.support.scanner_programs import program
from tests.support.worlds import FAMILY, SERVICE, World

ROOT = Path(__file__).parents[2]
FOUND = {"libwebp7": [GRAVE]}
WAIVER = """\
- id: W-1
  rule: FA-VULN-001
  match: {vuln: CVE-2030-1}
  owner: vision-team
  reason: the images that it reads are its own
  created: 2026-11-01
  expires: 2026-11-25
"""
FORMATS = ("text", "json", "markdown", "sarif", "junit")


def manifest(world: World, **keys: str) -> World:
    """Add keys to the top of the manifest."""
    place = world.folder / "fleet.yaml"
    lines = "".join(f"{key}: {value}\n" for key, value in keys.items())
    return world.file("fleet.yaml", place.read_text() + lines)


def verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {each["subject"]: each["verdict"] for each in document.get("subjects", [document])}


def test_an_image_in_which_nothing_blocks_passes(world: World) -> None:
    answer = gate(passing(world))

    assert (answer.code, answer.document["verdict"]) == (0, "pass")
    assert answer.document["findings"] == []
    assert {tool["name"] for tool in answer.document["tools"]} == {"syft", "trivy"}
    assert answer.out.startswith("PASS  vision: nothing blocks · exit code 0")


def test_what_blocks_is_told_with_its_line_and_the_text_to_add(world: World) -> None:
    answer = gate(lacking(world))

    (finding,) = [each for each in answer.document["findings"] if each["blocks"]]
    assert answer.code == 1
    assert (finding["rule"], finding["location"]) == (
        "FA-NEED-001",
        {"path": "services/face/app.py", "line": 1},
    )
    assert "libgl1=1.6.0-1" in answer.out
    assert "apt-get install" in answer.out
    assert f"run:  fleet-audit deps {FAMILY} --write" in answer.out


def test_an_advisory_that_is_reached_blocks(world: World) -> None:
    answer = gate(passing(world), advisories=FOUND)

    assert answer.code == 1
    assert "FA-VULN-001" in answer.out


def test_an_answer_that_could_not_be_kept_says_pass_in_no_document(world: World) -> None:
    passing(world).file("audits", "a file in the folder's place")

    code, out, err = world.say("gate", FAMILY, *scanners(world), "--audits", "audits", "-o", "json")

    assert (code, json.loads(out)["verdict"]) == (70, "incomplete")
    assert "audits" in err


def test_a_release_without_security_updates_is_among_the_findings_of_an_audit(world: World) -> None:
    passing(world)

    world.say("gate", FAMILY, *scanners(world, has_ended=True), "--audits", "audits")

    (stored,) = Path("audits").rglob("*.audit.json")
    assert [finding.rule for finding in read_audit(stored).findings] == ["FA-VULN-004"]


def test_of_one_image_the_whole_report_is_told_and_of_several_a_line_each(world: World) -> None:
    passing(world).family("other", *layers())

    one, both = gate(world), gate(world, "--built")

    assert "What this rests on" in one.out
    assert "What this rests on" not in both.out
    assert "PASS  2 judged: 2 pass · exit code 0" in both.out


def planned(world: World) -> World:
    """Add a family whose image is not built."""
    return world.family(FAMILY, image="oci:images/planned")


@pytest.mark.parametrize(("make", "code"), [(passing, 0), (lacking, 1), (planned, 3)])
def test_no_format_changes_the_exit_code(world: World, make: Callable[[World], World], code: int) -> None:
    make(world)
    gate(world, FAMILY, "--audits", "audits")

    codes = {
        name: world.say("gate", FAMILY, "--stored", "--audits", "audits", "-o", name)[0] for name in FORMATS
    }

    assert codes == dict.fromkeys(FORMATS, code)


def test_several_documents_come_from_one_analysis_and_agree(world: World) -> None:
    lacking(world)
    words = [f"{name}={name}.out" for name in FORMATS]

    code, out, _ = world.say("gate", FAMILY, *scanners(world), *(part for w in words for part in ("-o", w)))

    assert (code, out) == (1, "")
    assert all("FA-NEED-001" in Path(f"{name}.out").read_text() for name in FORMATS)
    (suite,) = ET.parse("junit.out").getroot()  # noqa: S314  (our own document)
    assert suite.get("failures") == "1"
    (run,) = json.loads(Path("sarif.out").read_text())["runs"]
    assert run["properties"]["verdict"] == "fail"


def test_an_image_that_is_named_and_not_built_is_incomplete(world: World) -> None:
    world.family("planned", image="oci:images/planned")

    answer = gate(world, "planned")

    assert (answer.code, answer.document["verdict"]) == (3, "incomplete")
    assert answer.gaps["no-image"]["blocking"]


def test_an_image_that_is_given_and_not_there_is_incomplete(world: World) -> None:
    answer = gate(passing(world), "--image", "oci:images/nowhere")

    assert answer.code == 3
    assert "no-image" in answer.gaps


def test_without_a_scanner_nothing_passes(world: World) -> None:
    passing(world)
    syft = syft_saying(world.folder.parent / "bin")

    answer = world.run("gate", FAMILY, "--syft", str(syft), "--trivy", "/nonexistent/trivy")

    assert (answer.code, answer.document["verdict"]) == (3, "incomplete")
    assert any(kind.startswith("scanner-") and gap["blocking"] for kind, gap in answer.gaps.items())


def test_what_already_fails_stays_failed_though_a_scanner_is_missing(world: World) -> None:
    lacking(world)

    answer = world.run("gate", FAMILY, "--syft", "/nonexistent/syft", "--trivy", "/nonexistent/trivy")

    assert (answer.code, answer.document["verdict"]) == (1, "fail")


def test_the_built_images_are_judged_and_the_others_named(world: World) -> None:
    passing(world).family("planned", image="oci:images/planned").family("unnamed", image=None)

    answer = gate(world, "--built")

    assert answer.code == 0
    assert verdicts(answer.document) == {FAMILY: "pass"}
    assert answer.document["absent"] == ["planned", "unnamed"]
    assert "1 of 3 images are there and were judged; not there: planned, unnamed" in answer.out


def test_all_images_and_the_fleet_itself_are_judged(world: World) -> None:
    passing(world).family("planned", image="oci:images/planned")
    own = world.image("images/own", *layers())
    world.service("camera", "import os\n", image=own)

    answer = gate(world, "--all")

    assert answer.code == 3
    assert verdicts(answer.document) == {
        FAMILY: "pass",
        "planned": "incomplete",
        "camera": "pass",
        "small": "pass",
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name a family, a service or an image"),
        (("--built", "--all"), "contradict each other"),
        (("--built", FAMILY), "leave out names"),
        (("--all", "--image", "oci:x"), "leave out names"),
        (("--stored", "--image", "oci:x", "--audits", "a"), "--stored reads no image"),
        (("--stored", FAMILY), "pass --audits DIR"),
        (("--stored", FAMILY, "--audits", "nowhere"), "no such folder of audits"),
        ((FAMILY, "--baseline", "nowhere"), "no such folder of audits"),
        ((FAMILY, "--attest", "vsa"), "pass --audits DIR"),
        ((FAMILY, "--sign"), "need --attest DIR"),
        ((FAMILY, "--attest", "vsa", "--audits", "a", "--baseline", "b"), "leave out --baseline"),
        ((FAMILY, "-o", "html"), "not one of text, json, markdown, sarif, junit"),
        ((FAMILY, "--policy", "nowhere.yaml"), "nowhere.yaml"),
        ((FAMILY, "--waivers", "nowhere.yaml"), "nowhere.yaml"),
        (("nobody",), "no family or service"),
    ],
)
def test_what_cannot_be_asked_is_refused(world: World, words: tuple[str, ...], said: str) -> None:
    code, out, err = passing(world).say("gate", *words)

    assert (code, out) == (2, "")
    assert said in err


def test_a_gate_over_nothing_is_an_error(world: World) -> None:
    world.family("planned", image="oci:images/planned")

    code, _, err = world.say("gate", "--built")

    assert code == 2
    assert "no image of the 1 in" in err


def test_a_broken_rule_is_an_error_and_no_gap(world: World) -> None:
    manifest(passing(world), rules="[own]").file("own/FA-OWN-001.yaml", "id: FA-OWN-001\n")

    code, _, err = world.say("gate", FAMILY)

    assert code == 2
    assert "FA-OWN-001.yaml" in err


def test_audits_are_stored_and_judged_again_without_an_image(world: World) -> None:
    manifest(passing(world), audits="audits")
    first = gate(world, advisories=FOUND)
    (world.folder / "images").rename(world.folder / "gone")

    again = world.run("gate", FAMILY, "--stored", "--trivy", "/nonexistent/trivy", "-o", "text")

    assert (first.code, again.code) == (1, 1)
    assert again.document == first.document
    assert read_audit(Path(first.document["audit"])).verdict == "fail"


def test_a_policy_or_a_waiver_that_changes_is_applied_to_what_is_stored(world: World) -> None:
    manifest(passing(world), audits="audits")
    gate(world, advisories=FOUND)
    world.file("waivers.yaml", WAIVER)
    world.file(
        "lenient.yaml", "version: 1\nname: lenient\nextends: default\nrules: {FA-VULN-001: {mode: warn}}\n"
    )

    waived = world.run("gate", FAMILY, "--stored", "--waivers", "waivers.yaml", "-o", "text")
    lenient = world.run("gate", FAMILY, "--stored", "--policy", "lenient.yaml")

    assert (waived.code, lenient.code) == (0, 0)
    (finding,) = waived.document["findings"]
    assert (finding["waived_by"], finding["blocks"]) == ("W-1", False)
    assert [each["id"] for each in waived.document["waivers"]["expiring"]] == ["W-1"]
    assert "W-1" in waived.out
    assert lenient.document["policy"]["name"] == "lenient"


def test_the_waivers_of_the_manifest_hold_until_they_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest(passing(world), waivers="waivers.yaml", audits="audits").file("waivers.yaml", WAIVER)
    held = gate(world, advisories=FOUND)

    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(1795000000 + 8 * 86_400))
    ended = world.run("gate", FAMILY, "--stored", "-o", "text")

    assert (held.code, ended.code) == (0, 1)
    assert [each["id"] for each in ended.document["waivers"]["expired"]] == ["W-1"]
    assert "expired" in ended.out


def test_a_waiver_that_names_nothing_of_the_whole_fleet_is_told(world: World) -> None:
    manifest(passing(world), waivers="waivers.yaml").file("waivers.yaml", WAIVER)

    one, whole = gate(world), gate(world, "--all")

    assert (one.code, whole.code) == (0, 0)
    assert "W-1" not in one.out
    assert [each["id"] for each in whole.document["idle_waivers"]] == ["W-1"]
    assert "it names nothing of any image" in whole.out


def test_a_stored_audit_passes_no_more_once_its_database_is_old(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest(passing(world), audits="audits")
    made = gate(world)

    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(1795000000 + 30 * 86_400))
    old = world.run("gate", FAMILY, "--stored", "-o", "text")
    taken = world.run("gate", FAMILY, "--stored", "--max-db-age", "60")

    assert (made.code, old.code, taken.code) == (0, 3, 0)
    assert "its database is of 2026-11-15" in old.out


def test_a_stored_audit_that_is_missing_or_damaged_is_incomplete(world: World) -> None:
    passing(world).family("planned", image="oci:images/planned")
    gate(world, "--built", "--audits", "audits")
    (world.folder / "audits" / "x").mkdir()
    world.file("audits/x/y.audit.json", "{}")

    missing = world.run("gate", "planned", "--stored", "--audits", "audits", "-o", "text")
    damaged = world.run("gate", FAMILY, "--stored", "--audits", "audits")

    assert (missing.code, damaged.code) == (3, 3)
    assert "holds no audit of it" in missing.out
    assert [gap["kind"] for gap in damaged.document["gaps"]] == ["no-audit"]


def test_audits_that_cannot_be_stored_are_an_error_after_the_answer(world: World) -> None:
    passing(world).file("file", "")

    code, out, err = world.say("gate", FAMILY, *scanners(world), "--audits", "file/audits")

    assert code == 70
    assert "PASS" in out
    assert "name another with --audits" in err


def test_beside_a_baseline_only_what_is_new_blocks(world: World) -> None:
    gate(passing(world), "--audits", "main", FAMILY)

    known = gate(world, FAMILY, "--baseline", "main")
    new = gate(world, FAMILY, "--baseline", "main", advisories=FOUND)
    gate(world, FAMILY, "--audits", "main", advisories=FOUND)
    old = gate(world, FAMILY, "--baseline", "main", advisories=FOUND)

    assert (known.code, new.code, old.code) == (0, 1, 0)
    assert [each["age"] for each in new.document["findings"]] == ["new"]
    assert [each["age"] for each in old.document["findings"]] == ["known"]
    assert "Known before, and not blocking (1)" in old.out


@pytest.mark.parametrize(
    ("audits", "baseline"), [("audits", "audits"), ("audits/head", "audits"), ("audits", "audits/vision")]
)
def test_what_failed_is_not_its_own_baseline(world: World, audits: str, baseline: str) -> None:
    words = ("gate", FAMILY, "--audits", audits, "--baseline", baseline)
    passing(world).file(f"{baseline}/nothing").file(f"{audits}/nothing")

    for further in ((), ("--stored",)):
        code, out, err = world.say(*words, *further)

        assert (code, out) == (2, "")
        assert "it would be compared with itself" in err


def test_what_the_manifest_no_longer_ignores_blocks_a_stored_audit(world: World) -> None:
    excused = [{"rule": "FA-VULN-001", "reason": "not yet"}]
    world.family(FAMILY, *layers()).service(SERVICE, "import cv2\n", ignore=excused)
    passed = gate(world, FAMILY, "--audits", "audits", advisories=FOUND)
    manifest = yaml.safe_load((world.folder / "fleet.yaml").read_text())
    del manifest["services"][0]["ignore"]

    world.file("fleet.yaml", yaml.safe_dump(manifest))

    assert passed.code == 0
    assert world.say("gate", FAMILY, "--audits", "audits", "--stored")[0] == 1


def test_a_stored_audit_is_compared_with_an_earlier_one_and_not_with_itself(world: World) -> None:
    gate(passing(world), FAMILY, "--audits", "audits")
    (file,) = (world.folder / "audits").rglob("*.audit.json")
    earlier = file.rename(file.with_name("earlier.audit.json"))
    gate(world, FAMILY, "--audits", "audits", advisories=FOUND)
    words = ("gate", FAMILY, "--audits", "audits", "--stored", "--baseline")

    assert world.say(*words, str(earlier))[0] == 1
    code, out, err = world.say(*words, str(file))
    assert (code, out) == (2, "")
    assert "is the very audit that is judged" in err


def test_an_image_that_the_baseline_does_not_have_does_not_pass(world: World) -> None:
    passing(world).family("other", {"etc/other": ""})
    gate(world, "--audits", "main", "other")

    answer = gate(world, FAMILY, "--baseline", "main")

    assert answer.code == 3
    assert answer.gaps["no-baseline"]["blocking"]


def test_a_baseline_of_another_version_is_refused_or_incomplete(world: World) -> None:
    passing(world).file("main/x/y.audit.json", '{"schema": "fleet-audit.audit/9"}')

    folder = gate(world, FAMILY, "--baseline", "main")
    file = world.say("gate", FAMILY, "--baseline", "main/x/y.audit.json")

    assert folder.code == 3
    assert file[0] == 2
    assert "fleet-audit.audit/9" in file[2]


def test_a_pass_is_attested_and_anything_else_withdraws_what_was(world: World) -> None:
    words = (FAMILY, "--audits", "audits", "--attest", "vsa")
    passed = gate(passing(world), *words)
    statement = json.loads(Path(f"vsa/{FAMILY}.vsa.intoto.json").read_text())

    failed = gate(world, *words, advisories=FOUND)

    assert (passed.code, failed.code) == (0, 1)
    assert statement["subject"][0]["digest"] == {
        "sha256": passed.document["image"]["digest"].removeprefix("sha256:")
    }
    assert statement["predicate"]["policy"]["digest"] == {"sha256": passed.document["policy"]["digest"]}
    assert os.listdir("vsa") == []


@pytest.mark.parametrize(
    "words",
    [("--policy", "broken.yaml"), ("--waivers", "broken.yaml"), ("--sign",)],
    ids=lambda words: words[0],
)
def test_a_gate_that_cannot_begin_leaves_no_statement_of_an_earlier_one(
    world: World, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    attested = (FAMILY, "--audits", "audits", "--attest", "vsa")
    gate(passing(world).file("broken.yaml", "- typo: 1\n"), *attested)
    there = os.listdir("vsa")
    monkeypatch.setenv("PATH", "/nonexistent")

    code, _, _ = world.say("gate", *attested, *words)

    assert (code, len(there), os.listdir("vsa")) == (2, 1, [])


def test_what_is_no_statement_of_ours_is_left_alone(world: World) -> None:
    passing(world).file(f"vsa/{FAMILY}.vsa.intoto.json", '{"notes": 1}')

    code, _, err = world.say("gate", FAMILY, *scanners(world), "--audits", "audits", "--attest", "vsa")

    assert code == 2
    assert "is left alone" in err
    assert Path(f"vsa/{FAMILY}.vsa.intoto.json").read_text() == '{"notes": 1}'


def test_an_incomplete_gate_attests_nothing(world: World) -> None:
    passing(world)
    syft = syft_saying(world.folder.parent / "bin", SYFT_ANSWER)

    code, _, _ = world.say(
        *("gate", FAMILY, "--syft", str(syft), "--trivy", "/nonexistent/trivy"),
        *("--audits", "audits", "--attest", "vsa"),
    )

    assert code == 3
    assert not Path("vsa").exists()


def test_statements_are_signed_by_cosign(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    passing(world)
    options = scanners(world)
    tools = world.folder.parent / "tools"
    program(tools, "cosign", 'echo "$@" > "$(dirname "$0")/words"', 'echo signed > "$6"')
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")

    words = ("--audits", "audits", "--attest", "vsa", "--sign-key", "cosign.key")
    code, _, err = world.say("gate", FAMILY, *options, *words)

    assert (code, err) == (0, "")
    assert sorted(os.listdir("vsa")) == [f"{FAMILY}.vsa.intoto.json", f"{FAMILY}.vsa.intoto.sigstore.json"]
    statement = f"vsa/{FAMILY}.vsa.intoto.json"
    assert (tools / "words").read_text().split() == [
        *("attest-blob", "--yes", "--statement", statement),
        *("--bundle", f"vsa/{FAMILY}.vsa.intoto.sigstore.json", "--key=cosign.key"),
    ]


def test_a_statement_that_cannot_be_signed_is_not_left_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing(world)
    options = scanners(world)
    tools = world.folder.parent / "tools"
    program(tools, "cosign", "echo no identity >&2", "exit 1")
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")

    code, out, err = world.say("gate", FAMILY, *options, "--audits", "audits", "--attest", "vsa", "--sign")

    assert code == 70
    assert "PASS" in out
    assert "no identity" in err
    assert os.listdir("vsa") == []


def test_without_cosign_nothing_is_looked_at(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    code, out, err = passing(world).say("gate", FAMILY, "--audits", "a", "--attest", "vsa", "--sign")

    assert (code, out) == (2, "")
    assert "install cosign" in err


def test_a_service_is_judged_on_the_image_of_its_family(world: World) -> None:
    answer = gate(passing(world), SERVICE)

    assert answer.code == 0
    assert (answer.document["subject"], answer.document["family"]) == (SERVICE, FAMILY)


def test_an_image_without_a_manifest_is_judged(world: World) -> None:
    place = world.image("images/alone", *layers())

    answer = gate(world, "--image", place)

    assert (answer.code, answer.document["family"]) == (0, None)


def test_what_a_family_promises_is_checked_and_no_note_says_otherwise(world: World) -> None:
    passing(world)
    text = (world.folder / "fleet.yaml").read_text()
    promised = (
        "    must_contain_pip: [opencv-python, scipy]\n    must_contain_apt: [curl]\n    os: debian12\n"
    )
    world.file("fleet.yaml", text.replace(f"  {FAMILY}:\n", f"  {FAMILY}:\n{promised}"))

    answer = gate(world)

    broken = {each["subject"].rpartition("/")[2] for each in answer.document["findings"] if each["blocks"]}
    assert (answer.code, broken) == (1, {"scipy", "curl"})
    assert [gap for gap in answer.document["gaps"] if gap["what"].startswith("families.")] == []


_SHOWN = re.compile(r"```console\n\$ fleet-audit (?P<words>[^\n]*)\n(?P<said>.*?)```", re.DOTALL)
_CHANGING = re.compile(
    r"sha256:[0-9a-f]{12}…[0-9a-f]{4}|[0-9a-f]{16}(?=\.audit\.json)|@ [0-9a-f]{8} · \d+ rules"
)


def test_the_page_shows_what_the_command_says(world: World) -> None:
    lacking(world).family("planned", image="oci:images/planned")
    manifest(world, audits="audits")
    (shown,) = _SHOWN.finditer((ROOT / "docs" / "commands" / "gate.md").read_text(encoding="utf-8"))

    _, said, _ = world.say(*shown["words"].split(), *scanners(world))

    assert _CHANGING.sub("…", said) == _CHANGING.sub("…", shown["said"])
