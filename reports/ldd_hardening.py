"""What protects programs and extension modules: for a terminal, and as a document."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from fleet_audit.audit.model.one_file import Hardened, Hardening, HardeningReport
from fleet_audit.reports.documents import document_of, ldd_fields
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.terminal import Line, Page, Piece, count
from fleet_audit.reports.text import write_gaps, write_head, write_notes, write_verdict

Fields = dict[str, Any]

_SHARES: tuple[tuple[str, Callable[[Hardening], bool]], ...] = (
    ("a stack that is not executable", lambda h: not h.has_executable_stack),
    ("full RELRO", lambda h: h.relro == "full"),
    ("at least partial RELRO", lambda h: h.relro != "none"),
    ("a stack canary", lambda h: h.has_canary),
    ("fortified calls", lambda h: h.fortified > 0),
)


def hardening_text(reports: Sequence[HardeningReport], options: RenderOptions) -> str:
    """Return one row for each file, and how many have each protection."""
    page = Page(options)
    for report in reports:
        _write(page, report)
    return page.text()


def _write(page: Page, report: HardeningReport) -> None:
    write_head(page, report.subject, report.image)
    found = [each.hardening for each in report.hardened]
    programs = [each for each in found if each.is_pie is not None]
    page.line(
        f"{count(len(programs), 'program')}, {count(len(found) - len(programs), 'library', 'libraries')}"
    )
    write_notes(page, report)
    if found:
        page.blank()
        columns = ("file", "PIE", "stack", "RELRO", "canary", ">fortified", "also")
        page.table(columns, [_row(each) for each in report.hardened])
        page.blank()
        pie = sum(each.is_pie is True for each in programs)
        page.line(f"position-independent: {pie} of {count(len(programs), 'program')}")
        for what, has in _SHARES:
            page.line(f"{what}: {sum(map(has, found))} of {count(len(found), 'file')}")
    write_gaps(page, report.gaps)
    write_verdict(page, report)


def _row(each: Hardened) -> tuple[Line, ...]:
    return (Piece(each.entry.path), *hardening_cells(each.hardening))


def hardening_cells(found: Hardening) -> tuple[Line, ...]:
    """Return the words for each protection, in the order of the table's columns."""
    pie = {True: Piece("yes", "green"), False: Piece("no", "yellow"), None: Piece("library", "dim")}
    relro = Piece(found.relro, "green" if found.relro == "full" else "yellow")
    also = [
        *(["writable code"] if found.has_writable_code else []),
        *(["text relocations"] if found.has_text_relocations else []),
        *([] if found.is_stripped else ["not stripped"]),
    ]
    return (
        pie[found.is_pie],
        Piece("executable", "red") if found.has_executable_stack else Piece("data", "green"),
        relro,
        Piece("yes", "green") if found.has_canary else Piece("no", "yellow"),
        f"{found.fortified}/{found.fortified + found.fortifiable}",
        Piece(", ".join(also), "dim"),
    )


def hardening_document(reports: Sequence[HardeningReport], options: RenderOptions) -> str:
    """Return ``ldd/1`` with `hardening` for each file."""
    return document_of("ldd", reports, options, _fields)


def _fields(report: HardeningReport) -> Fields:
    return {**ldd_fields(report), "hardening": [_hardened(each) for each in report.hardened]}


def _hardened(each: Hardened) -> Fields:
    return {
        "path": each.entry.path,
        "kind": each.entry.kind,
        "module": each.entry.module,
        "distribution": each.entry.distribution,
        **hardening_fields(each.hardening),
    }


def hardening_fields(found: Hardening) -> Fields:
    """Return the protections of one file by the names of `Hardening`."""
    return msgspec.structs.asdict(found)
