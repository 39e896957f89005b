"""The page on rules names every word that a rule may use."""

import re
from pathlib import Path

import pytest

from fleet_audit.audit.knowledge.rows import KnowledgeFile
from fleet_audit.audit.policy.envelope import RuleFile
from fleet_audit.audit.policy.facts import FACTS, SubjectKind

DOCS = Path(__file__).parents[4] / "docs"


@pytest.mark.parametrize("kind", list(SubjectKind))
def test_every_fact_is_in_the_table(kind: SubjectKind) -> None:
    lines = (DOCS / "rules.md").read_text(encoding="utf-8").splitlines()
    rows = " ".join(line for line in lines if line.startswith(f"| `{kind}` |"))

    assert set(FACTS[kind].__struct_fields__) == set(re.findall(r"`(\w+)`", rows)) - {str(kind)}


def test_every_key_of_a_rule_is_in_the_example() -> None:
    text = (DOCS / "rules.md").read_text(encoding="utf-8")

    assert all(f"\n{key}:" in text for key in RuleFile.__struct_fields__)


def test_every_kind_of_knowledge_is_in_the_table() -> None:
    text = (DOCS / "knowledge.md").read_text(encoding="utf-8")

    assert set(KnowledgeFile.__struct_fields__) == set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
