"""Ways to do without packages: when a wheel is told of, how sure that is, and what speaks against it."""

from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec
import pytest

from fleet_audit.audit.knowledge.rows import RemedyRow, RemedySizes
from fleet_audit.audit.model.apt import AptPlan, PlannedPackage, Remedy
from fleet_audit.audit.model.elf import Missing
from fleet_audit.audit.model.identity import DistributionName, ImagePath, ModuleName, PackageName
from fleet_audit.audit.model.imports import DynamicImport, Level, NameUse, ServiceImports, UnparsedFile
from fleet_audit.audit.model.location import ImageLocation, SourceLocation
from fleet_audit.audit.model.need import Need, NeedKind, Tier, Via
from fleet_audit.audit.pipeline.planning.remedies import Advice, Code, Gaining, Wheels, advise

MB = 1_000_000
CV = DistributionName("opencv-python")
SITE = "/usr/lib/python3/dist-packages"

HEADLESS = RemedyRow(
    id="headless",
    needs=("so:libGL.so.1",),
    why="it has no windows",
    references=("README",),
    checked="today",
    sizes=RemedySizes("4.10", after=50 * MB, before=60 * MB),
    distributions=("opencv-python",),
    swap="opencv-python-headless",
    unless_used={"cv2": ("imshow", "waitKey")},
)
PROGRAM = RemedyRow(
    id="program",
    needs=("bin:ffmpeg",),
    why="it brings the program",
    references=("README",),
    checked="today",
    sizes=RemedySizes("0.8.1", after=100 * MB),
    add="imageio-ffmpeg",
    then="link it",
    unless_needs=("bin:ffprobe",),
)


def need(subject: str, *wanted_by: str, tier: Tier = Tier.REQUIRED) -> Need:
    kind, _, name = subject.partition(":")
    kinds = {"so": NeedKind.SONAME, "bin": NeedKind.PROGRAM}
    return Need(kinds[kind], name, tier, Via.NEEDED, Missing(), wanted_by)


GL = need("so:libGL.so.1", f"{SITE}/cv2/cv2.so")
FFMPEG = need("bin:ffmpeg", "app.py:3")


def plan_of(needs: Collection[str], megabytes: Mapping[str, int]) -> AptPlan:
    packages = tuple(
        PlannedPackage(
            PackageName(n.partition(":")[2].lower()),
            "1",
            megabytes[n] * MB,
            0,
            (n,),
            is_root=True,
            supplies=(n,),
        )
        for n in sorted(needs)
        if n in megabytes
    )
    return AptPlan(packages=packages, installed_bytes=sum(p.installed_bytes for p in packages))


def use(name: str = "imshow", level: Level = Level.CERTAIN, *, is_own: bool = True) -> NameUse:
    where = SourceLocation("app.py", 12) if is_own else ImageLocation(ImagePath(f"{SITE}/lib.py"), line=12)
    return NameUse(ModuleName("cv2"), name, level, where, ModuleName("app"), is_own)


def owners(path: str) -> tuple[DistributionName, ...]:
    shared = (DistributionName("opencv-contrib-python"),) if "/both/" in path else ()
    return (*shared, CV) if "/cv2/" in path else (DistributionName("open3d"),)


def advice(
    row: RemedyRow,
    needs: Sequence[Need],
    *uses: NameUse,
    megabytes: Mapping[str, int] | None = None,
    service: ServiceImports | None = None,
    note: str = "",
    requirers: Mapping[DistributionName, tuple[DistributionName, ...]] | None = None,
    planned: Sequence[Need] | None = None,
    sharers: tuple[DistributionName, ...] = (),
) -> Advice:
    """Advise where `needs` are missing and packages of these sizes supply them."""
    sizes = {"so:libGL.so.1": 200, "bin:ffmpeg": 400} if megabytes is None else megabytes
    subjects = [n.subject for n in (needs if planned is None else planned)]
    code = msgspec.structs.replace(service or ServiceImports("Vision"), watched=tuple(uses))
    wheels = Wheels(
        versions={CV: "4.12.0", DistributionName("open3d"): "0.19"},
        requirers=requirers or {},
        owners=owners,
        sharers=lambda _: sharers,
        places=lambda _: (SourceLocation("requirements.txt", 4),),
    )
    gaining = Gaining(
        tuple(needs if planned is None else planned),
        plan_of(subjects, sizes),
        without=lambda met: plan_of(set(subjects) - set(met), sizes),
    )
    return advise([row], needs, gaining, wheels, lambda _: Code((code,), note))


