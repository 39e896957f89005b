from collections.abc import Mapping

import pytest

from fleet_audit.audit.apt.archive.index import ArchiveIndex
from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.apt.planning.choice import Blemishes
from fleet_audit.audit.apt.planning.plan import Terms, propose
from fleet_audit.audit.apt.planning.wants import Wanted
from fleet_audit.audit.model.apt import AptPlan
from fleet_audit.audit.model.need import NeedKind
from tests.support.archives import offered, packages, stanza
from tests.support.status import status_of
from tests.support.trees import tree


def so(name: str, *alternatives: str) -> Wanted:
    return Wanted(f"so:{name}", NeedKind.SONAME, name, alternatives)


def program(name: str) -> Wanted:
    return Wanted(f"bin:{name}", NeedKind.PROGRAM, name)


STANZAS = (
    stanza("libgl1", "1.6.0-1", kib=100, Depends="libglx0 (= 1.6.0-1)", Source="libglvnd"),
    stanza("libglx0", "1.6.0-1", kib=200, Depends="libx11-6", Source="libglvnd"),
    stanza("libx11-6", "2:1.8", kib=1000),
    stanza("ffmpeg", "7:5.1", kib=2000, Depends="libx11-6"),
    stanza("jack-big", kib=900),
    stanza("jack-small", kib=300),
    stanza("jack-equal", kib=300),
    stanza("impossible", Depends="gone"),
)
SONAMES = {
    "libGL.so.1": ("libgl1",),
    "libGLX.so.0": ("libglx0",),
    "libX11.so.6": ("libx11-6",),
    "libjack.so.0": ("jack-big", "jack-equal", "jack-small"),
    "libssl.so.3": ("ffmpeg",),
    "libdoomed.so.1": ("impossible",),
    "libchoice.so.1": ("ffmpeg", "impossible"),
}


def plan(
    *wanted: Wanted,
    installed: tuple[str, ...] = (),
    prefer: Mapping[str, str] | None = None,
    avoid: Mapping[str, tuple[str, ...]] | None = None,
    stanzas: tuple[str, ...] = STANZAS,
    terms: Terms | None = None,
) -> AptPlan:
    index = ArchiveIndex(
        packages=offered(*stanzas),
        sonames=dict(SONAMES),
        programs={"ffmpeg": ("ffmpeg",), "jackd": ("jack-big", "jack-small")},
        snapshot="bookworm 2026-07-11T10:16:37Z",
        architecture="amd64",
    )
    state = InstalledState.read(tree({"/var/lib/dpkg/status": status_of(packages(*installed))}))
    assert state is not None
    if terms is not None:
        return propose(wanted, state, index, terms)
    return propose(wanted, state, index, Terms(prefer=prefer or {}, avoid=avoid or {}, least_saving=0))


def test_the_direct_provider_is_typed_and_its_dependencies_follow() -> None:
    proposed = plan(so("libGL.so.1"))

    assert proposed.roots == ("libgl1=1.6.0-1",)
    assert {p.name: p.because for p in proposed.packages} == {
        "libgl1": ("so:libGL.so.1", "libgl1"),
        "libglx0": ("so:libGL.so.1", "libgl1", "libglx0"),
        "libx11-6": ("so:libGL.so.1", "libgl1", "libglx0", "libx11-6"),
    }


def test_the_plan_says_what_it_costs_and_with_what_it_was_made() -> None:
    proposed = plan(so("libGL.so.1"))

    assert proposed.installed_bytes == 1300 * 1024
    assert proposed.download_bytes == 1300 * 300
    assert proposed.snapshot == "bookworm 2026-07-11T10:16:37Z"
    assert proposed.is_optimal
    assert proposed.certificate == "3 packages, for each of which there is no alternative"


def test_what_supplies_a_need_itself_is_typed_even_where_it_would_come_along() -> None:
    proposed = plan(so("libGL.so.1"), so("libX11.so.6"), program("ffmpeg"))

    assert proposed.roots == ("ffmpeg=7:5.1", "libgl1=1.6.0-1", "libx11-6=2:1.8")
    assert proposed.packages[-1].because == ("so:libX11.so.6", "libx11-6")


