"""What rules would block if they were enforced: as terminal text, as Markdown, and as ``rules-impact/1``."""

from fleet_audit.audit.model.finding import Mode, verdict
from fleet_audit.audit.model.ruling import Impact, ImpactRow
from fleet_audit.reports.documents import encode, gap_fields
from fleet_audit.reports.markdown import Section, code, codes, document, items, prose, table
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.rules_list import head_of, nothing_held
from fleet_audit.reports.terminal import Page, Piece, count
from fleet_audit.reports.text import write_gaps

_NAMED = 8


def impact_sentence(row: ImpactRow, impact: Impact) -> str:
    """Say in one sentence what a rule would do: ``FA-VULN-005 (dry_run) would block 7 of 65 services``."""
    services = f"{len(row.services)} of {count(len(impact.services), 'service')}"
    images = f"{len(row.images)} of {count(len(impact.images), 'image')}"
    now = " as it does now" if row.mode is Mode.ENFORCE else ""
    return f"{row.rule} ({row.mode}) would block {services}, {images}{now}"


def impact_text(impact: Impact, options: RenderOptions) -> str:
    """Return a sentence for each rule that would block something, and how many would not."""
    page = Page(options)
    page.line(
        Piece("If they were enforced as errors", "bold"),
        f"  policy {impact.policy} · {count(len(impact.images), 'image')}, ",
        count(len(impact.services), "service"),
    )
    felt = [row for row in impact.rows if row.images]
    for row in sorted(felt, key=lambda row: (-len(row.services), -len(row.images), row.rule)):
        page.blank()
        page.line(Piece(impact_sentence(row, impact), "yellow"))
        page.line(row.title, indent=1)
        page.line(_named("images", row.images), indent=1)
        if row.services:
            page.line(_named("services", row.services), indent=1)
        page.line(
            f"{count(len(row.newly), 'image')} that nothing else blocks; {count(row.findings, 'finding')}",
            indent=1,
        )
    write_gaps(page, impact.gaps)
    page.blank()
    page.line(f"{count(len(impact.rows) - len(felt), 'rule')} of {len(impact.rows)} would block nothing")
    for rule in impact.unevaluated:
        page.line(Piece(f"{rule} could not be evaluated everywhere: there it blocks as a gap", "yellow"))
    return page.text()


def _named(what: str, names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{what}: {', '.join(names[:_NAMED])}{more}"


def impact_markdown(impact: Impact, options: RenderOptions) -> str:  # noqa: ARG001  (as every renderer)
    """Return a table of the rules that would block something."""
    felt = [row for row in impact.rows if row.images]
    title = (
        f"## What {count(len(impact.rows), 'rule')} would block under policy {prose(impact.policy)}\n\n"
        f"{len(felt)} would block something, enforced as errors, of {count(len(impact.images), 'image')} "
        f"with {count(len(impact.services), 'service')}."
    )
    rows = [
        (
            code(row.rule),
            code(row.mode),
            prose(str(len(row.services))),
            prose(str(len(row.images))),
            prose(str(len(row.newly))),
            codes(row.images[:_NAMED]),
        )
        for row in felt
    ]
    sections = [Section(prose("summary"), title)]
    if rows:
        columns = ("rule", "mode", ">services", ">images", ">of them blocked by nothing else", "images")
        sections.append(Section(prose("rules"), table(columns, rows)))
    if impact.unevaluated:
        text = items(code(rule) for rule in impact.unevaluated)
        sections.append(Section(prose("not evaluated"), f"### Could not be evaluated everywhere\n\n{text}"))
    return document(sections)


def impact_document(impact: Impact, options: RenderOptions) -> str:
    """Return ``rules-impact/1``."""
    return encode(
        {
            **head_of("rules-impact", options),
            "subject": impact.policy,
            "policy": {"name": impact.policy, "digest": impact.digest},
            "images": list(impact.images),
            "services": list(impact.services),
            "rules": [
                {
                    "rule": row.rule,
                    "title": row.title,
                    "mode": row.mode,
                    "severity": row.severity,
                    "findings": row.findings,
                    "images": list(row.images),
                    "newly": list(row.newly),
                    "services": list(row.services),
                }
                for row in impact.rows
            ],
            "unevaluated": list(impact.unevaluated),
            **nothing_held(),
            "gaps": [gap_fields(gap) for gap in impact.gaps],
            "verdict": verdict((), impact.gaps),
        }
    )
