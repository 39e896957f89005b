"""Exceptions that end: what is waived, where, for how long, and by whom."""

from datetime import date
from enum import StrEnum
from typing import Annotated

import msgspec

from fleet_audit.audit.model.finding import Severity, Verdict, verdict
from fleet_audit.audit.model.identity import Digest
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.report import Judged

Days = Annotated[int, msgspec.Meta(ge=1, le=3660)]


class DayCaps(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many days a waiver may run, by the severity of the rule that it waives."""

    critical: Days = 14
    error: Days = 90
    warn: Days = 365
    info: Days = 365

    def of(self, severity: Severity) -> int:
        """Return the most days for a severity."""
        return {
            Severity.CRITICAL: self.critical,
            Severity.ERROR: self.error,
            Severity.WARN: self.warn,
            Severity.INFO: self.info,
        }[severity]


class WaiverLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a policy says of waivers: how long they may run, and from how many days on they end soon."""

    max_days: DayCaps = DayCaps()
    warn_days: Annotated[int, msgspec.Meta(ge=0, le=3660)] = 14


class WaiverEffect(StrEnum):
    """What becomes of a finding that is waived; it is listed whatever this says, and never blocks.

    With ``warn`` it still counts by its severity, with ``suppress`` among the waived ones alone.
    """

    WARN = "warn"
    SUPPRESS = "suppress"


class Waiver(msgspec.Struct, frozen=True):
    """One exception from one rule, for the days from `created` to `expires`, both included (UTC).

    `match` are sorted pairs of a key of `Finding.matter` (or ``subject``, ``fingerprint``) and a value that
    is waived; a key may occur often. Empty, all findings of the rule are meant. `image` is a pattern of
    names of families, services and images, `package_set` is the digest of what is in the image, `digest`
    its own; where one is empty, any will do. `justification` is one of OpenVEX's terms, or empty.
    """

    id: str
    rule: str
    owner: str
    reason: str
    created: date
    expires: date
    match: tuple[tuple[str, str], ...] = ()
    image: str = ""
    package_set: Digest | None = None
    digest: Digest | None = None
    effect: WaiverEffect = WaiverEffect.WARN
    approved_by: str = ""
    justification: str = ""
    ticket: str = ""
    location: SourceLocation = SourceLocation("")

    def matched(self, key: str) -> tuple[str, ...]:
        """Return the values under one key of `match`."""
        return tuple(value for name, value in self.match if name == key)


class WaiverScope(msgspec.Struct, frozen=True):
    """What findings are about: an image by its names, its own first, its digest, and that of its packages."""

    names: tuple[str, ...] = ()
    digest: Digest | None = None
    package_set: Digest | None = None


class WaiverState(StrEnum):
    """Whether a waiver holds on some day."""

    ACTIVE = "active"
    EXPIRED = "expired"
    PENDING = "pending"


class WaiverAccount(msgspec.Struct, frozen=True):
    """What is to be said of a waiver on some day.

    `days_left` is 0 on its last day and negative behind it. `findings` are the fingerprints of those that it
    names; `remark` says in words what else is to be known.
    """

    waiver: Waiver
    state: WaiverState
    days_left: int
    findings: tuple[str, ...] = ()
    remark: str = ""


class WaiverUse(msgspec.Struct, frozen=True):
    """What became of the waivers that concern one image; each tuple in order of the waivers' ids.

    `applied` are active and name findings, `expiring` are those among the active that end soon, `expired`
    and `pending` (not begun) hold no more and not yet. `unused` are active, speak of this very image, and
    name nothing of it; of one that speaks of other images as well, only all of them together can say so.
    """

    applied: tuple[WaiverAccount, ...] = ()
    expired: tuple[WaiverAccount, ...] = ()
    unused: tuple[WaiverAccount, ...] = ()
    expiring: tuple[WaiverAccount, ...] = ()
    pending: tuple[WaiverAccount, ...] = ()


class WaivedFinding(msgspec.Struct, frozen=True, order=True):
    """A finding in a stored audit that a waiver names."""

    audit: str
    fingerprint: str
    severity: Severity
    subject: str
    message: str


class WaiverLine(msgspec.Struct, frozen=True):
    """One waiver in a list of all; `findings` is None where no audits were given."""

    account: WaiverAccount
    is_expiring: bool = False
    findings: tuple[WaivedFinding, ...] | None = None


class WaiversReport(Judged, frozen=True, kw_only=True):
    """All waivers of a fleet on one day, in order of their ids.

    `audits` is the number of stored audits that they were held against, None where none were given: then
    nobody knows which of them are used. With `is_checked`, one that has expired fails.
    """

    waivers: tuple[WaiverLine, ...] = ()
    today: date = date.min
    audits: int | None = None
    limits: WaiverLimits = WaiverLimits()
    is_checked: bool = False

    @property
    def verdict(self) -> Verdict:
        """Judge what the rules say, and fail a check where a waiver has expired."""
        has_expired = any(line.account.state is WaiverState.EXPIRED for line in self.waivers)
        return Verdict.FAIL if self.is_checked and has_expired else verdict(self.findings, self.gaps)
