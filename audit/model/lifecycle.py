"""How findings live: since when an image has them, what became of them, and which audits say so.

Times are RFC 3339 in UTC with whole seconds (``2026-11-20T06:00:00Z``): as texts, they sort as times do.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import pairwise

import msgspec

from fleet_audit.audit.model.finding import Severity
from fleet_audit.audit.model.report import Judged


class LifecycleState(StrEnum):
    """What became of a finding: it counts, somebody answers for it, or it is gone."""

    OPEN = "open"
    WAIVED = "waived"
    CLOSED = "closed"


class Sighting(msgspec.Struct, frozen=True):
    """One finding as an audit had it. `advisory` and `package` are empty where it is about none."""

    fingerprint: str
    rule: str
    severity: Severity
    subject: str
    advisory: str = ""
    package: str = ""
    is_waived: bool = False


class AuditRecord(msgspec.Struct, frozen=True):
    """What one audit of an image saw.

    `image` is the name of a family or service, which stays when the image is built again; `digest` is the
    image's. Only what `is_complete` says anything about findings that it does not have.
    """

    image: str
    at: str
    sightings: tuple[Sighting, ...] = ()
    is_complete: bool = True
    digest: str = ""


class PastAudit(msgspec.Struct, frozen=True, order=True):
    """That an image was audited."""

    image: str
    at: str
    digest: str
    is_complete: bool


class Change(msgspec.Struct, frozen=True, gc=False):
    """From `since` on, a finding is in this state and this grave."""

    since: str
    state: LifecycleState
    severity: Severity


class Lifecycle(msgspec.Struct, frozen=True, gc=False):
    """One finding of one image over time.

    `changes` begin when it was first seen; no two are of one time, and each differs from the one before.
    `digest` is that of the image in which it was last seen.
    """

    image: str
    fingerprint: str
    rule: str
    subject: str
    advisory: str
    package: str
    last_seen: str
    digest: str
    changes: tuple[Change, ...]

    @property
    def state(self) -> LifecycleState:
        """Return what became of it."""
        return self.changes[-1].state

    @property
    def severity(self) -> Severity:
        """Return how grave it was last."""
        return self.changes[-1].severity

    @property
    def first_seen(self) -> str:
        """Return when it was seen for the first time, also where it was gone in between."""
        return self.changes[0].since

    @property
    def there_since(self) -> str:
        """Return when it came the last time: the first time, but for what was gone in between."""
        came = self.first_seen
        for before, after in pairwise(self.changes):
            if before.state is LifecycleState.CLOSED:
                came = after.since
        return came

    @property
    def closed_on(self) -> str:
        """Return since when it is gone; empty where it is not."""
        return self.changes[-1].since if self.state is LifecycleState.CLOSED else ""

    @property
    def reopened(self) -> int:
        """Return how often it came back."""
        return sum(before.state is LifecycleState.CLOSED for before in self.changes[:-1])


class ChangeColumns(msgspec.Struct, frozen=True, gc=False):
    """The changes of many findings as four columns of one length, as tables take them.

    Those of one finding, which is a number, stand together and in order of time. States and severities are by
    their names.
    """

    finding: Sequence[int]
    since: Sequence[str]
    state: Sequence[str]
    severity: Sequence[str]


class Recorded(msgspec.Struct, frozen=True):
    """What an audit changed in the history of its image, each a number of findings.

    `unseen` are those that stay although the audit does not have them, because it was incomplete.
    """

    opened: int = 0
    reopened: int = 0
    closed: int = 0
    unseen: int = 0


class DayOfTrend(msgspec.Struct, frozen=True):
    """One day (UTC) over the images asked for: what was open at its end, and what came and went on it.

    `opened` counts what came back too. `audits` is how many audits were recorded, `incomplete` how many of
    these could not look at everything; without any, nothing can have changed.
    """

    day: str
    open: dict[Severity, int]
    waived: int = 0
    opened: int = 0
    closed: int = 0
    audits: int = 0
    incomplete: int = 0


class HistoryReport(Judged, frozen=True, kw_only=True):
    """Findings of images over time, as they stand at `now`."""

    now: str
    lifecycles: tuple[Lifecycle, ...] = ()
    audits: tuple[PastAudit, ...] = ()


class TrendReport(Judged, frozen=True, kw_only=True):
    """How many findings were open, came and went, day by day; oldest first. `images` are those counted."""

    images: tuple[str, ...] = ()
    days: tuple[DayOfTrend, ...] = ()


def change_columns(lifecycles: Iterable[Lifecycle]) -> ChangeColumns:
    """Return the changes of lifecycles as columns."""
    rows = [(number, change) for number, each in enumerate(lifecycles) for change in each.changes]
    return ChangeColumns(
        finding=[number for number, _ in rows],
        since=[change.since for _, change in rows],
        state=[change.state for _, change in rows],
        severity=[change.severity for _, change in rows],
    )
