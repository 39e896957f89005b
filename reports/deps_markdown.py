"""The main job's answer as Markdown, of a size for a comment or the summary of a CI step."""

from collections.abc import Iterable, Iterator, Sequence

from fleet_audit.audit.model.apt import AptPlan, Placement, Remedy
from fleet_audit.audit.model.finding import Finding, Gap, combined
from fleet_audit.audit.model.need import Need
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.reports.deps_totals import COLUMNS, totals
from fleet_audit.reports.markdown import Markup, Section, code, codes, document, fence, items, prose, table
from fleet_audit.reports.need_words import (
    answer,
    answers,
    nearest_first,
    need_counts,
    nothing_missing,
    other_findings,
)
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.proposal_words import (
    STEERING,
    another,
    apt_alone,
    lines_to_add,
    outcome,
    pinned,
    plan_size,
    remedies_title,
    remedy_gain,
    share_words,
    sort_remedies,
    split_by_name,
    standing,
    told_places,
    unnamed,
    use_of,
    verified,
)
from fleet_audit.reports.summary import (
    EXIT_CODES,
    NeedGroups,
    blocking_gaps,
    chain_summary,
    group_needs,
    verdict_reason,
)
from fleet_audit.reports.surplus_groups import (
    SurplusGroup,
    SurplusHead,
    conditions,
    followers_words,
    group_words,
    nothing_surplus,
    surplus_groups,
    total_words,
)
from fleet_audit.reports.terminal import count, size
from fleet_audit.reports.text import finding_label

MAX_ROWS = 40
MAX_EVIDENCE = 8


def deps_markdown(reports: Sequence[DepsReport], options: RenderOptions) -> str:
    """Return the report on one image, or a table of several with one report after the other.

    Sections that do not fit into a comment are left out whole, and the document says which.
    """
    if not reports:
        return "Nothing to report on: no family was chosen.\n"
    sections = [section for report in reports for section in _sections(report)]
    summary = [_summary(reports)] if len(reports) > 1 else []
    return document([*summary, *sections, _footer(reports, options)])


def _sections(report: DepsReport) -> Iterator[Section]:
    title = code(report.family or report.subject)
    groups = group_needs(report.needs)
    for name, text in _parts(report, groups):
        yield Section(Markup(f"{name} of {title}"), text)


def _parts(report: DepsReport, groups: NeedGroups) -> Iterator[tuple[str, str]]:
    """Yield what a report consists of, the most important first: what each part holds, and its text."""
    plan = report.proposal
    remedies = sort_remedies(plan)
    yield "the verdict", _head(report, groups)
    if report.image is not None:
        yield "what is missing", _missing(report, groups)
        yield from _remedies(remedies_title(remedies.better), remedies.better, plan)
        yield from _proposal(plan)
        yield from _remedies("Other ways", remedies.other, plan)
    if blocking_gaps(report.gaps):
        yield "gaps that block", _gaps("Could not be examined", blocking_gaps(report.gaps))
    yield from _findings(other_findings(report, groups))
    yield from _surplus(report)
    if harmless := [gap for gap in report.gaps if not gap.blocking]:
        yield "gaps that block nothing", _gaps("Could not be examined, and blocks nothing", harmless)


def _paragraphs(*texts: str) -> str:
    return "\n\n".join(text for text in texts if text)


def _head(report: DepsReport, groups: NeedGroups) -> str:
    title = code(report.family or report.subject)
    verdict = f"{prose(verdict_reason(report))} · exit code {EXIT_CODES[report.verdict]}"
    counts = f" · {' · '.join(piece.text for piece in need_counts(groups))}" if report.image else ""
    image = "" if report.image is None else f"image {code(str(report.image.ref))}"
    services = (
        f"{count(len(report.services), 'service')}: {codes(report.services)}" if report.services else ""
    )
    notes = items(prose(note) for note in report.notes)
    return _paragraphs(
        f"## {report.verdict.upper()} {title}",
        f"{verdict}{counts}",
        " · ".join(part for part in (image, services) if part),
        notes,
    )


def _missing(report: DepsReport, groups: NeedGroups) -> str:
    if not groups.required:
        return str(prose(nothing_missing(report).text))
    said = answers(report.proposal)
    rows = [
        (code(need.subject), _reached(need), prose(answer(need, said).text))
        for need in groups.required[:MAX_ROWS]
    ]
    return _paragraphs(
        "### Missing",
        table(("need", "reached from", "supplied by"), rows),
        _more(len(groups.required) - MAX_ROWS, "need"),
    )


def _more(number: int, what: str) -> str:
    return f"and {count(number, f'more {what}')} (the JSON document lists them)" if number > 0 else ""


def _reached(need: Need) -> Markup:
    if not need.reached_from:
        return codes(need.wanted_by[:1])
    first, *others = nearest_first(need)
    parts = [code(first.service), code(str(first.location)) if first.location else "", _chain(first.chain)]
    more = f" and {count(len(others), 'more service')}" if others else ""
    return Markup(" ".join(part for part in parts if part) + more)


def _chain(steps: Sequence[str]) -> str:
    names = chain_summary(steps)
    return f"({' → '.join(map(prose, names))})" if names else ""


def _remedies(title: str, remedies: Sequence[Remedy], plan: AptPlan) -> Iterator[tuple[str, str]]:
    if remedies:
        told = "\n".join(_remedy(remedy, plan) for remedy in remedies)
        yield "ways without packages", _paragraphs(f"### {title}", told)


