"""How two images, SBOMs or audits differ, for a terminal."""

from collections.abc import Sequence

import msgspec

from fleet_audit.audit.model.difference import ComparedSide, DiffReport
from fleet_audit.audit.model.finding import Verdict
from fleet_audit.reports.diff_groups import Group, groups_of
from fleet_audit.reports.diff_words import (
    Row,
    consequences,
    headline,
    not_compared,
    side_words,
    size_rows,
    total_rows,
)
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.summary import EXIT_CODES, verdict_reason
from fleet_audit.reports.terminal import Line, Page, Piece, Style, count
from fleet_audit.reports.text import VERDICT_STYLE, one_after_the_other, short_digest, write_gaps, write_notes

MAX_ROWS = 25
MAX_MINOR_ROWS = 5
_MAX_SIZES = 10
_MAX_WORDS = 90
_TITLES: tuple[tuple[str, Style], ...] = (("Missing in B", "bold red"), ("Findings only in B", "bold red"))


def diff_text(reports: Sequence[DiffReport], options: RenderOptions) -> str:
    """Return each difference, the most important first; long lists are cut, and say by how much."""
    return one_after_the_other(reports, options, _write)


def _write(page: Page, report: DiffReport) -> None:
    for letter, side in (("A", report.before), ("B", report.after)):
        _write_side(page, letter, side)
    page.blank()
    page.line(Piece(headline(report), "bold"))
    if words := consequences(report):
        page.line(Piece(words, "bold"))
    if report.is_same_package_set and report.before.package_set is not None:
        page.line(Piece(f"same package set {short_digest(report.before.package_set)}", "dim"))
    write_notes(page, report)
    for group in groups_of(report):
        _write_group(page, group)
    _write_sizes(page, report)
    _write_rest(page, report)


def _write_side(page: Page, letter: str, side: ComparedSide) -> None:
    name, words = side_words(side)
    digest = short_digest(side.digest)
    page.line(Piece(f"{letter}  ", "dim"), Piece(name, "bold"), Piece(f"  {digest}" if digest else "", "dim"))
    if words:
        page.line(Piece(words, "dim"), indent=3)


def _write_group(page: Page, group: Group) -> None:
    style: Style = next((found for begin, found in _TITLES if group.title.startswith(begin)), "bold")
    page.blank()
    page.line(Piece(f"{group.title} ({group.total})", style))
    _write_rows(page, group.columns, group.rows, MAX_MINOR_ROWS if group.is_minor else MAX_ROWS)


def _write_rows(page: Page, columns: Sequence[str], rows: Sequence[Row], most: int) -> None:
    page.table(columns, [tuple(map(_cell, row)) for row in rows[:most]])
    if len(rows) > most:
        page.line(Piece(f"and {len(rows) - most} more (-o json lists them)", "dim"), indent=1)


def _cell(text: str) -> Line:
    """Return a text of one cell; digests are shortened, and what is very long is cut."""
    if text.startswith("sha256:") and len(text) == 71:
        return short_digest(text)
    return text if len(text) <= _MAX_WORDS else f"{text[:_MAX_WORDS]}…"


def _write_sizes(page: Page, report: DiffReport) -> None:
    if report.totals:
        page.blank()
        page.line(Piece("Sizes", "bold"))
        page.table(("", ">A", ">B", ">difference"), total_rows(report))
    if rows := size_rows(report):
        page.blank()
        page.line(Piece(f"Packages whose files take more or less ({len(rows)})", "bold"))
        _write_rows(page, ("package", ">A", ">B", ">difference"), rows, _MAX_SIZES)


def _write_rest(page: Page, report: DiffReport) -> None:
    untold = not_compared(report)
    if untold:
        page.blank()
        page.line(Piece("Not compared", "bold"))
        page.table(("", ""), [(what, Piece(why, "dim")) for what, why in untold])
    write_gaps(
        page,
        [msgspec.structs.replace(gap, what=f"{gap.what} of {letter}") for letter, gap in report.gaps_by_side],
    )
    page.blank()
    if report.verdict is Verdict.PASS:
        page.line(Piece("a difference is no verdict · exit code 0", "dim"))
        return
    page.line(
        Piece(report.verdict.upper(), VERDICT_STYLE[report.verdict]),
        f"  {verdict_reason(report)} · exit code {EXIT_CODES[report.verdict]}",
        Piece(f"  ({count(len(report.gaps), 'gap')})", "dim"),
    )