def only(found: Advice) -> Remedy:
    assert found.refused == ()
    (remedy,) = found.remedies
    return remedy


def test_a_build_without_windows_will_do_where_nobody_opens_one() -> None:
    remedy = only(advice(HEADLESS, [GL]))

    assert (remedy.needs, remedy.confidence) == (("so:libGL.so.1",), "certain")
    assert remedy.change == "opencv-python==4.12.0 -> opencv-python-headless==4.12.0"
    assert (
        remedy.evidence[0]
        == "no use of cv2.imshow or 1 more of its kind is seen in the code of Vision, or in what that reaches"
    )
    assert remedy.locations == (SourceLocation("requirements.txt", 4),)


def test_what_a_remedy_saves_is_the_packages_and_the_difference_of_the_wheels() -> None:
    assert only(advice(HEADLESS, [GL])).saved_bytes == 210 * MB
    assert only(advice(PROGRAM, [FFMPEG])).saved_bytes == 300 * MB


def test_both_sides_are_told() -> None:
    told = only(advice(HEADLESS, [GL])).evidence[-1]

    assert told == "the packages take 200.0 MB, the wheel takes 50.0 MB, 60.0 MB before (release 4.10)"


@pytest.mark.parametrize(
    "used",
    [use(), use(level=Level.LAZY), use("waitKey", Level.PROBABLE), use(is_own=False)],
    ids=["own", "own in a function", "own in a branch", "of others at import"],
)
def test_code_that_opens_windows_speaks_against_it_and_is_named(used: NameUse) -> None:
    found = advice(HEADLESS, [GL], used)

    assert found.remedies == ()
    (refused,) = found.refused
    assert refused.startswith("opencv-python-headless will not do")
    assert refused.endswith(f"{used.full_name} is used at {used.location} (Vision)")


@pytest.mark.parametrize(
    "used",
    [use(""), use(level=Level.STRING), use(level=Level.LAZY, is_own=False)],
    ids=["handed on", "reached by a string", "in a function of others"],
)
def test_what_may_open_windows_unseen_makes_it_no_more_than_possible(used: NameUse) -> None:
    remedy = only(advice(HEADLESS, [GL], used))

    assert remedy.confidence == "possible"
    assert str(used.location) in remedy.evidence[0]


@pytest.mark.parametrize("name", ["imread", "imwrite"])
def test_other_names_of_the_module_say_nothing(name: str) -> None:
    assert only(advice(HEADLESS, [GL], use(name))).confidence == "certain"


@pytest.mark.parametrize(
    "service",
    [
        ServiceImports("Vision", unparsed=(UnparsedFile("app.py", 3, "invalid syntax", 1),)),
        ServiceImports("Vision", dynamic_imports=(DynamicImport(SourceLocation("app.py", 5), "name"),)),
    ],
    ids=["unparsed", "computed import"],
)
def test_code_that_could_not_be_followed_makes_it_likely(service: ServiceImports) -> None:
    remedy = only(advice(HEADLESS, [GL], service=service))

    assert remedy.confidence == "likely"
    assert any("app.py:" in line for line in remedy.evidence)


def test_code_that_was_looked_at_elsewhere_makes_it_likely() -> None:
    remedy = only(advice(HEADLESS, [GL], note="services of family-x were looked at here"))

    assert remedy.confidence == "likely"
    assert "services of family-x were looked at here" in remedy.evidence


def test_a_wheel_that_others_require_comes_back_with_them() -> None:
    remedy = only(advice(HEADLESS, [GL], requirers={CV: (DistributionName("ultralytics"),)}))

    assert remedy.confidence == "possible"
    assert any(line.startswith("ultralytics requires opencv-python") for line in remedy.evidence)


def test_without_services_nobody_knows() -> None:
    gaining = Gaining((GL,), AptPlan(), without=lambda _: AptPlan())
    wheels = Wheels(versions={CV: "4.12.0"}, owners=lambda _: (CV,))

    assert only(advise([HEADLESS], [GL], gaining, wheels, lambda _: Code())).confidence == "possible"


