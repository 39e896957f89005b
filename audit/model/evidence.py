"""The evidence graph: who leads to what, seen where, how certainly. The only source of chains."""

import heapq
from collections import defaultdict
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.model.location import Location, SourceLocation


class NodeKind(StrEnum):
    """What a node stands for; the value is the prefix that people type."""

    SERVICE = "service"
    FAMILY = "family"
    MODULE = "module"
    FUNCTION = "function"
    DISTRIBUTION = "dist"
    FILE = "file"
    SONAME = "so"
    SYMBOL = "symbol"
    PROGRAM = "bin"
    PACKAGE = "package"
    RULE = "rule"
    ADVISORY = "advisory"


class Node(msgspec.Struct, frozen=True, order=True):
    """One thing of which evidence speaks; `name` is unique within its kind."""

    kind: NodeKind
    name: str

    def __str__(self) -> str:
        """Return ``kind:name``."""
        return f"{self.kind}:{self.name}"


class Edge(msgspec.Struct, frozen=True):
    """`source` leads to `target`: `how` is a verb (``imports``, ``needs``), `location` where it stands.

    `is_guarded` marks a step whose failure is handled where it stands (``try: import … except
    ImportError``): it is taken as certainly as `level` says, but nothing behind it is needed. `behind` are
    modules whose import must have worked before: where one of them cannot be imported, and that is survived,
    the step is not taken.
    """

    source: Node
    target: Node
    how: str
    level: Level = Level.CERTAIN
    location: Location | None = None
    is_guarded: bool = False
    behind: tuple[Node, ...] = ()

    @property
    def demand(self) -> Level:
        """Return how strongly the step demands what it leads to: a guarded one no more than a string."""
        return Level.STRING if self.is_guarded else self.level


class Chain(msgspec.Struct, frozen=True):
    """The edges from a start to a target, and the demand of the weakest of them as its level.

    Chains of one target are compared by level, then by the number of steps.
    """

    edges: tuple[Edge, ...] = ()
    level: Level = Level.CERTAIN

    @property
    def own_line(self) -> SourceLocation | None:
        """Return the last line of the repository on the way: where the services' own code asks."""
        places = [e.location for e in self.edges if isinstance(e.location, SourceLocation)]
        return places[-1] if places else None

    def then(self, other: "Chain") -> "Chain":
        """Return this chain continued by another that starts where this one ends."""
        return Chain(self.edges + other.edges, max(self.level, other.level))

    def steps(self) -> tuple[str, ...]:
        """Return the chain as text: every node, how it was come by, and the line where that stands."""
        if not self.edges:
            return ()
        first = str(self.edges[0].source)
        return (first, *(_step(edge) for edge in self.edges))


def _step(edge: Edge) -> str:
    place = f" ({edge.location})" if edge.location else ""
    return f"{edge.how} {edge.target}{place}"


class _Reached(msgspec.Struct, frozen=True, gc=False):
    level: Level
    steps: int
    via: Edge | None


class EvidenceGraph:
    """All edges of one audit, searchable from either end.

    Chains prefer the lowest level, then the fewest steps, then the order of names, so that the same
    evidence always gives the same chain.
    """

    def __init__(self, edges: Iterable[Edge]) -> None:
        """Take the edges of every stage; repeated edges count once."""
        self.edges: tuple[Edge, ...] = tuple(sorted(set(edges), key=_edge_order))
        self._out: defaultdict[Node, list[Edge]] = defaultdict(list)
        self._in: defaultdict[Node, list[Edge]] = defaultdict(list)
        for edge in self.edges:
            self._out[edge.source].append(edge)
            self._in[edge.target].append(edge)
        self._searches: dict[Node, dict[Node, _Reached]] = {}

    def __contains__(self, node: Node) -> bool:
        """Say whether any evidence speaks of `node`."""
        return node in self._out or node in self._in

    def candidates(self, name: str) -> tuple[Node, ...]:
        """Return the nodes that a bare `name` may mean, in order."""
        return tuple(sorted(n for n in {*self._out, *self._in} if n.name == name))

    def nodes(self, kind: NodeKind) -> tuple[Node, ...]:
        """Return every node of one kind, in order."""
        return tuple(sorted(n for n in {*self._out, *self._in} if n.kind is kind))

    def leaving(self, node: Node) -> tuple[Edge, ...]:
        """Return what `node` leads to."""
        return tuple(self._out.get(node, ()))

    def arriving(self, node: Node) -> tuple[Edge, ...]:
        """Return what leads to `node`."""
        return tuple(self._in.get(node, ()))

    def distance(self, start: Node, target: Node) -> tuple[Level, int] | None:
        """Return the level and number of steps of the best chain, without building it."""
        reached = self._search(start).get(target)
        return None if reached is None else (reached.level, reached.steps)

    def chain(self, start: Node, target: Node) -> Chain | None:
        """Return the most certain, then shortest, chain from `start` to `target`; None where none is."""
        found = self._search(start)
        if target not in found:
            return None
        edges: list[Edge] = []
        at = target
        while (edge := found[at].via) is not None:
            edges.append(edge)
            at = edge.source
        return Chain(tuple(reversed(edges)), found[target].level)

    def _search(self, start: Node) -> dict[Node, _Reached]:
        if start not in self._searches:
            self._searches[start] = self._best_first(start)
        return self._searches[start]

    def _best_first(self, start: Node) -> dict[Node, _Reached]:
        found: dict[Node, _Reached] = {}
        queue: list[tuple[Level, int, int, Node, Edge | None]] = [(Level.CERTAIN, 0, 0, start, None)]
        pushed = 0
        while queue:
            level, steps, _, node, via = heapq.heappop(queue)
            if node in found:
                continue
            found[node] = _Reached(level, steps, via)
            for edge in self._out.get(node, ()):
                if edge.target not in found:
                    pushed += 1
                    entry = (max(level, edge.demand), steps + 1, pushed, edge.target, edge)
                    heapq.heappush(queue, entry)
        return found


def _edge_order(edge: Edge) -> tuple[Node, Node, Level, str, str]:
    return (edge.source, edge.target, edge.demand, str(edge.location or ""), edge.how)
