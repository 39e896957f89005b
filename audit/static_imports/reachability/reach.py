"""Which modules a service reaches from its entry, and how certainly: a search by weakest link."""

import heapq
import math
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from fleet_audit.audit.model.evidence import Edge, Node, NodeKind
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.static_imports.reachability.expander import Expander
from fleet_audit.audit.static_imports.reachability.expansion import CallLink, Expansion
from fleet_audit.audit.static_imports.reachability.nodes import location, module_node, node_name
from fleet_audit.audit.static_imports.reachability.ways import CallWay, Key, KnownWays, Way, call_way, shown
from fleet_audit.audit.static_imports.resolution.finder import Module, ModuleKind
from fleet_audit.audit.static_imports.source.functions import Invocation
from fleet_audit.audit.static_imports.source.records import LoadCall

MAX_MODULES = 50_000
"""How many modules one service may reach before the search gives up."""

MAX_CALLS, _FEWEST_CALLS = 1_000, 50
"""How many calls of one module's functions, with different arguments, are followed."""

_CALLED_BLOCKS = 400_000
"""Each call is worked out on all blocks of the module: of long ones fewer are followed."""


class Start(msgspec.Struct, frozen=True):
    """A file that a service starts with; `called` are functions that whoever starts it calls.

    `how` says what starts it. `is_guarded` holds where its failure is survived. `level` says how certainly
    it is started.
    """

    module: Module
    is_script: bool
    called: tuple[str, ...] = ()
    how: str = "starts"
    is_guarded: bool = False
    level: Level = Level.CERTAIN


class Reached(msgspec.Struct, frozen=True):
    """A module that is reached, how certainly, and what it leads to (None where it is not Python source).

    `own_line` is the last line of the service's own code on the way. `is_guarded` holds where every chain
    of that level passes an import whose failure is survived.
    """

    module: Module
    level: Level
    expansion: Expansion | None
    own_line: SourceLocation | None
    is_guarded: bool = False


class Reach(msgspec.Struct, frozen=True):
    """Everything that one service reaches, in the order of search, with edges for every step.

    Equal edges may come more than once; services that take the same ways share the same groups of edges.
    `is_cut` holds where the search gave up.
    """

    modules: tuple[Reached, ...]
    edges: tuple[tuple[Edge, ...], ...]
    is_cut: bool = False


def reach(
    service: str,
    starts: Sequence[Start],
    expander: Expander,
    *,
    deepest: Level = Level.STRING,
    known: KnownWays | None = None,
) -> Reach:
    """Search from `starts` through every import; each module has the level of its most certain chain.

    Imports that are less certain than `deepest` are not followed. What is `known` of earlier searches on the
    same image is not worked out again.
    """
    return _Search(service, expander, deepest, known or KnownWays()).run(starts)


def both(of_service: Reach, before: Reach) -> Reach:
    """Return a service's reach and what runs `before` it: each module with the more certain of its chains."""
    earlier = {found.module: found for found in before.modules}
    modules: list[Reached] = []
    for found in of_service.modules:
        other = earlier.pop(found.module, found)
        is_better = (other.level, other.is_guarded) < (found.level, found.is_guarded)
        modules.append(other if is_better else found)
    is_cut = of_service.is_cut or before.is_cut
    return Reach((*modules, *earlier.values()), (*of_service.edges, *before.edges), is_cut=is_cut)


class _Search:
    """A best-first search: the most certain step first, of equals one that is not guarded."""

    def __init__(self, service: str, expander: Expander, deepest: Level, known: KnownWays) -> None:
        self._service = Node(NodeKind.SERVICE, service)
        self._deepest = deepest
        self._expander = expander
        self._ways = known
        self._queue: list[tuple[Level, bool, int, _Step]] = []
        self._queued: dict[tuple[Key, Invocation | None], tuple[Level, bool]] = {}
        self._pushed = 0
        self._is_cut = False
        self._reached: dict[Key, Reached] = {}
        self._edges: list[Edge] = []
        self._shared: list[tuple[Edge, ...]] = []
        self._invoked: dict[Key, dict[Invocation, Level]] = {}
        self._most_calls: dict[Key, int] = {}
        self._loads: defaultdict[Key, list[LoadCall]] = defaultdict(list)

    def run(self, starts: Sequence[Start]) -> Reach:
        for start in starts:
            self._begin(start)
        while self._queue and len(self._reached) < MAX_MODULES:
            level, _, _, step = heapq.heappop(self._queue)
            self._visit(level, step)
        modules = tuple(self._with_calls(key, found) for key, found in self._reached.items())
        edges = (*self._shared, tuple(self._edges))
        return Reach(modules, edges, is_cut=self._is_cut or bool(self._queue))

    def _with_calls(self, key: Key, found: Reached) -> Reached:
        """Return a module with its functions as certain as what calls them from other modules."""
        invoked = self._invoked.get(key)
        if not invoked or found.expansion is None:
            return found
        called = tuple(
            msgspec.structs.replace(call, level=level)
            for call, level in sorted(invoked.items(), key=lambda pair: str(pair[0]))
        )
        expansion = self._expander.with_calls(found.module, is_script=key[1], called=called)
        if expansion is not None:
            loads = (*expansion.loads, *self._loads[key])
            expansion = msgspec.structs.replace(expansion, loads=loads)
        return msgspec.structs.replace(found, expansion=expansion)

    def _begin(self, start: Start) -> None:
        file = start.module.file
        if file is None:
            return
        where = location(file, 0)
        edge = Edge(self._service, module_node(start.module), start.how, start.level, where)
        self._edges.append(edge)
        own_line = where if isinstance(where, SourceLocation) else None
        key = (node_name(start.module), start.is_script)
        step = _Step(start.module, key, own_line, is_guarded=start.is_guarded)
        self._push(start.level, step)
        for function in start.called:
            link = CallLink(start.module, Invocation(function), Level.CERTAIN, 0)
            self._call(start.level, step, call_way(start.module, step.node, link, is_script=start.is_script))

    def _push(self, level: Level, step: "_Step") -> None:
        """Queue a step, unless one that is at least as certain was queued before."""
        slot, weight = (step.key, step.call), (level, step.is_guarded)
        queued = self._queued.get(slot)
        if queued is None or weight < queued:
            self._queued[slot] = weight
            self._pushed += 1
            heapq.heappush(self._queue, (*weight, self._pushed, step))

    def _visit(self, level: Level, step: "_Step") -> None:
        if step.call is not None:
            self._visit_function(level, step, step.call)
            return
        if step.key in self._reached:
            return
        module = step.module
        expansion = self._expander.expand(module, is_script=step.is_script)
        self._reached[step.key] = Reached(module, level, expansion, step.own_line, step.is_guarded)
        if module.kind is ModuleKind.EXTENSION and module.file is not None:
            node = Node(NodeKind.FILE, module.file.path)
            where = location(module.file, 0)
            self._edges.append(Edge(module_node(module), node, "is", Level.CERTAIN, where))
        self._visit_packages(level, step)
        if expansion is not None:
            self._follow(level, step, expansion)

    def _visit_function(self, level: Level, step: "_Step", call: Invocation) -> None:
        invoked = self._invoked.setdefault(step.key, {})
        if call in invoked:
            return
        if len(invoked) >= self._most_calls.get(step.key, MAX_CALLS):
            self._is_cut = True
            return
        invoked[call] = level
        expansion = self._expander.expand(step.module, is_script=step.is_script, called=(call,))
        if expansion is not None:
            most = _CALLED_BLOCKS // len(expansion.record.blocks)
            self._most_calls[step.key] = min(MAX_CALLS, max(_FEWEST_CALLS, most))
            self._loads[step.key] += expansion.loads
            self._follow(level, step, expansion)

    def _call(self, level: Level, step: "_Step", way: CallWay) -> None:
        """Push a call that `step` makes."""
        reached = max(level, way.level)
        if reached > self._deepest:
            return
        self._edges.append(way.edge)
        own_line, is_guarded = way.own_line or step.own_line, step.is_guarded or way.is_survived
        self._push(reached, _Step(way.target, way.key, own_line, way.call, is_guarded=is_guarded))

    def _visit_packages(self, level: Level, step: "_Step") -> None:
        """Push the package above: importing a.b imports a first (Language Reference, 5.4.2)."""
        above = None if step.is_script else self._ways.above(step.module, self._expander.find)
        if above is not None:
            self._edges += () if above.edge is None else (above.edge,)
            self._push(level, _Step(above.package, above.key, step.own_line, is_guarded=step.is_guarded))

    def _follow(self, level: Level, step: "_Step", expansion: Expansion) -> None:
        if step.module.file is None:
            return
        find = self._expander.find
        ways = self._ways.of(step.module, expansion, step.call, find, is_script=step.is_script)
        for call in ways.calls:
            self._call(level, step, call)
        # Where an import surely fails and that is survived, nothing behind it runs.
        is_left = step.is_guarded and expansion.fails_at > 0
        if not is_left and not ways.leads_home and self._deepest is Level.STRING:
            self._shared.append(ways.edges)
            for way in ways.found:
                self._go(level, step, way)
            return
        last = expansion.fails_at if is_left else math.inf
        for way in ways.found:
            if way.level <= self._deepest and way.line <= last:
                self._note(level, way)
                self._go(level, step, way)
        self._edges += ways.absent

    def _note(self, level: Level, way: Way) -> None:
        if way.edge is None:
            return
        edge = way.edge
        if way.leads_home:
            # All services share the image's modules; this way is one service's alone.
            edge = msgspec.structs.replace(edge, source=self._service, level=max(level, way.level))
        self._edges.append(edge)

    def _go(self, level: Level, step: "_Step", way: Way) -> None:
        reached = max(level, way.level)
        is_guarded = step.is_guarded or way.is_survived
        queued = self._queued.get((way.key, None))
        if queued is None or (reached, is_guarded) < queued:
            own_line = way.own_line or step.own_line
            self._push(reached, _Step(way.target, way.key, own_line, is_guarded=is_guarded))


class _Step(msgspec.Struct, frozen=True, eq=False):
    """A module to visit, or a function of it, and the last line of own code that leads there."""

    module: Module
    key: Key
    own_line: SourceLocation | None
    call: Invocation | None = None
    is_guarded: bool = False

    @property
    def node(self) -> Node:
        """Return what the evidence shows of it."""
        return shown(self.module, self.call)

    @property
    def is_script(self) -> bool:
        """Say whether the module runs as ``__main__``."""
        return self.key[1]