def test_a_need_that_another_wheel_has_too_is_not_met() -> None:
    shared = need("so:libGL.so.1", f"{SITE}/cv2/cv2.so", f"{SITE}/open3d/cpu/pybind.so")

    assert advice(HEADLESS, [shared]) == Advice()


def test_a_file_that_another_wheel_claims_too_stays_without_the_one() -> None:
    assert advice(HEADLESS, [need("so:libGL.so.1", f"{SITE}/cv2/both/cv2.so")]) == Advice()


def test_two_builds_in_one_place_are_to_be_told_apart_first() -> None:
    found = advice(HEADLESS, [GL], sharers=(DistributionName("opencv-contrib-python"),))

    assert found.remedies == ()
    assert "opencv-contrib-python claims the same files as opencv-python" in found.refused[0]


def test_all_needs_of_the_wheel_alone_are_met() -> None:
    glib = need("so:libgthread-2.0.so.0", f"{SITE}/cv2/cv2.so")
    other = need("so:libEGL.so.1", f"{SITE}/open3d/gl.so")
    sizes = {"so:libGL.so.1": 200, "so:libgthread-2.0.so.0": 10, "so:libEGL.so.1": 7}

    remedy = only(advice(HEADLESS, [GL, glib, other], megabytes=sizes))

    assert remedy.needs == ("so:libGL.so.1", "so:libgthread-2.0.so.0")
    assert remedy.saved_bytes == 220 * MB


def test_nothing_is_told_where_packages_are_as_small() -> None:
    assert advice(PROGRAM, [FFMPEG], megabytes={"bin:ffmpeg": 100}) == Advice()


def test_what_no_package_supplies_is_met_whatever_the_size() -> None:
    remedy = only(advice(PROGRAM, [FFMPEG], megabytes={}))

    assert remedy.saved_bytes is None
    assert remedy.action == "install imageio-ffmpeg; link it"
    assert remedy.change == "+ imageio-ffmpeg==0.8.1"


def test_of_a_wheel_that_is_there_already_only_the_rest_is_to_be_done() -> None:
    row = msgspec.structs.replace(PROGRAM, add="open3d", then="link it")

    remedy = only(advice(row, [FFMPEG]))

    assert (remedy.action, remedy.change) == ("use open3d, which is installed; link it", "")
    assert remedy.saved_bytes == 400 * MB


def test_a_program_alone_will_not_do_where_its_companion_is_missing_too() -> None:
    probe = need("bin:ffprobe", "app.py:4")

    found = advice(PROGRAM, [FFMPEG, probe], planned=[FFMPEG])

    assert found.remedies == ()
    assert "bin:ffprobe" in found.refused[0]


@pytest.mark.parametrize(("tier", "confidence"), [(Tier.LAZY, "possible"), (Tier.OPTIONAL, "certain")])
def test_a_companion_that_may_be_asked_for_makes_it_possible(tier: Tier, confidence: str) -> None:
    probe = need("bin:ffprobe", "lib.py:4", tier=tier)

    remedy = only(advice(PROGRAM, [FFMPEG, probe], planned=[FFMPEG]))

    assert remedy.confidence == confidence
    assert any("lib.py:4 may ask for" in line for line in remedy.evidence) is (tier is Tier.LAZY)


def test_a_line_of_own_code_is_no_wheels_need() -> None:
    own = need("so:libGL.so.1", "app.py:7")

    assert advice(HEADLESS, [own]) == Advice()


def test_a_need_that_a_rule_knows_of_a_distribution_counts_as_its_own() -> None:
    row = msgspec.structs.replace(HEADLESS, unless_used={})

    assert only(advice(row, [need("so:libGL.so.1", "opencv-python")])).needs == ("so:libGL.so.1",)


def test_a_wheel_of_the_same_version_is_pinned_to_it() -> None:
    row = msgspec.structs.replace(
        PROGRAM, needs=("so:libGL.so.1",), distributions=("opencv-python",), same_version=True
    )

    assert only(advice(row, [GL])).change == "+ imageio-ffmpeg==4.12.0"


def test_nothing_is_asked_of_the_code_where_nothing_is_met() -> None:
    def code(_: DistributionName | None) -> Code:
        raise AssertionError("nobody should ask")

    asked: Callable[[DistributionName | None], Code] = code
    gaining = Gaining((), AptPlan(), without=lambda _: AptPlan())

    assert advise([HEADLESS], [], gaining, Wheels(), asked) == Advice()
