"""The main job's answer for a terminal: what is missing, who needs it, and the line that mends it."""

from collections.abc import Sequence

from fleet_audit.audit.dockerfiles.addition.instruction import apt_instruction
from fleet_audit.audit.model.apt import AptPlan, Placement
from fleet_audit.audit.model.finding import Finding, Severity, combined
from fleet_audit.audit.model.need import Need, NeedKind
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.summary import (
    EXIT_CODES,
    NeedGroups,
    blocking_gaps,
    chain_summary,
    group_needs,
)
from fleet_audit.reports.terminal import BREAK, Line, Page, Piece, Style, count, size
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
MAX_SURPLUS = 12


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
        _write_proposal(page, report.proposal)
        _write_surplus(page, report)
    write_findings(page, _other_findings(report, groups))
    write_gaps(page, report.gaps)
    write_verdict(page, report)
    write_next(page, _next_commands(report, groups))


def _other_findings(report: DepsReport, groups: NeedGroups) -> list[Finding]:
    """Return the findings that the table of needs does not show already, without mere remarks."""
    needs = (*groups.required, *groups.possible)
    shown = {need.subject for need in needs}
    shown |= {f"module:{need.name}" for need in needs if need.kind is NeedKind.DISTRIBUTION}
    return [
        finding
        for finding in report.findings
        if finding.waiver is not None
        or (finding.severity is not Severity.INFO and finding.subject not in shown)
    ]


def _write_needs(page: Page, report: DepsReport, groups: NeedGroups) -> None:
    page.blank()
    page.line(Piece("Needs", "bold"), "  ", *_joined(_need_counts(groups)))
    if groups.required or groups.host:
        answers = _answers(report.proposal)
        rows = [_need_row(need, answers) for need in (*groups.required, *groups.host)]
        page.blank()
        page.table(("", "need", "reached from", "supplied by"), rows)
    if groups.possible:
        _write_possible(page, groups.possible)
    if not groups.required and blocking_gaps(report.gaps):
        page.line(
            "Nothing is known to be missing, and not everything could be examined (see below).", indent=1
        )
    elif not groups.required:
        page.line(Piece("✓ ", "green"), f"Nothing that {_whom(report)} is missing.", indent=1)


def _need_counts(groups: NeedGroups) -> list[str | Piece]:
    undecided = sum(need.status == "unknown" for need in groups.required)
    counts: list[tuple[int, str, Style]] = [
        (len(groups.required) - undecided, "missing", "red"),
        (undecided, "undecided", "yellow"),
        (len(groups.found), "found", ""),
        (len(groups.host), "from the host's driver", ""),
        (len(groups.possible), "lazy or optional and not there", ""),
    ]
    return [
        Piece(f"{number} {words}", style) for number, words, style in counts if number or words == "found"
    ]


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


def _whom(report: DepsReport) -> str:
    match report.services:
        case ():
            return "the image's extension modules require"
        case (service,):
            return f"{service} requires"
        case services:
            return f"the {len(services)} services require"


def _joined(parts: Sequence[str | Piece]) -> list[str | Piece]:
    joined: list[str | Piece] = []
    for part in parts:
        joined += [Piece(" · ", "dim"), part] if joined else [part]
    return joined


