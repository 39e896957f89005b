"""Steps behind an import that fails and is survived."""

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint, Missing, Request, Resolved
from fleet_audit.audit.model.evidence import Edge, Node, NodeKind
from fleet_audit.audit.model.identity import ImagePath, Soname
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.pipeline.needs.taken import as_taken

FILE = ImagePath("/site/fast.so")
FAST = Node(NodeKind.FILE, FILE)


def module(name: str) -> Node:
    return Node(NodeKind.MODULE, name)


def closure(*, is_whole: bool) -> Closure:
    """Return what loads with one extension module, whose library is there or not."""
    resolution = Resolved(ImagePath("/lib/libx.so.1")) if is_whole else Missing()
    request = Request(Soname("libx.so.1"), FILE, resolution)
    return Closure(EntryPoint(FILE, EntryKind.EXTENSION_MODULE), requests=(request,))


def is_survived(*between: Edge, is_whole: bool = False) -> bool:
    """Say whether the step behind the import of ``tried`` counts as survived."""
    behind = Edge(module("app"), module("other"), "imports", behind=(module("tried"),))
    taken = list(as_taken([*between, Edge(module("fast"), FAST, "is"), behind], [closure(is_whole=is_whole)]))
    return taken[-1].is_guarded


def test_a_failure_reaches_whatever_surely_imports_what_fails() -> None:
    way = (
        Edge(module("tried"), module("inner"), "imports"),
        Edge(module("inner"), module("fast"), "imports"),
    )

    assert is_survived(*way)
    assert not is_survived(*way, is_whole=True)


def test_a_failure_that_is_survived_or_unsure_on_the_way_goes_no_further() -> None:
    for edge in (
        Edge(module("tried"), module("fast"), "imports", is_guarded=True),
        Edge(module("tried"), module("fast"), "imports", Level.LAZY),
        Edge(Node(NodeKind.SERVICE, "tried"), module("fast"), "starts"),
    ):
        assert not is_survived(edge)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=30))
def test_circles_of_imports_come_to_an_end(pairs: list[tuple[int, int]]) -> None:
    edges = [Edge(module(f"m{a}"), module(f"m{b}"), "imports", behind=(module(f"m{b}"),)) for a, b in pairs]
    taken = list(as_taken([*edges, Edge(module("m0"), FAST, "is")], [closure(is_whole=False)]))

    assert len(taken) == len(edges) + 1
