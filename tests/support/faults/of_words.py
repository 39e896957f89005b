"""Policies, rules, waivers and manifests that are wrong, and times that cannot be."""

from tests.support.faults.fault import Breaking, Fault
from tests.support.faults.stand import NOW, POLICY, RULE, RULE_FILE, WAIVERS

_GAPS = "gaps: {scanner-failed: harmless}\n"
_QUIET = "rules: {FA-VULN-001: {mode: enforce, severity: warn}}\n"
_TWICE = "select: ['ACME-*']\nrules: {FA-VULN-001: {mode: enforce}}\n"


def _policy(text: str, *, is_whole: bool = False) -> Breaking:
    return lambda at: at.file("policy.yaml", text if is_whole else POLICY + text)


def _rule(old: str, new: str) -> Breaking:
    return lambda at: at.file(RULE_FILE, _replaced(RULE, old, new))


def _waiver(old: str, new: str) -> Breaking:
    return lambda at: at.file("waivers.yaml", _replaced(WAIVERS, old, new))


def _manifest(old: str, new: str) -> Breaking:
    return lambda at: at.edit("fleet.yaml", old, new)


def _time(said: str) -> Breaking:
    return lambda at: at.env.update(SOURCE_DATE_EPOCH=said)


def _replaced(text: str, old: str, new: str) -> str:
    assert old in text, old
    return text.replace(old, new)


def _removed(path: str) -> Breaking:
    return lambda at: (at.folder / path).unlink()


_UNEVALUATED = """\
id: ACME-NEED-001
title: A library is looked for in too few folders
subject: need
severity: error
mode: enforce
since: 2026-11
deny: need.searched[90] == "x"
message: need.name
why: It cannot be answered where there are fewer folders.
tests:
  - {expect: deny, given: {need: {name: a, searched: [MANY, "x"]}}, message: a}
  - {expect: allow, given: {need: {name: a, searched: [MANY, "y"]}}}
""".replace("MANY", ", ".join(["a"] * 90))

RULES = (
    Fault(
        "a rule cannot be evaluated on a fact",
        lambda at: at.file(RULE_FILE, _UNEVALUATED),
        3,
        "",
        "unevaluated-rule",
    ),
    Fault(
        "a rule does not parse",
        _rule("deny: need.name ==", "deny: need.name == =="),
        2,
        "Syntax error: extraneous input '=='",
    ),
    Fault(
        "a rule names a fact that is not there",
        _rule("deny: need.name", "deny: need.nam"),
        2,
        "undefined field 'nam'",
    ),
    Fault(
        "a rule compares a text with a number",
        _rule('== "missing"\nmessage', "== 3\nmessage"),
        2,
        "found no matching overload",
    ),
    Fault(
        "a rule's own sample is judged otherwise",
        _rule("expect: allow", "expect: deny"),
        2,
        "the rule allows this, expected deny",
    ),
    Fault(
        "a rule has no sample",
        lambda at: at.file(RULE_FILE, RULE.partition("tests:")[0]),
        2,
        "'tests' is missing",
    ),
    Fault("a rule has an unknown key", _rule("why:", "wy: x\nwhy:"), 2, "wy: unknown key"),
    Fault(
        "two rules have one id",
        lambda at: at.file("own/more/ACME-NEED-001.yaml", RULE),
        2,
        "ACME-NEED-001 is defined already",
    ),
    Fault("a rule's file is no text", lambda at: at.file(RULE_FILE, b"\xff\xfe\x00"), 2, "is not UTF-8 text"),
    Fault(
        "the folder of rules is not there",
        _manifest("rules: [own]", "rules: [nowhere]"),
        2,
        "nowhere: is no folder of rules",
    ),
    Fault(
        "the policy is not there",
        _removed("policy.yaml"),
        2,
        "is neither a packaged policy (default or strict) nor a file",
    ),
    Fault("the policy is no YAML", _policy("a: [\n", is_whole=True), 2, "policy.yaml:2: is not valid YAML"),
    Fault("the policy has an unknown key", _policy("rulez: {}\n"), 2, "rulez: unknown key"),
    Fault(
        "the policy names an unknown rule",
        _policy("rules: {FA-NONE-999: {mode: off}}\n"),
        2,
        "no rule has this id",
    ),
    Fault(
        "the policy enforces what cannot block",
        _policy(_QUIET),
        2,
        "contradicts severity warn in line 4, which never blocks",
    ),
    Fault(
        "the policy selects away a rule that it sets", _policy(_TWICE), 2, "contradicts 'select' in line 4"
    ),
    Fault(
        "the policy gives a key twice",
        _policy("gaps: {path-edit: blocking, path-edit: harmless}\n"),
        2,
        "this key is given twice, first in line 4",
    ),
    Fault("the policy calls a scanner that failed harmless", _policy(_GAPS), 2, "is always blocking"),
    Fault("the policy selects nothing", _policy("select: ['ZZ-*']\n"), 2, "selects no rule: 'ZZ-*'"),
    Fault(
        "the policy extends itself",
        _policy("extends: policy.yaml\n", is_whole=True),
        2,
        "there is no packaged policy 'policy.yaml'",
    ),
    Fault(
        "the policy is of a later version",
        _policy("version: 9\nname: x\n", is_whole=True),
        2,
        "the number 9 is out of range",
    ),
)

