"""Rules over subjects: findings where they deny, gaps where they cannot say."""

from pathlib import Path

import pytest

from fleet_audit.audit.configuration.problems import ConfigurationError
from fleet_audit.audit.model.exemption import Exemption
from fleet_audit.audit.model.finding import Mode, Severity
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.policy.evaluation import Judgement, check_exemptions, evaluate
from fleet_audit.audit.policy.facts import NeedFacts, Subject, SubjectKind
from tests.support.rules import POLICY, RULE, rule_set

FILE = "FA-TEST-001.yaml"


def subject(name: str, status: str = "missing", services: tuple[str, ...] = ()) -> Subject:
    return Subject(
        SubjectKind.NEED,
        NeedFacts(name=name, status=status, services=services),
        name=f"so:{name}",
        location=SourceLocation("a.py", 3),
    )


def test_a_denied_subject_is_a_finding_at_its_line(tmp_path: Path) -> None:
    (finding,) = evaluate(rule_set(tmp_path, {FILE: RULE}), [subject("x"), subject("y", "resolved")]).findings

    assert (finding.rule, finding.subject, finding.message) == ("FA-TEST-001", "so:x", "x is missing")
    assert finding.location == SourceLocation("a.py", 3)
    assert finding.blocks


def test_a_rule_that_is_off_says_nothing(tmp_path: Path) -> None:
    rules = rule_set(tmp_path, {FILE: RULE}, POLICY + "rules: {FA-TEST-001: {mode: off}}")

    assert evaluate(rules, [subject("x")]) == Judgement()


@pytest.mark.parametrize("mode", ["dry_run", "warn"])
def test_a_rule_that_is_not_enforced_finds_and_does_not_block(tmp_path: Path, mode: str) -> None:
    rules = rule_set(tmp_path, {FILE: RULE}, POLICY + f"rules: {{FA-TEST-001: {{mode: {mode}}}}}")

    (finding,) = evaluate(rules, [subject("x")]).findings

    assert finding.mode is Mode(mode)
    assert not finding.blocks


def test_a_rule_that_cannot_be_evaluated_is_a_blocking_gap(tmp_path: Path) -> None:
    fragile = RULE.replace(
        'need.status == "missing"',
        '(size(need.services) < 9) && (need.name == "boom" ? '
        'need.services[5] == "a" : need.status == "missing")',
    )

    judgement = evaluate(
        rule_set(tmp_path, {FILE: fragile.replace("deny: (", "deny: >-\n  (")}), [subject("boom")]
    )

    (gap,) = judgement.gaps
    assert judgement.findings == ()
    assert gap.blocking
    assert gap.what == "FA-TEST-001 on so:boom"


def test_a_message_that_cannot_be_made_does_not_lose_the_finding(tmp_path: Path) -> None:
    fragile = RULE.replace(
        'need.name + " is missing"', '>-\n  need.name == "a" ? "a is missing" : need.services[5]'
    )

    (gap,) = evaluate(rule_set(tmp_path, {FILE: fragile}), [subject("x")]).gaps

    assert gap.blocking


def test_findings_come_gravest_first_then_by_rule_and_subject(tmp_path: Path) -> None:
    softer = RULE.replace("001", "000").replace("severity: error", "severity: warn")
    rules = rule_set(tmp_path, {FILE: RULE, "FA-TEST-000.yaml": softer})

    findings = evaluate(rules, [subject("y"), subject("x"), subject("x")]).findings

    assert [(f.severity, f.subject) for f in findings] == [
        (Severity.ERROR, "so:x"),
        (Severity.ERROR, "so:y"),
        (Severity.WARN, "so:x"),
        (Severity.WARN, "so:y"),
    ]


def test_an_exempt_service_is_listed_and_does_not_block(tmp_path: Path) -> None:
    exemption = Exemption("Face", "FA-TEST-001", "brings its own copy")

    (finding,) = evaluate(
        rule_set(tmp_path, {FILE: RULE}), [subject("x", services=("Face",))], exemptions=[exemption]
    ).findings

    assert finding.waiver == "Face: brings its own copy"
    assert not finding.blocks


@pytest.mark.parametrize("services", [("Face", "Other"), ()])
def test_one_service_cannot_exempt_another(tmp_path: Path, services: tuple[str, ...]) -> None:
    exemption = Exemption("Face", "FA-TEST-001", "brings its own copy")

    (finding,) = evaluate(
        rule_set(tmp_path, {FILE: RULE}), [subject("x", services=services)], exemptions=[exemption]
    ).findings

    assert finding.blocks


def test_an_exemption_holds_for_its_rule_alone(tmp_path: Path) -> None:
    exemption = Exemption("Face", "FA-TEST-002", "another matter")

    (finding,) = evaluate(
        rule_set(tmp_path, {FILE: RULE}), [subject("x", services=("Face",))], exemptions=[exemption]
    ).findings

    assert finding.blocks


def test_an_exemption_from_a_rule_that_is_not_there_is_refused_at_its_service(tmp_path: Path) -> None:
    rules = rule_set(tmp_path, {FILE: RULE})
    lines = {"services.Face": SourceLocation("fleet.yaml", 12)}

    with pytest.raises(ConfigurationError) as caught:
        check_exemptions(
            rules, [Exemption("Face", "FA-TEST-002", "x"), Exemption("Face", "FA-TEST-001", "x")], lines
        )

    assert str(caught.value) == (
        "fleet.yaml:12: services.Face.ignore: no rule has the id 'FA-TEST-002'; did you mean 'FA-TEST-001'?"
    )
