"""A rule's impact is foretold from the evidence of audits, for images and for services."""

from pathlib import Path

import msgspec
import pytest

from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.ruling import Impact, ImpactRow
from fleet_audit.audit.policy.facts import NeedFacts, Subject, SubjectKind
from fleet_audit.audit.policy.impact import impact
from fleet_audit.audit.policy.judging_again import judged
from fleet_audit.audit.policy.part import Part, kept
from fleet_audit.audit.policy.rules import RuleSet
from fleet_audit.reports.rules_impact import impact_sentence
from tests.support.rules import RULE, rule_set

DRY = RULE.replace("mode: enforce", "mode: dry_run")
FIRM = RULE.replace("FA-TEST-001", "FA-TEST-002").replace('"missing"', '"fatal"', 1)
FIRM = FIRM.replace("status: missing", "status: fatal")


@pytest.fixture
def rules(tmp_path: Path) -> RuleSet:
    return rule_set(tmp_path, {"FA-TEST-001.yaml": DRY, "FA-TEST-002.yaml": FIRM})


def audit(
    name: str, *, status: str = "missing", users: tuple[str, ...] = ("a",), also: str = ""
) -> AuditReport:
    facts = [NeedFacts(name="x", status=each, services=users) for each in (status, also) if each]
    subjects = tuple(Subject(SubjectKind.NEED, each, f"so:{each.status}") for each in facts)
    return AuditReport(subject=name, services=("a", "b"), evidence=(kept(Part("deps", subjects)),))


def row(found: Impact, rule: str = "FA-TEST-001") -> ImpactRow:
    (each,) = (each for each in found.rows if each.rule == rule)
    return each


def test_a_rule_in_dry_run_says_which_images_and_services_it_would_block(rules: RuleSet) -> None:
    audits = [audit("one"), audit("two", users=("b", "c")), audit("three", status="resolved")]

    found = impact(audits, rules, judged)

    assert [each.rule for each in found.rows] == ["FA-TEST-001"]
    assert row(found).images == ("one", "two")
    assert row(found).services == ("a", "b", "c")
    assert impact_sentence(row(found), found) == (
        "FA-TEST-001 (dry_run) would block 3 of 3 services, 2 of 3 images"
    )


def test_a_finding_that_names_no_service_blocks_all_of_its_image(rules: RuleSet) -> None:
    assert row(impact([audit("one", users=())], rules, judged)).services == ("a", "b")


def test_what_something_else_blocks_already_is_not_newly_blocked(rules: RuleSet) -> None:
    found = impact([audit("one", also="fatal"), audit("two")], rules, judged)

    assert row(found).images == ("one", "two")
    assert row(found).newly == ("two",)


def test_rules_that_are_named_are_foretold_whatever_they_are_set_to(tmp_path: Path) -> None:
    rule = RULE.replace("severity: error", "severity: info").replace("mode: enforce", "mode: off")
    found = impact([audit("one")], rule_set(tmp_path, {"FA-TEST-001.yaml": rule}), judged, ["FA-TEST-001"])

    assert row(found).images == ("one",)
    assert (row(found).mode, row(found).severity) == ("off", "info")


def test_a_rule_that_is_off_is_not_foretold_unasked(tmp_path: Path) -> None:
    loaded = rule_set(tmp_path, {"FA-TEST-001.yaml": RULE.replace("mode: enforce", "mode: off")})

    assert impact([audit("one")], loaded, judged).rows == ()


def test_what_is_waived_blocks_nothing(rules: RuleSet) -> None:
    def waiving(found: AuditReport, by: RuleSet) -> AuditReport:
        told = judged(found, by)
        findings = tuple(msgspec.structs.replace(each, waiver="agreed") for each in told.findings)
        return msgspec.structs.replace(told, findings=findings)

    assert row(impact([audit("one")], rules, waiving)).images == ()


def test_a_rule_that_gives_no_answer_is_told(tmp_path: Path) -> None:
    rule = DRY.replace("need.name + ", "need.searched[0] + need.name + ").replace(
        "name: a, status: missing", "name: a, searched: [''], status: missing"
    )
    loaded = rule_set(tmp_path, {"FA-TEST-001.yaml": rule})

    assert impact([audit("one")], loaded, judged).unevaluated == ("FA-TEST-001",)
