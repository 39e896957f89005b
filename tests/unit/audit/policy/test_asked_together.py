"""Rules on one kind of subject are asked together, and say what each of them says alone."""

from pathlib import Path

import msgspec
import pytest

from fleet_audit.audit.policy.evaluation import Judgement, evaluate
from fleet_audit.audit.policy.facts import FACTS, NeedFacts, Subject, SubjectKind
from fleet_audit.audit.policy.rules import RuleSet
from tests.support import packaged
from tests.support.rules import RULE, rule_set

FAILING = RULE.replace("FA-TEST-001", "FA-TEST-002").replace(
    'need.status == "missing"', 'need.searched[0] == "x"'
)
FAILING = FAILING.replace("status: missing", "searched: [x]").replace("status: resolved", "searched: [y]")


def alone(rules: RuleSet, subjects: list[Subject]) -> Judgement:
    judged = [evaluate(msgspec.structs.replace(rules, rules=(rule,)), subjects) for rule in rules.rules]
    return Judgement(
        tuple(finding for each in judged for finding in each.findings),
        tuple(gap for each in judged for gap in each.gaps),
    )


def same(together: Judgement, apart: Judgement) -> bool:
    return set(together.findings) == set(apart.findings) and set(together.gaps) == set(apart.gaps)


@pytest.mark.parametrize("kind", list(SubjectKind))
def test_the_packaged_rules_say_together_what_each_says_alone(kind: SubjectKind) -> None:
    every = packaged.rules()
    rules = msgspec.structs.replace(
        every, rules=tuple(rule for rule in every.rules if rule.definition.subject is kind)
    )
    samples = [test.given[kind] for rule in rules.rules for test in rule.definition.tests]
    subjects = [
        Subject(kind, msgspec.convert(facts, FACTS[kind]), f"{kind}:{number}")
        for number, facts in enumerate(samples)
    ]

    together = evaluate(rules, subjects)

    assert together.findings
    assert same(together, alone(rules, subjects))


def test_a_rule_without_an_answer_takes_no_answer_from_the_others(tmp_path: Path) -> None:
    rules = rule_set(tmp_path, {"FA-TEST-001.yaml": RULE, "FA-TEST-002.yaml": FAILING})
    facts = (
        NeedFacts(name="a", status="missing"),
        NeedFacts(name="b", status="resolved"),
        NeedFacts(name="c", status="missing", searched=("x",)),
        NeedFacts(name="d", searched=("y",)),
    )
    subjects = [Subject(SubjectKind.NEED, each, each.name) for each in facts]

    together = evaluate(rules, subjects)

    assert [(f.rule, f.subject) for f in together.findings] == [
        ("FA-TEST-001", "a"),
        ("FA-TEST-001", "c"),
        ("FA-TEST-002", "c"),
    ]
    assert [gap.what for gap in together.gaps] == ["FA-TEST-002 on a", "FA-TEST-002 on b"]
    assert same(together, alone(rules, subjects))
