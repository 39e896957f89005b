"""Why something is needed or there: the answer of ``explain``, read from the evidence graph."""

import difflib
from collections.abc import Iterable, Iterator

import msgspec
from packaging.utils import canonicalize_name

from fleet_audit.audit.errors import UsageError
from fleet_audit.audit.model.evidence import Edge, EvidenceGraph, Node, NodeKind
from fleet_audit.audit.model.identity import DistributionName, ModuleName
from fleet_audit.audit.model.imports import MissingModule, UnparsedFile
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.need import Need
from fleet_audit.audit.model.report import Answer, DepsReport, ExplainReport
from fleet_audit.audit.pipeline.deps.analysis import Analysis
from fleet_audit.audit.pipeline.deps.package_facts import (
    installed_facts,
    is_installed,
    package_facts,
    supply_facts,
)
from fleet_audit.audit.pipeline.deps.planning_together import Together
from fleet_audit.audit.pipeline.deps.surplus_together import SurplusTogether
from fleet_audit.audit.pipeline.run.own_code import merged_unparsed
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject
from fleet_audit.audit.pipeline.surplus.unreached import Facts, Unreached
from fleet_audit.audit.policy.rules import RuleSet
from fleet_audit.audit.static_imports.reachability.nodes import own_name
from fleet_audit.audit.static_imports.resolution.finder import source_place

KINDS: dict[str, NodeKind] = {
    **{kind.value: kind for kind in NodeKind},
    "soname": NodeKind.SONAME,
    "program": NodeKind.PROGRAM,
    "distribution": NodeKind.DISTRIBUTION,
    "pkg": NodeKind.PACKAGE,
}
"""What may stand before the colon, and the kind of node that it means."""

_STARTS = (NodeKind.SERVICE, NodeKind.FAMILY)


def parse_question(question: str) -> tuple[NodeKind | None, str]:
    """Return the kind, None for a bare name, and the name that a question means.

    Raises UsageError for a kind that is not known, and for an empty name.
    """
    prefix, separator, name = question.partition(":")
    if not separator:
        kind, name = None, question
    elif prefix in KINDS:
        kind = KINDS[prefix]
    else:
        raise UsageError(f"explain {question}: {prefix!r} is not one of {', '.join(KINDS)}")
    if not name:
        raise UsageError(f"explain {question}: no name behind the colon")
    return kind, name


def explain(question: str, analysis: Analysis) -> ExplainReport:
    """Return every chain that leads to what the question means in one image.

    A bare name that several things bear is answered by the list of them; a name that no evidence speaks of
    by a report without a node.
    """
    kind, name = parse_question(question)
    candidates = _candidates(analysis.graph, kind, name)
    of_image = analysis.report
    report = ExplainReport(
        subject=question,
        family=of_image.family,
        image=of_image.image,
        gaps=of_image.gaps,
        candidates=candidates,
    )
    return _explained(candidates[0], report, analysis) if len(candidates) == 1 else report


def explain_on(question: str, subject: Subject, shared: Shared) -> ExplainReport:
    """Return the explanation of a question on one image, also of what no service there leads to.

    Where nothing at all is known of it, the report has neither a node nor candidates, and `near` names what
    is written alike. Raises ImageError where an image that is named cannot be opened.
    """
    together = Together(shared)
    analysis = together.analysis(subject)
    report = explain(question, analysis)
    if report.node is not None or report.candidates:
        return report
    kind, name = parse_question(question)
    known = _unreached(kind, name, subject, shared, analysis)
    if kind in (None, NodeKind.PACKAGE) and is_installed(name, analysis.use):
        told = SurplusTogether(shared, together).told(subject, analysis)
        facts = dict((*installed_facts(name, analysis.use), *package_facts(name, told.report)))
        known.append((Node(NodeKind.PACKAGE, name), tuple(facts.items())))
    if len(known) > 1:
        return msgspec.structs.replace(report, candidates=tuple(node for node, _ in known))
    if known:
        return msgspec.structs.replace(report, node=known[0][0], facts=known[0][1])
    return msgspec.structs.replace(report, near=_near(analysis, kind, name))


def _unreached(
    kind: NodeKind | None, name: str, subject: Subject, shared: Shared, analysis: Analysis
) -> list[tuple[Node, Facts]]:
    if kind not in (None, NodeKind.MODULE, NodeKind.DISTRIBUTION):
        return []
    found: list[tuple[Node, Facts]] = []
    with Unreached(subject, shared, analysis.services) as unreached:
        if kind is not NodeKind.DISTRIBUTION:
            found.append((Node(NodeKind.MODULE, name), unreached.module(ModuleName(name))))
        if kind is not NodeKind.MODULE:
            found.append((Node(NodeKind.DISTRIBUTION, name), unreached.distribution(DistributionName(name))))
    return [(node, facts) for node, facts in found if facts]


def _near(analysis: Analysis, kind: NodeKind | None, name: str) -> tuple[Node, ...]:
    nodes = [node for each in (NodeKind if kind is None else (kind,)) for node in analysis.graph.nodes(each)]
    if kind is NodeKind.PACKAGE and analysis.use is not None:
        nodes += [Node(kind, record.name) for record in analysis.use.records]
    close = difflib.get_close_matches(name, {node.name for node in nodes}, n=_MAX_NEAR, cutoff=_LIKENESS)
    return tuple(node for found in close for node in nodes if node.name == found)[:_MAX_NEAR]


_MAX_NEAR = 3
_MAX_LINES = 8
_LIKENESS = 0.75


