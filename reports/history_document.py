"""Findings over time as ``history/1`` and ``trend/1``, and trends as CSV."""

from collections.abc import Sequence

from fleet_audit.audit.model.finding import Severity
from fleet_audit.audit.model.lifecycle import (
    HistoryReport,
    Lifecycle,
    LifecycleState,
    PastAudit,
    TrendReport,
)
from fleet_audit.reports.csv_text import csv_text
from fleet_audit.reports.documents import Fields, document_of
from fleet_audit.reports.history_text import GRAVEST_FIRST, ImageStanding, age_in_days, standings
from fleet_audit.reports.options import RenderOptions


def history_document(reports: Sequence[HistoryReport], options: RenderOptions) -> str:
    """Return ``history/1``: how each image stands, and every finding that is not gone."""
    return document_of("history", reports, options, _history)


def _history(report: HistoryReport) -> Fields:
    there = [each for each in report.lifecycles if each.state is not LifecycleState.CLOSED]
    return {
        "now": report.now,
        "images": [_standing(each) for each in standings(report)],
        "lifecycles": [_lifecycle(each, report.now) for each in there],
    }


def _standing(standing: ImageStanding) -> Fields:
    return {
        "image": standing.image,
        "open": standing.open,
        "waived": standing.waived,
        "closed": standing.closed,
        "new": standing.new,
        "oldest": None if standing.oldest is None else standing.oldest.there_since,
        "last_audit": _audit(standing.last),
        "last_complete_audit": _audit(standing.last_complete),
    }


def _audit(audit: PastAudit | None) -> Fields | None:
    if audit is None:
        return None
    return {"at": audit.at, "digest": audit.digest or None, "complete": audit.is_complete}


def _lifecycle(each: Lifecycle, now: str) -> Fields:
    return {
        "image": each.image,
        "fingerprint": each.fingerprint,
        "rule": each.rule,
        "severity": each.severity,
        "state": each.state,
        "subject": each.subject,
        "advisory": each.advisory or None,
        "package": each.package or None,
        "first_seen": each.first_seen,
        "there_since": each.there_since,
        "last_seen": each.last_seen,
        "days": age_in_days(each, now),
        "reopened": each.reopened,
        "digest": each.digest or None,
        "changes": [
            {"since": change.since, "state": change.state, "severity": change.severity}
            for change in each.changes
        ],
    }


def trend_document(reports: Sequence[TrendReport], options: RenderOptions) -> str:
    """Return ``trend/1``."""
    return document_of("trend", reports, options, _trend)


def _trend(report: TrendReport) -> Fields:
    return {
        "images": list(report.images),
        "days": [
            {
                "day": day.day,
                "open": _by_severity(day.open),
                "waived": day.waived,
                "opened": day.opened,
                "closed": day.closed,
                "audits": day.audits,
                "incomplete": day.incomplete,
            }
            for day in report.days
        ],
    }


def _by_severity(numbers: dict[Severity, int]) -> dict[Severity, int]:
    return {severity: numbers[severity] for severity in GRAVEST_FIRST}


def trend_csv(reports: Sequence[TrendReport], _: RenderOptions) -> str:
    """Return a row for each day."""
    columns = ("day", *GRAVEST_FIRST, "waived", "opened", "closed", "audits", "incomplete")
    rows: list[tuple[str | int, ...]] = [
        (
            day.day,
            *(day.open[severity] for severity in GRAVEST_FIRST),
            day.waived,
            day.opened,
            day.closed,
            day.audits,
            day.incomplete,
        )
        for report in reports
        for day in report.days
    ]
    return csv_text(columns, rows)
