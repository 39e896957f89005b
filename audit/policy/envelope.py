"""The envelope of a rule file and of a policy file: their keys, and what each is for."""

from enum import StrEnum
from typing import Annotated, Any

import msgspec

from fleet_audit.audit.model.finding import Mode, Severity
from fleet_audit.audit.model.waiver import WaiverLimits
from fleet_audit.audit.policy.conditions import Parameter
from fleet_audit.audit.policy.facts import SubjectKind

Text = Annotated[str, msgspec.Meta(min_length=1)]
RuleId = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2,8}-[A-Z]{2,8}-[0-9]{3}$")]
Month = Annotated[str, msgspec.Meta(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]

OtherRule = Annotated[str, msgspec.Meta(pattern=r"^[a-z]+:[A-Z]+[0-9]+$")]

Parameters = dict[str, Parameter]


class RuleTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sample: facts as far as they matter, and what the rule must say of them.

    `expect` is ``deny`` or ``allow``; `message`, where given, is the whole message that a denial must have.
    """

    expect: Annotated[str, msgspec.Meta(pattern=r"^(deny|allow)$")]
    given: dict[str, dict[str, Any]]
    params: Parameters = {}
    message: str | None = None

    @property
    def is_denied(self) -> bool:
        """Say whether the rule must deny this sample."""
        return self.expect == "deny"


class RuleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule. `deny`, `message` and `remedy` are CEL over the record that `subject` names and ``params``.

    `why` explains the rule to a person; `since` is the month in which it was added. `same_as` names rules of
    other linters that hold the same against a line (``hadolint:DL3008``). An id is never used again for
    another rule.
    """

    id: RuleId
    title: Text
    subject: SubjectKind
    severity: Severity
    mode: Mode
    deny: Text
    message: Text
    why: Text
    since: Month
    tests: Annotated[tuple[RuleTest, ...], msgspec.Meta(min_length=1)]
    remedy: str = "''"
    params: Parameters = {}
    same_as: tuple[OtherRule, ...] = ()


class RuleSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a policy changes in one rule."""

    mode: Mode | None = None
    severity: Severity | None = None
    params: Parameters = {}


class GapWord(StrEnum):
    """Whether a gap of some kind makes an otherwise clean verdict `incomplete`."""

    BLOCKING = "blocking"
    HARMLESS = "harmless"


class PolicyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A policy: which rules hold (`select`, patterns of ids; others are off), and what it changes in them.

    `extends` names a packaged policy whose words hold where this one has none. Without `select`, its
    patterns hold, else every rule does. `gaps` says of kinds of gaps whether they block, `waivers` how long
    exceptions may run.
    """

    version: Annotated[int, msgspec.Meta(ge=1, le=1)]
    name: Text
    description: str = ""
    extends: str = ""
    select: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)] = ()
    rules: dict[str, RuleSetting] = {}
    gaps: dict[str, GapWord] = {}
    waivers: WaiverLimits | None = None