def _remedy(remedy: Remedy, plan: AptPlan) -> str:
    change = f": {code(remedy.change)}" if remedy.change else ""
    sure = "" if remedy.confidence == "certain" else f" ({prose(remedy.confidence)})"
    details = [Markup(f"for {codes(remedy.needs)}")]
    if gain := remedy_gain(remedy, plan):
        details.insert(0, prose(gain))
    if remedy.locations:
        details.append(Markup(f"in {codes(str(place) for place in remedy.locations[:MAX_EVIDENCE])}"))
    details += [prose(text) for text in remedy.evidence[:MAX_EVIDENCE]]
    return "\n".join((f"- **{prose(remedy.action)}**{change}{sure}", *(f"  - {line}" for line in details)))


def _proposal(plan: AptPlan) -> Iterator[tuple[str, str]]:
    every = list(told_places(plan))
    if plan.is_empty and not plan.shares and not any(place.patch for place in every):
        return
    yield "the proposal", _paragraphs(f"### Proposal: {prose(plan_size(plan))}", items(_said_of(plan)))
    for place in every:
        if change := _change(place, plan if place is plan.placement else None):
            yield "a patch", change
    roots, others = split_by_name(plan)
    if roots:
        rows = [
            (
                code(pinned(root)),
                codes(use_of(root, plan)) or prose(STEERING),
                Markup(size(root.installed_bytes)),
            )
            for root in roots
        ]
        snapshot = f"planned with {prose(plan.snapshot)}" if plan.snapshot else ""
        rest = ", ".join(part for part in (unnamed(others) if others else "", snapshot) if part)
        yield "packages of the proposal", _paragraphs(table(("package", "answers", ">installed"), rows), rest)


def _said_of(plan: AptPlan) -> Iterator[Markup]:
    if plan.packages and (words := standing(plan)):
        yield prose(words)
    if plan.verification is not None:
        failed = [f"{name}: {why}" for name, why in plan.verification.failed]
        yield prose("; ".join((verified(plan.verification), *failed)))
    if words := apt_alone(plan):
        yield prose(words)
    yield from (prose(share_words(share)) for share in plan.shares)
    yield from (prose(f"or {another(other)}") for other in plan.others[:MAX_EVIDENCE])


def _change(place: Placement, plan: AptPlan | None) -> str:
    where = ""
    if place.dockerfile is not None:
        why = f": {prose(place.why)}" if place.why else ""
        where = f"In {code(str(place.dockerfile))}{why}"
    if place.patch:
        lines = fence(place.patch, "diff")
    else:
        added = lines_to_add(plan) if plan is not None else []
        lines = fence("\n".join(added), "dockerfile") if added else ""
    return _paragraphs(where, prose(outcome(place)), lines)


def _findings(findings: Sequence[Finding]) -> Iterator[tuple[str, str]]:
    if findings:
        told = items(_finding(finding) for finding in findings[:MAX_ROWS])
        yield "findings", _paragraphs("### Findings", told, _more(len(findings) - MAX_ROWS, "finding"))


def _finding(finding: Finding) -> Markup:
    grade = finding_label(finding).text
    place = f" {code(str(finding.location))}" if finding.location else ""
    remedy = f" → {prose(finding.remedy)}" if finding.remedy else ""
    waiver = f" (waived: {prose(finding.waiver)})" if finding.waiver is not None else ""
    return Markup(f"**{grade}** {code(finding.rule)}{place} {prose(finding.message)}{remedy}{waiver}")


def _surplus(report: DepsReport) -> Iterator[tuple[str, str]]:
    if report.image is not None and (words := nothing_surplus(report)):
        yield "surplus", prose(words)
    if not report.surplus:
        return
    groups = surplus_groups(report.surplus)
    title = f"### Nothing reachable needs {prose(total_words(groups))}"
    for index, group in enumerate(groups):
        yield "surplus", _paragraphs("" if index else title, _surplus_group(group))


def _surplus_group(group: SurplusGroup) -> str:
    rows = [_surplus_row(head) for head in group.heads[:MAX_ROWS]]
    return _paragraphs(
        prose(group_words(group)),
        table(("package", ">installed", "why", "how sure"), rows),
        _more(len(group.heads) - MAX_ROWS, "package"),
    )


def _surplus_row(head: SurplusHead) -> tuple[Markup, ...]:
    surplus = head.surplus
    parts = (surplus.reason, *conditions(surplus), followers_words(head))
    words = "; ".join(part for part in parts if part)
    place = f" {code(str(surplus.dockerfile))}" if surplus.dockerfile else ""
    why = Markup(f"{prose(words)}{place}")
    return code(surplus.package), Markup(size(surplus.installed_bytes)), why, prose(surplus.confidence)


def _gaps(title: str, gaps: Iterable[Gap]) -> str:
    known = list(gaps)
    told = items(_gap(gap) for gap in known[:MAX_ROWS])
    return _paragraphs(f"### {title}", told, _more(len(known) - MAX_ROWS, "gap"))


def _gap(gap: Gap) -> Markup:
    place = f" {code(str(gap.location))}" if gap.location else ""
    return Markup(f"{code(gap.what)}: {prose(gap.reason)}{place}")


def _summary(reports: Sequence[DepsReport]) -> Section:
    verdict = combined(report.verdict for report in reports)
    rows = [
        (code(report.family or report.subject), Markup(report.verdict), *map(prose, totals(report)))
        for report in reports
    ]
    head = f"# {verdict.upper()}: {count(len(reports), 'image')} · exit code {EXIT_CODES[verdict]}"
    return Section(Markup("the table of images"), _paragraphs(head, table(COLUMNS, rows)))


def _footer(reports: Sequence[DepsReport], options: RenderOptions) -> Section:
    policy = reports[0].policy
    judged = f" · policy {code(policy.name)} @ {code(policy.digest[:8])}" if policy.digest else ""
    return Section(Markup("the policy"), f"fleet-audit {prose(options.version)}{judged}")
