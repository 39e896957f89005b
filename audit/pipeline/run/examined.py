"""A subject's services as they were examined on its image: what later questions start from."""

import msgspec

from fleet_audit.audit.model.evidence import EvidenceGraph, Node, NodeKind
from fleet_audit.audit.model.identity import DistributionName
from fleet_audit.audit.model.imports import ServiceImports
from fleet_audit.audit.pipeline.run.scene import Scene
from fleet_audit.audit.pipeline.run.subject import Subject


class Examined(msgspec.Struct, frozen=True):
    """What services import on an image that was opened, with the evidence for it."""

    subject: Subject
    services: tuple[ServiceImports, ...]
    scene: Scene
    graph: EvidenceGraph


def reached_distributions(service: str, graph: EvidenceGraph) -> frozenset[DistributionName]:
    """Return the distributions to which any chain leads from a service, however uncertain."""
    start = Node(NodeKind.SERVICE, service)
    found = (node for node in graph.nodes(NodeKind.DISTRIBUTION) if graph.distance(start, node) is not None)
    return frozenset(DistributionName(node.name) for node in found)