def _need_row(need: Need, answers: dict[str, Piece]) -> tuple[Line, Line, Line, Line]:
    sign, style = _SIGNS.get(need.status, ("!", "bold red"))
    return (
        Piece(sign, style),
        Piece(need.subject, style if sign == "·" else "bold"),
        _reached(need),
        _answer(need, answers),
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
    first, *others = sorted(need.reached_from, key=lambda way: (way.level, len(way.chain), way.service))
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


def _answers(plan: AptPlan) -> dict[str, Piece]:
    answers = {row.need: Piece(f"no package: {row.verdict}", "yellow") for row in plan.unsatisfied}
    return answers | {need: Piece(" ".join(packages), "green") for need, packages in plan.suppliers().items()}


def _answer(need: Need, answers: dict[str, Piece]) -> Line:
    if (answer := answers.get(need.subject)) is not None:
        return answer
    why = str(getattr(need.resolution, "why", "") or "")
    match need.status:
        case "host-driver":
            return Piece("the host's driver", "dim")
        case "missing" if need.kind is NeedKind.DISTRIBUTION:
            names = " or ".join(need.alternatives)
            return Piece(f"the requirements: {names}" if names else "the requirements", "dim")
        case "missing":
            return Piece("no package known", "dim")
        case _:
            return f"{need.status}: {why}" if why else need.status


def _write_proposal(page: Page, plan: AptPlan) -> None:
    if plan.is_empty:
        if plan.placement.is_written is False:
            page.blank()
            _write_outcome(page, plan.placement)
        return
    page.blank()
    total = f"{count(len(plan.packages), 'package')}, {size(plan.installed_bytes)} installed"
    page.line(
        Piece("Proposal", "bold"),
        f"  {total}, {size(plan.download_bytes)} to download",
        Piece(f"  ({plan.certificate or 'the smallest that there is'})" if plan.is_optimal else "", "dim"),
    )
    if plan.placement.dockerfile is not None:
        why = f"  {plan.placement.why}" if plan.placement.why else ""
        page.line("in ", Piece(str(plan.placement.dockerfile), "cyan"), Piece(why, "dim"), indent=1)
    _write_outcome(page, plan.placement)
    page.blank()
    page.verbatim(apt_instruction(plan.roots).splitlines(), "green")
    page.blank()
    roots = [package for package in plan.packages if package.is_root]
    page.table(
        ("package", "answers", ">installed"),
        [
            (
                f"{package.name}={package.version}",
                Piece(", ".join(package.supplies) or " → ".join(package.because[:1]), "dim"),
                size(package.installed_bytes),
            )
            for package in roots
        ],
    )
    others = [package for package in plan.packages if not package.is_root]
    if others:
        installed = size(sum(package.installed_bytes for package in others))
        page.line(
            Piece(f"and {count(len(others), 'dependency', 'dependencies')}, {installed}", "dim"), indent=1
        )
    if plan.snapshot:
        page.line(Piece(f"planned with {plan.snapshot}", "dim"), indent=1)


def _write_outcome(page: Page, place: Placement) -> None:
    """Write whether the patch was applied, where that was asked for, or why there is none."""
    if place.is_written:
        where = place.dockerfile.path if place.dockerfile else ""
        page.line(Piece("✓ ", "green"), f"written to {where}: build the image anew", indent=1)
    elif place.is_written is False:
        page.line(Piece("✗ ", "yellow"), f"nothing was written: {place.why_not_written}", indent=1)
    elif place.why_no_patch:
        page.line(Piece(f"no patch: {place.why_no_patch}", "dim"), indent=1)


def _write_surplus(page: Page, report: DepsReport) -> None:
    if not report.surplus:
        return
    page.blank()
    total = size(sum(surplus.installed_bytes for surplus in report.surplus))
    page.line(Piece("Nothing reachable needs", "bold"), f"  {count(len(report.surplus), 'package')}, {total}")
    largest = sorted(report.surplus, key=lambda surplus: (-surplus.installed_bytes, surplus.package))
    page.table(
        ("package", ">installed", "why", "how sure"),
        [
            (s.package, size(s.installed_bytes), Piece(s.reason, "dim"), s.confidence)
            for s in largest[:MAX_SURPLUS]
        ],
    )
    if len(largest) > MAX_SURPLUS:
        page.line(Piece(f"and {len(largest) - MAX_SURPLUS} more (-o json lists them)", "dim"), indent=1)


def _next_commands(report: DepsReport, groups: NeedGroups) -> list[tuple[str, Sequence[str]]]:
    if report.services and report.family is None:
        # `explain` knows no source without a manifest.
        return []
    commands: list[tuple[str, Sequence[str]]] = []
    asked = [n for n in (*groups.required, *groups.host) if n.kind is not NeedKind.SYMBOL_VERSION]
    if asked:
        first = min(asked, key=lambda need: need.kind is NeedKind.DISTRIBUTION)
        where = target_words(report.family, report.image)
        commands.append(("why?", ("fleet-audit", "explain", first.subject, *where)))
    commands.append(("all of it:", ("fleet-audit", "deps", report.subject, "-o", "json")))
    return commands


def _write_summary(page: Page, reports: Sequence[DepsReport]) -> None:
    if not reports:
        page.line("Nothing to report on: no family was chosen.")
        return
    page.blank()
    page.line(Piece("Summary", "bold"))
    page.table(
        ("family", "verdict", ">missing", ">packages to add", ">installed", ">blocking gaps"),
        [_summary_row(report) for report in reports],
    )
    verdict = combined(report.verdict for report in reports)
    page.blank()
    page.line(
        Piece(verdict.upper(), VERDICT_STYLE[verdict]),
        f"  {count(len(reports), 'image')} · exit code {EXIT_CODES[verdict]}",
    )


def _summary_row(report: DepsReport) -> tuple[Line, ...]:
    plan = report.proposal
    return (
        report.family or report.subject,
        Piece(str(report.verdict), VERDICT_STYLE[report.verdict]),
        str(len(group_needs(report.needs).required)),
        str(len(plan.packages)),
        size(plan.installed_bytes) if plan.packages else "–",
        str(len(blocking_gaps(report.gaps))),
    )
