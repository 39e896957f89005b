"""Waivers as Markdown of a size for a comment."""

from collections.abc import Iterator, Sequence

from fleet_audit.audit.model.waiver import WaiverLine, WaiversReport
from fleet_audit.reports.markdown import Markup, Section, code, document, items, prose, table
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.summary import blocking_gaps
from fleet_audit.reports.terminal import count
from fleet_audit.reports.waiver_words import groups_of, limits_words, reason_words, use, what, when, where

MAX_ROWS = 60
_COLUMNS = ("waiver", "rule", "days", "waives", "in", "owner", "why", "use")


def waivers_markdown(reports: Sequence[WaiversReport], _: RenderOptions) -> str:
    """Return the waivers, the most urgent first."""
    return document(section for report in reports for section in _sections(report))


def _sections(report: WaiversReport) -> Iterator[Section]:
    subject = prose(report.subject)
    title = f"## {subject}: {report.verdict.upper()} ({prose(reason_words(report))})"
    about = f"{count(len(report.waivers), 'waiver')} on {report.today}; {limits_words(report.limits)}"
    yield Section(subject, f"{title}\n\n{prose(about)}")
    for name, lines in groups_of(report.waivers):
        left = len(lines) - MAX_ROWS
        more = f"\n\n{count(left, 'more row')} in the JSON document" if left > 0 else ""
        rows = table(_COLUMNS, [_row(line, report) for line in lines[:MAX_ROWS]])
        yield Section(prose(name), f"### {prose(name)} ({len(lines)})\n\n{rows}{more}")
    if gaps := blocking_gaps(report.gaps):
        told = items(Markup(f"{prose(gap.what)}: {prose(gap.reason)}") for gap in gaps[:MAX_ROWS])
        yield Section(prose("gaps"), f"### Could not be examined ({len(gaps)})\n\n{told}")


def _row(line: WaiverLine, report: WaiversReport) -> tuple[Markup, ...]:
    waiver = line.account.waiver
    ticket = f" ({waiver.ticket})" if waiver.ticket else ""
    return (
        code(waiver.id),
        code(waiver.rule),
        prose(when(line.account)),
        code(what(waiver)),
        prose(where(waiver)),
        prose(waiver.owner),
        prose(f"{waiver.reason}{ticket}"),
        prose(use(line, report.audits)),
    )
