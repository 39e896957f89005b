"""How one file loads, step by step: for a terminal, and as a document."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from fleet_audit.audit.model.elf import Resolved, Step, Trace, status_of
from fleet_audit.audit.model.finding import Verdict
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.one_file import TreeReport
from fleet_audit.reports.documents import document_of, ldd_fields
from fleet_audit.reports.ldd_text import entry_line, problem_table
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.summary import EXIT_CODES
from fleet_audit.reports.terminal import Page, Piece, Style, count
from fleet_audit.reports.text import VERDICT_STYLE, write_gaps, write_head, write_notes

MAX_STEPS = 5_000
"""Steps that text shows; the document has all."""

Fields = dict[str, Any]

_VAIN = "not there"
_RULES = {"default": "the loader's own", "ld-library-path": "LD_LIBRARY_PATH", "path": "as it is written:"}
_CONCLUSIONS = {
    Verdict.PASS: "it loads",
    Verdict.FAIL: "it does not load",
    Verdict.INCOMPLETE: "not known whether it loads",
}


def tree_text(reports: Sequence[TreeReport], options: RenderOptions) -> str:
    """Return the steps in the loader's order: each request, each place tried, and what ended the search."""
    page = Page(options)
    for report in reports:
        _write(page, report)
    return page.text()


def _write(page: Page, report: TreeReport) -> None:
    write_head(page, report.subject, report.image)
    tree = report.tree
    page.blank()
    for entry in report.entries:
        page.line(*entry_line(entry.entry))
    for line in _setting(tree):
        page.line(Piece(line, "dim"))
    write_notes(page, report)
    shown = tree.steps[:MAX_STEPS]
    for wanted_by, steps in groupby(shown, key=lambda step: step.request.wanted_by):
        page.blank()
        page.line(Piece(wanted_by, "bold"), " needs")
        for step in steps:
            _write_step(page, step)
    if len(tree.steps) > len(shown):
        page.line(f"and {len(tree.steps) - len(shown)} more steps (-o json lists them)")
    _write_end(page, report)


def _setting(tree: Trace) -> Iterator[str]:
    if tree.loader:
        yield f"loader {tree.loader}{f' (glibc {tree.loader_version})' if tree.loader_version else ''}"
    if tree.program is not None:
        names = ", ".join(_basename(path) for path in tree.held)
        yield f"into the process of {tree.program}"
        yield f"which has loaded {count(len(tree.held), 'object')}: {names}"


def _write_step(page: Page, step: Step) -> None:
    resolution = step.request.resolution
    is_resolved = isinstance(resolution, Resolved)
    sign = Piece("✓ ", "green") if is_resolved else Piece("✗ ", "red")
    end = f"  → {resolution.path}" if isinstance(resolution, Resolved) else f"  {status_of(resolution)}"
    # What is loaded already was shown with its path when it was loaded.
    end = "" if is_resolved and not step.attempts else end
    note = Piece(f"  {step.note}" if step.note else "", "dim")
    colour: Style = "" if is_resolved else "yellow"
    page.line(sign, step.request.soname or "(no name)", Piece(end, colour), note, indent=1)
    for places, outcome in _runs(step):
        page.line(Piece(places, "dim"), Piece(f": {outcome}", "dim" if outcome == _VAIN else ""), indent=5)


def _runs(step: Step) -> Iterator[tuple[str, str]]:
    """Yield each run of places that the same rule names, and what became of them all."""
    for (rule, owner, outcome), run in groupby(step.attempts, key=lambda a: (a.rule, a.owner, a.outcome)):
        places = ", ".join(attempt.place for attempt in run)
        if rule == "cache":
            yield places, outcome
            continue
        # Which file is taken stands in the line above; here, in which folder it was found.
        short = "taken" if outcome.startswith("taken: ") else outcome
        yield f"{_rule(rule, owner, step.request.wanted_by)} {places}", short


def _rule(rule: str, owner: ImagePath | None, wanted_by: ImagePath) -> str:
    if owner is None:
        return _RULES.get(rule, rule)
    return f"its {rule.upper()}" if owner == wanted_by else f"{rule.upper()} of {_basename(owner)}"


def _basename(path: str) -> str:
    """Return the last component of a path."""
    return path.rpartition("/")[2] or path


def _write_end(page: Page, report: TreeReport) -> None:
    for entry in report.entries:
        if entry.problems:
            page.blank()
            page.line(Piece("What this comes to", "bold"))
            problem_table(page, entry)
    write_gaps(page, report.gaps)
    page.blank()
    loaded = len(report.tree.closure.loaded)
    more = (
        f", with {count(loaded - 1, 'more object')}" if loaded > 1 and report.verdict is Verdict.PASS else ""
    )
    page.line(
        Piece(report.verdict.upper(), VERDICT_STYLE[report.verdict]),
        f"  {_CONCLUSIONS[report.verdict]}{more} · exit code {EXIT_CODES[report.verdict]}",
    )


def tree_document(reports: Sequence[TreeReport], options: RenderOptions) -> str:
    """Return ``ldd/1`` with the one entry and its `tree`."""
    return document_of("ldd", reports, options, _fields)


def _fields(report: TreeReport) -> Fields:
    tree = report.tree
    return {
        **ldd_fields(report),
        "tree": {
            "loader": {"path": tree.loader, "version": tree.loader_version or None} if tree.loader else None,
            "process": tree.program,
            "held": list(tree.held),
            "loaded": list(tree.closure.loaded),
            "steps": [_step(step) for step in tree.steps],
        },
    }


def _step(step: Step) -> Fields:
    resolution = step.request.resolution
    return {
        "soname": step.request.soname,
        "wanted_by": step.request.wanted_by,
        "status": status_of(resolution),
        "path": resolution.path if isinstance(resolution, Resolved) else None,
        "note": step.note,
        "attempts": [
            {"rule": a.rule, "of": a.owner, "place": a.place, "outcome": a.outcome} for a in step.attempts
        ],
    }
