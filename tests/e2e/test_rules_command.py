"""``rules list|explain|lint|test`` on the packaged rules, and on a folder of a project's own."""

import json
from pathlib import Path
from typing import Any

import pytest

from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.pipeline.audits.stored import store
from fleet_audit.audit.policy.facts import NeedFacts, Subject, SubjectKind
from fleet_audit.audit.policy.part import Part, kept
from tests.support.rules import POLICY, RULE
from tests.support.worlds import World

ID = "ACME-TEST-001"
OWN = RULE.replace("FA-TEST-001", ID)


@pytest.fixture
def own(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder without a manifest, with a folder of rules beside it."""
    folder = world.folder / "elsewhere"
    (folder / "acme").mkdir(parents=True)
    (folder / "acme" / f"{ID}.yaml").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


def run(world: World, *words: str) -> Any:
    return world.run("rules", *words)


def rule_of(document: dict[str, Any], rule_id: str = ID) -> dict[str, Any]:
    (found,) = (rule for rule in document["rules"] if rule["id"] == rule_id)
    return dict(found)


def test_own_rules_hold_beside_the_packaged_ones_without_a_manifest(world: World, own: Path) -> None:
    document = run(world, "list", "--rules", "acme").document

    assert own.is_dir()
    assert rule_of(document)["file"] == f"acme/{ID}.yaml"
    assert rule_of(document)["mode"] == "enforce"
    assert document["counts"]["rules"] > 100
    assert document["policy"]["name"] == "default"


def test_rules_are_chosen_by_mode_and_subject(world: World) -> None:
    document = run(world, "list", "--mode", "enforce", "--subject", "need").document

    assert {(rule["mode"], rule["subject"]) for rule in document["rules"]} == {("enforce", "need")}


def test_a_list_says_what_the_policy_changed_and_where(world: World, own: Path) -> None:
    rules = f"rules:\n  {ID}: {{mode: dry_run, severity: critical}}\n"
    (own / "ours.yaml").write_text(POLICY + rules + "gaps: {limit-reached: harmless}\n", encoding="utf-8")
    words = ("list", "--rules", "acme", "--policy", "ours.yaml")

    document, text = run(world, *words).document, run(world, *words, "-o", "text").out

    rule = rule_of(document)
    assert (rule["mode"], rule["own_mode"], rule["severity"]) == ("dry_run", "enforce", "critical")
    assert rule["set_by"] == {"mode": "ours.yaml:4", "severity": "ours.yaml:4"}
    assert document["gaps_by_policy"] == {"limit-reached": "harmless"}
    assert f"{ID} mode" in text
    assert "dry_run, was enforce" in text
    assert "ours.yaml:4" in text


@pytest.mark.parametrize("policy", ["default", "strict"])
def test_a_packaged_policy_is_chosen_by_its_name(world: World, policy: str) -> None:
    assert run(world, "list", "--policy", policy).document["policy"]["name"] == policy


def test_the_manifests_policy_and_rules_hold_where_none_is_given(world: World) -> None:
    (world.folder / "rules").mkdir()
    (world.folder / "rules" / f"{ID}.yaml").write_text(OWN, encoding="utf-8")
    manifest = world.folder / "ours.yaml"
    head = "version: 1\nfleet: ours\nfamilies: {}\nservices: []\n"
    manifest.write_text(head + "policy: strict\nrules: [rules]\n", encoding="utf-8")

    document = run(world, "list", "-f", str(manifest)).document

    assert document["policy"]["name"] == "strict"
    assert rule_of(document)["file"] == f"rules/{ID}.yaml"


def test_a_rule_is_explained_with_a_bad_and_a_good_example(world: World, own: Path) -> None:
    assert own.is_dir()
    words = ("explain", ID, "--rules", "acme")
    document, text = run(world, *words).document, run(world, *words, "-o", "text").out

    assert document["rule"]["why"] == "It matters."
    assert document["bad"]["given"] == {"need": {"name": "a", "status": "missing"}}
    assert document["bad"]["message"] == "a is missing"
    assert document["good"]["given"] == {"need": {"name": "a", "status": "resolved"}}
    for part in ("It matters.", 'need.status == "missing"', "→ a is missing", "a finding blocks"):
        assert part in text


def test_a_parameter_shows_its_value_and_who_set_it(world: World, own: Path) -> None:
    (own / "acme" / f"{ID}.yaml").write_text(
        OWN.replace("since:", "params: {most: 2}\nsince:"), encoding="utf-8"
    )
    (own / "ours.yaml").write_text(POLICY + f"rules: {{{ID}: {{params: {{most: 3}}}}}}", encoding="utf-8")

    document = run(world, "explain", ID, "--rules", "acme", "--policy", "ours.yaml").document

    assert document["rule"]["params"] == [{"name": "most", "value": 3, "default": 2, "set_by": "ours.yaml:3"}]


def test_a_rule_that_is_not_there_is_wrong_usage(world: World) -> None:
    answer = run(world, "explain", "FA-NEED-0001")

    assert answer.code == 2
    assert "no rule has the id 'FA-NEED-0001'; did you mean 'FA-NEED-001'?" in answer.err


def test_rules_without_a_problem_are_clean(world: World, own: Path) -> None:
    answer = run(world, "lint", "acme", "-o", "text")

    assert own.is_dir()
    assert answer.code == 0
    assert "can block" in answer.out
    assert answer.out.endswith("no problem\n")


def test_all_problems_come_at_once_each_at_its_place(world: World, own: Path) -> None:
    bad = OWN.replace("need.status ==", ">-\n  need.statuss ==").replace("severity: error", "severity: eror")
    (own / "acme" / f"{ID}.yaml").write_text(bad.replace("eror", "error"), encoding="utf-8")
    (own / "acme" / "ACME-TEST-002.yaml").write_text(bad, encoding="utf-8")
    (own / "ours.yaml").write_text(POLICY + "selct: ['*']\n", encoding="utf-8")
    words = ("lint", "acme", "--policy", "ours.yaml")

    answer, text = run(world, *words), run(world, *words, "-o", "text").out

    assert answer.code == 2
    found = [(p["file"], p["line"], p["column"], p["key"]) for p in answer.document["problems"]]
    assert (f"acme/{ID}.yaml", 8, 7, "deny") in found
    assert ("acme/ACME-TEST-002.yaml", 4, None, "severity") in found
    assert ("ours.yaml", 3, None, "selct") in found
    assert f"acme/{ID}.yaml:8:7: deny: undefined field 'statuss'" in text
    assert "\n    ....^" in text


def test_one_file_can_be_checked_alone(world: World, own: Path) -> None:
    assert run(world, "lint", f"acme/{ID}.yaml").code == 0
    assert run(world, "test", f"acme/{ID}.yaml").document["samples"] == 2
    assert own.is_dir()


def test_a_path_that_is_not_there_is_a_problem(world: World) -> None:
    answer = run(world, "lint", "nowhere")

    assert answer.code == 2
    assert [p["message"] for p in answer.document["problems"]] == ["is no folder of rules"]


def test_a_sample_that_is_judged_otherwise_is_shown_with_what_was_said(world: World, own: Path) -> None:
    wrong = OWN.replace("message: a is missing", "message: b is missing").replace("resolved", "missing")
    (own / "acme" / f"{ID}.yaml").write_text(wrong, encoding="utf-8")

    answer, text = run(world, "test", "acme"), run(world, "test", "acme", "-o", "text").out

    assert answer.code == 1
    assert [(each["line"], each["found"], each["message"]) for each in answer.document["wrong"]] == [
        (11, "deny", "a is missing"),
        (12, "deny", "a is missing"),
    ]
    assert "the message is 'a is missing', expected 'b is missing'" in text
    assert "the rule denies this, expected allow" in text
    assert '      status: "missing"' in text
    assert text.endswith("2 samples of 1 rule: 2 judged otherwise than expected\n")


def test_the_packaged_samples_are_judged_as_they_expect(world: World) -> None:
    answer = run(world, "test")

    assert answer.code == 0
    assert answer.document["wrong"] == []
    assert answer.document["rules"] > 100


@pytest.mark.parametrize("command", ["list", "explain"])
def test_markdown_is_written_for_comments(world: World, command: str) -> None:
    words = ["FA-NEED-001"] if command == "explain" else ["--subject", "need"]

    out = run(world, command, *words, "-o", "markdown").out

    assert "`FA-NEED-001`" in out


def test_a_broken_policy_ends_every_command_that_judges(world: World) -> None:
    answer = run(world, "list", "--policy", "strickt")

    assert answer.code == 2
    assert "strickt: is neither a packaged policy (default or strict) nor a file" in answer.err


def test_documents_name_their_schemas(world: World) -> None:
    found = {
        json.loads(run(world, *words, "-o", "json").out)["schema"]
        for words in (["list"], ["explain", "FA-NEED-001"], ["lint"], ["test"])
    }

    assert found == {f"fleet-audit.{name}/1" for name in ("rules", "rule", "rules-lint", "rules-test")}


def stored(world: World) -> Path:
    """Return a folder with the audit of one image that misses a library, and of one that has it."""
    folder = world.folder / "audits"
    for name, status in (("vision", "missing"), ("speech", "resolved")):
        facts = NeedFacts(name="x", status=status, services=("face",))
        part = kept(Part("deps", (Subject(SubjectKind.NEED, facts, "so:x"),)))
        store(AuditReport(subject=name, services=("face", "voice"), evidence=(part,)), folder)
    return folder


def test_the_impact_of_a_rule_is_foretold_from_stored_audits(world: World, own: Path) -> None:
    (own / "acme" / f"{ID}.yaml").write_text(OWN.replace("mode: enforce", "mode: dry_run"), encoding="utf-8")
    words = ("impact", ID, "--audits", str(stored(world)), "--rules", "acme")

    answer, text = run(world, *words), run(world, *words, "-o", "text").out

    assert answer.code == 0
    (row,) = answer.document["rules"]
    assert (row["images"], row["services"], row["findings"]) == (["vision"], ["face"], 1)
    assert f"{ID} (dry_run) would block 1 of 2 services, 1 of 2 images" in text
    assert f"`{ID}`" in run(world, *words, "-o", "markdown").out


def test_an_audit_that_cannot_be_read_makes_the_impact_incomplete(world: World) -> None:
    folder = stored(world)
    next(folder.rglob("*.audit.json")).write_bytes(b"{")

    answer = run(world, "impact", "--audits", str(folder))

    assert answer.code == 3
    assert [gap["kind"] for gap in answer.document["gaps"]] == ["no-audit"]


def test_without_audits_nothing_is_foretold(world: World) -> None:
    assert run(world, "impact").code == 2
    assert run(world, "impact", "--audits", "nowhere").code == 2