def test_a_root_names_everything_that_it_supplies() -> None:
    proposed = plan(so("libssl.so.3"), program("ffmpeg"))

    assert {p.name: p.supplies for p in proposed.packages} == {
        "ffmpeg": ("bin:ffmpeg", "so:libssl.so.3"),
        "libx11-6": (),
    }


def test_of_several_providers_the_smallest_addition_is_taken_and_ties_go_by_name() -> None:
    assert plan(so("libjack.so.0")).roots == ("jack-equal=1.0",)


def test_a_provider_that_comes_anyway_is_taken() -> None:
    assert plan(so("libjack.so.0"), program("jackd")).roots == ("jack-small=1.0",)


def test_a_preference_decides_between_providers() -> None:
    assert plan(so("libjack.so.0"), prefer={"so:libjack.so.0": "jack-big"}).roots == ("jack-big=1.0",)


def test_a_preference_may_name_a_provider_that_no_index_knows() -> None:
    assert plan(program("java"), prefer={"bin:java": "ffmpeg"}).roots == ("ffmpeg=7:5.1",)


def test_a_preference_for_what_the_archive_lacks_is_passed_over() -> None:
    assert plan(so("libGL.so.1"), prefer={"so:libGL.so.1": "gone"}).roots == ("libgl1=1.6.0-1",)


def test_a_provider_to_avoid_is_taken_only_where_there_is_no_other() -> None:
    least = plan(so("libjack.so.0"))
    (name,) = (package.name for package in least.packages if package.is_root)
    other = plan(so("libjack.so.0"), avoid={"so:libjack.so.0": (name,)})

    assert other.roots not in ((), least.roots)
    assert plan(so("libGL.so.1"), avoid={"so:libGL.so.1": ("libgl1",)}).roots == ("libgl1=1.6.0-1",)


def test_a_provider_that_cannot_be_installed_is_the_last_choice() -> None:
    assert plan(so("libchoice.so.1")).roots == ("ffmpeg=7:5.1",)


FONTS = (
    stanza("fontconfig", Depends="fonts-usual | fonts-small | fonts-smaller"),
    stanza("fonts-usual", kib=9000),
    stanza("fonts-small", kib=20),
    stanza("fonts-smaller", kib=10),
    stanza("ffmpeg", Depends="fonts-smaller"),
)


def fonts(*wanted: Wanted, terms: Terms) -> AptPlan:
    index = ArchiveIndex(
        packages=offered(*FONTS),
        sonames={"libfontconfig.so.1": ("fontconfig",)},
        programs={"ffmpeg": ("ffmpeg",)},
        snapshot="",
        architecture="amd64",
    )
    state = InstalledState.read(tree({"/var/lib/dpkg/status": status_of(packages())}))
    assert state is not None
    return propose(wanted, state, index, terms)


def test_a_dependency_is_answered_by_the_smallest_package_and_apt_is_told() -> None:
    proposed = fonts(so("libfontconfig.so.1"), terms=Terms())

    assert proposed.roots == ("fontconfig=1.0", "fonts-smaller=1.0")
    assert proposed.steering == ("fonts-smaller=1.0",)
    assert proposed.is_optimal
    assert proposed.apt_default is not None
    assert proposed.apt_default.packages == ("fontconfig=1.0", "fonts-usual=1.0")
    assert [(step.package, step.is_choice) for step in proposed.steps] == [
        ("fontconfig", False),
        ("fonts-smaller", True),
    ]


def test_what_is_to_be_avoided_does_not_come_for_its_size_alone() -> None:
    terms = Terms(blemishes=Blemishes(is_to_avoid=lambda name: name.startswith("fonts-small")))

    assert fonts(so("libfontconfig.so.1"), terms=terms).roots == ("fontconfig=1.0",)
    # Where it comes anyway, it answers the other dependency as well.
    both = fonts(so("libfontconfig.so.1"), program("ffmpeg"), terms=terms)
    assert [package.name for package in both.packages] == ["ffmpeg", "fontconfig", "fonts-smaller"]


def test_a_package_with_fewer_known_vulnerabilities_is_taken_whatever_its_size() -> None:
    terms = Terms(blemishes=Blemishes(vulnerabilities={"fonts-smaller": 2, "fonts-small": 1}))

    proposed = fonts(so("libfontconfig.so.1"), terms=terms)

    assert [package.name for package in proposed.packages] == ["fontconfig", "fonts-usual"]


