"""Policies select, change and extend; words that contradict each other are refused with both lines."""

from pathlib import Path

import msgspec
import pytest

from fleet_audit.audit.configuration.located import File, load_file
from fleet_audit.audit.configuration.problems import ConfigurationError
from fleet_audit.audit.configuration.schema import convert
from fleet_audit.audit.model.finding import Gap, GapKind, Mode, Severity
from fleet_audit.audit.model.waiver import DayCaps, WaiverLimits
from fleet_audit.audit.policy.envelope import RuleFile
from fleet_audit.audit.policy.loading import load_rules, packaged_rules, policy_called
from fleet_audit.audit.policy.policies import Policy, read_policy, set_gaps, set_limits, set_rule
from fleet_audit.audit.policy.rules import RuleSet
from fleet_audit.audit.static_imports.source.store import MemoryStore
from tests.support.rules import POLICY, RULE, rule_set

NAME = "FA-TEST-001.yaml"
KNOWN = MemoryStore()
"""What is known of the packaged rules: they are checked once for all tests here."""

OTHER = RULE.replace("FA-TEST-001", "FA-TEST-002").replace("severity: error", "severity: warn")
BASE = b"""\
version: 1
name: base
select: ['FA-*']
rules:
  FA-TEST-001: {mode: dry_run, params: {most: 5}}
gaps: {no-archive-index: harmless, path-edit: blocking}
"""
HEAD = "version: 1\nname: ours\nextends: base\n"


def definition(folder: Path, text: str) -> RuleFile:
    file = folder / "rule.yaml"
    file.write_text(text.replace("since:", "params: {most: 2, least: 1}\nsince:"), encoding="utf-8")
    return convert(load_file(file), RuleFile)


def read(folder: Path, text: str, base: bytes = BASE) -> tuple[Policy, ...]:
    rules = {rule.id: rule for rule in (definition(folder, RULE), definition(folder, OTHER))}
    return read_policy(File("ours.yaml", text.encode()), {"base": File("base.yaml", base)}, rules)


def refusals(folder: Path, text: str, base: bytes = BASE) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(folder, text, base)
    return [str(problem) for problem in caught.value.problems]


def test_what_a_policy_does_not_say_is_said_by_the_one_it_extends(tmp_path: Path) -> None:
    policies = read(tmp_path, HEAD + "rules: {FA-TEST-001: {severity: critical, params: {least: 3}}}")

    setting = set_rule(definition(tmp_path, RULE), policies)

    assert (setting.mode, setting.severity) == (Mode.DRY_RUN, Severity.CRITICAL)
    assert setting.params == {"most": 5, "least": 3}
    assert setting.set_by == {
        "mode": "base.yaml:5",
        "params.most": "base.yaml:5",
        "severity": "ours.yaml:4",
        "params.least": "ours.yaml:4",
    }


def test_what_a_policy_says_itself_comes_before_what_it_extends(tmp_path: Path) -> None:
    policies = read(tmp_path, HEAD + "rules: {FA-TEST-001: {mode: warn}}\ngaps: {path-edit: harmless}")

    assert set_rule(definition(tmp_path, RULE), policies).mode is Mode.WARN
    assert set_gaps(policies) == {GapKind.NO_ARCHIVE_INDEX: False, GapKind.PATH_EDIT: False}


def test_a_selection_replaces_that_of_the_policy_it_extends(tmp_path: Path) -> None:
    policies = read(tmp_path, HEAD + "select: [FA-TEST-002]")

    setting = set_rule(definition(tmp_path, RULE), policies)

    assert setting.mode is Mode.OFF
    assert setting.set_by["mode"] == "ours.yaml:4"
    assert set_rule(definition(tmp_path, OTHER), policies).mode is Mode.ENFORCE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            POLICY + "extends: bse",
            "ours.yaml:3: extends: there is no packaged policy 'bse'; there are base; did you mean 'base'?",
        ),
        (POLICY + "extends: [default, strict]", "ours.yaml:3: extends: expected a string, got a list"),
        (
            POLICY + "rules:\n  FA-TEST-001: {mode: warn}\n  FA-TEST-001: {mode: 'off'}",
            "ours.yaml:5: rules.FA-TEST-001: this key is given twice, first in line 4",
        ),
        (
            POLICY + "select: [FA-TEST-002]\nrules: {FA-TEST-001: {mode: enforce}}",
            "ours.yaml:4: rules.FA-TEST-001: contradicts 'select' in line 3, which turns this rule off",
        ),
        (
            POLICY + "rules:\n  FA-TEST-002: {mode: enforce}",
            "ours.yaml:4: rules.FA-TEST-002.mode: contradicts severity warn, which never blocks",
        ),
        (
            POLICY + "rules:\n  FA-TEST-001:\n    severity: info\n    mode: enforce",
            "ours.yaml:6: rules.FA-TEST-001.mode: contradicts severity info in line 5, which never blocks",
        ),
        (
            POLICY + "gaps: {unreadable-layer: harmless}",
            "ours.yaml:3: gaps.unreadable-layer: is always blocking",
        ),
        (
            POLICY + "gaps: {path-edits: harmless}",
            "ours.yaml:3: gaps.path-edits: there is no such kind of gap; did you mean 'path-edit'?",
        ),
        (
            POLICY + "gaps: {path-edit: blocks}",
            "ours.yaml:3: gaps.path-edit: 'blocks' is not one of blocking, harmless",
        ),
        (POLICY + "select: []", "ours.yaml:3: select: must not be empty"),
    ],
)
def test_words_that_contradict_or_mean_nothing_are_refused(tmp_path: Path, text: str, message: str) -> None:
    assert message in "\n".join(refusals(tmp_path, text))


