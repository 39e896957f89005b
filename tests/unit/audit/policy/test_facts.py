"""From model values to what rules may speak of."""

import msgspec

from fleet_audit.audit.model.apt import AptPlan, Placement, PlannedPackage, Share, Unsatisfied
from fleet_audit.audit.model.elf import Fatal, Missing, Resolved, WrongMachine
from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.identity import DistributionName, ImagePath, ModuleName, PackageName
from fleet_audit.audit.model.imports import (
    ImportContext,
    ImportedModule,
    Level,
    MissingModule,
    ProviderKind,
    ServiceImports,
    UnparsedFile,
)
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.need import Need, NeedKind, ReachedFrom, Tier, Via
from fleet_audit.audit.policy.facts import (
    ModuleFacts,
    NeedFacts,
    Subject,
    module_subjects,
    need_subjects,
    source_subjects,
)

FACE = SourceLocation("face/app.py", 4)
OTHER = SourceLocation("other/app.py", 9)
DOCKERFILE = SourceLocation("docker/vision/Dockerfile", 18)


def need(*lines: SourceLocation, level: Level = Level.CERTAIN) -> Need:
    return Need(
        kind=NeedKind.SONAME,
        name="libGL.so.1",
        tier=Tier.REQUIRED,
        via=Via.NEEDED,
        resolution=Missing(("/usr/lib",)),
        wanted_by=("/cv2.so",),
        reached_from=tuple(ReachedFrom(line.path.partition("/")[0], line, level, ()) for line in lines),
    )


def package(
    name: str, *, because: str, supplies: tuple[str, ...] = (), is_root: bool = True
) -> PlannedPackage:
    return PlannedPackage(PackageName(name), "1", 10, 5, (because, name), is_root, supplies)


def facts(subject: Subject) -> NeedFacts:
    assert isinstance(subject.facts, NeedFacts)
    return subject.facts


def test_a_need_stands_at_the_first_line_that_reaches_it() -> None:
    plan = AptPlan(placement=Placement("vision", DOCKERFILE))

    (subject,) = need_subjects([need(OTHER, FACE)], family="vision", plan=plan)

    assert subject.location == FACE
    assert subject.related == (OTHER, DOCKERFILE)
    assert facts(subject).services == ("face", "other")


def test_the_most_certain_line_comes_before_the_first_in_the_alphabet() -> None:
    ways = (*need(FACE, level=Level.LAZY).reached_from, *need(OTHER).reached_from)

    (subject,) = need_subjects([msgspec.structs.replace(need(), reached_from=ways)])

    assert (subject.location, subject.related) == (OTHER, (FACE,))


def test_what_comes_with_the_addition_to_another_family_is_mended_in_its_dockerfile() -> None:
    below = SourceLocation("docker/base/Dockerfile", 7)
    share = Share("base", ("libgl1=1", "libz=1"), needs={"so:libGL.so.1": ("libgl1=1",)})
    place = Placement("vision", DOCKERFILE, also=(Placement("base", below),))
    plan = AptPlan(
        placement=place, shares=(share, Share("vision", ("libx=1",), needs={"so:libx": ("libx=1",)}))
    )

    (subject,) = need_subjects([need(FACE)], family="vision", plan=plan)

    assert (facts(subject).supplied_by, facts(subject).supplied_in) == (("libgl1=1",), "base")
    assert subject.related == (below,)


def test_another_place_that_packages_could_have_mends_nothing() -> None:
    option = Share("base", ("libgl1=1",), needs={"so:libGL.so.1": ("libgl1=1",)}, is_option=True)
    own = (package("libgl1", because="so:libGL.so.1"),)
    plan = AptPlan(packages=own, placement=Placement("vision", DOCKERFILE), shares=(option,))

    (subject,) = need_subjects([need(FACE)], family="vision", plan=plan)

    assert (facts(subject).supplied_by, facts(subject).supplied_in) == (("libgl1=1",), "")
    assert subject.related == (DOCKERFILE,)


def test_a_need_that_no_line_reaches_stands_where_it_would_be_mended() -> None:
    manifest = SourceLocation("fleet.yaml", 3)

    (mended,) = need_subjects([need()], plan=AptPlan(placement=Placement("v", DOCKERFILE)))
    (fallen_back,) = need_subjects([need()], fallback=manifest)

    assert (mended.location, fallen_back.location) == (DOCKERFILE, manifest)


def test_a_need_knows_the_packages_that_answer_it_and_not_their_dependencies() -> None:
    plan = AptPlan(
        packages=(
            package("libgl1", because="so:libGL.so.1"),
            package("libglx0", because="so:libGL.so.1", is_root=False),
            package("libglib2.0-0", because="so:libgthread-2.0.so.0"),
        )
    )

    (subject,) = need_subjects([need(FACE)], plan=plan)

    assert facts(subject).supplied_by == ("libgl1=1",)