def test_a_small_saving_is_told_and_not_proposed() -> None:
    proposed = fonts(so("libfontconfig.so.1"), terms=Terms(least_saving=10 << 20))

    assert [package.name for package in proposed.packages] == ["fontconfig", "fonts-usual"]
    assert proposed.steering == ()
    assert not proposed.is_optimal
    (smaller,) = proposed.others
    assert smaller.roots == ("fontconfig=1.0", "fonts-smaller=1.0")
    assert smaller.why_not == "it is 9.2 MB smaller, and 1 more name would have to be typed"
    assert smaller.why_not in proposed.certificate


def test_a_saving_does_not_outweigh_what_must_not_come() -> None:
    proposed = fonts(
        so("libfontconfig.so.1"),
        terms=Terms(least_saving=10 << 20, is_forbidden=lambda n: n == "fonts-usual"),
    )

    assert [package.name for package in proposed.packages] == ["fontconfig", "fonts-smaller"]
    assert proposed.apt_default is None


def test_what_is_forbidden_comes_for_nothing_and_the_reason_is_told() -> None:
    terms = Terms(is_forbidden=lambda name: name.startswith("fonts-"))

    proposed = fonts(so("libfontconfig.so.1"), program("ffmpeg"), terms=terms)

    assert proposed.is_empty
    program_, library = (u.verdict for u in proposed.unsatisfied)
    assert (
        program_ == "ffmpeg depends on fonts-smaller, and fonts-smaller must not be installed into an image"
    )
    assert library.endswith("| fonts-smaller, and fonts-usual must not be installed into an image")


HEAVY = stanza("heavy", kib=5000, Size="10", Provides="thing")
LIGHT = (
    stanza("light", kib=10, Size="9000000", Depends="more", Provides="thing"),
    stanza("more", kib=10, Size="1"),
)


def thing(least_saving: int) -> AptPlan:
    index = ArchiveIndex(
        packages=offered(HEAVY, *LIGHT),
        sonames={"libthing.so.1": ("heavy", "light")},
        programs={},
        snapshot="",
        architecture="amd64",
    )
    state = InstalledState.read(tree({"/var/lib/dpkg/status": status_of(packages())}))
    assert state is not None
    return propose([so("libthing.so.1")], state, index, Terms(least_saving=least_saving))


def test_a_plan_that_wins_by_another_measure_is_told() -> None:
    proposed = thing(least_saving=1 << 20)

    assert [package.name for package in proposed.packages] == ["light", "more"]
    (other,) = proposed.others
    assert (other.roots, other.packages) == (("heavy=1.0",), ("heavy=1.0",))
    assert other.why_not == "its download is 9.0 MB smaller, and it takes 5.1 MB more"


def test_a_download_that_is_hardly_smaller_is_not_worth_telling() -> None:
    (other,) = thing(least_saving=100 << 20).others

    assert other.why_not == "it has 1 package less, and takes 5.1 MB more"


def test_other_plans_are_held_against_what_is_proposed_and_not_against_the_smallest() -> None:
    proposed = plan(
        so("libX11.so.6"),
        stanzas=(
            stanza("libx11-6", kib=10, Depends="usual | smaller | single"),
            stanza("usual", kib=2000, Depends="usual-data"),
            stanza("usual-data", kib=10),
            stanza("smaller", kib=1500, Depends="smaller-data"),
            stanza("smaller-data", kib=10),
            stanza("single", kib=4010),
        ),
        terms=Terms(least_saving=10 << 20),
    )

    assert [package.name for package in proposed.packages] == ["libx11-6", "usual", "usual-data"]
    smaller, single = proposed.others
    assert smaller.packages == ("libx11-6=1.0", "smaller=1.0", "smaller-data=1.0")
    assert single.why_not == "it has 1 package less, and takes 2.0 MB more"


def test_without_time_to_search_there_is_a_plan_and_no_proof() -> None:
    proposed = fonts(so("libfontconfig.so.1"), terms=Terms(search_seconds=0.0))

    assert [package.name for package in proposed.packages] == ["fontconfig", "fonts-usual"]
    assert not proposed.is_optimal
    assert proposed.certificate == "no answer could be proved to be the best: HiGHS says: Time limit reached"


