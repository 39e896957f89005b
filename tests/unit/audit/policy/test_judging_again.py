"""An audit is judged from its evidence alone, again and by other rules, as if it had just been made."""

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_audit.audit.model.audit import AuditReport, EvidencePart, Statement
from fleet_audit.audit.model.finding import Gap, GapKind, Severity, Verdict
from fleet_audit.audit.model.inventory import Component, Inventory
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.stored_audit import audit_of, encoded
from fleet_audit.audit.policy.advisory_facts import AdvisoryFacts
from fleet_audit.audit.policy.facts import FACTS, Facts, NeedFacts, Subject, SubjectKind
from fleet_audit.audit.policy.judging_again import judged, scope_of
from fleet_audit.audit.policy.part import Part, StatementUnreadable, kept, part_of
from fleet_audit.audit.policy.rules import RuleSet
from tests.support import packaged
from tests.support.gated import audit, blocking_gap
from tests.support.rules import POLICY, RULE, rule_set
from tests.support.waivers import waiver

TODAY = date(2026, 11, 20)
FILE = "FA-TEST-001.yaml"
PLACE = SourceLocation("app.py", 3)


def missing(name: str = "x", **fields: Any) -> Subject:
    facts = NeedFacts(name=name, subject=f"so:{name}", status="missing", **fields)
    return Subject(SubjectKind.NEED, facts, f"so:{name}", location=PLACE)


def audit_with(*subjects: Subject) -> AuditReport:
    return audit("vision", evidence=(kept(Part("deps", subjects)),))


def samples() -> list[Subject]:
    """Return what the packaged rules' own samples speak of, of every kind that has any."""
    found = []
    for rule in packaged.rules().rules:
        kind = rule.definition.subject
        for test in rule.definition.tests:
            facts: Facts = msgspec.convert(test.given[kind], FACTS[kind])
            found.append(Subject(kind, facts, rule.id, location=PLACE, related=(PLACE,)))
    return found


def test_facts_of_every_kind_are_judged_alike_before_and_after_they_were_stored() -> None:
    part = Part("samples", tuple(dict.fromkeys(samples())))
    made = audit("vision", evidence=(kept(part),))

    read = audit_of(encoded(made), "a.json")

    assert {subject.kind for subject in part.subjects} == set(SubjectKind)
    assert part_of(read.evidence[0]).subjects == part.subjects
    assert judged(read, packaged.rules()) == judged(made, packaged.rules())


def test_an_audit_that_is_judged_twice_is_as_it_was(tmp_path: Path) -> None:
    rules = rule_set(tmp_path, {FILE: RULE})
    once = judged(audit_with(missing()), rules)

    assert [finding.subject for finding in once.findings] == ["so:x"]
    assert judged(audit_of(encoded(once), "a.json"), rules) == once


def test_what_other_rules_said_before_is_left_out(tmp_path: Path) -> None:
    rules = rule_set(tmp_path, {FILE: RULE})
    off = rule_set(_folder(tmp_path, "b"), {FILE: RULE}, POLICY + "rules: {FA-TEST-001: {mode: off}}")

    again = judged(judged(audit_with(missing()), rules), off)

    assert again.findings == ()
    assert again.policy == off.summary()


def test_a_rule_that_could_not_be_evaluated_then_and_can_be_now_leaves_no_gap(tmp_path: Path) -> None:
    before = audit("vision", gaps=(Gap("policy", GapKind.UNEVALUATED_RULE, "FA-TEST-001 on so:x", "why"),))

    assert judged(before, rule_set(tmp_path, {FILE: RULE})).gaps == ()


def test_a_policy_says_which_gaps_block_and_they_are_shown_all_the_same(tmp_path: Path) -> None:
    one = audit("vision", gaps=(blocking_gap("trivy", GapKind.STALE_DATABASE),))
    lenient = rule_set(tmp_path, {FILE: RULE}, POLICY + "gaps: {stale-database: harmless}")
    strict = rule_set(_folder(tmp_path, "b"), {FILE: RULE})

    told = judged(one, lenient)

    assert (told.verdict, [gap.kind for gap in told.gaps]) == (Verdict.PASS, [GapKind.STALE_DATABASE])
    assert judged(told, strict).verdict is Verdict.INCOMPLETE


def rule_on(kind: str, deny: str, bad: str, good: str) -> str:
    """Return a rule on another kind of subjects, with a sample that it denies and one that it allows."""
    head, _, _ = RULE.partition("deny:")
    return f"""\
{head.replace("subject: need", f"subject: {kind}")}deny: >-
  {deny}
message: "'so it is'"
why: It matters.
tests:
  - {{expect: deny, given: {{{kind}: {bad}}}}}
  - {{expect: allow, given: {{{kind}: {good}}}}}
"""


def test_rules_on_the_whole_audit_hear_of_the_gaps_that_block_by_the_policy(tmp_path: Path) -> None:
    rule = rule_on("evidence", "!('scanner-absent' in evidence.gaps)", "{}", "{gaps: [scanner-absent]}")
    lenient = rule_set(tmp_path, {FILE: rule}, POLICY + "gaps: {scanner-absent: harmless}")
    usual = rule_set(_folder(tmp_path, "b"), {FILE: rule})
    one = audit("vision", gaps=(blocking_gap(),))

    assert judged(one, lenient).verdict is Verdict.FAIL
    assert judged(one, usual).verdict is Verdict.INCOMPLETE


