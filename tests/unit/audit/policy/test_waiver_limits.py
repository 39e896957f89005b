"""A policy says how long waivers may run."""

from pathlib import Path

from fleet_audit.audit.model.finding import Severity
from fleet_audit.audit.model.waiver import DayCaps, WaiverLimits
from tests.support.rules import POLICY, RULE, rule_set

FILES = {"FA-TEST-001.yaml": RULE}


def test_without_a_word_grave_findings_are_waived_for_a_shorter_time(tmp_path: Path) -> None:
    caps = rule_set(tmp_path, FILES).waivers.max_days

    assert [caps.of(severity) for severity in Severity] == [365, 365, 90, 14]


def test_a_policy_sets_one_cap_and_leaves_the_others(tmp_path: Path) -> None:
    limits = rule_set(tmp_path, FILES, POLICY + "waivers: {max_days: {error: 30}, warn_days: 7}").waivers

    assert limits == WaiverLimits(DayCaps(error=30), warn_days=7)


def test_the_digest_of_a_policy_changes_with_how_long_waivers_may_run(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    usual = rule_set(tmp_path, FILES)
    shorter = rule_set(tmp_path / "other", FILES, POLICY + "waivers: {max_days: {error: 30}}")

    assert usual.digest != shorter.digest