def test_without_time_to_search_what_is_impossible_does_not_spoil_the_rest() -> None:
    doomed = Wanted("so:libdoomed.so.1", NeedKind.SONAME, "libdoomed.so.1")
    terms = Terms(search_seconds=0.0)

    both = fonts(so("libfontconfig.so.1"), program("ffmpeg"), doomed, terms=terms)
    choosing = plan(so("libjack.so.0"), so("libGL.so.1"), doomed, terms=terms)

    assert [package.name for package in both.packages] == ["ffmpeg", "fontconfig", "fonts-smaller"]
    assert choosing.roots == ("jack-equal=1.0", "libgl1=1.6.0-1")
    assert [u.need for u in choosing.unsatisfied] == ["so:libdoomed.so.1"]
    assert choosing.unsatisfied[0].verdict == "impossible depends on gone, which the archive does not offer"


def test_any_of_several_names_will_do() -> None:
    assert plan(so("libnone.so", "libX11.so.6")).roots == ("libx11-6=2:1.8",)


def test_an_installed_older_version_is_upgraded() -> None:
    proposed = plan(so("libX11.so.6"), installed=(stanza("libx11-6", "2:1.7"),))

    assert proposed.roots == ("libx11-6=2:1.8",)


def test_an_upgrade_costs_what_the_image_grows_by() -> None:
    proposed = plan(so("libjack.so.0"), installed=(stanza("jack-big", "0.9", kib=700),))

    assert proposed.roots == ("jack-big=1.0",)
    (package,) = proposed.packages
    assert (package.replaces, package.installed_bytes) == ("0.9", 200 * 1024)
    assert proposed.installed_bytes == 200 * 1024
    assert proposed.download_bytes == 900 * 300
    assert plan(so("libjack.so.0"), installed=(stanza("jack-big", "0.9", kib=500),)).roots == (
        "jack-equal=1.0",
    )


def test_an_upgrade_that_makes_the_image_smaller_is_no_gain_to_go_after() -> None:
    shrunk = stanza("libx11-6", "2:1.7", kib=9000)

    proposed = plan(so("libjack.so.0"), installed=(shrunk,))

    assert [package.name for package in proposed.packages] == ["jack-equal"]
    assert plan(so("libX11.so.6"), installed=(shrunk,)).installed_bytes == -8000 * 1024


@pytest.mark.parametrize("version", ["2:1.8", "2:1.9"])
def test_what_is_installed_and_still_missing_is_no_plan(version: str) -> None:
    proposed = plan(so("libX11.so.6"), installed=(stanza("libx11-6", version),))

    assert proposed.is_empty
    assert [u.verdict for u in proposed.unsatisfied] == [
        f"libx11-6 {version} is installed and should ship it, yet the image lacks it"
    ]


def test_packages_of_another_architecture_do_not_count_as_installed() -> None:
    foreign = stanza("libx11-6", "2:1.8", Architecture="i386", Multi_Arch="same")
    offered_ = stanza("libx11-6", "2:1.8", Multi_Arch="same")

    proposed = plan(so("libX11.so.6"), installed=(foreign,), stanzas=(offered_,))

    assert proposed.roots == ("libx11-6=2:1.8",)


@pytest.mark.parametrize(("version", "sharing"), [("2:1.7", "same"), ("2:1.8", "foreign"), ("2:1.8", "")])
def test_a_sibling_of_another_architecture_that_cannot_stand_beside_is_told(
    version: str, sharing: str
) -> None:
    foreign = stanza("libx11-6", version, Architecture="i386", Multi_Arch=sharing)
    offered_ = stanza("libx11-6", "2:1.8", Multi_Arch=sharing)

    (unsatisfied,) = plan(so("libX11.so.6"), installed=(foreign,), stanzas=(offered_,)).unsatisfied

    assert unsatisfied.verdict == f"libx11-6 cannot stand beside libx11-6:i386 {version}"


def test_a_soname_that_nobody_ships_names_its_nearest_relatives() -> None:
    (unsatisfied,) = plan(so("libssl.so.1.1")).unsatisfied

    assert unsatisfied.need == "so:libssl.so.1.1"
    assert "no package ships a library of this name" in unsatisfied.verdict
    assert "it has libssl.so.3 (ffmpeg), which is another interface" in unsatisfied.verdict


