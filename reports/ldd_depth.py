"""One ELF file in depth: for a terminal, and as a document."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from fleet_audit.audit.model.one_file import Depth, DepthReport, DepthSymbol
from fleet_audit.reports.documents import document_of, ldd_fields
from fleet_audit.reports.ldd_hardening import hardening_cells
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.terminal import Line, Page, Piece, size
from fleet_audit.reports.text import write_gaps, write_head, write_notes, write_verdict

MAX_SHOWN = 30
"""Symbols and sections that text shows; the document has more."""

Fields = dict[str, Any]


def depth_text(reports: Sequence[DepthReport], options: RenderOptions) -> str:
    """Return what one file is, needs, offers, and what protects it."""
    page = Page(options)
    for report in reports:
        _write(page, report)
    return page.text()


def _write(page: Page, report: DepthReport) -> None:
    write_head(page, report.subject, report.image)
    page.blank()
    page.line(Piece(report.path, "bold"), Piece(f"  {size(report.size)}", "dim"))
    write_notes(page, report)
    if report.depth is not None:
        _write_depth(page, report.depth)
    write_gaps(page, report.gaps)
    write_verdict(page, report)


def _write_depth(page: Page, depth: Depth) -> None:
    page.line(f"{depth.elf_class} {depth.elf_type} for {depth.machine}")
    page.table(("", ""), [(Piece(label, "dim"), text) for label, text in _facts(depth) if text])
    page.blank()
    page.line(Piece("Hardening", "bold"))
    page.table(("PIE", "stack", "RELRO", "canary", ">fortified", "also"), [hardening_cells(depth.hardening)])
    _write_symbols(page, "Imported symbols", depth.imported, depth.imported_total)
    _write_symbols(page, "Exported symbols", depth.exported, depth.exported_total)
    page.blank()
    page.line(Piece("Relocations", "bold"))
    page.table(("type", ">number"), [(kind, str(number)) for kind, number in depth.relocations.items()])
    page.blank()
    page.line(Piece("Segments", "bold"))
    rows = [(s.kind, s.flags, f"{s.offset:#x}", str(s.file_size), str(s.memory_size)) for s in depth.segments]
    page.table(("", "", ">at", ">in the file", ">in memory"), rows)
    if depth.notes:
        page.blank()
        page.line(Piece("Notes", "bold"))
        page.table(
            ("", "", ""), [(note.owner, note.kind, Piece(note.content, "dim")) for note in depth.notes]
        )


def _facts(depth: Depth) -> Iterator[tuple[str, Line]]:
    yield "entry", f"{depth.entry:#x}" if depth.entry else ""
    yield "interpreter", depth.interpreter
    yield "soname", depth.soname
    yield "needs", ", ".join(depth.needed)
    yield "RPATH", "" if depth.rpath is None else depth.rpath or "(empty)"
    yield "RUNPATH", "" if depth.runpath is None else depth.runpath or "(empty)"
    yield "build id", depth.build_id
    for needed in depth.versions_needed:
        yield f"versions of {needed.file}", ", ".join(needed.names)
    yield "versions defined", ", ".join(depth.versions_defined)


def _write_symbols(page: Page, title: str, symbols: Sequence[DepthSymbol], total: int) -> None:
    page.blank()
    page.line(Piece(title, "bold"), Piece(f"  {total}", "dim"))
    shown = symbols[:MAX_SHOWN]
    page.table(("", "", ""), [(s.name, Piece(s.version, "dim"), Piece(_kind(s), "dim")) for s in shown])
    if total > len(shown):
        page.line(Piece(f"and {total - len(shown)} more (-o json lists {len(symbols)})", "dim"), indent=1)


def _kind(symbol: DepthSymbol) -> str:
    return f"{symbol.kind}, weak" if symbol.is_weak else symbol.kind


def depth_document(reports: Sequence[DepthReport], options: RenderOptions) -> str:
    """Return ``ldd/1`` with `deep`; null where the file could not be read."""
    return document_of("ldd", reports, options, _fields)


def _fields(report: DepthReport) -> Fields:
    found = None if report.depth is None else msgspec.to_builtins(report.depth)
    head = {"path": report.path, "size": report.size}
    return {**ldd_fields(report), "deep": None if found is None else head | found}
