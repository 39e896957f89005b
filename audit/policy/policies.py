"""Policies from files: which rules hold and how hard, whose word that is, and where words contradict.

A policy may extend a packaged one; what it says itself comes before what that one says.
"""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TypeVar

import msgspec

from fleet_audit.audit.configuration.located import File, Located, View, located
from fleet_audit.audit.configuration.problems import ConfigurationError, Problem
from fleet_audit.audit.configuration.schema import convert, suggestion
from fleet_audit.audit.model.finding import GapKind, Mode, Severity
from fleet_audit.audit.model.waiver import DayCaps, WaiverLimits
from fleet_audit.audit.policy.envelope import GapWord, Parameters, PolicyFile, RuleFile
from fleet_audit.audit.policy.parameters import merged, misfit

EVERY = "*"
"""The pattern of all rules, also where there is none."""

_Limits = TypeVar("_Limits", WaiverLimits, DayCaps)


class Policy(msgspec.Struct, frozen=True):
    """One policy file: what it says, and the line of each word."""

    located: Located
    said: PolicyFile

    def place(self, *path: str) -> str:
        """Return ``file:line`` of what stands at a path."""
        return f"{self.located.name}:{self.located.line(path)}"


class Setting(msgspec.Struct, frozen=True):
    """A rule as policies set it; `set_by` holds the place of each word that is not the rule's own.

    Its keys are ``mode``, ``severity`` and ``params.NAME``.
    """

    mode: Mode
    severity: Severity
    params: Parameters
    set_by: dict[str, str] = {}


def read_policy(
    settings: File, packaged: Mapping[str, File], rules: Mapping[str, RuleFile]
) -> tuple[Policy, ...]:
    """Return the policy of a file, and before it the packaged one that it extends.

    Raises ConfigurationError with everything that is wrong with either: shapes, words on rules, parameters
    and kinds of gaps that are not there, and words that contradict each other.
    """
    own = located(settings)
    base = _base(own.view("extends"), packaged, rules)
    said = convert(own, PolicyFile, also=(*_unknown_base(own, packaged), *_problems(own, base, rules)))
    return (*base, Policy(own, said))


def _base(extends: View, packaged: Mapping[str, File], rules: Mapping[str, RuleFile]) -> tuple[Policy, ...]:
    if not extends.text or extends.text not in packaged:
        return ()
    where = located(packaged[extends.text])
    if other := where.view("extends").text:
        why = f"'{extends.text}' extends '{other}' itself; a policy extends one that stands alone"
        raise ConfigurationError([extends.problem(why)])
    return (Policy(where, convert(where, PolicyFile, also=_problems(where, (), rules))),)


def _unknown_base(policy: Located, packaged: Mapping[str, File]) -> Iterator[Problem]:
    extends = policy.view("extends")
    if extends.text and extends.text not in packaged:
        there = f"there are {' and '.join(sorted(packaged))}{suggestion(extends.text, packaged)}"
        yield extends.problem(f"there is no packaged policy '{extends.text}'; {there}")


def _problems(policy: Located, base: Sequence[Policy], rules: Mapping[str, RuleFile]) -> Iterator[Problem]:
    for pattern, place in policy.view("select").texts():
        if pattern != EVERY and not any(fnmatchcase(name, pattern) for name in rules):
            yield place.problem(f"selects no rule: '{pattern}'")
    for name, setting in policy.view("rules").entries():
        if name not in rules:
            yield setting.problem(f"no rule has this id{suggestion(name, rules)}")
            continue
        yield from _misfits(setting, rules[name])
        yield from _unselected(setting, name, policy, base)
        yield from _toothless(setting, rules[name], base)
    for kind, word in policy.view("gaps").entries():
        yield from _gap_problems(kind, word)


def _misfits(setting: View, rule: RuleFile) -> Iterator[Problem]:
    for key, value in setting.get("params").entries():
        if reason := misfit(key, value.value, rule.params):
            yield value.problem(reason)


