"""Laws of what serves nobody, over small made systems."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.apt.installed.state import InstalledRecord
from fleet_audit.audit.apt.surplus.dependencies import Dependencies
from fleet_audit.audit.apt.surplus.doubt import Doubt, rank
from fleet_audit.audit.apt.surplus.keeping import keep_set
from fleet_audit.audit.apt.surplus.surplus import Brought, Circumstances, surplus_of
from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.identity import PackageName
from tests.support.installed import KIB, installed

NAMES = [PackageName(letter) for letter in "abcdefgh"]
SECTIONS = ("libs", "devel", "libdevel", "oldlibs", "doc")


@st.composite
def systems(draw: st.DrawFn) -> list[InstalledRecord]:
    """Return packages that depend on one another, on alternatives, and on what is not there."""
    clause = st.lists(st.sampled_from([*NAMES, "absent"]), min_size=1, max_size=3).map(" | ".join)
    return [
        installed(
            name,
            ", ".join(draw(st.lists(clause, max_size=3))),
            size=draw(st.integers(1, 9)) * KIB,
            section=draw(st.sampled_from(SECTIONS)),
            is_essential=draw(st.booleans()) and draw(st.booleans()),
            source=draw(st.sampled_from(["", "one-source"])),
            recommends=draw(st.sampled_from(["", *NAMES])),
        )
        for name in draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
    ]


@st.composite
def circumstances(draw: st.DrawFn) -> Circumstances:
    doubt = Doubt(Confidence.POSSIBLE, "a reason")
    return Circumstances(
        needed=dict.fromkeys(draw(names()), "a service"),
        brought={
            name: Brought("family", is_base=draw(st.booleans()), is_named=draw(st.booleans()))
            for name in NAMES
        },
        doubts=dict.fromkeys(draw(names()), (doubt,)),
    )


def names() -> st.SearchStrategy[list[PackageName]]:
    return st.lists(st.sampled_from(NAMES), unique=True, max_size=3)


def gone(records: list[InstalledRecord], known: Circumstances) -> set[str]:
    return {each.package for each in surplus_of(records, known)}


@given(systems(), circumstances())
def test_what_stays_has_its_dependencies(records: list[InstalledRecord], known: Circumstances) -> None:
    stays = {record.name for record in records} - gone(records, known)
    world = Dependencies(records)

    for name in stays:
        assert all(stays.intersection(answers) for answers in world.of(name))


@given(systems(), circumstances())
def test_what_is_needed_or_the_base_or_essential_stays(
    records: list[InstalledRecord], known: Circumstances
) -> None:
    leaves = gone(records, known)

    assert leaves.isdisjoint(known.needed)
    assert not any(known.brought[PackageName(name)].is_base for name in leaves)
    assert leaves.isdisjoint(record.name for record in records if record.package.is_essential)


@given(systems(), circumstances(), names())
def test_a_further_need_keeps_no_more_bytes_out(
    records: list[InstalledRecord], known: Circumstances, more: list[PackageName]
) -> None:
    sizes = {record.name: record.package.installed_bytes for record in records}
    world = Dependencies(records)

    less = keep_set(world, known.needed)
    greater = keep_set(world, {*known.needed, *more})

    assert sum(sizes[name] for name in greater) >= sum(sizes[name] for name in less)


@given(systems(), circumstances())
def test_no_package_is_told_to_be_surer_than_what_depends_on_it(
    records: list[InstalledRecord], known: Circumstances
) -> None:
    found = {each.package: each for each in surplus_of(records, known)}
    world = Dependencies(records)

    for name, each in found.items():
        below = {answer for answers in world.of(name) for answer in answers if answer in found}
        assert all(
            rank(Confidence(found[answer].confidence)) >= rank(Confidence(each.confidence))
            for answer in below
        )


@given(systems(), circumstances())
def test_what_follows_goes_with_something_that_a_person_names(
    records: list[InstalledRecord], known: Circumstances
) -> None:
    found = surplus_of(records, known)
    roots = {each.package for each in found if not each.goes_with}

    assert all(each.goes_with in roots for each in found if each.goes_with)
    assert len(found) == len({each.package for each in found})


@given(systems(), circumstances())
def test_what_stays_can_be_installed_again_by_the_names_that_are_left(
    records: list[InstalledRecord], known: Circumstances
) -> None:
    found = surplus_of(records, known)
    world = Dependencies(records)
    stays = frozenset(world.records) - {each.package for each in found}
    named = {name for name, came in known.brought.items() if came.is_named or came.is_base}
    roots = {each.package for each in found if not each.goes_with}
    before = world.reach(roots, world.records, with_recommended=True)
    instead = {PackageName(pin.partition("=")[0]) for each in found for pin in each.instead}

    assert world.reach((named & stays) | instead, stays).keys() >= stays & before.keys()


@given(systems(), circumstances(), st.randoms(use_true_random=False))
def test_the_order_of_packages_changes_nothing(
    records: list[InstalledRecord], known: Circumstances, random: Random
) -> None:
    shuffled = list(records)
    random.shuffle(shuffled)

    assert surplus_of(shuffled, known) == surplus_of(records, known)


@given(systems(), circumstances())
def test_nothing_more_can_go_from_what_is_kept(records: list[InstalledRecord], known: Circumstances) -> None:
    world = Dependencies(records)
    kept = keep_set(world, known.needed)

    for name in kept - known.needed.keys():
        rest = kept - {name}
        assert not all(rest.intersection(a) for each in rest for a in world.of(each))
