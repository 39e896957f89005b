"""How two images, SBOMs or audits differ, as Markdown of a size for a comment."""

from collections.abc import Iterator, Sequence

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
from fleet_audit.reports.markdown import Markup, Section, code, document, items, prose, table
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.summary import EXIT_CODES, verdict_reason
from fleet_audit.reports.text import short_digest

MAX_ROWS = 40
MAX_MINOR_ROWS = 5
_MAX_SIZES = 15
_MAX_WORDS = 200


def diff_markdown(reports: Sequence[DiffReport], options: RenderOptions) -> str:
    """Return each difference, the most important first.

    What does not fit into a comment is left out whole, and the document says so.
    """
    sections = [section for report in reports for section in _sections(report)]
    return document([*sections, Section(prose("the version"), f"fleet-audit {prose(options.version)}")])


def _sections(report: DiffReport) -> Iterator[Section]:
    yield Section(prose("what was compared"), _head(report))
    if report.gaps:
        told = items(
            Markup(f"**{letter}** {code(gap.what)}: {prose(gap.reason)}")
            for letter, gap in report.gaps_by_side[:MAX_ROWS]
        )
        yield Section(prose("gaps"), f"### Could not be examined ({len(report.gaps)})\n\n{told}")
    for group in groups_of(report):
        yield Section(prose(group.title), _group(group))
    if report.totals:
        rows = [_row(row) for row in total_rows(report)]
        yield Section(prose("sizes"), f"### Sizes\n\n{table(('what', '>A', '>B', '>difference'), rows)}")
    if sized := size_rows(report):
        title = "Packages whose files take more or less"
        yield Section(prose(title), _rows(title, ("package", ">A", ">B", ">difference"), sized, _MAX_SIZES))
    if untold := not_compared(report):
        told = items(Markup(f"{prose(what)}: {prose(why)}") for what, why in untold)
        yield Section(prose("what was not compared"), f"### Not compared\n\n{told}")


def _head(report: DiffReport) -> str:
    sides = items((_side("A", report.before), _side("B", report.after)))
    parts = [f"## {prose(headline(report))}", prose(consequences(report)), sides]
    if report.is_same_package_set and report.before.package_set is not None:
        parts.append(f"Same package set {code(report.before.package_set)}")
    if report.notes:
        parts.append(items(prose(note) for note in report.notes))
    if report.verdict is not Verdict.PASS:
        why = f"{prose(verdict_reason(report))} · exit code {EXIT_CODES[report.verdict]}"
        parts.append(f"**{report.verdict.upper()}** {why}")
    return "\n\n".join(part for part in parts if part)


def _side(letter: str, side: ComparedSide) -> Markup:
    name, words = side_words(side)
    digest = f" {code(short_digest(side.digest))}" if side.digest else ""
    return Markup(f"**{letter}** {code(name)}{digest} {prose(words)}".rstrip())


def _group(group: Group) -> str:
    return _rows(group.title, group.columns, group.rows, MAX_MINOR_ROWS if group.is_minor else MAX_ROWS)


def _rows(title: str, columns: Sequence[str], rows: Sequence[Row], most: int) -> str:
    text = f"### {prose(title)} ({len(rows)})\n\n{table(columns, [_row(row) for row in rows[:most]])}"
    left = len(rows) - most
    return f"{text}\n\nand {left} more (the JSON document lists them)" if left > 0 else text


def _row(row: Row) -> tuple[Markup, ...]:
    """Return the cells of a row: the first is a name, the others are prose."""
    first, *others = (_cut(text) for text in row)
    return code(first), *(prose(text) for text in others)


def _cut(text: str) -> str:
    if text.startswith("sha256:") and len(text) == 71:
        return short_digest(text)
    return text if len(text) <= _MAX_WORDS else f"{text[:_MAX_WORDS]}…"
