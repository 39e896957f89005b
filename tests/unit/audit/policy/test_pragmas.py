"""What comments in source waive, and what is said of those that waive nothing."""

from pathlib import Path

import pytest

from fleet_audit.audit.model.exemption import Exemption
from fleet_audit.audit.model.finding import Confidence, Finding, Verdict, verdict
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.pragma import Pragma
from fleet_audit.audit.policy.evaluation import Judgement
from fleet_audit.audit.policy.facts import NeedFacts, Subject, SubjectKind
from fleet_audit.audit.policy.loading import load_rules, packaged_policy, packaged_rules
from fleet_audit.audit.policy.pragmas import Pragmas, judge
from fleet_audit.audit.policy.rules import RuleSet
from tests.support.rules import RULE, rule_set

APP, OTHER = SourceLocation("face/app.py", 4), SourceLocation("face/eyes.py", 9)
DOCKERFILE = SourceLocation("docker/Dockerfile", 7)
RULE_ID = "FA-TEST-001"


@pytest.fixture
def rules(tmp_path: Path) -> RuleSet:
    shipped = Path(str(packaged_rules())) / "source"
    pragma_rules = {f"{name}.yaml": (shipped / f"{name}.yaml").read_text() for name in _ABOUT_PRAGMAS}
    return rule_set(tmp_path, {f"{RULE_ID}.yaml": RULE, **pragma_rules})


_ABOUT_PRAGMAS = ("FA-SRC-003", "FA-SRC-004")


def pragma(place: SourceLocation, *names: str, reason: str = "because", problem: str = "") -> Pragma:
    return Pragma(place, place.line, place.line, names or (RULE_ID,), reason, problem)


def missing(*places: SourceLocation) -> Subject:
    facts = NeedFacts(name="libGL.so.1", status="missing", services=("face",))
    return Subject(SubjectKind.NEED, facts, "so:libGL.so.1", Confidence.CERTAIN, places[0], tuple(places[1:]))


def judged(rules: RuleSet, *pragmas: Pragma, places: tuple[SourceLocation, ...] = (APP,)) -> Judgement:
    settled = Pragmas(pragmas, frozenset({SubjectKind.NEED}), frozenset({APP.path, OTHER.path}))
    return judge(rules, [missing(*places)], pragmas=settled)


def about(judgement: Judgement, rule: str) -> list[Finding]:
    return [finding for finding in judgement.findings if finding.rule == rule]


def test_a_finding_whose_line_bears_a_pragma_is_listed_as_waived_with_place_and_reason(
    rules: RuleSet,
) -> None:
    judgement = judged(rules, pragma(APP))

    (finding,) = judgement.findings
    assert finding.waiver == "face/app.py:4: because"
    assert finding.is_waived_in_source
    assert verdict(judgement.findings, ()) is Verdict.PASS


@pytest.mark.parametrize(
    "other",
    [
        pragma(SourceLocation("face/app.py", 5)),
        pragma(OTHER),
        pragma(APP, "FA-TEST-002"),
        pragma(APP, problem="it gives no reason"),
    ],
)
def test_a_pragma_for_another_line_or_rule_or_without_reason_waives_nothing(
    rules: RuleSet, other: Pragma
) -> None:
    assert [finding.waiver for finding in about(judged(rules, other), RULE_ID)] == [None]


def test_a_finding_at_several_lines_is_waived_once_each_of_them_says_so(rules: RuleSet) -> None:
    places = (APP, OTHER, DOCKERFILE)

    (one,) = about(judged(rules, pragma(APP), places=places), RULE_ID)
    (both,) = about(judged(rules, pragma(APP), pragma(OTHER), places=places), RULE_ID)

    assert (one.waiver, one.location, one.related) == (None, OTHER, (APP, DOCKERFILE))
    assert both.waiver == "face/app.py:4: because; face/eyes.py:9: because"
    assert both.location == APP


def test_a_finding_at_a_line_of_no_source_cannot_be_waived_by_another_line(rules: RuleSet) -> None:
    (finding,) = about(judged(rules, pragma(APP), places=(DOCKERFILE, APP)), RULE_ID)

    assert finding.waiver is None
    assert finding.location == DOCKERFILE


def test_what_the_manifest_waives_keeps_the_manifests_reason(rules: RuleSet) -> None:
    exemptions = [Exemption("face", RULE_ID, "agreed")]

    (finding, *_) = judge(
        rules, [missing(APP)], exemptions=exemptions, pragmas=Pragmas((pragma(APP),))
    ).findings

    assert finding.waiver == "face: agreed"


def test_a_pragma_that_cannot_waive_is_a_finding_at_its_own_line(rules: RuleSet) -> None:
    judgement = judged(rules, pragma(OTHER, problem="it gives no reason"))

    (finding,) = about(judgement, "FA-SRC-003")
    assert finding.location == OTHER
    assert finding.message == "this comment waives nothing: it gives no reason"


def test_a_pragma_for_a_rule_that_is_not_there_is_a_finding_and_waives_its_other_rules(
    rules: RuleSet,
) -> None:
    judgement = judged(rules, pragma(APP, RULE_ID, "FA-TEST-999"))

    assert [f.message for f in about(judgement, "FA-SRC-003")] == [
        "this comment waives nothing: no rule has the id FA-TEST-999"
    ]
    assert [f.waiver is None for f in about(judgement, RULE_ID)] == [False]


def test_a_pragma_that_matches_nothing_is_a_remark(rules: RuleSet) -> None:
    (finding,) = about(judged(rules, pragma(OTHER)), "FA-SRC-004")

    assert (finding.location, finding.subject) == (OTHER, f"pragma:{RULE_ID}")
    assert about(judged(rules, pragma(APP)), "FA-SRC-004") == []


def test_nothing_is_said_of_pragmas_that_may_serve_another_report(rules: RuleSet) -> None:
    for pragmas in (
        Pragmas((pragma(OTHER),), frozenset(), frozenset({OTHER.path})),
        Pragmas((pragma(OTHER),), frozenset({SubjectKind.NEED}), frozenset()),
    ):
        assert about(judge(rules, [missing(APP)], pragmas=pragmas), "FA-SRC-004") == []


def test_the_packaged_rules_judge_pragmas() -> None:
    packaged = load_rules([packaged_rules()], packaged_policy())

    judgement = judge(
        packaged, [], pragmas=Pragmas((pragma(APP, "FA-IMP-001", problem="it gives no reason"),))
    )

    assert [finding.rule for finding in judgement.findings] == ["FA-SRC-003"]