def test_a_package_may_answer_several_needs() -> None:
    both = package("libglib2.0-0", because="so:a", supplies=("so:a", "so:libGL.so.1"))

    (subject,) = need_subjects([need(FACE)], plan=AptPlan(packages=(both,)))

    assert facts(subject).supplied_by == ("libglib2.0-0=1",)


def test_a_need_without_an_answer_carries_the_verdict() -> None:
    plan = AptPlan(unsatisfied=(Unsatisfied("so:libGL.so.1", "no package has it"),))

    (subject,) = need_subjects([need(FACE)], plan=plan)

    assert facts(subject).unsatisfied == "no package has it"


def test_the_reason_of_a_resolution_is_said() -> None:
    path = ImagePath("/usr/lib/liba.so")
    fatal = Need(NeedKind.SONAME, "a", Tier.REQUIRED, Via.NEEDED, Fatal(path, "file too short"))
    foreign = Need(NeedKind.SONAME, "b", Tier.REQUIRED, Via.NEEDED, WrongMachine(path, "aarch64"))
    found = Need(NeedKind.SONAME, "c", Tier.REQUIRED, Via.NEEDED, Resolved(path))

    texts = [
        (facts(s).status, facts(s).path, facts(s).detail) for s in need_subjects([fatal, foreign, found])
    ]

    assert texts == [
        ("fatal", path, "file too short"),
        ("wrong-machine", path, f"{path} is built for aarch64"),
        ("resolved", path, ""),
    ]


def test_confidence_is_that_of_the_most_certain_way() -> None:
    (certain,) = need_subjects([need(FACE)])
    (possible,) = need_subjects([need(FACE, level=Level.LAZY)])

    assert (certain.confidence, possible.confidence) == (Confidence.CERTAIN, Confidence.POSSIBLE)


def test_a_file_that_does_not_parse_stands_at_its_line() -> None:
    (subject,) = source_subjects([UnparsedFile("a.py", 7, "expected ':'", 2, ("Dream",))])

    assert subject.name == "file:a.py"
    assert subject.location == SourceLocation("a.py", 7)


def missing(line: SourceLocation, context: ImportContext, level: Level = Level.CERTAIN) -> MissingModule:
    return MissingModule(ModuleName("cv2"), context, (line,), level, (DistributionName("opencv-python"),))


def test_a_module_is_one_subject_for_all_services_with_its_strongest_import_first() -> None:
    (subject,) = module_subjects(
        [
            ServiceImports("A", missing=(missing(FACE, ImportContext.GUARDED),)),
            ServiceImports("B", missing=(missing(OTHER, ImportContext.MODULE),)),
        ],
        family="vision",
    )

    assert subject.location == OTHER
    assert subject.related == (FACE,)
    assert subject.facts == ModuleFacts(
        name="cv2",
        context="module",
        level="certain",
        services=("A", "B"),
        family="vision",
        suggestions=("opencv-python",),
    )


def test_a_certain_line_counts_more_than_a_module_level_import_that_may_not_be_reached() -> None:
    (subject,) = module_subjects(
        [
            ServiceImports(
                "A",
                missing=(
                    missing(FACE, ImportContext.MODULE, Level.LAZY),
                    missing(OTHER, ImportContext.GUARDED),
                ),
            )
        ]
    )

    assert isinstance(subject.facts, ModuleFacts)
    assert (subject.facts.context, subject.facts.level) == ("guarded", "certain")


def test_an_import_in_a_function_that_surely_runs_counts_more_than_a_guarded_one() -> None:
    lines = (missing(FACE, ImportContext.GUARDED), missing(OTHER, ImportContext.LAZY))
    (subject,) = module_subjects([ServiceImports("A", missing=lines)])

    assert isinstance(subject.facts, ModuleFacts)
    assert (subject.facts.context, subject.location) == ("lazy", OTHER)


def gone(module: str) -> MissingModule:
    return MissingModule(ModuleName(module), ImportContext.MODULE, (FACE,))


def test_modules_of_one_missing_package_are_one_subject() -> None:
    subjects = module_subjects([ServiceImports("A", missing=(gone("rich.console"), gone("rich.table")))])

    assert [subject.name for subject in subjects] == ["module:rich"]


def test_modules_missing_from_a_package_that_is_partly_there_are_subjects_of_their_own() -> None:
    there = ImportedModule(
        ModuleName("google.protobuf"), ImportContext.MODULE, (FACE,), provided_by=ProviderKind.FAMILY
    )

    subjects = module_subjects(
        [ServiceImports("A", imports=(there,), missing=(gone("google.cloud.storage"),))]
    )

    assert [subject.name for subject in subjects] == ["module:google.cloud.storage"]


def test_a_relative_import_that_leads_nowhere_is_called_as_it_is_written() -> None:
    subjects = module_subjects([ServiceImports("A", missing=(gone(".helper"),))])

    assert [subject.name for subject in subjects] == ["module:.helper"]
