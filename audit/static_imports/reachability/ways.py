"""The ways on from a module, as edges of the evidence: made ready once for all services of an image."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from fleet_audit.audit.model.evidence import Edge, Node, NodeKind
from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.model.imports import ImportContext, Level
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.static_imports.reachability.expander import Expander
from fleet_audit.audit.static_imports.reachability.expansion import CallLink, Expansion
from fleet_audit.audit.static_imports.reachability.nodes import is_own, location, module_node, node_name
from fleet_audit.audit.static_imports.resolution.finder import Module, ModuleKind
from fleet_audit.audit.static_imports.source.functions import Invocation

Key = tuple[ModuleName, bool]
"""What a search knows a module by: its node's name, and whether it runs as a script."""


class Way(msgspec.Struct, frozen=True, gc=False):
    """One import, found: `edge` is None where the target needs no evidence, being part of Python itself.

    `own_line` is the line where that is own code. `is_survived` holds where the import may fail.
    """

    target: Module
    key: Key
    level: Level
    line: int
    edge: Edge | None
    own_line: SourceLocation | None
    is_survived: bool
    leads_home: bool
    """Whether installed code leads into own code here (``import __main__``, a file that shadows another)."""


class CallWay(msgspec.Struct, frozen=True, gc=False):
    """One call of a function elsewhere; what it has in common with an import is as in `Way`."""

    target: Module
    key: Key
    call: Invocation
    level: Level
    edge: Edge
    own_line: SourceLocation | None
    is_survived: bool


class Ways(msgspec.Struct, frozen=True):
    """All ways on from one module, and the edges to what it asks for in vain.

    `edges` are those of all imports that were found and of `absent`. `leads_home` holds where one of the
    imports does.
    """

    found: tuple[Way, ...] = ()
    calls: tuple[CallWay, ...] = ()
    absent: tuple[Edge, ...] = ()
    edges: tuple[Edge, ...] = ()
    leads_home: bool = False


class Above(msgspec.Struct, frozen=True):
    """The package that a module is in, which is imported first (Language Reference, 5.4.2)."""

    package: Module
    key: Key
    edge: Edge | None


class KnownWays:
    """Makes ways ready, and keeps those that hold for every service: those of the image's own expansions."""

    def __init__(self, image: Expander | None = None) -> None:
        """Take what answers for the image alone; without it nothing is kept."""
        self._image = image
        self._ways: dict[int, tuple[Expansion, ModuleName, Ways]] = {}
        self._above: dict[int, tuple[Module, Above | None]] = {}

    def of(
        self,
        module: Module,
        expansion: Expansion,
        call: Invocation | None,
        find: Callable[[str], Module | None],
        *,
        is_script: bool = False,
    ) -> Ways:
        """Return the ways on from `module`, or from the function `call` of it."""
        known = self._ways.get(id(expansion))
        # One file may be imported under several names.
        if known is not None and known[0] is expansion and known[1] == module.name:
            return known[2]
        if self._image is None or not self._is_common(module, expansion, call):
            return _ways(module, shown(module, call), expansion, find, is_script=is_script)
        # Where services share an expansion, they find the image's modules in it.
        ways = _ways(module, shown(module, call), expansion, self._image.find, is_script=False)
        self._ways[id(expansion)] = (expansion, module.name, ways)
        return ways

    def above(self, module: Module, find: Callable[[str], Module | None]) -> Above | None:
        """Return the package that `module` is in; None at the top, and for parts of a namespace."""
        known = self._above.get(id(module))
        if known is not None and known[0] is module:
            return known[1]
        found = _above(module, find)
        if self._image is not None and self._image.find(module.name) is module:
            self._above[id(module)] = (module, found)
        return found

    def _is_common(self, module: Module, expansion: Expansion, call: Invocation | None) -> bool:
        if self._image is None or is_own(module):
            return False
        called = () if call is None else (call,)
        return self._image.expand(module, called=called) is expansion


def shown(module: Module, call: Invocation | None) -> Node:
    """Return what the evidence shows: the module, or the function in it that is called."""
    if call is None:
        return module_node(module)
    return Node(NodeKind.FUNCTION, f"{node_name(module)}.{call}")


def _ways(
    module: Module,
    node: Node,
    expansion: Expansion,
    find: Callable[[str], Module | None],
    *,
    is_script: bool,
) -> Ways:
    found = tuple(_found(module, node, expansion, find))
    calls = tuple(
        call_way(module, node, call, is_script=is_script, behind=_nodes(call.behind, find))
        for call in expansion.calls
    )
    absent = tuple(_absent(module, node, expansion))
    edges = (*(way.edge for way in found if way.edge is not None), *absent)
    return Ways(found, calls, absent, edges, any(way.leads_home for way in found))


def _nodes(names: Iterable[ModuleName], find: Callable[[str], Module | None]) -> tuple[Node, ...]:
    return tuple(module_node(module) for name in names if (module := find(name)) is not None)


def call_way(
    module: Module, node: Node, link: CallLink, *, is_script: bool, behind: tuple[Node, ...] = ()
) -> CallWay:
    """Return a call that `module`, shown as `node`, makes; a script's own functions are the script's."""
    where = None if module.file is None else location(module.file, link.line)
    is_guarded = link.context is ImportContext.GUARDED
    runs_in_script = is_script and link.target.file == module.file
    return CallWay(
        target=link.target,
        key=(node_name(link.target), runs_in_script),
        call=link.call,
        level=link.level,
        edge=Edge(node, shown(link.target, link.call), link.how, link.level, where, is_guarded, behind),
        own_line=where if isinstance(where, SourceLocation) else None,
        is_survived=is_guarded,
    )


def _found(
    module: Module, node: Node, expansion: Expansion, find: Callable[[str], Module | None]
) -> Iterator[Way]:
    is_installed = not is_own(module)
    for link in expansion.links:
        target = find(link.target)
        file = link.place or module.file
        if target is None or file is None or link.context is ImportContext.TYPING:
            continue
        where = location(file, link.line)
        is_builtin = target.kind is ModuleKind.BUILTIN
        edge = Edge(
            node,
            module_node(target),
            link.how,
            link.level,
            where,
            link.is_survived,
            _nodes(link.behind, find) if link.behind else (),
        )
        yield Way(
            target=target,
            key=(node_name(target), False),
            level=link.level,
            line=link.line,
            edge=None if is_builtin else edge,
            own_line=where if isinstance(where, SourceLocation) else None,
            is_survived=link.is_survived,
            leads_home=is_installed and is_own(target),
        )


def _absent(module: Module, source: Node, expansion: Expansion) -> Iterator[Edge]:
    if module.file is None:
        return
    for absent in expansion.absent:
        if absent.context is not ImportContext.TYPING and not absent.module.startswith("."):
            where, is_guarded = location(module.file, absent.line), absent.context is ImportContext.GUARDED
            node = Node(NodeKind.MODULE, absent.module)
            yield Edge(source, node, "imports", absent.level, where, is_guarded)


def _above(module: Module, find: Callable[[str], Module | None]) -> Above | None:
    name = module.name.rpartition(".")[0]
    package = find(name) if name else None
    if package is None or package.kind is ModuleKind.NAMESPACE:
        return None
    edge = None
    if module.file is not None:
        edge = Edge(module_node(module), module_node(package), "is in", Level.CERTAIN)
    return Above(package, (node_name(package), False), edge)
