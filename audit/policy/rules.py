"""Rules as they judge: compiled, and set by a policy."""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cached_property

import msgspec

from fleet_audit.audit.configuration.kept import Store
from fleet_audit.audit.model.finding import Gap, GapKind, Mode, PolicySummary, RuleSummary, Severity
from fleet_audit.audit.model.waiver import WaiverLimits
from fleet_audit.audit.policy.conditions import (
    ConditionFailed,
    ConditionInvalid,
    Language,
    Parameter,
    Question,
    Record,
    Sentence,
)
from fleet_audit.audit.policy.envelope import RuleFile


class Denial(msgspec.Struct, frozen=True):
    """What a rule says of a subject that it denies."""

    message: str
    remedy: str


class Check:
    """The expressions of a rule; each is compiled when it is first needed, or raises ConditionInvalid."""

    def __init__(self, definition: RuleFile, language: Language) -> None:
        """Take the rule, and the language that its expressions are written in."""
        self._definition = definition
        self._language = language

    @cached_property
    def deny(self) -> Question:
        """Return what is asked of a subject."""
        rule = self._definition
        return self._language.question(rule.deny, subject=rule.subject, parameters=rule.params)

    @cached_property
    def message(self) -> Sentence:
        """Return what is said of a subject that is denied."""
        return self._sentence(self._definition.message)

    @cached_property
    def remedy(self) -> Sentence:
        """Return what is advised then."""
        return self._sentence(self._definition.remedy)

    def _sentence(self, text: str) -> Sentence:
        rule = self._definition
        return self._language.sentence(text, subject=rule.subject, parameters=rule.params)

    def judge(self, record: Record, parameters: Mapping[str, Parameter]) -> Denial | None:
        """Return the denial, or None where the rule allows the subject.

        Raises ConditionFailed where that could not be found out.
        """
        try:
            return self.denial(record, parameters) if self.deny.ask(record, parameters) else None
        except ConditionInvalid as e:
            # It compiled when the rule was checked, perhaps by another release of the engine.
            raise ConditionFailed(str(e)) from e

    def denial(self, record: Record, parameters: Mapping[str, Parameter]) -> Denial:
        """Return what is said of a subject that the rule denies; raises ConditionFailed as `judge` does."""
        try:
            return Denial(self.message.say(record, parameters), self.remedy.say(record, parameters))
        except ConditionInvalid as e:
            raise ConditionFailed(str(e)) from e


class Rule(msgspec.Struct, frozen=True):
    """A rule as a policy sets it. `file` is where it is written, as messages name it.

    `set_by` holds the place of each word of a policy on it, under ``mode``, ``severity`` and ``params.NAME``.
    """

    definition: RuleFile
    file: str
    mode: Mode
    severity: Severity
    params: dict[str, Parameter]
    check: Check
    set_by: dict[str, str] = {}

    @property
    def id(self) -> str:
        """Return the rule's id."""
        return self.definition.id


class RuleSet(msgspec.Struct, frozen=True):
    """The rules of one run, in order of their ids, with the language that their conditions are written in.

    `kept` is where judgements stay between runs. `gaps` says of kinds of gaps whether they block, where the
    policy does, `waivers` how long exceptions may run.
    """

    policy: str
    rules: tuple[Rule, ...]
    language: Language
    kept: Store | None = None
    gaps: dict[GapKind, bool] = {}
    waivers: WaiverLimits = WaiverLimits()

    @property
    def digest(self) -> str:
        """Return the identity of what is checked and how hard: 64 hexadecimal digits.

        It changes with everything that can change a finding or a verdict, and not with comments and titles.
        """
        rules = [
            [r.id, r.mode, r.severity, r.definition.deny, r.definition.message, r.definition.remedy, r.params]
            for r in self.rules
        ]
        parts = {"rules": rules, "gaps": self.gaps, "waivers": self.waivers}
        return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()

    def settled(self, gaps: Iterable[Gap]) -> tuple[Gap, ...]:
        """Return the gaps, each once in their order, with the policy's word on its kind or with none."""
        return tuple(
            msgspec.structs.replace(gap, is_blocking=self.gaps.get(gap.kind)) for gap in dict.fromkeys(gaps)
        )

    def summary(self) -> PolicySummary:
        """Return what a report says of this policy: the rules that are not off."""
        return PolicySummary(
            name=self.policy,
            digest=self.digest,
            rules=tuple(
                RuleSummary(
                    id=rule.id,
                    title=rule.definition.title,
                    why=rule.definition.why,
                    severity=rule.severity,
                    mode=rule.mode,
                    subject=rule.definition.subject,
                )
                for rule in self.rules
                if rule.mode is not Mode.OFF
            ),
        )

    def rule(self, rule_id: str) -> Rule | None:
        """Return a rule by its id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)
