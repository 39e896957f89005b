"""Builds reports on findings over time that hold a little of everything."""

import msgspec

from fleet_audit.audit.model.finding import Severity
from fleet_audit.audit.model.lifecycle import (
    Change,
    DayOfTrend,
    HistoryReport,
    Lifecycle,
    LifecycleState,
    PastAudit,
    TrendReport,
)

_NOW = "2026-11-20T06:00:00Z"


def history_report() -> HistoryReport:
    """Return two images: one with findings of every state, one whose last audit was incomplete."""
    vision, web = "family-vision-cu121", "family-web"
    came_back = (
        Change("2026-10-01T06:00:00Z", LifecycleState.OPEN, Severity.WARN),
        Change("2026-10-11T06:00:00Z", LifecycleState.CLOSED, Severity.WARN),
        Change("2026-11-01T06:00:00Z", LifecycleState.OPEN, Severity.CRITICAL),
    )
    new = (Change("2026-11-19T18:00:00Z", LifecycleState.OPEN, Severity.ERROR),)
    waived = (
        Change("2026-11-10T06:00:00Z", LifecycleState.OPEN, Severity.ERROR),
        Change("2026-11-12T06:00:00Z", LifecycleState.WAIVED, Severity.ERROR),
    )
    gone = (
        Change("2026-11-10T06:00:00Z", LifecycleState.OPEN, Severity.INFO),
        Change("2026-11-12T06:00:00Z", LifecycleState.CLOSED, Severity.INFO),
    )
    first = Lifecycle(
        image=vision,
        fingerprint="a1" * 16,
        rule="FA-VULN-001",
        subject="vuln:CVE-2026-1\x1b[31m",
        advisory="CVE-2026-1",
        package="pkg:deb/debian/libtiff6@4.5.0-6",
        last_seen=_NOW,
        digest="sha256:" + "0f" * 32,
        changes=came_back,
    )
    need = msgspec.structs.replace(
        first, fingerprint="b2" * 16, rule="FA-NEED-001", subject="so:libGL.so.1", advisory="", package=""
    )
    return HistoryReport(
        subject="build/history.sqlite",
        now=_NOW,
        lifecycles=(
            first,
            msgspec.structs.replace(need, changes=new),
            msgspec.structs.replace(need, fingerprint="c3" * 16, changes=waived),
            msgspec.structs.replace(need, fingerprint="d4" * 16, changes=gone, last_seen=gone[0].since),
            msgspec.structs.replace(need, image=web, changes=waived[:1], digest=""),
        ),
        audits=(
            PastAudit(vision, _NOW, first.digest, is_complete=True),
            PastAudit(web, "2026-11-18T06:00:00Z", "", is_complete=True),
            PastAudit(web, "2026-11-19T06:00:00Z", "", is_complete=False),
            PastAudit("=family", "2026-11-19T06:00:00Z", "", is_complete=False),
        ),
    )


def trend_report() -> TrendReport:
    """Return three days: one without anything, one with findings, and one without an audit."""
    some = {Severity.CRITICAL: 1, Severity.ERROR: 4, Severity.WARN: 0, Severity.INFO: 12}
    return TrendReport(
        subject="build/history.sqlite",
        images=("family-vision-cu121", "family-web"),
        days=(
            DayOfTrend("2026-11-18", dict.fromkeys(some, 0)),
            DayOfTrend("2026-11-19", some, waived=2, opened=19, closed=2, audits=3, incomplete=1),
            DayOfTrend("2026-11-20", some, waived=2),
        ),
    )