WORDS = (
    Fault(
        "the waivers are not there",
        _removed("waivers.yaml"),
        2,
        "waivers.yaml: there is no such file or folder of waivers",
    ),
    Fault(
        "the waivers are no YAML",
        lambda at: at.file("waivers.yaml", "- {"),
        2,
        "waivers.yaml:2: is not valid YAML",
    ),
    Fault(
        "a waiver ends on a day that is not",
        _waiver("2026-11-25", "2026-02-30"),
        2,
        "there is no day 2026-02-30",
    ),
    Fault("a waiver has no end", _waiver("  expires: 2026-11-25\n", ""), 2, "'expires' is missing"),
    Fault(
        "a waiver ends before it begins",
        _waiver("2026-11-25", "2026-10-25"),
        2,
        "before it is created on 2026-11-01",
    ),
    Fault(
        "a waiver runs longer than it may",
        _waiver("2026-11-25", "2029-11-25"),
        2,
        "may run for 90: until 2027-01-30 at the latest",
    ),
    Fault("a waiver has no owner", _waiver("  owner: vision-team\n", ""), 2, "'owner' is missing"),
    Fault(
        "a waiver is for an unknown rule",
        _waiver("FA-VULN-001", "FA-NONE-999"),
        2,
        "no rule has the id 'FA-NONE-999'",
    ),
    Fault(
        "two waivers have one id", lambda at: at.file("waivers.yaml", WAIVERS * 2), 2, "W-1 is there already"
    ),
    Fault(
        "a waiver matches by an unknown key",
        _waiver("vuln:", "vulnerability:"),
        2,
        "match.vulnerability: unknown key",
    ),
    Fault("a waiver has ended", _waiver("2026-11-25", "2026-11-17"), 1, "ended 2026-11-17"),
    Fault(
        "a waiver has not begun", _waiver("created: 2026-11-01", "created: 2026-11-20"), 1, "not begun W-1"
    ),
    Fault(
        "a waiver is for another image",
        _waiver("  owner:", "  scope: {image: other}\n  owner:"),
        2,
        "no family or service has a name like this",
    ),
    Fault("the manifest is not there", lambda at: at.words.extend(("-f", "nowhere.yaml")), 2, "nowhere.yaml"),
    Fault(
        "the manifest is no YAML",
        lambda at: at.file("fleet.yaml", "version: ["),
        2,
        "fleet.yaml:2: is not valid YAML",
    ),
    Fault("the manifest has an unknown key", _manifest("policy:", "polizy:"), 2, "polizy: unknown key"),
    Fault(
        "a service of the manifest has no such family",
        _manifest("family: vision", "family: nobody"),
        2,
        "unknown family 'nobody'",
    ),
    Fault(
        "the manifest is a chain of aliases",
        lambda at: at.file("fleet.yaml", _aliases()),
        2,
        "has more than 200000 values once aliases are expanded",
    ),
    Fault("the time that is given is none", _time("yesterday"), 2, "not a number of seconds since 1970"),
    Fault(
        "the time that is given is beyond all calendars",
        _time("99999999999999"),
        2,
        "not a number of seconds since 1970",
    ),
    Fault(
        "the time that is given is before the database was made",
        _time(str(NOW - 300 * 86_400)),
        1,
        "how old it is cannot be told",
        "stale-database",
    ),
)


def _aliases() -> str:
    lines = ["a0: &a0 [x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    return "\n".join(lines)
