"""Why something is needed or there, for a terminal: every step from the service's own line."""

from collections.abc import Sequence

from fleet_audit.audit.model.evidence import Chain, Edge
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.model.report import ExplainReport
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.terminal import Page, Piece, count
from fleet_audit.reports.text import (
    target_words,
    write_findings,
    write_gaps,
    write_head,
    write_next,
    write_notes,
)

MAX_CHAINS = 12
MAX_EDGES = 12

_LEVEL_WORDS = {
    Level.CERTAIN: "",
    Level.PROBABLE: "  probable",
    Level.LAZY: "  only once it is called",
    Level.STRING: "  a name in a file",
}


def explain_text(reports: Sequence[ExplainReport], options: RenderOptions) -> str:
    """Return the explanation of one thing in one image, or in several one after the other."""
    page = Page(options)
    for index, report in enumerate(reports):
        if index:
            page.blank()
        _write(page, report)
    return page.text()


def _write(page: Page, report: ExplainReport) -> None:
    write_head(page, str(report.node) if report.node else report.subject, report.image)
    write_notes(page, report)
    if report.facts:
        page.table(("", ""), [(Piece(label, "dim"), text) for label, text in report.facts])
    for answer in report.answers[:MAX_CHAINS]:
        page.blank()
        page.line(Piece(str(answer.start), "bold"))
        _write_chain(page, answer.chain)
    if (more := len(report.answers) - MAX_CHAINS) > 0:
        page.line(Piece(f"and {count(more, 'more chain')} (-o json lists them)", "dim"))
    _write_edges(page, "What leads to it", report.arriving)
    _write_edges(page, "What it leads to", report.leaving)
    write_findings(page, report.findings)
    write_gaps(page, report.gaps)
    if report.candidates:
        page.blank()
        page.line("This name may mean several things:")
        where = target_words(report.family, report.image)
        write_next(page, [("", ("fleet-audit", "explain", str(node), *where)) for node in report.candidates])
    elif report.node is None:
        page.blank()
        page.line(f"No evidence speaks of {report.subject}.")
    elif not report.answers:
        page.blank()
        page.line(f"No service leads to {report.node}.")


def _write_chain(page: Page, chain: Chain) -> None:
    for depth, edge in enumerate(chain.edges, start=1):
        place = Piece(f"  {edge.location}" if _says_more(edge) else "", "cyan")
        words = "  and does without it" if edge.is_guarded else _LEVEL_WORDS[edge.level]
        sure = Piece(words, "yellow")
        page.line(Piece(f"{edge.how} ", "dim"), str(edge.target), place, sure, indent=min(2 * depth, 24))


def _says_more(edge: Edge) -> bool:
    """Say whether an edge's place is more than the name of one of its ends."""
    return edge.location is not None and str(edge.location) not in (edge.source.name, edge.target.name)


def _write_edges(page: Page, title: str, edges: Sequence[Edge]) -> None:
    if not edges:
        return
    page.blank()
    page.line(Piece(title, "bold"))
    page.table(
        ("", "", "", ""),
        [
            (str(e.source), Piece(e.how, "dim"), str(e.target), Piece(str(e.location or ""), "cyan"))
            for e in edges[:MAX_EDGES]
        ],
    )
    if (more := len(edges) - MAX_EDGES) > 0:
        page.line(Piece(f"and {more} more (-o json lists them)", "dim"), indent=1)
