"""Joins what stages saw into needs: one thing, everyone who asks for it, and whether it is there."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from fleet_audit.audit.model.elf import Resolution, status_of
from fleet_audit.audit.model.evidence import Chain, Edge, EvidenceGraph, Node
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.model.need import Need, NeedKind, ReachedFrom, Tier, Via


class Ask(msgspec.Struct, frozen=True):
    """One request for one thing.

    `route` names the nodes that the evidence passes on its way from a service; its last node is what is
    asked for. `tier` is set where something else than the chain's certainty decides how badly it is
    needed.
    """

    kind: NeedKind
    name: str
    via: Via
    wanted_by: str
    route: tuple[Node, ...]
    resolution: Resolution
    alternatives: tuple[str, ...] = ()
    tier: Tier | None = None


class Asked(msgspec.Struct, frozen=True):
    """Asks, and the evidence that they add to the graph."""

    asks: tuple[Ask, ...] = ()
    edges: tuple[Edge, ...] = ()


_TIER_OF_LEVEL = {
    Level.CERTAIN: Tier.REQUIRED,
    Level.PROBABLE: Tier.LAZY,
    Level.LAZY: Tier.LAZY,
    Level.STRING: Tier.OPTIONAL,
}


def join(asks: Iterable[Ask], graph: EvidenceGraph, services: Sequence[Node]) -> tuple[Need, ...]:
    """Return one need for each thing and outcome, sorted by kind, name and outcome.

    With services, an ask that none of them reaches is dropped: nothing needs it. Without services, asks
    that set their own tier are kept, as nobody can say what is reached.
    """
    groups: defaultdict[tuple[NeedKind, str, str], list[_Reach]] = defaultdict(list)
    for ask in asks:
        reach = _Reach(ask, _distances(ask, graph, services))
        if reach.distances or (ask.tier is not None and not services):
            groups[ask.kind, ask.name, status_of(ask.resolution)].append(reach)
    return tuple(_need(group, graph) for _, group in sorted(groups.items(), key=lambda item: item[0]))


class _Reach(msgspec.Struct, frozen=True):
    """An ask, and how far it is (level, steps) from each service that reaches it."""

    ask: Ask
    distances: dict[Node, tuple[Level, int]]

    @property
    def tier(self) -> Tier:
        """Return how badly the thing is needed for this ask alone."""
        if self.ask.tier is not None:
            return self.ask.tier
        return _TIER_OF_LEVEL[min(self.distances.values())[0]]


def _distances(ask: Ask, graph: EvidenceGraph, services: Sequence[Node]) -> dict[Node, tuple[Level, int]]:
    found = {service: _distance(ask.route, graph, service) for service in services}
    return {service: distance for service, distance in found.items() if distance is not None}


def _distance(route: Sequence[Node], graph: EvidenceGraph, service: Node) -> tuple[Level, int] | None:
    level, steps, at = Level.CERTAIN, 0, service
    for node in route:
        part = graph.distance(at, node)
        if part is None:
            return None
        level, steps, at = max(level, part[0]), steps + part[1], node
    return level, steps


def _need(group: Sequence[_Reach], graph: EvidenceGraph) -> Need:
    asks = [reach.ask for reach in group]
    return Need(
        kind=asks[0].kind,
        name=asks[0].name,
        tier=min((reach.tier for reach in group), key=lambda tier: tier.rank),
        via=min((ask.via for ask in asks), key=list(Via).index),
        resolution=asks[0].resolution,
        wanted_by=tuple(sorted({ask.wanted_by for ask in asks})),
        reached_from=_reached_from(group, graph),
        alternatives=tuple(sorted({name for ask in asks for name in ask.alternatives})),
    )


def _reached_from(group: Sequence[_Reach], graph: EvidenceGraph) -> tuple[ReachedFrom, ...]:
    reached = []
    for service in sorted({service for reach in group for service in reach.distances}):
        near = [reach for reach in group if service in reach.distances]
        best = min(near, key=lambda reach: (reach.distances[service], reach.ask.wanted_by))
        chain = _chain(service, best.ask.route, graph)
        reached.append(ReachedFrom(service.name, chain.own_line, chain.level, chain.steps()))
    return tuple(reached)


def _chain(service: Node, route: Sequence[Node], graph: EvidenceGraph) -> Chain:
    chain, at = Chain(), service
    for node in route:
        part = graph.chain(at, node)
        if part is None:  # `_distance` found this route in the same graph
            raise AssertionError(f"no evidence from {at} to {node}")
        chain, at = chain.then(part), node
    return chain