def test_a_rule_that_the_extended_policy_turns_off_cannot_be_set(tmp_path: Path) -> None:
    found = refusals(
        tmp_path,
        HEAD + "rules: {FA-TEST-001: {mode: warn}}",
        b"version: 1\nname: base\nselect: [FA-TEST-002]\n",
    )

    (line,) = found
    assert line.startswith("ours.yaml:4: rules.FA-TEST-001: contradicts 'select' in base.yaml:3, which turns")


def test_a_rule_that_is_off_may_be_said_to_be_off(tmp_path: Path) -> None:
    policies = read(tmp_path, POLICY + "select: [FA-TEST-002]\nrules: {FA-TEST-001: {mode: 'off'}}")

    assert set_rule(definition(tmp_path, RULE), policies).mode is Mode.OFF


def test_a_severity_given_along_with_it_lets_a_rule_be_enforced(tmp_path: Path) -> None:
    policies = read(tmp_path, POLICY + "rules: {FA-TEST-002: {mode: enforce, severity: error}}")

    assert set_rule(definition(tmp_path, OTHER), policies).mode is Mode.ENFORCE


@pytest.mark.parametrize(
    ("said", "limits"),
    [
        ("{max_days: {critical: 3}}", WaiverLimits(DayCaps(critical=3, error=30), warn_days=9)),
        ("{warn_days: 2}", WaiverLimits(DayCaps(critical=7, error=30), warn_days=2)),
    ],
)
def test_how_long_waivers_may_run_is_said_word_by_word(
    tmp_path: Path, said: str, limits: WaiverLimits
) -> None:
    base = b"version: 1\nname: base\nwaivers: {max_days: {critical: 7, error: 30}, warn_days: 9}\n"

    assert set_limits(read(tmp_path, f"{HEAD}waivers: {said}", base)) == limits


def test_only_one_level_is_extended(tmp_path: Path) -> None:
    found = refusals(tmp_path, HEAD, b"version: 1\nname: base\nextends: base\n")

    assert found == [
        "ours.yaml:3: extends: 'base' extends 'base' itself; a policy extends one that stands alone"
    ]


def test_the_packaged_policies_stand_alone_and_extend_by_their_names(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text("version: 1\nname: ours\nextends: strict\nrules: {FA-VULN-005: {mode: warn}}\n")

    loaded = load_rules([packaged_rules()], file, KNOWN)
    strict = load_rules([packaged_rules()], policy_called("strict", tmp_path), KNOWN)

    assert (loaded.policy, strict.policy) == ("ours", "strict")
    differing = [
        rule.id for rule, other in zip(loaded.rules, strict.rules, strict=True) if rule.mode != other.mode
    ]
    assert differing == ["FA-VULN-005"]


def test_a_policy_that_is_no_packaged_name_is_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^strickt: is neither a packaged .* mean 'strict'"):
        load_rules([packaged_rules()], policy_called("strickt", tmp_path))


def test_a_gap_blocks_as_its_kind_says_unless_the_policy_says_otherwise(tmp_path: Path) -> None:
    rules = rule_set(tmp_path, {NAME: RULE}, POLICY + "gaps: {path-edit: blocking, limit-reached: harmless}")
    gaps = tuple(
        Gap("x", kind, "a", "b") for kind in (GapKind.PATH_EDIT, GapKind.LIMIT_REACHED, GapKind.NO_IMAGE)
    )

    found = rules.settled((*gaps, *gaps))

    assert [gap.blocking for gap in found] == [True, False, True]
    assert msgspec.structs.replace(rules, gaps={}).settled(found) == gaps


@pytest.mark.parametrize(
    "change",
    [
        "rules: {FA-TEST-001: {mode: warn}}",
        "rules: {FA-TEST-001: {severity: critical}}",
        "rules: {FA-TEST-001: {params: {most: 3}}}",
        "select: [FA-TEST-002]",
        "gaps: {path-edit: blocking}",
        "gaps: {limit-reached: harmless}",
    ],
)
def test_the_digest_changes_with_whatever_can_change_a_verdict(tmp_path: Path, change: str) -> None:
    def loaded(name: str, words: str) -> RuleSet:
        folder = tmp_path / name
        folder.mkdir()
        rule = RULE.replace("since:", "params: {most: 2}\nsince:")
        return rule_set(folder, {NAME: rule, "FA-TEST-002.yaml": OTHER}, POLICY + words)

    assert loaded("a", change).digest != loaded("b", "").digest
    assert loaded("c", "description: other words").digest == loaded("d", "").digest


def test_the_strict_policy_is_nowhere_weaker_than_the_default(tmp_path: Path) -> None:
    default, strict = (
        load_rules([packaged_rules()], policy_called(name, tmp_path), KNOWN) for name in ("default", "strict")
    )

    for lenient, hard in zip(default.rules, strict.rules, strict=True):
        assert list(Mode).index(hard.mode) >= list(Mode).index(lenient.mode), hard.id
        assert hard.severity.rank >= lenient.severity.rank, hard.id
    assert sum(rule.mode is Mode.ENFORCE for rule in strict.rules) > sum(
        rule.mode is Mode.ENFORCE for rule in default.rules
    )
    assert all(strict.gaps.values())
    assert all(strict.waivers.max_days.of(each) <= default.waivers.max_days.of(each) for each in Severity)


def test_the_strict_policy_leaves_no_rule_in_dry_run(tmp_path: Path) -> None:
    strict = load_rules([packaged_rules()], policy_called("strict", tmp_path), KNOWN)

    assert [rule.id for rule in strict.rules if rule.mode is Mode.DRY_RUN] == []
