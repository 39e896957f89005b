"""Which entry points of an image cannot load, and why, for a terminal."""

from collections import defaultdict
from collections.abc import Sequence

from fleet_audit.audit.model.elf import EntryPoint
from fleet_audit.audit.model.image import ImageIdentity
from fleet_audit.audit.model.one_file import HARMLESS
from fleet_audit.audit.model.report import EntryReport, LddReport, Problem
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.terminal import BREAK, Line, Page, Piece, Style, count
from fleet_audit.reports.text import (
    one_after_the_other,
    target_words,
    write_findings,
    write_gaps,
    write_head,
    write_next,
    write_notes,
    write_verdict,
)

_REMARKS = HARMLESS | {"isa", "order-dependent"}
"""Kinds of problems that are told without counting the entry point among those that cannot load."""


def ldd_text(reports: Sequence[LddReport], options: RenderOptions) -> str:
    """Return the entry points that do not load, one image after the other."""
    return one_after_the_other(reports, options, _write)


def _write(page: Page, report: LddReport) -> None:
    write_head(page, report.subject, report.image)
    page.line(
        f"{count(report.elf_files, 'ELF file')}, {count(report.extension_modules, 'extension module')}, "
        f"{count(len(report.entries), 'entry point')}"
    )
    write_notes(page, report)
    broken = [entry for entry in report.entries if _is_broken(entry)]
    remarked = [entry for entry in report.entries if entry.problems and not _is_broken(entry)]
    for entry in broken:
        _write_entry(page, entry, "✗", "red")
    for entry in remarked:
        _write_entry(page, entry, "·", "dim")
    page.blank()
    optional = sum(_is_optional(entry) for entry in remarked)
    loading = len(report.entries) - len(broken) - optional
    if broken:
        page.line(f"{count(len(broken), 'entry point')} cannot load; {loading} can.")
    elif loading:
        page.line(Piece("✓ ", "green"), f"All of {count(loading, 'entry point')} load.")
    else:
        page.line("No entry point was found, so nothing is known to load.")
    if optional:
        words = (
            "plugin would not load, if anything loads it",
            "plugins would not load, if anything loads them",
        )
        page.line(Piece(f"{count(optional, *words)}.", "dim"))
    named = {f"so:{problem.soname}" for entry in report.entries for problem in entry.problems}
    write_findings(page, [f for f in report.findings if f.subject not in named or f.waiver is not None])
    write_gaps(page, report.gaps)
    write_verdict(page, report)
    if broken and report.image is not None:
        write_next(page, _next(report.subject, broken[0], report.image))


def _is_broken(report: EntryReport) -> bool:
    return any(problem.kind not in _REMARKS for problem in report.problems)


def _is_optional(report: EntryReport) -> bool:
    return any(problem.kind == "optional" for problem in report.problems)


def _next(subject: str, report: EntryReport, image: ImageIdentity) -> list[tuple[str, tuple[str, ...]]]:
    """Return what to type next: how this entry point fails, and who needs what it lacks."""
    commands: list[tuple[str, tuple[str, ...]]] = [
        ("how?", ("fleet-audit", "ldd", subject, "--tree", report.entry.path))
    ]
    names = (p.soname for p in report.problems if p.soname and p.kind not in _REMARKS)
    if (soname := next(names, None)) is not None:
        target = target_words(None, image)
        commands.append(("why?", ("fleet-audit", "explain", f"so:{soname}", *target)))
    return commands


def _write_entry(page: Page, report: EntryReport, sign: str, style: Style) -> None:
    page.blank()
    page.line(
        Piece(f"{sign} ", style), *entry_line(report.entry, "bold" if sign == "✗" else ""), *_bringer(report)
    )
    problem_table(page, report)


def _bringer(report: EntryReport) -> tuple[Piece, ...]:
    """Return which package or family brought the file of an entry point."""
    known = (report.package, report.origin and f"from {report.origin}")
    words = ", ".join(word for word in known if word)
    return (Piece(f"  {words}", "dim"),) if words else ()


def entry_line(entry: EntryPoint, style: Style = "bold") -> tuple[Piece, Piece]:
    """Return an entry point with its kind and whose it is."""
    whom = ", ".join(part for part in (entry.module, entry.distribution) if part)
    return Piece(entry.path, style), Piece(f"  {entry.kind}{f' · {whom}' if whom else ''}", "dim")


def problem_table(page: Page, report: EntryReport) -> None:
    """Write the problems of an entry point, the same one seen from several files once."""
    groups: defaultdict[tuple[str, str, str], list[Problem]] = defaultdict(list)
    for problem in report.problems:
        groups[problem.kind, problem.soname, problem.detail].append(problem)
    rows = [_problem_row(problems, report.entry.path) for problems in groups.values()]
    page.table(("", "", ""), rows, indent=3)
    searches = {problem.searched for problem in report.problems if problem.searched}
    if len(searches) == 1:
        page.line(Piece(f"searched {', '.join(searches.pop())}", "dim"), indent=3)


def _problem_row(problems: Sequence[Problem], entry: str) -> tuple[Line, Line, Line]:
    """Return one row for the same problem seen from several files."""
    first = problems[0]
    text: list[str | Piece] = [first.detail] if first.detail else []
    wanters = sorted({str(problem.wanted_by) for problem in problems} - {entry})
    if wanters:
        more = f" and {len(wanters) - 1} more" if len(wanters) > 1 else ""
        nearest = wanters[0].rpartition("/")[2]
        text += [*((BREAK,) if text else ()), Piece(f"needed by {nearest}{more}", "dim")]
    style: Style = "dim" if first.kind in _REMARKS else "yellow"
    return Piece(first.kind, style), first.soname, text
