"""Rules over subjects: what is held against each, and what could not be judged."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import msgspec

from fleet_audit import __version__
from fleet_audit.audit.configuration.kept import kept_or_read
from fleet_audit.audit.configuration.located import File
from fleet_audit.audit.configuration.problems import ConfigurationError, Problem
from fleet_audit.audit.configuration.schema import suggestion
from fleet_audit.audit.model.exemption import Exemption
from fleet_audit.audit.model.finding import Finding, Gap, GapKind, Mode
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.policy.conditions import (
    MAX_TOGETHER,
    ConditionFailed,
    ConditionInvalid,
    Language,
    Questions,
    Record,
)
from fleet_audit.audit.policy.facts import Subject, SubjectKind
from fleet_audit.audit.policy.matter import matter_of
from fleet_audit.audit.policy.rules import Denial, Rule, RuleSet

_JUDGEMENT_VERSION = 2
"""Raise whenever the same rules are to say otherwise of the same subjects: judgements are kept."""


def check_exemptions(
    rules: RuleSet, exemptions: Iterable[Exemption], lines: Mapping[str, SourceLocation]
) -> None:
    """Raise ConfigurationError where a service is exempt from a rule that is not there.

    `lines` is `Fleet.lines`: the place of each ``services.NAME``.
    """
    known = [rule.id for rule in rules.rules]
    problems = []
    for exemption in exemptions:
        if exemption.rule not in known:
            place = lines.get(f"services.{exemption.service}", SourceLocation(""))
            message = f"no rule has the id '{exemption.rule}'{suggestion(exemption.rule, known)}"
            problems.append(Problem(place.path, place.line, f"services.{exemption.service}.ignore", message))
    if problems:
        raise ConfigurationError(problems)


class Judgement(msgspec.Struct, frozen=True):
    """What the rules say of all subjects. A rule that could not be evaluated is a gap, never a pass."""

    findings: tuple[Finding, ...] = ()
    gaps: tuple[Gap, ...] = ()


def evaluate(
    rules: RuleSet, subjects: Iterable[Subject], *, exemptions: Iterable[Exemption] = ()
) -> Judgement:
    """Judge every subject by every rule on its kind that is not off.

    Findings are sorted by severity (the gravest first), rule, subject and place. A finding whose subject
    serves only exempt services carries their reasons as its waiver: listed, and not blocking. What was
    found of the same subjects by the same rules before is not asked again, where `rules` keep it.
    """
    judged, exempt = tuple(subjects), tuple(exemptions)
    if rules.kept is None:
        return _judgement(rules, judged, exempt)
    try:
        asked = File("subjects", msgspec.msgpack.encode((judged, exempt)))
    except UnicodeEncodeError:  # a name that is no text; it is rare, and judged each time
        return _judgement(rules, judged, exempt)
    reading = f"judgement/{_JUDGEMENT_VERSION} {__version__} {rules.digest}"
    return kept_or_read(rules.kept, reading, [asked], Judgement, lambda: _judgement(rules, judged, exempt))


def _judgement(rules: RuleSet, subjects: Iterable[Subject], exemptions: Iterable[Exemption]) -> Judgement:
    reasons: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for exemption in exemptions:
        reasons[exemption.rule][exemption.service] = exemption.reason
    on = _rules_by_kind(rules)
    findings: list[Finding] = []
    gaps: list[Gap] = []
    for subject in subjects:
        applicable = on.get(subject.kind)
        if applicable is None:
            continue
        record = rules.language.record(subject.kind, subject.facts)
        failed: list[tuple[Rule, str]] = []
        for rule, denial in applicable.denials(record, failed):
            findings.append(_finding(rule, denial, subject, reasons[rule.id]))
        gaps += [_gap(rule, subject, why) for rule, why in failed]
    return Judgement(
        tuple(sorted(set(findings), key=finding_order)), tuple(sorted(set(gaps), key=_gap_order))
    )


class _OfKind:
    """The rules on one kind of subject: those without parameters are asked together.

    Most subjects are denied by none, and an answer costs hardly more for many conditions than for one.
    """

    def __init__(self, rules: Sequence[Rule], language: Language) -> None:
        self._kind = rules[0].definition.subject
        self._language = language
        plain = [rule for rule in rules if not rule.definition.params]
        self._together = plain[:MAX_TOGETHER]
        self._apart = [*plain[MAX_TOGETHER:], *(rule for rule in rules if rule.definition.params)]

    def denials(self, record: Record, failed: list[tuple[Rule, str]]) -> Iterator[tuple[Rule, Denial]]:
        """Yield what rules that deny a subject say of it; `failed` gets those without an answer, and why."""
        answers = self._answers(record)
        for place, rule in enumerate(self._together):
            if answers is None or answers >> place & 1:
                yield from _denials(rule, record, failed, is_denied=answers is not None)
        for rule in self._apart:
            yield from _denials(rule, record, failed, is_denied=False)

    def _answers(self, record: Record) -> int | None:
        """Return which of the rules that are asked together deny; None where they have to be asked apart."""
        if self._questions is None:
            return None
        try:
            return self._questions.ask(record)
        except ConditionFailed:
            return None

    @cached_property
    def _questions(self) -> Questions | None:
        if not self._together:
            return None
        texts = [rule.definition.deny for rule in self._together]
        try:
            return self._language.questions(texts, subject=self._kind)
        except ConditionInvalid:
            return None


def _denials(
    rule: Rule, record: Record, failed: list[tuple[Rule, str]], *, is_denied: bool
) -> Iterator[tuple[Rule, Denial]]:
    ask = rule.check.denial if is_denied else rule.check.judge
    try:
        denial = ask(record, rule.params)
    except ConditionFailed as e:
        failed.append((rule, str(e)))
        return
    if denial is not None:
        yield rule, denial


def _rules_by_kind(rules: RuleSet) -> dict[SubjectKind, _OfKind]:
    by_kind: defaultdict[SubjectKind, list[Rule]] = defaultdict(list)
    for rule in rules.rules:
        if rule.mode is not Mode.OFF:
            by_kind[rule.definition.subject].append(rule)
    return {kind: _OfKind(of_kind, rules.language) for kind, of_kind in by_kind.items()}


def _finding(rule: Rule, denial: Denial, subject: Subject, reasons: dict[str, str]) -> Finding:
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        confidence=subject.confidence,
        mode=rule.mode,
        subject=subject.name,
        message=denial.message,
        remedy=denial.remedy,
        location=subject.location,
        related=subject.related,
        waiver=_waiver(subject.facts.services, reasons),
        matter=matter_of(subject.facts),
    )


def _waiver(services: tuple[str, ...], reasons: dict[str, str]) -> str | None:
    if not services or any(service not in reasons for service in services):
        return None
    return "; ".join(f"{service}: {reasons[service]}" for service in services)


def _gap(rule: Rule, subject: Subject, why: str) -> Gap:
    return Gap(
        stage="policy",
        kind=GapKind.UNEVALUATED_RULE,
        what=f"{rule.id} on {subject.name}",
        why=f"the rule ({rule.file}) could not be evaluated: {why}",
        location=subject.location,
    )


def finding_order(finding: Finding) -> tuple[int, str, str, str, str]:
    """Return what findings are sorted by: severity, the gravest first, rule, subject, place and message."""
    return (
        -finding.severity.rank,
        finding.rule,
        finding.subject,
        str(finding.location or ""),
        finding.message,
    )


def _gap_order(gap: Gap) -> tuple[str, str]:
    return (gap.what, gap.why)
