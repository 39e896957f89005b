"""The rules that come with fleet-audit; their own samples are tried whenever they load."""

import os
from pathlib import Path

import msgspec
import pytest

from fleet_audit.audit.model.elf import Missing
from fleet_audit.audit.model.finding import Mode, Severity, Verdict, verdict
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.need import Need, NeedKind, Tier, Via
from fleet_audit.audit.policy.conditions import Language
from fleet_audit.audit.policy.evaluation import evaluate
from fleet_audit.audit.policy.facts import need_subjects
from fleet_audit.audit.policy.loading import load_rules, packaged_policy, packaged_rules
from fleet_audit.audit.policy.rules import RuleSet
from fleet_audit.audit.static_imports.source.store import MemoryStore

DOCS = Path(__file__).parents[4] / "docs" / "rules"


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load_rules([packaged_rules()], packaged_policy())


def test_rules_that_were_kept_judge_as_rules_that_were_read(rules: RuleSet) -> None:
    store = MemoryStore()
    load_rules([packaged_rules()], packaged_policy(), store)

    kept = load_rules([packaged_rules()], packaged_policy(), store)

    needs = [Need(kind, "thing", Tier.REQUIRED, Via.MANIFEST, Missing()) for kind in NeedKind]
    assert kept.summary() == rules.summary()
    assert evaluate(kept, need_subjects(needs)) == evaluate(rules, need_subjects(needs))


def test_what_was_judged_before_is_not_asked_again() -> None:
    rules = load_rules([packaged_rules()], packaged_policy(), MemoryStore())
    missing = Need(NeedKind.SONAME, "liba.so", Tier.REQUIRED, Via.MANIFEST, Missing())
    other = Need(NeedKind.SONAME, "libb.so", Tier.REQUIRED, Via.MANIFEST, Missing())
    judged = evaluate(rules, need_subjects([missing]))

    without_engine = msgspec.structs.replace(rules, language=Language({}))

    assert [f.subject for f in judged.findings] == ["so:liba.so"]
    assert evaluate(without_engine, need_subjects([missing])) == judged
    with pytest.raises(KeyError):
        evaluate(without_engine, need_subjects([other]))


def test_a_subject_whose_name_is_no_text_is_judged_each_time() -> None:
    rules = load_rules([packaged_rules()], packaged_policy(), MemoryStore())
    need = Need(NeedKind.SONAME, "lib\udcff.so", Tier.REQUIRED, Via.MANIFEST, Missing())

    answers = [evaluate(rules, need_subjects([need])) for _ in range(2)]

    assert answers[0] == answers[1]
    assert len(answers[0].findings) == 1


def test_every_rule_has_a_page_that_shows_a_bad_and_a_good_example(rules: RuleSet) -> None:
    for rule in rules.rules:
        page = (DOCS / f"{rule.id}.md").read_text(encoding="utf-8")
        assert page.startswith(f"# {rule.id}: {rule.definition.title}\n"), rule.id
        facts = f"Judges each `{rule.definition.subject}` · severity `{rule.definition.severity}`"
        assert f"{facts} · mode `{rule.definition.mode}` · since {rule.definition.since}\n" in page, rule.id
        for heading in ("## Bad", "## Good", "## Why"):
            assert f"\n{heading}\n" in page, (rule.id, heading)


def test_every_page_belongs_to_a_rule(rules: RuleSet) -> None:
    pages = {page.stem for page in DOCS.glob("FA-*.md")}

    assert pages == {rule.id for rule in rules.rules}


AREAS = {
    "CTX": "Build contexts and what is copied",
    "DF": "Dockerfiles that cannot be built",
    "ELF": "Files that load",
    "EVID": "What an audit rests on",
    "FLEET": "The manifest against what is there",
    "IMG": "Standards of images",
    "IMP": "Imports and distributions",
    "NEED": "What services need",
    "PIN": "Pinning and masking",
    "REF": "References to images",
    "SRC": "Source files",
    "SURPLUS": "Packages that serve nobody",
    "VULN": "Advisories, and who reaches them",
    "WAIVER": "Exceptions",
    "WF": "Workflows and their gates",
}


def test_the_table_of_rules_has_every_rule_as_it_is(rules: RuleSet) -> None:
    """FLEET_AUDIT_WRITE_SNAPSHOTS=1 writes the page anew."""
    lines = ["# All rules", "", "How they and policies are written stands in [rules](../rules.md).", ""]
    for area, title in AREAS.items():
        lines += [f"## {title}", "", "| rule | says | severity | mode |", "| --- | --- | --- | --- |"]
        of_area = [rule for rule in rules.rules if rule.id.split("-")[1] == area]
        lines += [
            f"| [{rule.id}]({rule.id}.md) | {rule.definition.title} | {rule.definition.severity} "
            f"| {rule.definition.mode} |"
            for rule in sorted(of_area, key=lambda rule: rule.id)
        ]
        lines.append("")
    text = "\n".join(lines[:-1]) + "\n"
    page = DOCS / "README.md"
    if os.environ.get("FLEET_AUDIT_WRITE_SNAPSHOTS"):
        page.write_text(text, encoding="utf-8")

    assert {rule.id.split("-")[1] for rule in rules.rules} == {*AREAS}
    assert page.read_text(encoding="utf-8") == text


def test_the_default_policy_turns_no_rule_off(rules: RuleSet) -> None:
    assert all(rule.mode is not Mode.OFF for rule in rules.rules)


def test_only_rules_that_are_no_errors_are_left_to_warn(rules: RuleSet) -> None:
    for rule in rules.rules:
        if rule.mode is not Mode.DRY_RUN:
            assert (rule.mode is Mode.ENFORCE) == (rule.severity.rank >= Severity.ERROR.rank), rule.id


@pytest.mark.parametrize("kind", [NeedKind.SONAME, NeedKind.PROGRAM, NeedKind.DISTRIBUTION])
@pytest.mark.parametrize("tier", list(Tier))
def test_a_missing_need_is_held_against_exactly_once_and_blocks_only_if_required(
    rules: RuleSet, kind: NeedKind, tier: Tier
) -> None:
    need = Need(kind, "thing", tier, Via.MANIFEST, Missing())

    judgement = evaluate(rules, need_subjects([need], fallback=SourceLocation("fleet.yaml", 1)))

    is_expected = kind is not NeedKind.DISTRIBUTION or tier is Tier.REQUIRED
    assert len(judgement.findings) == is_expected
    assert judgement.gaps == ()
    expected = Verdict.FAIL if tier is Tier.REQUIRED else Verdict.PASS
    assert verdict(judgement.findings, judgement.gaps) is expected
