"""Why something is needed or there, for a terminal: every step from the service's own line."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import islice

from fleet_audit.audit.model.evidence import Chain, Edge, Node, NodeKind
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.report import ExplainReport
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.terminal import Page, Piece, count
from fleet_audit.reports.text import (
    one_after_the_other,
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
    return one_after_the_other(reports, options, _write)


def _write(page: Page, report: ExplainReport) -> None:
    write_head(page, str(report.node) if report.node else report.subject, report.image)
    write_notes(page, report)
    if report.facts:
        page.table(("", ""), [(Piece(label, "dim"), text) for label, text in report.facts])
    for answer in report.answers[:MAX_CHAINS]:
        page.blank()
        page.line(Piece(str(answer.start), "bold"))
        _write_chain(page, answer.chain, report)
    if (more := len(report.answers) - MAX_CHAINS) > 0:
        page.line(Piece(f"and {count(more, 'more chain')} (-o json lists them)", "dim"))
    _write_edges(page, "What leads to it", [(edge.source, edge) for edge in report.arriving], report)
    _write_edges(page, "What it leads to", [(edge.target, edge) for edge in report.leaving], report)
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
    elif not (report.answers or report.node.kind is NodeKind.PACKAGE):
        # What an installed package is for stands in its facts: chains end at files.
        page.blank()
        page.line(f"No service leads to {report.node}.")


def _write_chain(page: Page, chain: Chain, report: ExplainReport) -> None:
    for depth, edge in enumerate(chain.edges, start=1):
        place = Piece(f"  {edge.location}" if _says_more(edge) else "", "cyan")
        words = _certainty(edge) + _damage(edge, report)
        sure = Piece(words, "yellow")
        page.line(Piece(f"{edge.how} ", "dim"), str(edge.target), place, sure, indent=min(2 * depth, 24))


def _certainty(edge: Edge) -> str:
    """Say how certain a step is, where it is less than certain or not needed."""
    if not edge.is_guarded:
        return _LEVEL_WORDS[edge.level]
    # A name in compiled code does not show what becomes of the code without it.
    return "  perhaps without need" if edge.how == "names" else "  and does without it"


def _damage(edge: Edge, report: ExplainReport) -> str:
    """Say where a step rests on a line that no parser reads."""
    place = edge.location
    if not isinstance(place, SourceLocation):
        return ""
    is_skimmed = any(f.is_skimmed(place.line) for f in report.unparsed if f.path == place.path)
    return "  read from a line that does not parse" if is_skimmed else ""


def _says_more(edge: Edge) -> bool:
    """Say whether an edge's place is more than the name of one of its ends."""
    return edge.location is not None and str(edge.location) not in (edge.source.name, edge.target.name)


def _write_edges(page: Page, title: str, ends: Sequence[tuple[Node, Edge]], report: ExplainReport) -> None:
    """Write the other ends of edges, each once, with its first place and how certain that one is."""
    if not ends:
        return
    page.blank()
    page.line(Piece(title, "bold"))
    groups: defaultdict[tuple[Node, str, Node], list[Edge]] = defaultdict(list)
    for end, edge in ends:
        groups[end, edge.how, edge.target].append(edge)
    for (end, how, target), edges in islice(groups.items(), MAX_EDGES):
        # Users of a distribution import its modules, not itself.
        is_beside = report.node not in (edges[0].source, target)
        via = Piece(f" {target}" if is_beside else "", "dim")
        place = Piece(f"  {edges[0].location}" if edges[0].location else "", "cyan")
        more = Piece(f" and {count(len(edges) - 1, 'more place')}" if len(edges) > 1 else "", "dim")
        words = _certainty(edges[0]) + _damage(edges[0], report)
        begin = (
            (Piece(f"{how} ", "dim"), str(end))
            if end == target
            else (str(end), Piece(f"  {how}", "dim"), via)
        )
        page.line(*begin, place, more, Piece(words, "yellow"), indent=1)
    if (left := len(groups) - MAX_EDGES) > 0:
        page.line(Piece(f"and {left} more (-o json lists them)", "dim"), indent=1)
