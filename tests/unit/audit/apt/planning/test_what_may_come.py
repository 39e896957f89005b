"""What a plan may make of an image: what stays, what is upgraded, and what excludes what."""

import pytest

from fleet_audit.audit.apt.archive.index import ArchiveIndex
from fleet_audit.audit.apt.installed.preferences import PREFERENCES, Pin, Preferences
from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.apt.planning.plan import Terms, propose
from fleet_audit.audit.apt.planning.wants import Wanted
from fleet_audit.audit.model.apt import AptPlan
from fleet_audit.audit.model.need import NeedKind
from tests.support.archives import offered, packages, stanza
from tests.support.status import status_of
from tests.support.trees import tree

HELD = "install ok installed", "hold ok installed"


def plan(
    *stanzas: str, installed: tuple[str, ...] = (), held: bool = False, pins: Preferences | None = None
) -> AptPlan:
    """Plan for what the package ``root`` ships."""
    index = ArchiveIndex(
        packages=offered(*stanzas),
        sonames={"libroot.so": ("root",)},
        programs={},
        snapshot="",
        architecture="amd64",
    )
    status = status_of(packages(*installed))
    state = InstalledState.read(tree({"/var/lib/dpkg/status": status.replace(*HELD) if held else status}))
    assert state is not None
    return propose(
        [Wanted("so:libroot.so", NeedKind.SONAME, "libroot.so")],
        state,
        index,
        Terms(least_saving=0, preferences=pins or Preferences()),
    )


def names(proposed: AptPlan) -> list[str]:
    return [str(package.name) for package in proposed.packages]


def verdict(proposed: AptPlan) -> str:
    assert proposed.is_empty
    (unsatisfied,) = proposed.unsatisfied
    return unsatisfied.verdict


def test_a_newer_version_that_is_asked_for_replaces_the_installed_one() -> None:
    archive = (stanza("root", Depends="lib (>= 2)"), stanza("lib", "2"))

    assert names(plan(*archive, installed=(stanza("lib", "1"),))) == ["lib", "root"]
    assert names(plan(*archive, installed=(stanza("lib", "3"),))) == ["root"]


def test_what_is_held_stays() -> None:
    archive = (stanza("root", Depends="lib (>= 2)"), stanza("lib", "2"))

    proposed = plan(*archive, installed=(stanza("lib", "1"),), held=True)

    assert verdict(proposed) == "root depends on lib (>= 2), and lib is held at 1, so 2 cannot come"


def test_nothing_is_replaced_by_an_older_version() -> None:
    archive = (stanza("root", Depends="lib (= 1)"), stanza("lib", "1"))

    assert verdict(plan(*archive, installed=(stanza("lib", "2"),))) == (
        "root depends on lib (= 1), which the archive does not offer"
    )
    assert names(plan(*archive, installed=(stanza("lib", "1"),))) == ["root"]


def test_what_leans_on_the_old_version_moves_along() -> None:
    archive = (
        stanza("root", Depends="lib (>= 2)"),
        stanza("lib", "2"),
        stanza("tool", "2", Depends="lib (= 2)"),
    )
    tied = (stanza("lib", "1"), stanza("tool", "1", Depends="lib (= 1)"))
    free = (stanza("lib", "1"), stanza("tool", "1", Depends="lib (>= 1)"))

    assert names(plan(*archive, installed=tied)) == ["lib", "root", "tool"]
    assert names(plan(*archive, installed=free)) == ["lib", "root"]


def test_an_upgrade_that_would_leave_an_installed_package_behind_is_none() -> None:
    archive = (stanza("root", Depends="lib (>= 2)"), stanza("lib", "2"))

    proposed = plan(*archive, installed=(stanza("lib", "1"), stanza("tool", "1", Depends="lib (= 1)")))

    assert verdict(proposed) == "the installed tool depends on lib (= 1)"


def test_what_is_broken_already_is_no_obstacle() -> None:
    broken = (stanza("tool", Depends="gone, lib (= 7)"), stanza("lib", "1"), stanza("rival", Conflicts="lib"))

    assert names(plan(stanza("root", Depends="lib"), installed=broken)) == ["root"]


