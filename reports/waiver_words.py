"""Words on waivers that all their reports share."""

from collections.abc import Iterable

from fleet_audit.audit.model.waiver import (
    Waiver,
    WaiverAccount,
    WaiverLimits,
    WaiverLine,
    WaiversReport,
    WaiverState,
)
from fleet_audit.reports.terminal import count

TITLES = ("Expired", "Ending soon", "Active", "Not begun")


def groups_of(lines: Iterable[WaiverLine]) -> tuple[tuple[str, tuple[WaiverLine, ...]], ...]:
    """Return the waivers under a title each, the most urgent first; titles without any are left out."""
    told = tuple(lines)
    groups = ((title, tuple(line for line in told if _title(line) == title)) for title in TITLES)
    return tuple((title, group) for title, group in groups if group)


def _title(line: WaiverLine) -> str:
    expired, soon, active, pending = TITLES
    match line.account.state:
        case WaiverState.EXPIRED:
            return expired
        case WaiverState.PENDING:
            return pending
        case WaiverState.ACTIVE:
            return soon if line.is_expiring else active


def when(account: WaiverAccount) -> str:
    """Say for how long a waiver holds, or since when it does not."""
    if account.state is WaiverState.PENDING:
        return f"begins {account.waiver.created}"
    if account.state is WaiverState.EXPIRED:
        return f"expired {account.waiver.expires}, {count(-account.days_left, 'day')} ago"
    left = "its last day" if account.days_left == 0 else f"{count(account.days_left, 'day')} left"
    return f"until {account.waiver.expires}, {left}"


def what(waiver: Waiver) -> str:
    """Say which findings a waiver names."""
    named = ", ".join(f"{key} {value}" for key, value in waiver.match)
    return named or "whatever the rule finds"


def where(waiver: Waiver) -> str:
    """Say for which images a waiver is."""
    parts = (
        waiver.image,
        f"packages {waiver.package_set}" if waiver.package_set else "",
        f"image {waiver.digest}" if waiver.digest else "",
    )
    return ", ".join(part for part in parts if part) or "every image"


def use(line: WaiverLine, audits: int | None) -> str:
    """Say how often a waiver is used."""
    why = f": {line.account.remark}" if line.account.remark else ""
    if line.findings is None or audits is None:
        return f"use unknown{why}"
    if not line.findings:
        return f"names nothing in {count(audits, 'stored audit')}{why}"
    images = len({each.audit for each in line.findings})
    return f"names {count(len(line.findings), 'finding')} in {count(images, 'image')}"


def limits_words(limits: WaiverLimits) -> str:
    """Say how long waivers may run."""
    days = limits.max_days
    return (
        f"at most {days.critical} days for critical, {days.error} for error, {days.warn} for warn, "
        f"{days.info} for info"
    )


def reason_words(report: WaiversReport) -> str:
    """Say in a few words why the verdict is what it is."""
    states = [line.account.state for line in report.waivers]
    expired = states.count(WaiverState.EXPIRED)
    if expired:
        return f"{count(expired, 'waiver')} {'has' if expired == 1 else 'have'} expired"
    if report.gaps:
        return f"{count(len(report.gaps), 'stored audit')} could not be read"
    return "none has expired" if states else "there are none"
