"""Rules load whole or not at all."""

import os
from pathlib import Path

import pytest

from fleet_audit.audit.configuration.problems import ConfigurationError
from fleet_audit.audit.model.finding import Mode, Severity
from fleet_audit.audit.policy.loading import rule_files
from tests.support.rules import POLICY, RULE, rule_set

NAME = "area/FA-TEST-001.yaml"


def problems(folder: Path, rules: dict[str, str], policy: str = POLICY) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        rule_set(folder, rules, policy)
    return [str(problem) for problem in caught.value.problems]


def test_a_rule_and_its_policy_load(tmp_path: Path) -> None:
    loaded = rule_set(tmp_path, {NAME: RULE})

    (rule,) = loaded.rules
    assert (rule.id, rule.file, rule.mode) == ("FA-TEST-001", "rules/area/FA-TEST-001.yaml", Mode.ENFORCE)
    assert loaded.policy == "test"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("severity: error", "severity: eror", "area/FA-TEST-001.yaml:4: severity: 'eror' is not one of"),
        (
            "mode: enforce",
            "mode: enforce\nseverty: warn",
            ":6: severty: unknown key; did you mean 'severity'?",
        ),
        ("need.status ==", "need.statuss ==", ":7:11: deny: undefined field 'statuss'"),
        ('need.name + " is missing"', "need.status == ''", ":8: message: must give a text, gives bool"),
        (
            "status: missing}",
            "statu: missing}",
            ":11: tests[0].given.need.statu: unknown key; did you mean 'status'?",
        ),
        (
            "status: missing}",
            "status: 3}",
            ":11: tests[0].given.need.status: expected a string, got the number 3",
        ),
        (
            "given: {need: {name: a, status: missing}}",
            "given: {source: {}}",
            "must hold exactly one record: need",
        ),
        ("status: resolved", "status: missing", ":12: tests[1]: the rule denies this, expected allow"),
        ("status: missing}", "status: fatal}", ":11: tests[0]: the rule allows this, expected deny"),
        ("message: a is missing", "message: b is", "the message is 'a is missing', expected 'b is'"),
        ("expect: allow", "expect: deny", "has no sample that it must leave alone (expect: allow)"),
        (
            "FA-TEST-001",
            "FA-TEST-002",
            "a rule stands in a file of its name: FA-TEST-002.yaml, not FA-TEST-001.yaml",
        ),
        ("2026-11", "2026-13", "since: '2026-13' does not have the form"),
        ("why: It matters.\n", "", ":1: 'why' is missing"),
        ('need.name + " is missing"', "need.services[0]", "tests[0]: cannot be evaluated"),
        ('need.name + " is missing"', "need.via", "tests[0]: the message is empty"),
    ],
)
def test_a_bad_rule_is_refused_at_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    found = "\n".join(problems(tmp_path, {NAME: RULE.replace(old, new)}))

    assert message in found


def test_a_rule_without_samples_is_refused(tmp_path: Path) -> None:
    text = RULE[: RULE.index("tests:")]

    assert problems(tmp_path, {NAME: text}) == ["rules/area/FA-TEST-001.yaml:1: 'tests' is missing"]


def test_two_rules_with_one_id_are_refused(tmp_path: Path) -> None:
    found = problems(tmp_path, {NAME: RULE, "other/FA-TEST-001.yaml": RULE})

    assert found == [
        "rules/other/FA-TEST-001.yaml:1: id: FA-TEST-001 is defined already, in rules/area/FA-TEST-001.yaml"
    ]


def test_problems_of_all_rules_and_of_the_policy_come_together(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        {"FA-TEST-001.yaml": RULE, "FA-TEST-002.yaml": "id: FA-TEST-002", "FA-TEST-003.yaml": "a: ["},
        POLICY + "rules: {FA-TEST-009: {mode: off}}",
    )

    assert {line.partition(":")[0] for line in found} == {
        "rules/FA-TEST-002.yaml",
        "rules/FA-TEST-003.yaml",
        "policies/policy.yaml",
    }


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    os.mkfifo(tmp_path / "own" / "FA-TEST-009.yaml")

    with pytest.raises(ConfigurationError, match=r"^own/FA-TEST-009\.yaml: is no file of a rule$"):
        rule_files([tmp_path / "own"])


