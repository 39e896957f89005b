"""What a plan promises, as it can be tried: libraries that load, programs that start, modules that import."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from fleet_audit.audit.model.apt import Share
from fleet_audit.audit.model.evidence import EvidenceGraph, Node, NodeKind
from fleet_audit.audit.model.imports import Level, ServiceImports
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.need import Need, NeedKind
from fleet_audit.audit.pipeline.deps.analysis import Analysis

MOST = 500
"""Of each kind no more are tried: each is a process."""


class Promises(msgspec.Struct, frozen=True):
    """The names of libraries and programs, each with all that would do in its place, and of modules."""

    sonames: Mapping[str, tuple[str, ...]]
    programs: Mapping[str, tuple[str, ...]]
    modules: tuple[str, ...]


def promises(analysis: Analysis, beneath: Sequence[Share] = ()) -> Promises:
    """Return what the analysis' proposal promises, with what families `beneath` are to get for it."""
    report = analysis.report
    answered = {*report.proposal.suppliers(), *(need for share in beneath for need in share.needs)}
    mended = [need for need in report.needs if need.subject in answered]
    unmet = {need.name for need in report.needs if need.status != "resolved"} - {n.name for n in mended}
    sonames = _names(mended, NeedKind.SONAME)
    return Promises(
        sonames=sonames,
        programs=_names(mended, NeedKind.PROGRAM),
        modules=tuple(_modules(analysis.services, analysis.graph, frozenset(sonames), frozenset(unmet))),
    )


def _names(needs: Iterable[Need], kind: NeedKind) -> dict[str, tuple[str, ...]]:
    named = [need for need in needs if need.kind is kind]
    return {need.name: (need.name, *need.alternatives) for need in named[:MOST]}


def _modules(
    services: Iterable[ServiceImports],
    graph: EvidenceGraph,
    mended: frozenset[str],
    unmet: frozenset[str],
) -> list[str]:
    """Return the modules that services' own lines import, and that fail today for want of what is mended.

    One that leads to something else that is not there either, as the host's driver, would still fail.
    """
    wanting: set[str] = set()
    blocked: set[str] = set()
    for service in services:
        start = Node(NodeKind.SERVICE, service.service)
        for module in service.extension_modules:
            file = Node(NodeKind.FILE, module.path)
            name = _imported(graph, start, file)
            needed = frozenset(_certain_sonames(graph, file)) if name else frozenset()
            if needed & mended:
                wanting.add(name)
            if needed & unmet:
                blocked.add(name)
    return sorted(wanting - blocked)[:MOST]


def _imported(graph: EvidenceGraph, service: Node, file: Node) -> str:
    """Return the module that the last line of own code on the certain way to a file imports, or nothing."""
    chain = graph.chain(service, file)
    if chain is None or chain.level is not Level.CERTAIN:
        return ""
    own = [edge.target for edge in chain.edges if isinstance(edge.location, SourceLocation)]
    return own[-1].name if own and own[-1].kind is NodeKind.MODULE else ""


def _certain_sonames(graph: EvidenceGraph, file: Node) -> Iterator[str]:
    for node in graph.nodes(NodeKind.SONAME):
        found = graph.distance(file, node)
        if found is not None and found[0] is Level.CERTAIN:
            yield node.name
