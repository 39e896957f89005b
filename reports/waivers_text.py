"""Waivers, for a terminal."""

from collections.abc import Sequence

from fleet_audit.audit.model.waiver import WaiverLine, WaiversReport, WaiverState
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.summary import EXIT_CODES
from fleet_audit.reports.terminal import BREAK, Line, Page, Piece, Style, count
from fleet_audit.reports.text import VERDICT_STYLE, write_gaps
from fleet_audit.reports.waiver_words import groups_of, limits_words, reason_words, use, what, when, where

MAX_FINDINGS = 5

_STYLE: dict[str, Style] = {"Expired": "red", "Ending soon": "yellow", "Not begun": "dim"}


def waivers_text(reports: Sequence[WaiversReport], options: RenderOptions) -> str:
    """Return each waiver with its days, its owner, what it waives and why; the most urgent first."""
    page = Page(options)
    for report in reports:
        _write(page, report)
    return page.text()


def _write(page: Page, report: WaiversReport) -> None:
    page.line(
        Piece(report.subject, "bold"), f"   {count(len(report.waivers), 'waiver')} on {report.today} (UTC)"
    )
    page.line(Piece(f"policy {report.policy.name}: {limits_words(report.limits)}", "dim"))
    for title, lines in groups_of(report.waivers):
        page.blank()
        page.line(Piece(title, _STYLE.get(title, "bold")))
        page.table(("", "", ""), [_row(line, report, _STYLE.get(title, "")) for line in lines])
    write_gaps(page, report.gaps)
    page.blank()
    page.line(
        Piece(report.verdict.upper(), VERDICT_STYLE[report.verdict]),
        f"  {reason_words(report)} · exit code {EXIT_CODES[report.verdict]}",
    )
    if report.audits is None and report.waivers:
        page.line(Piece("which of them are used is known with --audits DIR", "dim"))


def _row(line: WaiverLine, report: WaiversReport, style: Style) -> tuple[Line, Line, Line]:
    waiver = line.account.waiver
    approved = f", approved by {waiver.approved_by}" if waiver.approved_by else ""
    ticket = f" ({waiver.ticket})" if waiver.ticket else ""
    text: list[str | Piece] = [
        *(Piece(when(line.account), style), f"  {waiver.effect}  {waiver.owner}{approved}", BREAK),
        *(what(waiver), Piece(f"  in {where(waiver)}", "dim"), BREAK),
        f"{waiver.reason}{ticket}",
    ]
    if waiver.justification:
        text += [BREAK, Piece(waiver.justification, "dim")]
    text += [BREAK, Piece(use(line, report.audits), "dim")]
    for each in (line.findings or ())[:MAX_FINDINGS]:
        sign = "→ " if line.account.state is WaiverState.ACTIVE else "! "
        text += [BREAK, Piece(f"{sign}{each.audit}: ", "dim"), each.message]
    if left := len(line.findings or ()) - MAX_FINDINGS:
        text += [BREAK, Piece(f"and {left} more", "dim")] if left > 0 else []
    if waiver.location.path:
        text[:0] = [Piece(str(waiver.location), "cyan"), BREAK]
    return waiver.id, waiver.rule, text
