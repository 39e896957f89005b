"""What is told of rules themselves: the set that holds, how their samples fared, and what they would do."""

from typing import Any

import msgspec

from fleet_audit.audit.model.finding import Gap, GapKind, Mode, Severity
from fleet_audit.audit.model.waiver import WaiverLimits

Value = str | bool | int | float | tuple[str, ...]


class ParameterAccount(msgspec.Struct, frozen=True):
    """A rule's own number, text or list: its value, what the rule gives, and where a policy changed it."""

    name: str
    value: Value
    default: Value
    set_by: str = ""


class SampleAccount(msgspec.Struct, frozen=True):
    """A sample of a rule: the facts that it gives, and what the rule said of them.

    `expected` and `found` are ``deny`` or ``allow``, `found` empty where the rule could not be evaluated.
    `wrong` says how what was found differs from what the sample expects; empty where it does not. `number`
    counts from 1 within the rule.
    """

    rule: str
    file: str
    line: int
    number: int
    expected: str
    found: str
    given: dict[str, Any]
    params: dict[str, Value] = {}
    message: str = ""
    remedy: str = ""
    wrong: str = ""


class RuleAccount(msgspec.Struct, frozen=True):
    """A rule as a policy sets it.

    `own_mode` and `own_severity` are those that its file gives; `set_by` holds the place of each word of a
    policy, under ``mode``, ``severity`` and ``params.NAME``. `deny`, `message` and `remedy` are as they are
    written.
    """

    id: str
    title: str
    subject: str
    mode: Mode
    severity: Severity
    own_mode: Mode
    own_severity: Severity
    file: str
    since: str
    why: str
    deny: str
    message: str
    remedy: str
    parameters: tuple[ParameterAccount, ...] = ()
    set_by: dict[str, str] = {}

    @property
    def can_block(self) -> bool:
        """Say whether a finding of this rule makes a verdict `fail`."""
        return self.mode is Mode.ENFORCE and self.severity.rank >= Severity.ERROR.rank


class RulesAccount(msgspec.Struct, frozen=True):
    """The rules that hold, in order of their ids, and what else their policy says."""

    policy: str
    digest: str
    rules: tuple[RuleAccount, ...]
    gaps: dict[GapKind, bool] = {}
    waivers: WaiverLimits = WaiverLimits()


class ImpactRow(msgspec.Struct, frozen=True):
    """What a rule would do if it were enforced as an error: which images and services it would block.

    `mode` and `severity` are those that it has. `newly` are the images that nothing else blocks. A service
    counts where a finding names it, or where its image is blocked by one that names no service.
    """

    rule: str
    title: str
    mode: Mode
    severity: Severity
    findings: int
    images: tuple[str, ...]
    newly: tuple[str, ...]
    services: tuple[str, ...]


class Impact(msgspec.Struct, frozen=True):
    """What rules would do to all images that were audited.

    `unevaluated` are rules that gave no answer somewhere; `gaps` are audits that could not be judged.
    """

    policy: str
    digest: str
    images: tuple[str, ...]
    services: tuple[str, ...]
    rows: tuple[ImpactRow, ...]
    unevaluated: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