def test_a_program_that_nobody_ships_is_unsatisfied() -> None:
    (unsatisfied,) = plan(program("nosuch")).unsatisfied

    assert (unsatisfied.need, "no package ships a program" in unsatisfied.verdict) == ("bin:nosuch", True)


def test_what_cannot_be_installed_is_told_and_not_proposed() -> None:
    proposed = plan(so("libdoomed.so.1"), so("libGL.so.1"))

    assert proposed.roots == ("libgl1=1.6.0-1",)
    (unsatisfied,) = proposed.unsatisfied
    assert unsatisfied.need == "so:libdoomed.so.1"
    assert unsatisfied.verdict == "impossible depends on gone, which the archive does not offer"


def test_a_conflict_with_what_is_installed_is_unsatisfied() -> None:
    (unsatisfied,) = plan(so("libX11.so.6"), installed=(stanza("nox", Conflicts="libx11-6"),)).unsatisfied

    assert unsatisfied.need == "so:libX11.so.6"
    assert "refused by nox" in unsatisfied.verdict


def test_of_two_that_exclude_each_other_one_is_proposed() -> None:
    stanzas = (stanza("libgl1", Conflicts="ffmpeg"), stanza("ffmpeg"))

    proposed = plan(so("libGL.so.1"), program("ffmpeg"), stanzas=stanzas)

    assert proposed.roots == ("ffmpeg=1.0",)
    assert [(u.need, u.verdict) for u in proposed.unsatisfied] == [
        ("so:libGL.so.1", "ffmpeg is refused by libgl1 (Conflicts: ffmpeg)")
    ]


def test_as_many_needs_as_possible_are_supplied() -> None:
    stanzas = (
        stanza("libgl1", Conflicts="virtual", kib=1),
        stanza("ffmpeg", Provides="virtual"),
        stanza("libx11-6", Depends="ffmpeg"),
    )

    proposed = plan(so("libGL.so.1"), program("ffmpeg"), so("libX11.so.6"), stanzas=stanzas)

    assert proposed.roots == ("ffmpeg=1.0", "libx11-6=1.0")
    assert [u.need for u in proposed.unsatisfied] == ["so:libGL.so.1"]


def test_newer_versions_of_apt_upgrade_what_was_built_together() -> None:
    old = (stanza("libglx0", "1.5", Source="libglvnd"), stanza("libx11-6", "2:1.8"))
    stanzas = (
        stanza("libgl1", "1.6.0-1", Source="libglvnd"),
        stanza("libglx0", "1.6.0-1", Source="libglvnd"),
    )

    def planned(apt: str) -> list[str]:
        proposed = plan(so("libGL.so.1"), installed=(*old, stanza("apt", apt)), stanzas=stanzas)
        return [package.name for package in proposed.packages]

    assert planned("2.2.4") == ["libgl1"]
    assert planned("2.6.1") == ["libgl1", "libglx0"]


def test_where_apt_follows_what_is_typed_in_an_order_of_its_own_the_plan_comes_in_any() -> None:
    stanzas = (
        stanza("all-fonts", Depends="font-small"),
        stanza("cairo", Depends="font-usual | font-small"),
        stanza("font-usual", kib=3000),
        stanza("font-small"),
        stanza("apt", "2.2.4"),
    )
    sonames: dict[str, tuple[str, ...]] = {"libfonts.so.1": ("all-fonts",), "libcairo.so.2": ("cairo",)}

    def roots(apt: str) -> tuple[str, ...]:
        index = ArchiveIndex(
            packages=offered(*stanzas), sonames=sonames, programs={}, snapshot="", architecture="amd64"
        )
        state = InstalledState.read(tree({"/var/lib/dpkg/status": status_of(packages(stanza("apt", apt)))}))
        assert state is not None
        return propose((so("libfonts.so.1"), so("libcairo.so.2")), state, index).roots

    assert roots("2.5.3") == ("all-fonts=1.0", "cairo=1.0")
    assert roots("2.2.4") == ("all-fonts=1.0", "cairo=1.0", "font-small=1.0")


def test_nothing_wanted_gives_an_empty_plan() -> None:
    assert plan().is_empty


def test_the_order_of_wants_does_not_matter() -> None:
    wants = [so("libjack.so.0"), program("jackd"), so("libGL.so.1"), so("libssl.so.1.1")]

    assert plan(*wants) == plan(*reversed(wants))
