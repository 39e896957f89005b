"""Joins what stages saw into needs: one thing, everyone who asks for it, and whether it is there."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from fleet_audit.audit.model.elf import Declared, Missing, Resolution, WrongMachine, status_of
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


OwnOutcome = Callable[[Ask, str], Resolution]
"""What becomes of an ask for one service, by its name: it may bring along what the image lacks."""

_LACKING = (Missing, WrongMachine)
_Distances = dict[Node, tuple[Level, int]]


def join(
    asks: Iterable[Ask], graph: EvidenceGraph, services: Sequence[Node], own_outcome: OwnOutcome | None = None
) -> tuple[Need, ...]:
    """Return one need for each thing and outcome, sorted by kind, name and outcome.

    With services, an ask that none of them reaches is dropped: nothing needs it. Without services, asks
    that set their own tier are kept, as nobody can say what is reached. Where `own_outcome` tells services
    apart, each has its part in the need of its outcome.
    """
    groups: defaultdict[tuple[NeedKind, str, str], list[_Reach]] = defaultdict(list)
    for ask in asks:
        for own, distances in _parts(ask, _distances(ask, graph, services), own_outcome):
            if distances or (own.tier is not None and not services):
                groups[own.kind, own.name, status_of(own.resolution)].append(_Reach(own, distances))
    return tuple(_need(group, graph) for _, group in sorted(groups.items(), key=lambda item: item[0]))


class _Reach(msgspec.Struct, frozen=True):
    """An ask, and how far it is (level, steps) from each service that reaches it."""

    ask: Ask
    distances: _Distances

    @property
    def tier(self) -> Tier:
        """Return how badly the thing is needed for this ask alone."""
        if self.ask.tier is not None:
            return self.ask.tier
        return _TIER_OF_LEVEL[min(self.distances.values())[0]]


def _parts(
    ask: Ask, distances: _Distances, own_outcome: OwnOutcome | None
) -> Iterator[tuple[Ask, _Distances]]:
    """Yield an ask for each outcome that it has for some of the services, with those."""
    if own_outcome is None or not distances or not isinstance(ask.resolution, _LACKING):
        yield ask, distances
        return
    parts: defaultdict[Resolution, _Distances] = defaultdict(dict)
    for service, distance in distances.items():
        parts[own_outcome(ask, service.name)][service] = distance
    for resolution, part in parts.items():
        yield msgspec.structs.replace(ask, resolution=resolution), part


def _distances(ask: Ask, graph: EvidenceGraph, services: Sequence[Node]) -> _Distances:
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
        resolution=_joined([ask.resolution for ask in asks]),
        wanted_by=tuple(sorted({ask.wanted_by for ask in asks})),
        reached_from=_reached_from(group, graph),
        alternatives=tuple(sorted({name for ask in asks for name in ask.alternatives})),
    )


def _joined(resolutions: Sequence[Resolution]) -> Resolution:
    """Return one outcome for several of a kind: the first, or all that is declared."""
    declared = {each.by for each in resolutions if isinstance(each, Declared)}
    return Declared("; ".join(sorted(declared))) if declared else resolutions[0]


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
