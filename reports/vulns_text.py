"""What is known to be wrong with an image, for a terminal: what is reached and can be mended first."""

from collections.abc import Sequence

import msgspec

from fleet_audit.audit.model.advisories import Advisory, Reach, ReachedBy, VulnsReport
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.summary import chain_summary
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

SEVERITY_STYLE: dict[str, Style] = {
    "critical": "bold red",
    "high": "red",
    "medium": "yellow",
    "low": "dim",
    "unknown": "dim",
}
_LISTS = ("EPSS", "KEV")
"""What a report rests on that looked at no package."""
_MAX_SERVICES = 4
_MAX_STEPS = 6


class Group(msgspec.Struct, frozen=True):
    """Advisories of which the same is to be said."""

    title: str
    advisories: tuple[Advisory, ...]


def groups_of(advisories: Sequence[Advisory]) -> tuple[Group, ...]:
    """Return the advisories in the order in which they concern somebody; every one in exactly one group."""
    reached = [each for each in advisories if each.reach is Reach.REACHED]
    titles = (
        ("Reached by services, and there is a fix", [each for each in reached if each.fixed_in]),
        ("Reached by services, without a fix", [each for each in reached if not each.fixed_in]),
        ("Not known whether a service reaches it", [e for e in advisories if e.reach is Reach.UNKNOWN]),
        ("There, and no service reaches it", [e for e in advisories if e.reach is Reach.UNREACHED]),
    )
    return tuple(Group(title, tuple(found)) for title, found in titles if found)


def vulns_text(reports: Sequence[VulnsReport], options: RenderOptions) -> str:
    """Return the advisories on each image, one after the other."""
    return one_after_the_other(reports, options, _write)


def examined_words(report: VulnsReport) -> str:
    """Say what was looked at, with what; never that nothing was found where nothing was looked at."""
    if not report.examined:
        return "No package was looked at, so no advisory is known."
    tools = ", ".join(
        f"{tool.name} {tool.version}"
        + (f" (database of {tool.database_date[:10]})" if tool.database_date else "")
        for tool in report.tools
        if tool.name not in _LISTS
    )
    words = f"{count(report.examined, 'package')} examined by {tools}"
    return f"{words}: {count(len(report.advisories), 'advisory', 'advisories')}"


def _write(page: Page, report: VulnsReport) -> None:
    write_head(page, report.subject, report.image)
    page.line(examined_words(report))
    if report.is_end_of_life:
        page.line(Piece("note  ", "dim"), "this release gets no security updates any more (end of life)")
    write_notes(page, report)
    for group in groups_of(report.advisories):
        page.blank()
        page.line(Piece(f"{group.title} ({len(group.advisories)})", "bold"))
        page.table(("", "", "", ""), [advisory_row(advisory) for advisory in group.advisories])
    _write_rest(page, report)


def _write_rest(page: Page, report: VulnsReport) -> None:
    told = {f"advisory:{each.id}:{each.ecosystem}/{each.package}" for each in report.advisories}
    blocking = [f for f in report.findings if f.blocks or f.waiver is not None or f.subject not in told]
    write_findings(page, blocking)
    write_gaps(page, report.gaps)
    write_verdict(page, report)
    if report.advisories and report.image is not None:
        first = report.advisories[0].id
        words = ("fleet-audit", "explain", first, *target_words(report.family, report.image))
        write_next(page, [("why?", words)])


def advisory_row(advisory: Advisory) -> tuple[Line, Line, Line, Line]:
    """Return an advisory's gravity, its name, the package and its fix, and what it is about."""
    severity = Piece(advisory.severity, SEVERITY_STYLE.get(advisory.severity, ""))
    name: Line = (Piece(advisory.id, "bold"), *_marks(advisory))
    version = ", ".join(advisory.installed)
    package: list[str | Piece] = [f"{advisory.package} {version}"]
    if advisory.fixed_in:
        package += [BREAK, Piece("→ ", "green"), " or ".join(advisory.fixed_in)]
    elif advisory.status:
        package += [BREAK, Piece(advisory.status.replace("_", " "), "dim")]
    return severity, name, package, _about(advisory)


def _marks(advisory: Advisory) -> list[str | Piece]:
    """Return what the optional inputs say: exploited, how likely to be, and the word of VEX documents."""
    marks: list[str | Piece] = []
    if advisory.is_exploited:
        marks += [BREAK, Piece("known to be exploited", "red")]
    if advisory.epss is not None:
        marks += [BREAK, Piece(f"EPSS {advisory.epss:.1%}", "dim")]
    for statement in advisory.vex:
        why = f": {statement.justification}" if statement.justification else ""
        marks += [BREAK, Piece(f"VEX {statement.status}{why}", "cyan")]
    return marks


def _about(advisory: Advisory) -> list[str | Piece]:
    parts: list[str | Piece] = [advisory.title] if advisory.title else []
    if advisory.reached_by and advisory.reach is Reach.REACHED:
        parts += [*((BREAK,) if parts else ()), *_reached(advisory.reached_by)]
    if advisory.why_unknown:
        parts += [*((BREAK,) if parts else ()), Piece(advisory.why_unknown, "dim")]
    if place := _bringer(advisory):
        parts += [*((BREAK,) if parts else ()), Piece(place, "dim")]
    return parts


def _reached(ways: Sequence[ReachedBy]) -> list[str | Piece]:
    """Return who reaches it, and on which way the surest of them does."""
    names = ", ".join(way.service for way in ways[:_MAX_SERVICES])
    more = f" and {len(ways) - _MAX_SERVICES} more" if len(ways) > _MAX_SERVICES else ""
    best = min(ways, key=lambda way: (way.level, len(way.chain), way.service))
    steps = chain_summary(best.chain)
    shown = steps if len(steps) <= _MAX_STEPS else (*steps[:2], "…", *steps[2 - _MAX_STEPS :])
    place: list[str | Piece] = [Piece(f"{best.location}  ", "cyan")] if best.location else []
    return [f"{names}{more}", BREAK, *place, Piece(" → ".join(shown), "dim")]


def _bringer(advisory: Advisory) -> str:
    origin = f"from {', '.join(advisory.origins)}" if advisory.origins else ""
    line = str(advisory.brought_by) if advisory.brought_by is not None else ""
    return ", ".join(part for part in (origin, line) if part)
