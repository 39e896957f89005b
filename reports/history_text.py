"""Findings over time, for a terminal: what is open where, since when, and how that went."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import msgspec

from fleet_audit.audit.model.finding import Severity
from fleet_audit.audit.model.lifecycle import (
    DayOfTrend,
    HistoryReport,
    Lifecycle,
    LifecycleState,
    PastAudit,
    TrendReport,
)
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.terminal import Line, Page, Piece, count
from fleet_audit.reports.text import SEVERITY_STYLE, write_gaps, write_notes

GRAVEST_FIRST = tuple(reversed(Severity))
_MAX_OLDEST = 10
_GRAVE = frozenset({Severity.ERROR, Severity.CRITICAL})
_BARS = " ▁▂▃▄▅▆▇█"


class ImageStanding(msgspec.Struct, frozen=True):
    """How one image stands: open findings by severity, those waived, those that came within the last day.

    `oldest` is the open one that has been there for longest, `last` the newest audit, `last_complete` the
    newest that looked at everything.
    """

    image: str
    open: dict[Severity, int]
    waived: int
    closed: int
    new: int
    oldest: Lifecycle | None
    last: PastAudit | None
    last_complete: PastAudit | None


def standings(report: HistoryReport) -> tuple[ImageStanding, ...]:
    """Return how each image stands, by name."""
    names = sorted({each.image for each in report.lifecycles} | {audit.image for audit in report.audits})
    by_image: dict[str, list[Lifecycle]] = {name: [] for name in names}
    for each in report.lifecycles:
        by_image[each.image].append(each)
    audits: dict[str, list[PastAudit]] = {name: [] for name in names}
    for audit in report.audits:
        audits[audit.image].append(audit)
    return tuple(_standing(name, by_image[name], audits[name], report.now) for name in names)


def _standing(image: str, found: Sequence[Lifecycle], audits: Sequence[PastAudit], now: str) -> ImageStanding:
    are_open = [each for each in found if each.state is LifecycleState.OPEN]
    states = Counter(each.state for each in found)
    severities = Counter(each.severity for each in are_open)
    return ImageStanding(
        image=image,
        open={severity: severities[severity] for severity in GRAVEST_FIRST},
        waived=states[LifecycleState.WAIVED],
        closed=states[LifecycleState.CLOSED],
        new=sum(age_in_days(each, now) < 1 for each in are_open),
        oldest=min(are_open, key=lambda each: (each.there_since, each.fingerprint), default=None),
        last=max(audits, default=None),
        last_complete=max((audit for audit in audits if audit.is_complete), default=None),
    )


def age_in_days(lifecycle: Lifecycle, now: str) -> int:
    """Return for how many whole days a finding has been there, without the time when it was gone."""
    since = datetime.fromisoformat(lifecycle.there_since)
    return max((datetime.fromisoformat(now) - since).days, 0)


def history_text(reports: Sequence[HistoryReport], options: RenderOptions) -> str:
    """Return what is open in each image, and what has been open for longest."""
    page = Page(options)
    for report in reports:
        found = standings(report)
        page.line(Piece(report.subject, "bold"))
        page.line(Piece(f"{count(len(found), 'image')} as of {report.now}", "dim"))
        write_notes(page, report)
        page.blank()
        columns = ("image", *(f">{severity}" for severity in GRAVEST_FIRST))
        rows = [_standing_row(each, report.now) for each in found]
        page.table((*columns, ">waived", ">new", "oldest", "last audit"), rows)
        _write_oldest(page, report)
        write_gaps(page, report.gaps)
    return page.text()


def _standing_row(standing: ImageStanding, now: str) -> tuple[Line, ...]:
    numbers = [
        Piece(str(number), SEVERITY_STYLE[severity] if number else "dim")
        for severity, number in standing.open.items()
    ]
    oldest = "" if standing.oldest is None else count(age_in_days(standing.oldest, now), "day")
    return (
        standing.image,
        *numbers,
        str(standing.waived),
        str(standing.new),
        oldest,
        _last_audit(standing),
    )


def _last_audit(standing: ImageStanding) -> Line:
    if standing.last is None:
        return Piece("none", "yellow")
    if standing.last.is_complete:
        return standing.last.at
    before = standing.last_complete.at if standing.last_complete else "never"
    return [standing.last.at, Piece(f" incomplete; complete: {before}", "yellow")]


def _write_oldest(page: Page, report: HistoryReport) -> None:
    grave = [
        each for each in report.lifecycles if each.state is LifecycleState.OPEN and each.severity in _GRAVE
    ]
    if not grave:
        return
    page.blank()
    page.line(Piece("Open for longest", "bold"), Piece("  of errors and critical findings", "dim"))
    ordered = sorted(grave, key=lambda each: (each.there_since, each.image, each.fingerprint))
    page.table(
        ("", "", ">days", "image", ""), [_oldest_row(each, report.now) for each in ordered[:_MAX_OLDEST]]
    )
    if len(grave) > _MAX_OLDEST:
        page.line(Piece(f"and {len(grave) - _MAX_OLDEST} more (-o json lists them)", "dim"), indent=1)


def _oldest_row(lifecycle: Lifecycle, now: str) -> tuple[Line, ...]:
    back = f"  came back {count(lifecycle.reopened, 'time')}" if lifecycle.reopened else ""
    return (
        Piece(lifecycle.severity, SEVERITY_STYLE[lifecycle.severity]),
        lifecycle.rule,
        str(age_in_days(lifecycle, now)),
        lifecycle.image,
        (lifecycle.subject, Piece(back, "dim")),
    )


def trend_text(reports: Sequence[TrendReport], options: RenderOptions) -> str:
    """Return the days as a table, with a bar for how much is open."""
    page = Page(options)
    for report in reports:
        page.line(Piece(report.subject, "bold"))
        page.line(
            Piece(f"{count(len(report.images), 'image')}, {count(len(report.days), 'day')} (UTC)", "dim")
        )
        write_notes(page, report)
        page.blank()
        most = max((sum(day.open.values()) for day in report.days), default=0)
        columns = ("day", *(f">{severity}" for severity in GRAVEST_FIRST))
        rows = [_day_row(day, most) for day in report.days]
        page.table((*columns, "", ">waived", ">opened", ">closed", ">audits", ""), rows)
        write_gaps(page, report.gaps)
    return page.text()


def _day_row(day: DayOfTrend, most: int) -> tuple[Line, ...]:
    numbers = [
        Piece(str(day.open[severity]), SEVERITY_STYLE[severity] if day.open[severity] else "dim")
        for severity in GRAVEST_FIRST
    ]
    told = f"{day.incomplete} incomplete" if day.incomplete else ""
    return (
        day.day,
        *numbers,
        _bar(sum(day.open.values()), most),
        str(day.waived),
        str(day.opened),
        str(day.closed),
        str(day.audits),
        Piece(told, "yellow"),
    )


def _bar(number: int, most: int) -> str:
    """Return a sign as high as the number is; what is not nothing is seen."""
    if not number:
        return ""
    return _BARS[max(1, round(number * (len(_BARS) - 1) / most))]
