"""What rules are told of packages that serve nobody."""

import pytest

from fleet_audit.audit.model.apt import Surplus
from fleet_audit.audit.model.finding import Confidence, Severity
from fleet_audit.audit.model.identity import PackageName
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.policy.evaluation import evaluate
from fleet_audit.audit.policy.rules import RuleSet
from fleet_audit.audit.policy.surplus_facts import SurplusFacts
from fleet_audit.audit.policy.surplus_subjects import surplus_subjects
from tests.support import packaged

LINE = SourceLocation("docker/web/Dockerfile", 7)
ELSEWHERE = SourceLocation("fleet.yaml", 1)


@pytest.fixture
def rules() -> RuleSet:
    return packaged.rules()


def surplus(
    name: str,
    *,
    kind: str = "unneeded",
    confidence: str = "certain",
    size: int = 1,
    goes_with: str = "",
    dockerfile: SourceLocation | None = None,
    built_with: str = "",
) -> Surplus:
    return Surplus(
        package=PackageName(name),
        installed_bytes=size,
        origin="family-web",
        reason="a reason",
        confidence=confidence,
        kind=kind,
        goes_with=goes_with,
        dockerfile=dockerfile,
        built_with=built_with,
    )


def test_what_goes_along_is_told_with_what_a_person_would_name() -> None:
    subject, other = surplus_subjects(
        [
            surplus("gcc", size=5, dockerfile=LINE),
            surplus("jq"),
            surplus("binutils", size=3, goes_with="gcc"),
            surplus("as", size=2, goes_with="gcc"),
        ],
        services=["Web"],
        family="family-web",
        fallback=ELSEWHERE,
    )

    assert isinstance(subject.facts, SurplusFacts)
    assert subject.name == "package:gcc"
    assert subject.facts.goes_along == ("as", "binutils")
    assert (subject.facts.installed_bytes, subject.facts.total_bytes) == (5, 10)
    assert (subject.location, other.location) == (LINE, ELSEWHERE)
    assert (subject.facts.services, subject.facts.family) == (("Web",), "family-web")


def test_how_sure_a_finding_is_follows_the_package() -> None:
    (subject,) = surplus_subjects([surplus("jq", confidence="likely")])

    assert subject.confidence is Confidence.LIKELY


@pytest.mark.parametrize(
    ("kind", "rule", "severity"),
    [
        ("build-tool", "FA-SURPLUS-001", Severity.WARN),
        ("development", "FA-SURPLUS-001", Severity.WARN),
        ("documentation", "FA-SURPLUS-002", Severity.INFO),
        ("unneeded", "FA-SURPLUS-002", Severity.INFO),
    ],
)
def test_each_kind_is_held_against_once_and_never_blocks(
    rules: RuleSet, kind: str, rule: str, severity: Severity
) -> None:
    (finding,) = evaluate(rules, surplus_subjects([surplus("thing", kind=kind)])).findings

    assert (finding.rule, finding.severity, finding.blocks) == (rule, severity, False)


@pytest.mark.parametrize("kind", ["build-tool", "unneeded"])
def test_what_is_only_possible_is_held_against_nobody(rules: RuleSet, kind: str) -> None:
    subjects = surplus_subjects([surplus("thing", kind=kind, confidence="possible")])

    assert evaluate(rules, subjects).findings == ()


def test_what_the_build_uses_is_to_get_a_stage_of_its_own(rules: RuleSet) -> None:
    used = surplus("make", kind="build-tool", built_with="docker/web/Dockerfile:9 runs make")
    plain = surplus("make", kind="build-tool")

    findings = [evaluate(rules, surplus_subjects([each])).findings[0] for each in (used, plain)]

    assert "docker/web/Dockerfile:9 runs make" in findings[0].message
    assert [f.remedy.startswith("install it in a stage of its own") for f in findings] == [True, False]