def _unselected(setting: View, name: str, policy: Located, base: Sequence[Policy]) -> Iterator[Problem]:
    """Yield a problem where a rule is to hold in some way, and `select` turns it off."""
    patterns = [text for text, _ in policy.view("select").texts()]
    place = f"line {policy.line(('select',))}"
    for other in () if patterns else base:
        patterns, place = [*other.said.select], other.place("select")
    is_off = patterns and not any(fnmatchcase(name, pattern) for pattern in patterns)
    if is_off and setting.get("mode").text != Mode.OFF:
        yield setting.problem(f"contradicts 'select' in {place}, which turns this rule off; add it there")


def _toothless(setting: View, rule: RuleFile, base: Sequence[Policy]) -> Iterator[Problem]:
    """Yield a problem where a rule is to be enforced at a severity that never blocks."""
    severity = rule.severity
    for other in base:
        changed = other.said.rules.get(rule.id)
        severity = changed.severity if changed is not None and changed.severity else severity
    written = setting.get("severity").text
    severity = Severity(written) if written in list(Severity) else severity
    if setting.get("mode").text == Mode.ENFORCE and severity.rank < Severity.ERROR.rank:
        place = "" if written is None else f" in line {setting.located.line(setting.get('severity').path)}"
        yield setting.get("mode").problem(
            f"contradicts severity {severity.value}{place}, which never blocks; give severity error as well"
        )


def _gap_problems(kind: str, word: View) -> Iterator[Problem]:
    if kind not in list(GapKind):
        yield word.problem(f"there is no such kind of gap{suggestion(kind, list(GapKind))}")
    elif GapKind(kind).is_firm and word.text == GapWord.HARMLESS:
        yield word.problem("is always blocking: a verdict would rest on what nobody looked at")


def set_rule(rule: RuleFile, policies: Sequence[Policy]) -> Setting:
    """Return a rule as these policies set it, each before the next; one that is not selected is off."""
    setting = Setting(rule.mode, rule.severity, rule.params)
    for policy in policies:
        setting = _changed(rule.id, setting, policy)
    selecting = [policy for policy in policies if policy.said.select]
    for policy in selecting[-1:]:
        if not any(fnmatchcase(rule.id, pattern) for pattern in policy.said.select):
            set_by = {**setting.set_by, "mode": policy.place("select")}
            return msgspec.structs.replace(setting, mode=Mode.OFF, set_by=set_by)
    return setting


def _changed(name: str, setting: Setting, policy: Policy) -> Setting:
    change = policy.said.rules.get(name)
    if change is None:
        return setting
    set_by = dict(setting.set_by)
    for key in ("mode", "severity"):
        if getattr(change, key) is not None:
            set_by[key] = policy.place("rules", name, key)
    set_by |= {f"params.{key}": policy.place("rules", name, "params", key) for key in change.params}
    return Setting(
        mode=change.mode or setting.mode,
        severity=change.severity or setting.severity,
        params=merged(setting.params, change.params),
        set_by=set_by,
    )


def set_gaps(policies: Sequence[Policy]) -> dict[GapKind, bool]:
    """Return the kinds of gaps of which these policies say whether they block, in order of their names."""
    words = {kind: word for policy in policies for kind, word in policy.said.gaps.items()}
    return {GapKind(kind): words[kind] is GapWord.BLOCKING for kind in sorted(words)}


def set_limits(policies: Sequence[Policy]) -> WaiverLimits:
    """Return how long exceptions may run by these policies, each word before those of the next."""
    limits = WaiverLimits()
    for policy in policies:
        said, words = policy.said.waivers, policy.located.view("waivers")
        if said is not None:
            caps = _written(words.get("max_days"), said.max_days, limits.max_days)
            limits = msgspec.structs.replace(_written(words, said, limits), max_days=caps)
    return limits


def _written(words: View, said: _Limits, before: _Limits) -> _Limits:
    """Return what was said before, with those fields that the file itself has."""
    fields = {name: getattr(said, name) for name, _ in words.entries()}
    return msgspec.structs.replace(before, **fields)
