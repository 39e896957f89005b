"""The evidence graph finds the most certain, then shortest chain, always the same one."""

from fleet_audit.audit.model.evidence import Edge, EvidenceGraph, Node, NodeKind
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.model.location import SourceLocation

FACE = Node(NodeKind.SERVICE, "Face")
APP = Node(NodeKind.MODULE, "services/face/app.py")
CV2 = Node(NodeKind.MODULE, "cv2")
LIBGL = Node(NodeKind.SONAME, "libGL.so.1")


def _line(number: int) -> SourceLocation:
    return SourceLocation("services/face/app.py", number)


def test_a_certain_detour_beats_a_lazy_shortcut() -> None:
    shortcut = Edge(FACE, CV2, "imports", Level.LAZY, _line(9))
    detour = (Edge(FACE, APP, "starts"), Edge(APP, CV2, "imports", Level.CERTAIN, _line(3)))

    chain = EvidenceGraph((shortcut, *detour)).chain(FACE, CV2)

    assert chain is not None
    assert chain.level is Level.CERTAIN
    assert chain.own_line == _line(3)


def test_a_chain_is_as_certain_as_its_weakest_link() -> None:
    graph = EvidenceGraph((Edge(FACE, CV2, "imports", Level.LAZY), Edge(CV2, LIBGL, "needs")))

    chain = graph.chain(FACE, LIBGL)

    assert chain is not None
    assert chain.level is Level.LAZY


def test_of_two_equal_chains_the_first_by_name_is_chosen_whatever_the_order_of_edges() -> None:
    ways = [Node(NodeKind.MODULE, name) for name in ("b", "a")]
    edges = [edge for way in ways for edge in (Edge(FACE, way, "imports"), Edge(way, CV2, "imports"))]

    chains = {EvidenceGraph(order).chain(FACE, CV2) for order in (tuple(edges), tuple(reversed(edges)))}

    assert len(chains) == 1


def test_what_nothing_leads_to_has_no_chain() -> None:
    graph = EvidenceGraph((Edge(CV2, LIBGL, "needs"),))

    assert graph.chain(FACE, LIBGL) is None
    assert graph.distance(FACE, LIBGL) is None


def test_a_circle_of_imports_ends() -> None:
    graph = EvidenceGraph((Edge(APP, CV2, "imports"), Edge(CV2, APP, "imports")))

    assert graph.distance(APP, CV2) == (Level.CERTAIN, 1)


def test_a_bare_name_lists_every_kind_that_bears_it() -> None:
    distribution = Node(NodeKind.DISTRIBUTION, "cv2")
    graph = EvidenceGraph((Edge(CV2, distribution, "belongs to"),))

    assert graph.candidates("cv2") == (distribution, CV2)


def test_steps_name_every_node_and_the_line_that_leads_to_it() -> None:
    graph = EvidenceGraph((Edge(FACE, CV2, "imports", location=_line(3)), Edge(CV2, LIBGL, "needs")))

    chain = graph.chain(FACE, LIBGL)

    assert chain is not None
    assert chain.steps() == (
        "service:Face",
        "imports module:cv2 (services/face/app.py:3)",
        "needs so:libGL.so.1",
    )


def test_what_lies_behind_a_guarded_import_is_not_demanded() -> None:
    guarded = Edge(FACE, CV2, "imports", is_guarded=True)
    graph = EvidenceGraph((guarded, Edge(CV2, LIBGL, "needs")))

    assert graph.distance(FACE, LIBGL) == (Level.STRING, 2)


def test_an_import_without_a_guard_counts_before_a_guarded_one() -> None:
    guarded = Edge(FACE, CV2, "imports", location=_line(3), is_guarded=True)
    bare = Edge(FACE, CV2, "imports", Level.LAZY, _line(9))

    chain = EvidenceGraph((guarded, bare)).chain(FACE, CV2)

    assert chain is not None
    assert chain.edges == (bare,)