def test_a_rule_on_the_whole_audit_that_cannot_be_evaluated_is_a_gap(tmp_path: Path) -> None:
    rule = rule_on("evidence", "evidence.tools[1] == 'x'", "{tools: [a, x]}", "{tools: [a, b]}")

    told = judged(audit("vision", tools=()), rule_set(tmp_path, {FILE: rule}))

    assert (told.verdict, [gap.kind for gap in told.gaps]) == (
        Verdict.INCOMPLETE,
        [GapKind.UNEVALUATED_RULE],
    )


def test_a_stored_advisory_grows_older_until_the_day_of_judging(tmp_path: Path) -> None:
    age = "advisory.published_age_days"
    rule = rule_on("advisory", f"{age} > 30", "{published_age_days: 31}", "{published_age_days: 30}")
    facts = AdvisoryFacts(id="CVE-1", published="2026-11-01", published_age_days=19)
    rules = rule_set(tmp_path, {FILE: rule})
    one = audit_with(Subject(SubjectKind.ADVISORY, facts, "advisory:CVE-1"))

    assert judged(one, rules, (), date(2026, 12, 1)).verdict is Verdict.PASS
    assert judged(one, rules, (), date(2026, 12, 2)).verdict is Verdict.FAIL


def test_a_waiver_that_holds_keeps_a_finding_from_blocking_and_in_the_report(tmp_path: Path) -> None:
    rules = rule_set(tmp_path, {FILE: RULE})
    one = audit_with(missing(), missing("y"))
    exception = waiver("W-1", rule="FA-TEST-001", match=(("subject", "so:x"),))

    told = judged(one, rules, [exception], TODAY)

    assert [(f.subject, f.waived_by, f.blocks) for f in told.findings] == [
        ("so:x", "W-1", False),
        ("so:y", "", True),
    ]
    assert [each.waiver.id for each in told.waivers.applied] == ["W-1"]


def test_a_waiver_that_has_ended_is_told_and_waives_nothing(tmp_path: Path) -> None:
    rules = rule_set(tmp_path, {FILE: RULE})
    exception = waiver("W-1", rule="FA-TEST-001", match=(("subject", "so:x"),))

    told = judged(audit_with(missing()), rules, [exception], exception.expires.replace(year=2027))

    assert told.verdict is Verdict.FAIL
    assert [each.waiver.id for each in told.waivers.expired] == ["W-1"]


def test_what_two_stages_hold_against_the_same_thing_is_told_once(tmp_path: Path) -> None:
    one = audit("vision", evidence=(kept(Part("deps", (missing(),))), kept(Part("vulns", (missing(),)))))

    assert len(judged(one, rule_set(tmp_path, {FILE: RULE})).findings) == 1


def test_a_waiver_can_name_an_image_by_its_subject_its_families_and_its_reference() -> None:
    scope = scope_of(audit("face", names=("vision", "old-vision")))

    assert scope.names[:3] == ("face", "vision", "old-vision")
    assert "oci:build/images:face" in scope.names
    assert scope.digest == "sha256:" + "9b1e" * 16


@pytest.mark.parametrize(
    "statement",
    [
        Statement("unheard-of", {}, "so:x"),
        Statement("need", {"unheard_of": 1}, "so:x"),
        Statement("need", {"name": 3}, "so:x"),
    ],
)
def test_evidence_in_words_of_another_version_is_refused(statement: Statement) -> None:
    one = audit("vision", evidence=(EvidencePart("deps", (statement,)),))

    with pytest.raises(StatementUnreadable, match="so:x cannot be judged"):
        judged(one, packaged.rules())


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"inventory": None, "listed_digest": ""}, "FA-EVID-001"),
        ({"scanned_digest": "", "examined": 0, "tools": ()}, "FA-EVID-002"),
        ({"scanned_digest": "sha256:" + "00" * 32}, "FA-EVID-003"),
        ({"listed_digest": "sha256:" + "00" * 32}, "FA-EVID-003"),
    ],
)
def test_an_audit_without_a_scan_or_an_inventory_or_of_two_images_is_blocked(
    fields: dict[str, Any], rule: str
) -> None:
    digest = "sha256:" + "9b1e" * 16
    packages = Inventory(Component("image", "vision"), (Component("a", "a"),))
    whole = audit("vision", evidence=(), inventory=packages, listed_digest=digest, scanned_digest=digest)
    lacking = msgspec.structs.replace(whole, **fields)

    assert judged(whole, packaged.rules(), (), TODAY).verdict is Verdict.PASS
    told = judged(lacking, packaged.rules(), (), TODAY)
    assert [finding.rule for finding in told.findings if finding.blocks] == [rule]


def test_findings_come_in_one_order_whatever_that_of_the_evidence(tmp_path: Path) -> None:
    softer = RULE.replace("001", "000").replace("severity: error", "severity: warn")
    rules: RuleSet = rule_set(tmp_path, {FILE: RULE, "FA-TEST-000.yaml": softer})

    forth = judged(audit_with(missing("a"), missing("b")), rules)
    back = judged(audit_with(missing("b"), missing("a")), rules)

    assert forth.findings == back.findings
    assert [finding.severity for finding in forth.findings[:2]] == [Severity.ERROR, Severity.ERROR]


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder
