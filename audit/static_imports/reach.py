"""Which modules a service reaches from its entry, and how certainly: a search by weakest link."""

import heapq
from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from fleet_audit.audit.model.evidence import Edge, Node, NodeKind
from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.model.imports import ImportContext, Level
from fleet_audit.audit.model.location import ImageLocation, Location, SourceLocation
from fleet_audit.audit.static_imports.expansion import Absent, CallLink, Expander, Expansion, Link
from fleet_audit.audit.static_imports.finder import Module, ModuleKind, Place, Side
from fleet_audit.audit.static_imports.functions import Invocation
from fleet_audit.audit.static_imports.records import LoadCall

MAX_MODULES = 50_000
"""How many modules one service may reach before the search gives up."""

MAX_CALLS = 1_000
"""How many calls of one module's functions, with different arguments, are followed."""


class Start(msgspec.Struct, frozen=True):
    """A file that a service starts with; `called` are functions that whoever starts it calls.

    `how` says what starts it. `is_guarded` holds where its failure is survived.
    """

    module: Module
    is_script: bool
    called: tuple[str, ...] = ()
    how: str = "starts"
    is_guarded: bool = False


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
    """Everything that one service reaches, in the order of search, with an edge for every step.

    `is_cut` holds where the search gave up.
    """

    modules: tuple[Reached, ...]
    edges: tuple[Edge, ...]
    is_cut: bool = False


def reach(
    service: str, starts: Sequence[Start], expander: Expander, *, deepest: Level = Level.STRING
) -> Reach:
    """Search from `starts` through every import; each module has the level of its most certain chain.

    Imports that are less certain than `deepest` are not followed.
    """
    return _Search(service, expander, deepest).run(starts)


def both(of_service: Reach, before: Reach) -> Reach:
    """Return a service's reach and what runs `before` it: each module with the more certain of its chains."""
    earlier = {found.module: found for found in before.modules}
    modules: list[Reached] = []
    for found in of_service.modules:
        other = earlier.pop(found.module, found)
        is_better = (other.level, other.is_guarded) < (found.level, found.is_guarded)
        modules.append(other if is_better else found)
    edges = dict.fromkeys((*of_service.edges, *before.edges))
    is_cut = of_service.is_cut or before.is_cut
    return Reach((*modules, *earlier.values()), tuple(edges), is_cut=is_cut)


def location(place: Place, line: int) -> Location:
    """Return the place of a line for a report."""
    if place.side is Side.SOURCES:
        return SourceLocation(place.path.removeprefix("/"), line)
    return ImageLocation(place.path, line=line)


def module_node(module: Module) -> Node:
    """Return a module's node in the evidence.

    The image's modules go by the name that they are imported by. A service's own are named for their
    file in the repository: many services have a ``config``, and they must not be taken for one.
    """
    return Node(NodeKind.MODULE, node_name(module))


def node_name(module: Module) -> ModuleName:
    """Return the name under which `module_node` shows a module."""
    if module.file is None or module.file.side is not Side.SOURCES:
        return module.name
    return own_name(module.file)


def own_name(place: Place) -> ModuleName:
    """Return the dotted name of a file's path in the repository."""
    stem = place.path.removeprefix("/").removesuffix(".py").removesuffix("/__init__")
    return ModuleName(stem.replace("/", "."))


class _Search:
    """A best-first search: the most certain step first, of equals one that is not guarded."""

    def __init__(self, service: str, expander: Expander, deepest: Level) -> None:
        self._service = Node(NodeKind.SERVICE, service)
        self._deepest = deepest
        self._expander = expander
        self._queue: list[tuple[Level, bool, int, _Step]] = []
        self._pushed = 0
        self._is_cut = False
        self._reached: dict[tuple[ModuleName, bool], Reached] = {}
        self._edges: dict[Edge, None] = {}
        self._invoked: dict[tuple[ModuleName, bool], dict[Invocation, Level]] = {}
        self._loads: defaultdict[tuple[ModuleName, bool], list[LoadCall]] = defaultdict(list)

    def run(self, starts: Sequence[Start]) -> Reach:
        for start in starts:
            self._begin(start)
        while self._queue and len(self._reached) < MAX_MODULES:
            level, _, _, step = heapq.heappop(self._queue)
            self._visit(level, step)
        modules = tuple(self._with_calls(key, found) for key, found in self._reached.items())
        return Reach(modules, tuple(self._edges), is_cut=self._is_cut or bool(self._queue))

    def _with_calls(self, key: tuple[ModuleName, bool], found: Reached) -> Reached:
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
        self._edges[Edge(self._service, module_node(start.module), start.how, Level.CERTAIN, where)] = None
        own_line = where if isinstance(where, SourceLocation) else None
        step = _Step(start.module, own_line, is_script=start.is_script, is_guarded=start.is_guarded)
        self._push(Level.CERTAIN, step)
        for function in start.called:
            self._call(Level.CERTAIN, step, CallLink(start.module, Invocation(function), Level.CERTAIN, 0))

    def _push(self, level: Level, step: "_Step") -> None:
        known = self._reached if step.call is None else self._invoked.get(step.key, {})
        if (step.key if step.call is None else step.call) not in known:
            self._pushed += 1
            heapq.heappush(self._queue, (level, step.is_guarded, self._pushed, step))

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
            self._edges[Edge(module_node(module), node, "is", Level.CERTAIN, where)] = None
        self._visit_packages(level, step)
        if expansion is not None:
            self._follow(level, step, expansion)

    def _visit_function(self, level: Level, step: "_Step", call: Invocation) -> None:
        invoked = self._invoked.setdefault(step.key, {})
        self._is_cut = self._is_cut or len(invoked) >= MAX_CALLS
        if call in invoked or len(invoked) >= MAX_CALLS:
            return
        invoked[call] = level
        expansion = self._expander.expand(step.module, is_script=step.is_script, called=(call,))
        if expansion is not None:
            self._loads[step.key] += expansion.loads
            self._follow(level, step, expansion)

    def _call(self, level: Level, step: "_Step", link: CallLink) -> None:
        """Push a call that `step` makes."""
        file = step.module.file
        if file is None or max(level, link.level) > self._deepest:
            return
        where = location(file, link.line)
        is_guarded = link.context is ImportContext.GUARDED
        own_line = where if isinstance(where, SourceLocation) else step.own_line
        called = _Step(
            link.target,
            own_line,
            is_script=step.is_script and link.target.file == file,
            call=link.call,
            is_guarded=step.is_guarded or is_guarded,
        )
        self._edges[Edge(step.node, called.node, "calls", link.level, where, is_guarded)] = None
        self._push(max(level, link.level), called)

    def _visit_packages(self, level: Level, step: "_Step") -> None:
        """Push the package above: importing a.b imports a first (Language Reference, 5.4.2)."""
        above = step.module.name.rpartition(".")[0]
        package = self._expander.find(above) if above and not step.is_script else None
        if package is None or package.kind is ModuleKind.NAMESPACE:
            return
        if step.module.file is not None:
            edge = Edge(module_node(step.module), module_node(package), "is in", Level.CERTAIN)
            self._edges[edge] = None
        self._push(level, _Step(package, step.own_line, is_guarded=step.is_guarded))

    def _follow(self, level: Level, step: "_Step", expansion: Expansion) -> None:
        file = step.module.file
        if file is None:
            return
        source = step.node
        # All services share the image's modules. Where one of these leads into own code (``import __main__``,
        # a file that shadows what is installed) it does so for this service alone.
        is_shared = not _is_own(step.module)
        for call in expansion.calls:
            self._call(level, step, call)
        for link in expansion.links:
            target = self._expander.find(link.target)
            is_beyond = max(level, link.level) > self._deepest or _is_cut_off(step, expansion, link)
            if target is None or is_beyond or link.context is ImportContext.TYPING:
                continue
            where = location(link.place or file, link.line)
            is_handled = link.is_survived
            if target.kind is not ModuleKind.BUILTIN:
                begin, least = (source, Level.CERTAIN)
                if is_shared and _is_own(target):
                    begin, least = (self._service, level)
                edge = Edge(begin, module_node(target), link.how, max(least, link.level), where, is_handled)
                self._edges[edge] = None
            own_line = where if isinstance(where, SourceLocation) else step.own_line
            is_guarded = step.is_guarded or is_handled
            self._push(max(level, link.level), _Step(target, own_line, is_guarded=is_guarded))
        for absent in _worth_an_edge(expansion):
            node = Node(NodeKind.MODULE, absent.module)
            where, is_guarded = location(file, absent.line), absent.context is ImportContext.GUARDED
            self._edges[Edge(source, node, "imports", absent.level, where, is_guarded)] = None


class _Step(msgspec.Struct, frozen=True, eq=False):
    """A module to visit, or a function of it, and the last line of own code that leads there."""

    module: Module
    own_line: SourceLocation | None
    is_script: bool = False
    call: Invocation | None = None
    is_guarded: bool = False

    @property
    def node(self) -> Node:
        """Return what the evidence shows: the module, or the function in it that is called."""
        if self.call is None:
            return module_node(self.module)
        return Node(NodeKind.FUNCTION, f"{node_name(self.module)}.{self.call}")

    @property
    def key(self) -> tuple[ModuleName, bool]:
        return (node_name(self.module), self.is_script)


def _is_cut_off(step: _Step, expansion: Expansion, link: Link) -> bool:
    """Say whether an import stands behind one that fails, where what leads here survives that."""
    return step.is_guarded and 0 < expansion.fails_at < link.line


def _worth_an_edge(expansion: Expansion) -> Iterator[Absent]:
    for absent in expansion.absent:
        if absent.context is not ImportContext.TYPING and not absent.module.startswith("."):
            yield absent


def _is_own(module: Module) -> bool:
    place = module.file or next(iter(module.folders), None)
    return place is not None and place.side is Side.SOURCES