def test_a_folder_without_rules_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, {"area/FA-TEST-001.yml.txt": RULE}) == [
        "rules: holds no file of a rule (ID.yaml)"
    ]


def test_folders_that_are_too_deep_are_refused_and_not_left_out(tmp_path: Path) -> None:
    assert problems(tmp_path, {NAME: RULE, "a/b/c/d/e/FA-TEST-002.yaml": RULE}) == [
        "rules/a/b/c/d/e: lies more than 4 folders below the folder of rules, and is not read"
    ]


def test_knowledge_and_policies_are_no_rules(tmp_path: Path) -> None:
    loaded = rule_set(tmp_path, {NAME: RULE, "knowledge/a.yaml": "x: [", "policies/b.yaml": "y: ["})

    assert len(loaded.rules) == 1


def test_a_policy_sets_modes_severities_and_parameters(tmp_path: Path) -> None:
    rule = RULE.replace("since:", "params: {most: 2, share: 0.5, names: [a]}\nsince:")
    policy = POLICY + "rules: {FA-TEST-001: {mode: dry_run, severity: warn, params: {most: 3, share: 1}}}"

    (loaded,) = rule_set(tmp_path, {NAME: rule}, policy).rules

    assert (loaded.mode, loaded.severity) == (Mode.DRY_RUN, Severity.WARN)
    assert loaded.params == {"most": 3, "share": 1.0, "names": ("a",)}
    assert loaded.definition.params["share"] == 0.5


def test_a_rule_that_a_policy_does_not_select_is_off(tmp_path: Path) -> None:
    other = RULE.replace("FA-TEST-001", "XY-TEST-001")

    loaded = rule_set(tmp_path, {NAME: RULE, "XY-TEST-001.yaml": other}, POLICY + "select: ['FA-*']")

    assert [rule.mode for rule in loaded.rules] == [Mode.ENFORCE, Mode.OFF]


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("rules: {FA-TEST-002: {}}", "rules.FA-TEST-002: no rule has this id; did you mean 'FA-TEST-001'?"),
        (
            "rules: {FA-TEST-001: {params: {mst: 1}}}",
            "params.mst: the rule has no parameter of this name; did you",
        ),
        ("rules: {FA-TEST-001: {params: {most: many}}}", "must be a whole number as in the rule, is a text"),
        (
            "rules: {FA-TEST-001: {params: {most: true}}}",
            "must be a whole number as in the rule, is true or false",
        ),
        ("rules: {FA-TEST-001: {mode: enforced}}", "mode: 'enforced' is not one of"),
        ("select: ['ZZ-*']", "select[0]: selects no rule: 'ZZ-*'"),
    ],
)
def test_a_policy_that_speaks_of_nothing_is_refused(tmp_path: Path, policy: str, message: str) -> None:
    rule = RULE.replace("since:", "params: {most: 2}\nsince:")

    assert message in "\n".join(problems(tmp_path, {NAME: rule}, POLICY + policy))


def test_another_version_of_the_policy_is_refused(tmp_path: Path) -> None:
    assert "version" in problems(tmp_path, {NAME: RULE}, "version: 2\nname: a")[0]


def test_the_digest_changes_with_what_is_checked_and_not_with_why(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder in folders:
        folder.mkdir()

    plain = rule_set(folders[0], {NAME: RULE})
    retold = rule_set(folders[1], {NAME: RULE.replace("It matters.", "It really does.")})
    softer = rule_set(folders[2], {NAME: RULE}, POLICY + "rules: {FA-TEST-001: {mode: warn}}")

    assert plain.digest == retold.digest
    assert plain.digest != softer.digest
