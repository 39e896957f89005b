"""Which steps are not taken because an import that fails, and is survived, comes before them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from fleet_audit.audit.model.elf import Closure, EntryKind, Fatal, Missing, WrongMachine
from fleet_audit.audit.model.evidence import Edge, Node, NodeKind
from fleet_audit.audit.model.imports import Level

_CODE = frozenset({NodeKind.MODULE, NodeKind.FUNCTION, NodeKind.FILE})


def as_taken(edges: Sequence[Edge], closures: Iterable[Closure]) -> Iterator[Edge]:
    """Yield the edges; those behind an import that fails are marked as survived, as that import is.

    An import fails where what it surely imports, without surviving its failure, is an extension module that
    cannot load.
    """
    if not any(edge.behind for edge in edges):
        yield from edges
        return
    failing = _importing(edges, {Node(NodeKind.FILE, c.entry.path) for c in closures if _fails(c)})
    for edge in edges:
        is_behind = any(node in failing for node in edge.behind)
        yield msgspec.structs.replace(edge, is_guarded=True) if is_behind else edge


def _fails(closure: Closure) -> bool:
    is_module = closure.entry.kind is EntryKind.EXTENSION_MODULE
    return is_module and any(
        isinstance(r.resolution, Missing | Fatal | WrongMachine) for r in closure.requests
    )


def _importing(edges: Iterable[Edge], failing: set[Node]) -> set[Node]:
    """Return `failing` with everything that fails because of it."""
    importers: defaultdict[Node, list[Node]] = defaultdict(list)
    for edge in edges:
        is_sure = edge.level is Level.CERTAIN and not edge.is_guarded
        if is_sure and {edge.source.kind, edge.target.kind} <= _CODE:
            importers[edge.target].append(edge.source)
    pending = list(failing)
    while pending:
        for node in importers[pending.pop()]:
            if node not in failing:
                failing.add(node)
                pending.append(node)
    return failing
