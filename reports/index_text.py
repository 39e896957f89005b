"""Which states of package archives are kept, for a terminal and as ``index/1``."""

from collections.abc import Sequence

from fleet_audit.audit.model.archives import ArchiveAnswer, ArchiveSuite, IndexReport, KeptArchive
from fleet_audit.reports.documents import Fields, document_of
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.terminal import Line, Page, Piece, count, size
from fleet_audit.reports.text import write_gaps, write_notes, write_verdict


def index_text(reports: Sequence[IndexReport], options: RenderOptions) -> str:
    """Return each state with its suites, their dates and who signed them, and how much is in it."""
    page = Page(options)
    for report in reports:
        page.line(Piece(count(len(report.answers), "archive index", "archive indexes"), "bold"))
        page.line(Piece(f"kept in {report.cache}", "dim"))
        write_notes(page, report)
        for answer in report.answers:
            _write(page, answer)
        _write_shipped(page, report.shipped)
        write_gaps(page, report.gaps)
        write_verdict(page, report)
    return page.text()


def _write(page: Page, answer: ArchiveAnswer) -> None:
    known = answer.archive
    page.blank()
    page.line(
        Piece(f"{known.distribution} {known.release} {known.architecture}", "bold"),
        f"  {known.sonames} sonames · {known.programs} programs · {known.packages} packages · ",
        f"{size(known.bytes)}",
        Piece(f"   {known.key[:12]}", "dim"),
    )
    if answer.asked_for:
        state = "read now" if answer.is_new else "unchanged"
        page.line(Piece(f"{state}, for ", "dim"), ", ".join(answer.asked_for), indent=1)
    page.table(("suite", "of", "signed by", "archive"), [_row(suite) for suite in known.suites])
    if known.lacking:
        page.line(Piece("without the Contents of ", "yellow"), ", ".join(known.lacking), indent=1)
    page.line(Piece(f"found in this state at {known.asked}", "dim"), indent=1)


def _write_shipped(page: Page, shipped: Sequence[KeptArchive]) -> None:
    if not shipped:
        return
    page.blank()
    page.line(
        Piece("Come with fleet-audit", "bold"),
        Piece("  names of libraries and programs, for where no archive can be asked", "dim"),
    )
    page.table(
        ("release", "made", "of", ">sonames", ">programs", "signed by"),
        [
            (
                f"{known.distribution} {known.release} {known.architecture}",
                known.asked,
                known.suites[0].date.partition("T")[0] if known.suites else "",
                str(known.sonames),
                str(known.programs),
                _signers(known.suites[0]) if known.suites else "",
            )
            for known in shipped
        ],
    )


def _row(suite: ArchiveSuite) -> tuple[Line, ...]:
    components = f" ({' '.join(suite.components)})" if suite.components else ""
    return (
        f"{suite.suite}{components}",
        suite.date or "no date",
        _signers(suite),
        Piece(suite.archive, "dim"),
    )


def _signers(suite: ArchiveSuite) -> Line:
    if not suite.signed_by:
        return Piece(suite.doubt or "nobody", "yellow")
    first, *others = suite.signed_by
    return [first, Piece(f" and {len(others)} more" if others else "", "dim")]


def index_document(reports: Sequence[IndexReport], options: RenderOptions) -> str:
    """Return ``index/1``."""
    return document_of("index", reports, options, _fields)


def _fields(report: IndexReport) -> Fields:
    return {
        "cache": report.cache,
        "archives": [_answer(answer) for answer in report.answers],
        "shipped": [_archive(known) for known in report.shipped],
    }


def _answer(answer: ArchiveAnswer) -> Fields:
    return {
        **_archive(answer.archive),
        "asked_for": list(answer.asked_for),
        "new": answer.is_new,
    }


def _archive(known: KeptArchive) -> Fields:
    return {
        "key": known.key,
        "distribution": known.distribution,
        "release": known.release,
        "architecture": known.architecture,
        "label": known.label,
        "asked": known.asked,
        "sonames": known.sonames,
        "programs": known.programs,
        "packages": known.packages,
        "bytes": known.bytes,
        "lacking": list(known.lacking),
        "suites": [
            {
                "suite": suite.suite,
                "archive": suite.archive,
                "components": list(suite.components),
                "date": suite.date or None,
                "valid_until": suite.valid_until or None,
                "digest": suite.digest,
                "signed_by": list(suite.signed_by),
                "doubt": suite.doubt or None,
            }
            for suite in known.suites
        ],
    }
