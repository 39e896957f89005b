"""What is tried of a plan: each library and program that it answers, and imports that need nothing else."""

from fleet_audit.audit.model.apt import AptPlan, PlannedPackage, Share
from fleet_audit.audit.model.elf import HostDriver, Missing, Resolution, Resolved
from fleet_audit.audit.model.evidence import Edge, EvidenceGraph, Node, NodeKind
from fleet_audit.audit.model.identity import ImagePath, ModuleName, PackageName
from fleet_audit.audit.model.imports import ExtensionModule, Level, ServiceImports
from fleet_audit.audit.model.location import ImageLocation, Location, SourceLocation
from fleet_audit.audit.model.need import Need, NeedKind, Tier, Via
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.audit.pipeline.deps.analysis import Analysis
from fleet_audit.audit.pipeline.deps.promises import promises

CV2 = ImagePath("/site/cv2/cv2.abi3.so")
CODEC = ImagePath("/site/cv2/codec.so")
OWN = SourceLocation("services/face/app.py", 3)
INSIDE = ImageLocation(ImagePath("/site/cv2/__init__.py"))


def need(
    name: str, resolution: Resolution | None = None, kind: NeedKind = NeedKind.SONAME, *others: str
) -> Need:
    return Need(kind, name, Tier.REQUIRED, Via.NEEDED, resolution or Missing(), alternatives=others)


def supplying(*subjects: str) -> AptPlan:
    package = PlannedPackage(PackageName("p"), "1", 1, 1, (subjects[0],), is_root=True, supplies=subjects)
    return AptPlan(roots=("p=1",), packages=(package,))


def imports(*sonames: str, file: ImagePath = CV2, level: Level = Level.CERTAIN) -> list[Edge]:
    """Return the edges from a service over its own line and a package's to a file that needs `sonames`."""
    steps: list[tuple[Node, Location]] = [
        (Node(NodeKind.MODULE, "cv2"), OWN),
        (Node(NodeKind.MODULE, "cv2.cv2"), INSIDE),
    ]
    at = Node(NodeKind.SERVICE, "face")
    edges = []
    for node, place in steps:
        edges.append(Edge(at, node, "imports", level, place))
        at = node
    edges.append(Edge(at, Node(NodeKind.FILE, file), "is"))
    return edges + [Edge(edges[-1].target, Node(NodeKind.SONAME, name), "needs") for name in sonames]


def analysis(plan: AptPlan, *needs: Need, edges: list[Edge] | None = None) -> Analysis:
    modules = tuple(ExtensionModule(path, ModuleName("cv2.cv2"), Level.CERTAIN) for path in (CV2, CODEC))
    service = ServiceImports(service="face", extension_modules=modules)
    return Analysis(
        DepsReport(subject="vision", needs=needs, proposal=plan), EvidenceGraph(edges or []), (service,)
    )


def test_libraries_and_programs_that_the_plan_answers_are_tried_with_all_that_would_do() -> None:
    found = promises(
        analysis(
            supplying("so:libGL.so.1", "bin:convert"),
            need("libGL.so.1"),
            need("convert", None, NeedKind.PROGRAM, "magick"),
            need("libasound.so.2"),
            need("libz.so.1", Resolved(ImagePath("/lib/libz.so.1"))),
        )
    )

    assert found.sonames == {"libGL.so.1": ("libGL.so.1",)}
    assert found.programs == {"convert": ("convert", "magick")}


def test_what_a_family_beneath_brings_is_tried_too() -> None:
    share = Share("base", ("q=1",), needs={"so:libGL.so.1": ("q=1",)})

    found = promises(analysis(supplying("so:liba.so.1"), need("libGL.so.1"), need("liba.so.1")), [share])

    assert set(found.sonames) == {"libGL.so.1", "liba.so.1"}


def test_the_module_that_own_code_imports_is_imported() -> None:
    edges = imports("libGL.so.1", "libc.so.6")
    needs = need("libGL.so.1"), need("libc.so.6", Resolved(ImagePath("/lib/libc.so.6")))

    assert promises(analysis(supplying("so:libGL.so.1"), *needs, edges=edges)).modules == ("cv2",)


def test_a_module_that_needs_the_hosts_driver_as_well_is_not() -> None:
    edges = imports("libGL.so.1", "libcuda.so.1")
    needs = need("libGL.so.1"), need("libcuda.so.1", HostDriver("nvidia-driver", "the host brings it"))

    assert promises(analysis(supplying("so:libGL.so.1"), *needs, edges=edges)).modules == ()


def test_a_module_one_of_whose_files_needs_what_nobody_supplies_is_not() -> None:
    edges = [*imports("libGL.so.1"), *imports("libgone.so.1", file=CODEC)]
    needs = need("libGL.so.1"), need("libgone.so.1")

    assert promises(analysis(supplying("so:libGL.so.1"), *needs, edges=edges)).modules == ()


def test_a_module_that_may_not_be_imported_at_all_is_not() -> None:
    edges = imports("libGL.so.1", level=Level.LAZY)

    assert promises(analysis(supplying("so:libGL.so.1"), need("libGL.so.1"), edges=edges)).modules == ()


def test_a_module_that_the_plan_changes_nothing_for_is_not() -> None:
    edges = imports("libz.so.1")
    needs = need("libGL.so.1"), need("libz.so.1", Resolved(ImagePath("/lib/libz.so.1")))

    assert promises(analysis(supplying("so:libGL.so.1"), *needs, edges=edges)).modules == ()
