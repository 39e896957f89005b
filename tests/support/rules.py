"""Builds folders of rules and policies for tests."""

from collections.abc import Mapping
from pathlib import Path

from fleet_audit.audit.policy.loading import load_rules
from fleet_audit.audit.policy.rules import RuleSet

RULE = """\
id: FA-TEST-001
title: Something is missing
subject: need
severity: error
mode: enforce
since: 2026-11
deny: need.status == "missing"
message: need.name + " is missing"
why: It matters.
tests:
  - {expect: deny, given: {need: {name: a, status: missing}}, message: a is missing}
  - {expect: allow, given: {need: {name: a, status: resolved}}}
"""

POLICY = "version: 1\nname: test\n"


def rule_set(folder: Path, rules: Mapping[str, str], policy: str = POLICY) -> RuleSet:
    """Return the rules of these files under this policy; names are paths below the folder of rules."""
    root = folder / "rules"
    root.mkdir()
    for name, text in rules.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    file = folder / "policy.yaml"
    file.write_text(policy, encoding="utf-8")
    return load_rules([root], file)