def explain_rule(rule_id: str, rules: RuleSet) -> ExplainReport:
    """Return what a rule says and why; a report without a node where there is none of this id."""
    rule = rules.rule(rule_id)
    if rule is None:
        return ExplainReport(subject=f"rule:{rule_id}")
    definition = rule.definition
    facts = (
        ("title", definition.title),
        ("judges", definition.subject.value),
        ("severity", f"{rule.severity.value}, {rule.mode.value}"),
        ("denies where", definition.deny.strip()),
        ("because", definition.why.strip()),
        ("written in", rule.file),
    )
    return ExplainReport(subject=f"rule:{rule_id}", node=Node(NodeKind.RULE, rule_id), facts=facts)


def _candidates(graph: EvidenceGraph, kind: NodeKind | None, name: str) -> tuple[Node, ...]:
    if kind is None:
        return graph.candidates(name) or _below_folders(graph, name)
    if kind is NodeKind.DISTRIBUTION:
        name = canonicalize_name(name)
    node = Node(kind, name)
    if node in graph:
        return (node,)
    return _below_folders(graph, name) if kind is NodeKind.MODULE else ()


def _below_folders(graph: EvidenceGraph, name: str) -> tuple[Node, ...]:
    """Return the modules whose name ends so: own ones are named for their place in the repository."""
    return tuple(node for node in graph.nodes(NodeKind.MODULE) if node.name.endswith(f".{name}"))


def _explained(node: Node, report: ExplainReport, analysis: Analysis) -> ExplainReport:
    graph = analysis.graph
    answers = tuple(_answers(graph, node))
    arriving = _arriving(node, graph, is_explained=bool(answers))
    leaving = graph.leaving(node)
    steps = (edge for answer in answers for edge in answer.chain.edges)
    return msgspec.structs.replace(
        report,
        node=node,
        candidates=(),
        facts=(*_facts(node, analysis.report), *_import_facts(node, analysis)),
        answers=answers,
        arriving=arriving,
        leaving=leaving,
        unparsed=_rested_on((*steps, *arriving, *leaving), analysis),
    )


def _rested_on(edges: Iterable[Edge], analysis: Analysis) -> tuple[UnparsedFile, ...]:
    """Return the files of services on whose lines, which no parser reads, any of `edges` rests."""
    places = [edge.location for edge in edges if isinstance(edge.location, SourceLocation)]
    files = {file.path: file for file in merged_unparsed(analysis.services)}
    rested = {p.path for p in places if p.path in files and files[p.path].is_skimmed(p.line)}
    return tuple(files[path] for path in sorted(rested))


def _arriving(node: Node, graph: EvidenceGraph, *, is_explained: bool) -> tuple[Edge, ...]:
    """Return who leads to a module or distribution, own code first; for other kinds only where no chain does.

    Who uses a distribution is who imports its modules and is none of them.
    """
    arriving = graph.arriving(node)
    if node.kind is NodeKind.DISTRIBUTION:
        members = {edge.source for edge in arriving if edge.source.kind is NodeKind.MODULE}
        into = (edge for member in sorted(members) for edge in graph.arriving(member))
        arriving = tuple(edge for edge in into if edge.source not in members) or arriving
    elif node.kind is not NodeKind.MODULE:
        return () if is_explained else arriving
    return tuple(sorted(arriving, key=lambda edge: not isinstance(edge.location, SourceLocation)))


def _import_facts(node: Node, analysis: Analysis) -> Iterator[tuple[str, str]]:
    """Yield what services' own accounts say of a module or distribution."""
    for service in analysis.services:
        if node.kind is NodeKind.MODULE:
            for missing in service.missing:
                if missing.module == node.name:
                    yield "missing", _absence(missing, service.service)
            for file in service.unparsed:
                if own_name(source_place(file.path)) == node.name:
                    yield "does not parse", f"{file.path}:{file.line}: {file.error}"
                    yield from _skimmed_lines(file)
        if node.kind is NodeKind.DISTRIBUTION:
            for required in service.requirements:
                if required.name == node.name:
                    yield "asked for", f"{required.location} of {service.service}"


def _skimmed_lines(file: UnparsedFile) -> Iterator[tuple[str, str]]:
    """Yield which lines of a file no parser reads, the first of them by number."""
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in file.skimmed[:_MAX_LINES]]
    left = len(file.skimmed) - len(shown)
    if shown:
        more = f" and {left} more" if left else ""
        yield "no parser reads", f"its lines {', '.join(shown)}{more}"


def _absence(missing: MissingModule, service: str) -> str:
    who = "the repository has none" if missing.is_first_party else "nobody provides it"
    look = f"; look at {', '.join(missing.suggestions)}" if missing.suggestions else ""
    return f"{who} for {service}{look}"


def _answers(graph: EvidenceGraph, node: Node) -> Iterator[Answer]:
    for kind in _STARTS:
        for start in graph.nodes(kind):
            chain = graph.chain(start, node)
            if chain is not None and chain.edges:
                yield Answer(start, chain)


def _facts(node: Node, report: DepsReport) -> Iterator[tuple[str, str]]:
    for need in report.needs:
        if need.subject == str(node):
            yield "status", f"{need.status}, {need.tier}"
            yield from _resolution_facts(need)
    if node.kind is NodeKind.PACKAGE:
        yield from package_facts(node.name, report)
    else:
        yield from supply_facts(str(node), report.proposal)


def _resolution_facts(need: Need) -> Iterator[tuple[str, str]]:
    resolution = need.resolution
    for name in resolution.__struct_fields__:
        value = getattr(resolution, name)
        if value:
            yield name, ", ".join(value) if isinstance(value, tuple) else str(value)
