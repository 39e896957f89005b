"""Why something is needed or there: the answer of ``explain``, read from the evidence graph."""

from collections.abc import Iterator

import msgspec

from fleet_audit.audit.errors import UsageError
from fleet_audit.audit.model.evidence import EvidenceGraph, Node, NodeKind
from fleet_audit.audit.model.need import Need
from fleet_audit.audit.model.report import Answer, DepsReport, ExplainReport
from fleet_audit.audit.pipeline.analysis import Analysis
from fleet_audit.audit.policy.rules import RuleSet

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
        return graph.candidates(name)
    node = Node(kind, name)
    return (node,) if node in graph else ()


def _explained(node: Node, report: ExplainReport, analysis: Analysis) -> ExplainReport:
    graph = analysis.graph
    answers = tuple(_answers(graph, node))
    return msgspec.structs.replace(
        report,
        node=node,
        candidates=(),
        facts=tuple(_facts(node, analysis.report)),
        answers=answers,
        arriving=() if answers else graph.arriving(node),
        leaving=graph.leaving(node),
    )


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
    for package in report.proposal.packages:
        if str(node) in package.supplies or (node.kind is NodeKind.PACKAGE and node.name == package.name):
            yield "proposed", f"{package.name}={package.version}, because {' → '.join(package.because)}"


def _resolution_facts(need: Need) -> Iterator[tuple[str, str]]:
    resolution = need.resolution
    for name in resolution.__struct_fields__:
        value = getattr(resolution, name)
        if value:
            yield name, ", ".join(value) if isinstance(value, tuple) else str(value)
