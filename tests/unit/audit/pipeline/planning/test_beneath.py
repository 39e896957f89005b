"""What of an image's missing needs comes with additions to the families beneath it."""

import msgspec

from fleet_audit.audit.model.apt import AptPlan, Placement, PlannedPackage, Share
from fleet_audit.audit.model.elf import Missing
from fleet_audit.audit.model.identity import PackageName
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.need import Need, NeedKind, Tier, Via
from fleet_audit.audit.pipeline.planning.beneath import STALE, Addition, Beneath, Inherited, inherited


def need(name: str, *alternatives: str) -> Need:
    return Need(NeedKind.SONAME, name, Tier.REQUIRED, Via.NEEDED, Missing(), alternatives=alternatives)


def plan(family: str, **supplies: str) -> AptPlan:
    """Return a plan of packages, each with the soname that it answers."""
    packages = tuple(
        PlannedPackage(PackageName(name), "1", 10, 5, (f"so:{soname}", name), True, (f"so:{soname}",))
        for name, soname in supplies.items()
    )
    place = Placement(family, SourceLocation(f"{family}/Dockerfile", 3), patch=f"patch of {family}")
    roots = tuple(f"{package.name}=1" for package in packages)
    return AptPlan(roots=roots, packages=packages, installed_bytes=10 * len(packages), placement=place)


NEAR = Addition("near", plan("near", liba="a.so", libb="b.so"))
FAR = Addition("far", plan("far", liba="a.so", libc="c.so"))


def found(*needs: Need, additions: tuple[Addition, ...] = (NEAR, FAR)) -> Inherited:
    return inherited("own", needs, Beneath(additions), None)


def test_the_nearest_addition_that_answers_a_need_is_the_one_it_comes_with() -> None:
    (share,) = found(need("a.so")).shares

    assert (share.family, share.needs) == ("near", {"so:a.so": ("liba=1",)})
    assert (share.roots, share.installed_bytes) == (("liba=1", "libb=1"), 20)
    assert share.for_families == ("near", "own")


def test_shares_stand_lowest_family_first() -> None:
    assert [share.family for share in found(need("b.so"), need("c.so")).shares] == ["far", "near"]


def test_an_addition_that_answers_nothing_takes_no_part() -> None:
    assert found(need("c.so")).additions == (FAR,)
    assert found(need("d.so")) == Inherited()


def test_with_an_addition_come_those_that_it_stands_on() -> None:
    upon = msgspec.structs.replace(NEAR.plan, shares=(Share("far", ("libc=1",)), Share("near", ("liba=1",))))

    it = found(need("b.so"), additions=(Addition("near", upon), FAR))

    assert [each.family for each in it.additions] == ["far", "near"]
    assert [(share.family, share.for_families) for share in it.shares] == [
        ("far", ("far",)),
        ("near", ("near", "own")),
    ]


def test_an_option_of_an_addition_is_nothing_that_it_stands_on() -> None:
    option = msgspec.structs.replace(NEAR.plan, shares=(Share("far", ("libc=1",), is_option=True),))

    assert [
        each.family for each in found(need("b.so"), additions=(Addition("near", option), FAR)).additions
    ] == ["near"]


def test_every_dockerfile_of_a_family_comes_along_and_no_dockerfile_twice() -> None:
    second = Placement("near", SourceLocation("near/other", 1), patch="patch of another")
    below = Placement("far", SourceLocation("far/Dockerfile", 3), patch="patch of far")
    place = msgspec.structs.replace(NEAR.plan.placement, also=(second, below))
    near = Addition("near", msgspec.structs.replace(NEAR.plan, placement=place))

    patches = [place.patch for place in found(need("b.so"), need("c.so"), additions=(near, FAR)).placements]

    assert patches == ["patch of far", "patch of near", "patch of another"]


def test_what_a_newer_image_beneath_has_needs_no_package() -> None:
    newer = Addition("near", AptPlan(), frozenset({"so:a.so"}))

    it = found(need("a.so"), additions=(newer, FAR))

    (share,) = it.shares
    assert (share.family, share.roots, share.needs, share.why) == ("near", (), {"so:a.so": ()}, STALE)
    assert (it.additions, it.placements, it.needs) == ((), (), frozenset({"so:a.so"}))
