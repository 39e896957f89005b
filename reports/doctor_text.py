"""What ``doctor`` found, as terminal text and as a document."""

from collections.abc import Iterable

from fleet_audit.audit.model.doctor import DoctorReport, Part
from fleet_audit.audit.model.finding import Verdict
from fleet_audit.reports.documents import encode
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.terminal import Line, Page, Piece, count, size


def doctor_text(report: DoctorReport, options: RenderOptions) -> str:
    """Return the state of an installation, one line for each part."""
    page = Page(options)
    page.line(Piece(f"fleet-audit {report.version}", "bold"), f"  on {report.python}")
    for title, parts in (
        ("Libraries", report.libraries),
        ("Engines", report.engines),
        ("Scanners", report.scanners),
        ("Archives", report.archives),
    ):
        page.blank()
        page.line(Piece(title, "bold"))
        page.table(("", "", "", ""), list(_rows(parts)))
    page.blank()
    page.line(Piece("Caches", "bold"))
    page.table(
        ("", "", "", ""),
        [(cache.name, count(cache.files, "file"), size(cache.bytes), cache.path) for cache in report.caches],
    )
    return page.text()


def _rows(parts: Iterable[Part]) -> Iterable[tuple[Line, ...]]:
    for part in parts:
        sign = Piece("✓", "green") if part.is_present else Piece("✗", "yellow")
        yield (sign, part.name, part.detail, Piece(part.advice, "dim"))


def doctor_document(report: DoctorReport, options: RenderOptions) -> str:
    """Return ``doctor/1``: the envelope of every document; nothing here decides, so it always passes."""
    return encode(
        {
            "schema": "fleet-audit.doctor/1",
            "tool": {"name": "fleet-audit", "version": options.version},
            "created": options.created,
            "subject": "installation",
            "python": report.python,
            "libraries": [_part(part) for part in report.libraries],
            "engines": [_part(part) for part in report.engines],
            "scanners": [_part(part) for part in report.scanners],
            "archives": [_part(part) for part in report.archives],
            "caches": [
                {"name": cache.name, "path": cache.path, "files": cache.files, "bytes": cache.bytes}
                for cache in report.caches
            ],
            "findings": [],
            "gaps": [],
            "verdict": Verdict.PASS,
        }
    )


def _part(part: Part) -> dict[str, object]:
    return {
        "name": part.name,
        "present": part.is_present,
        "detail": part.detail,
        "advice": part.advice,
    }
