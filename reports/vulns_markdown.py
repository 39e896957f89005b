"""What is known to be wrong with images, as Markdown of a size for a comment."""

from collections.abc import Iterator, Sequence

from fleet_audit.audit.model.advisories import Advisory, VulnsReport
from fleet_audit.reports.markdown import Markup, Section, code, codes, document, items, prose, table
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.summary import blocking_gaps, chain_summary, verdict_reason
from fleet_audit.reports.terminal import count
from fleet_audit.reports.vulns_text import Group, examined_words, groups_of

MAX_ROWS = 40
_MAX_SERVICES = 4


def vulns_markdown(reports: Sequence[VulnsReport], _: RenderOptions) -> str:
    """Return the advisories on each image, one after the other."""
    return document(section for report in reports for section in _sections(report))


def _sections(report: VulnsReport) -> Iterator[Section]:
    subject = prose(report.subject)
    title = f"## {subject}: {report.verdict.upper()} ({prose(verdict_reason(report))})"
    yield Section(subject, f"{title}\n\n{prose(examined_words(report))}")
    for group in groups_of(report.advisories):
        yield Section(prose(f"{report.subject}: {group.title}"), _group(group))
    if gaps := blocking_gaps(report.gaps):
        lines = [Markup(f"{prose(gap.what)}: {prose(gap.reason)}") for gap in gaps[:MAX_ROWS]]
        yield Section(
            prose(f"{report.subject}: gaps"), f"### Could not be examined ({len(gaps)})\n\n{items(lines)}"
        )


def _group(group: Group) -> str:
    shown = group.advisories[:MAX_ROWS]
    left = len(group.advisories) - len(shown)
    text = f"### {prose(group.title)} ({len(group.advisories)})\n\n{advisory_table(shown)}"
    return f"{text}\n\n{count(left, 'more row')} in the JSON document" if left else text


def advisory_table(advisories: Sequence[Advisory]) -> str:
    """Return advisories with their packages, fixes, and the services that reach them."""
    columns = ("severity", "advisory", "package", "fix", "services", "by way of")
    return table(columns, [_row(advisory) for advisory in advisories])


def _row(advisory: Advisory) -> tuple[Markup, ...]:
    ways = advisory.reached_by
    names = [way.service for way in ways[:_MAX_SERVICES]]
    more = prose(f" and {len(ways) - len(names)} more") if len(ways) > len(names) else Markup("")
    best = min(ways, key=lambda way: (way.level, len(way.chain), way.service), default=None)
    how = Markup(" → ".join(codes([name]) for name in chain_summary(best.chain))) if best else Markup("")
    return (
        prose(advisory.severity),
        code(advisory.id),
        prose(f"{advisory.package} {', '.join(advisory.installed)}"),
        prose(" or ".join(advisory.fixed_in) or advisory.status.replace("_", " ")),
        Markup(f"{codes(names)}{more}"),
        how or prose(advisory.why_unknown),
    )
