"""The main job's answer for a terminal: what is missing, who needs it, and the line that mends it."""

from collections.abc import Sequence

from fleet_audit.audit.model.finding import combined
from fleet_audit.audit.model.need import Need, NeedKind
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.reports.deps_totals import COLUMNS, totals
from fleet_audit.reports.need_words import (
    answer,
    answers,
    nearest_first,
    need_counts,
    nothing_missing,
    other_findings,
)
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.proposal_text import write_proposal
from fleet_audit.reports.proposal_words import places
from fleet_audit.reports.summary import (
    EXIT_CODES,
    NeedGroups,
    chain_summary,
    group_needs,
)
from fleet_audit.reports.surplus_text import write_surplus
from fleet_audit.reports.terminal import BREAK, Line, Page, Piece, Style, count
from fleet_audit.reports.text import (
    VERDICT_STYLE,
    target_words,
    write_findings,
    write_gaps,
    write_head,
    write_next,
    write_notes,
    write_verdict,
)

MAX_NAMED = 8
MAX_SERVICES = 3


def deps_text(reports: Sequence[DepsReport], options: RenderOptions) -> str:
    """Return the report on one image, or one after the other on several with a summary at the end."""
    page = Page(options)
    for index, report in enumerate(reports):
        if index:
            page.blank()
            page.line(Piece("─" * 40, "dim"))
        _write(page, report)
    if len(reports) != 1:
        _write_summary(page, reports)
    return page.text()


def _write(page: Page, report: DepsReport) -> None:
    groups = group_needs(report.needs)
    write_head(page, report.family or report.subject, report.image)
    if report.services:
        page.line(f"{count(len(report.services), 'service')}: ", ", ".join(report.services))
    write_notes(page, report)
    if report.image is not None:
        _write_needs(page, report, groups)
    if report.image is not None or report.proposal.placement.patch:
        write_proposal(page, report.proposal)
    write_surplus(page, report)
    write_findings(page, other_findings(report, groups))
    write_gaps(page, report.gaps)
    write_verdict(page, report)
    write_next(page, _next_commands(report, groups))


def _write_needs(page: Page, report: DepsReport, groups: NeedGroups) -> None:
    page.blank()
    page.line(Piece("Needs", "bold"), "  ", *_joined(need_counts(groups)))
    if groups.required or groups.host:
        said = answers(report.proposal)
        rows = [_need_row(need, said) for need in (*groups.required, *groups.host)]
        page.blank()
        page.table(("", "need", "reached from", "supplied by"), rows)
    if groups.possible:
        _write_possible(page, groups.possible)
    if not groups.required:
        words = nothing_missing(report)
        page.line(Piece("✓ " if words.style else "", words.style), words.text, indent=1)


def _write_possible(page: Page, possible: Sequence[Need]) -> None:
    likeliest = sorted(possible, key=lambda need: need.tier.rank)
    names = ", ".join(need.subject for need in likeliest[:MAX_NAMED])
    more = len(possible) - MAX_NAMED
    page.blank()
    page.line(
        Piece("Lazy or optional, not there:  ", "dim"),
        names,
        Piece(f" and {more} more (-o json lists them)" if more > 0 else "", "dim"),
        indent=1,
    )


def _joined(parts: Sequence[Piece]) -> list[str | Piece]:
    joined: list[str | Piece] = []
    for part in parts:
        joined += [Piece(" · ", "dim"), part] if joined else [part]
    return joined


def _need_row(need: Need, said: dict[str, Piece]) -> tuple[Line, Line, Line, Line]:
    sign, style = _SIGNS.get(need.status, ("!", "bold red"))
    return (
        Piece(sign, style),
        Piece(need.subject, style if sign == "·" else "bold"),
        _reached(need),
        answer(need, said),
    )


_SIGNS: dict[str, tuple[str, Style]] = {
    "missing": ("✗", "red"),
    "not-available": ("✗", "red"),
    "host-driver": ("·", "dim"),
    "order-dependent": ("!", "yellow"),
    "unknown": ("?", "yellow"),
}


def _reached(need: Need) -> Line:
    if not need.reached_from:
        return _wanted(need)
    first, *others = nearest_first(need)
    line: list[str | Piece] = [first.service]
    if first.location is not None:
        line += ["  ", Piece(str(first.location), "cyan")]
    if (steps := chain_summary(first.chain)) and steps != (need.name,):
        line += [BREAK, Piece(" → ".join(steps), "dim")]
    if others:
        names = ", ".join(sorted(way.service for way in others)[:MAX_SERVICES])
        more = len(others) - MAX_SERVICES
        line += [BREAK, Piece(f"and {names}" + (f" and {more} more" if more > 0 else ""), "dim")]
    return line


def _wanted(need: Need) -> Line:
    if not need.wanted_by:
        return ""
    more = len(need.wanted_by) - 1
    return [need.wanted_by[0], Piece(f" and {more} more" if more else "", "dim")]


def _next_commands(report: DepsReport, groups: NeedGroups) -> list[tuple[str, Sequence[str]]]:
    deps = ("fleet-audit", "deps", report.subject)
    # `explain` knows no source without a manifest.
    is_explained = report.family is not None or not report.services
    commands: list[tuple[str, Sequence[str]]] = []
    if is_explained:
        explain = ("fleet-audit", "explain")
        where = target_words(report.family, report.image)
        asked = [n for n in (*groups.required, *groups.host) if n.kind is not NeedKind.SYMBOL_VERSION]
        if asked:
            first = min(asked, key=lambda need: need.kind is NeedKind.DISTRIBUTION)
            commands.append(("why?", (*explain, first.subject, *where)))
        if steps := report.proposal.steps:
            telling = next((step for step in steps if step.is_choice), steps[-1])
            commands.append(("the proof:", (*explain, f"package:{telling.package}", *where)))
    if report.proposal.packages and report.proposal.verification is None and is_explained:
        commands.append(("try it:", (*deps, "--verify")))
    if any(place.patch and place.is_written is None for place in places(report.proposal.placement)):
        commands.append(("apply it:", (*deps, "--write")))
    if is_explained:
        commands.append(("all of it:", (*deps, "-o", "json")))
    return commands


def _write_summary(page: Page, reports: Sequence[DepsReport]) -> None:
    if not reports:
        page.line("Nothing to report on: no family was chosen.")
        return
    page.blank()
    page.line(Piece("Summary", "bold"))
    page.table(
        COLUMNS,
        [_summary_row(report) for report in reports],
    )
    verdict = combined(report.verdict for report in reports)
    page.blank()
    page.line(
        Piece(verdict.upper(), VERDICT_STYLE[verdict]),
        f"  {count(len(reports), 'image')} · exit code {EXIT_CODES[verdict]}",
    )


def _summary_row(report: DepsReport) -> tuple[Line, ...]:
    verdict = Piece(str(report.verdict), VERDICT_STYLE[report.verdict])
    return report.family or report.subject, verdict, *totals(report)