def test_a_package_that_breaks_an_installed_one_brings_its_upgrade() -> None:
    archive = (stanza("root", Breaks="old (<< 2)"), stanza("old", "2"))

    assert names(plan(*archive, installed=(stanza("old", "1"),))) == ["old", "root"]
    assert (
        verdict(plan(archive[0], installed=(stanza("old", "1"),)))
        == "old is refused by root (Breaks: old (<< 2))"
    )
    assert names(plan(*archive, installed=(stanza("old", "2"),))) == ["root"]


def test_an_installed_package_that_refuses_a_new_one_is_upgraded_where_the_newer_does_not() -> None:
    refusing = stanza("old", "1", Conflicts="root")

    assert names(plan(stanza("root"), stanza("old", "2"), installed=(refusing,))) == ["old", "root"]
    assert verdict(plan(stanza("root"), stanza("old", "2", Conflicts="root"), installed=(refusing,))) == (
        "root is refused by old (Conflicts: root)"
    )


def test_a_virtual_name_may_be_refused_as_well() -> None:
    archive = (stanza("root", Depends="a | b"), stanza("a", kib=1, Provides="mail"), stanza("b", kib=9))

    assert names(plan(*archive, installed=(stanza("keeper", Conflicts="mail"),))) == ["b", "root"]
    # Without a version, a Provides does not meet a versioned Conflicts (Debian policy 7.5).
    assert names(plan(*archive, installed=(stanza("keeper", Conflicts="mail (<< 2)"),))) == ["a", "root"]


def test_a_package_does_not_refuse_what_it_provides_itself() -> None:
    assert names(plan(stanza("root", Provides="mail", Conflicts="mail"))) == ["root"]


def test_only_a_versioned_provides_answers_a_versioned_dependency() -> None:
    def archive(provides: str) -> tuple[str, ...]:
        return stanza("root", Depends="lib (>= 2)"), stanza("lib2", Provides=provides)

    assert names(plan(*archive("lib (= 2)"))) == ["lib2", "root"]
    assert plan(*archive("lib")).is_empty
    assert plan(*archive("lib (= 1)")).is_empty


@pytest.mark.parametrize(
    ("depends", "sharing", "serves"),
    [
        ("tool", "foreign", True),
        ("tool", "", False),
        ("tool", "allowed", False),
        ("tool:any", "allowed", True),
        ("tool:any", "same", False),
        ("tool:i386", "", True),
    ],
)
def test_a_package_of_another_architecture_serves_as_its_field_says(
    depends: str, sharing: str, *, serves: bool
) -> None:
    foreign = stanza("tool", Architecture="i386", Multi_Arch=sharing)

    proposed = plan(stanza("root", Depends=depends), installed=(foreign,))

    assert (names(proposed) == ["root"]) is serves


def test_the_qualifier_any_asks_for_a_package_that_allows_it() -> None:
    root = stanza("root", Depends="python3:any")

    assert names(plan(root, stanza("python3", Multi_Arch="allowed"))) == ["python3", "root"]
    assert plan(root, stanza("python3")).is_empty


def test_a_package_of_another_architecture_refuses_by_name_alone() -> None:
    rival = stanza("rival", Architecture="i386", Conflicts="root")

    assert verdict(plan(stanza("root"), installed=(rival,))) == (
        "root is refused by rival:i386 (Conflicts: root)"
    )


def test_each_step_says_by_which_field_a_package_comes() -> None:
    archive = (
        stanza("root", Pre_Depends="a", Depends="b | c"),
        stanza("a"),
        stanza("b", Conflicts="a"),
        stanza("c"),
    )

    found = plan(*archive)

    assert [(step.package, step.because, step.excluded) for step in found.steps] == [
        ("root", "so:libroot.so", ()),
        ("a", "root: Pre-Depends a", ()),
        ("c", "root: Depends b | c", ("b cannot come: a is refused by b (Conflicts: a)",)),
    ]
    assert found.certificate == "3 packages, for each of which there is no alternative"


def test_what_the_image_pins_away_does_not_come() -> None:
    pins = Preferences([Pin(("b",), "version 1*", -1, PREFERENCES)])
    root = stanza("root", Depends="b | c")

    assert names(plan(root, stanza("b", kib=1), stanza("c"), pins=pins)) == ["c", "root"]
    assert verdict(plan(root, stanza("b"), pins=pins)) == (
        "root depends on b | c, and b is pinned away by /etc/apt/preferences"
    )
    assert names(plan(root, stanza("b", "2"), pins=pins)) == ["b", "root"]
