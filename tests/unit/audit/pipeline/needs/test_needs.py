"""Asks become needs: one for each thing and outcome, as badly needed as its strongest chain says."""

from fleet_audit.audit.model.elf import Declared, Missing, Resolution, Resolved
from fleet_audit.audit.model.evidence import Edge, EvidenceGraph, Node, NodeKind
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.need import NeedKind, Tier, Via
from fleet_audit.audit.pipeline.needs.needs import Ask, join

FACE = Node(NodeKind.SERVICE, "Face")
DREAM = Node(NodeKind.SERVICE, "Dream")
CV2 = Node(NodeKind.FILE, "/site/cv2.abi3.so")
LIBGL = Node(NodeKind.SONAME, "libGL.so.1")


def _ask(
    *, tier: Tier | None = None, resolution: Missing | Resolved | None = None, via: Via = Via.NEEDED
) -> Ask:
    return Ask(
        kind=NeedKind.SONAME,
        name="libGL.so.1",
        via=via,
        wanted_by="/site/cv2.abi3.so",
        route=(CV2, LIBGL),
        resolution=resolution or Missing(("/lib",)),
        tier=tier,
    )


def _graph(level: Level = Level.CERTAIN) -> EvidenceGraph:
    line = SourceLocation("face/app.py", 3)
    return EvidenceGraph((Edge(FACE, CV2, "imports", level, line), Edge(CV2, LIBGL, "needs")))


def test_a_need_names_the_service_the_line_and_every_step() -> None:
    (need,) = join([_ask()], _graph(), [FACE])

    (reached,) = need.reached_from
    assert (reached.service, str(reached.location)) == ("Face", "face/app.py:3")
    assert reached.chain[-1] == "needs so:libGL.so.1"
    assert need.tier is Tier.REQUIRED


def test_what_is_reached_only_inside_functions_is_lazy() -> None:
    (need,) = join([_ask()], _graph(Level.LAZY), [FACE])

    assert need.tier is Tier.LAZY


def test_an_ask_that_sets_its_own_tier_keeps_it_when_a_service_reaches_it() -> None:
    (need,) = join([_ask(tier=Tier.REQUIRED)], _graph(Level.LAZY), [FACE])

    assert need.tier is Tier.REQUIRED


def test_what_no_service_reaches_is_no_need() -> None:
    assert join([_ask(), _ask(tier=Tier.REQUIRED)], _graph(), [DREAM]) == ()


def test_without_services_only_asks_with_a_tier_of_their_own_are_kept() -> None:
    (need,) = join([_ask(), _ask(tier=Tier.REQUIRED)], _graph(), [])

    assert (need.tier, need.reached_from) == (Tier.REQUIRED, ())


def test_found_for_one_and_missing_for_another_are_two_needs() -> None:
    found = _ask(resolution=Resolved(ImagePath("/lib/libGL.so.1")))

    needs = join([_ask(), found], _graph(), [FACE])

    assert [type(need.resolution) for need in needs] == [Missing, Resolved]


def test_the_strongest_mechanism_is_the_one_that_is_named() -> None:
    (need,) = join([_ask(via=Via.RULE), _ask(via=Via.DLOPEN)], _graph(), [FACE])

    assert need.via is Via.DLOPEN


def test_a_service_that_brings_it_along_has_a_need_of_its_own() -> None:
    edges = (Edge(FACE, CV2, "imports"), Edge(DREAM, CV2, "imports", Level.LAZY), Edge(CV2, LIBGL, "needs"))

    def brought(ask: Ask, service: str) -> Resolution:
        return Declared("Dockerfile:3") if service == "Face" else ask.resolution

    needs = join([_ask()], EvidenceGraph(edges), [FACE, DREAM], brought)

    told = [(need.status, need.tier, [way.service for way in need.reached_from]) for need in needs]
    assert told == [("declared", Tier.REQUIRED, ["Face"]), ("missing", Tier.LAZY, ["Dream"])]


def test_what_several_services_bring_along_is_one_need_with_all_their_lines() -> None:
    edges = (Edge(FACE, CV2, "imports"), Edge(DREAM, CV2, "imports"), Edge(CV2, LIBGL, "needs"))

    (need,) = join([_ask()], EvidenceGraph(edges), [FACE, DREAM], lambda _, service: Declared(f"{service}:1"))

    assert need.resolution == Declared("Dream:1; Face:1")


def test_what_is_there_is_brought_along_by_nobody() -> None:
    found = _ask(resolution=Resolved(ImagePath("/lib/libGL.so.1")))

    (need,) = join([found], _graph(), [FACE], lambda *_: Declared("Dockerfile:3"))

    assert need.status == "resolved"
