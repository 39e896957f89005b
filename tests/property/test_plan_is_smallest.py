"""In worlds of a few packages, a plan is held against every state that the image could be brought into."""

from collections.abc import Iterable, Iterator
from itertools import product

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.apt.archive.index import ArchiveIndex
from fleet_audit.audit.apt.debian.packages import ArchivePackage, PackageTable, candidates
from fleet_audit.audit.apt.debian.relations import Relation, parse_relations
from fleet_audit.audit.apt.debian.versions import compare_versions, satisfies
from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.apt.planning.plan import Terms, propose
from fleet_audit.audit.apt.planning.wants import Wanted
from fleet_audit.audit.model.apt import AptPlan
from fleet_audit.audit.model.need import NeedKind
from tests.support.archives import packages, stanza
from tests.support.laws import examples
from tests.support.status import status_of
from tests.support.trees import tree

NAMES = ("a", "b", "c", "d", "e")

relations = st.builds(
    lambda name, bound: f"{name} ({bound})" if bound else name,
    st.sampled_from((*NAMES, "virtual")),
    st.sampled_from(("", "", ">= 2", "= 1", "<< 3")),
)
clauses = st.lists(relations, min_size=1, max_size=3).map(" | ".join)
fields = st.fixed_dictionaries(
    {"Depends": st.lists(clauses, max_size=2).map(", ".join)},
    optional={
        "Conflicts": relations,
        "Breaks": relations,
        "Provides": st.sampled_from(("virtual", "virtual (= 1)", "virtual (= 2)")),
        "Source": st.sampled_from(("s", "t")),
    },
)


@st.composite
def versions(draw: st.DrawFn, numbers: tuple[str, ...]) -> dict[str, ArchivePackage]:
    texts = [
        stanza(name, draw(st.sampled_from(numbers)), kib=draw(st.integers(1, 50)), **draw(fields))
        for name in draw(st.sets(st.sampled_from(NAMES)).map(sorted))
    ]
    return candidates(packages(*texts))


World = tuple[ArchivePackage, ...]


def plan(
    archive: dict[str, ArchivePackage], there: Iterable[ArchivePackage], names: Iterable[str]
) -> AptPlan:
    shipped: dict[str, tuple[str, ...]] = {f"lib{name}.so": (name,) for name in archive}
    shipped["libshared.so"] = tuple(sorted({"a", "b", "c"} & set(archive)))
    index = ArchiveIndex(
        packages=PackageTable(archive), sonames=shipped, programs={}, snapshot="now", architecture="amd64"
    )
    state = InstalledState.read(tree({"/var/lib/dpkg/status": status_of(there)}))
    assert state is not None
    needs = [Wanted(f"so:lib{name}.so", NeedKind.SONAME, f"lib{name}.so") for name in sorted(names)]
    return propose(needs, state, index, Terms(least_saving=0))


def worlds(archive: dict[str, ArchivePackage], there: dict[str, ArchivePackage]) -> Iterator[World]:
    """Yield every state without removals and downgrades."""
    names = sorted({*archive, *there})
    choices: list[list[ArchivePackage | None]] = []
    for name in names:
        options: list[ArchivePackage | None] = [there.get(name)]
        new = archive.get(name)
        if new is not None and (name not in there or compare_versions(there[name].version, new.version) < 0):
            options.append(new)
        choices.append(options)
    for row in product(*choices):
        yield tuple(package for package in row if package is not None)


def answers(package: ArchivePackage, relation: Relation) -> bool:
    if package.name == relation.name and satisfies(package.version, relation.operator, relation.version):
        return True
    return any(
        offer.name == relation.name
        and package.name != relation.name
        and (
            not relation.operator
            or (offer.version and satisfies(offer.version, relation.operator, relation.version))
        )
        for (offer,) in parse_relations(package.provides)
    )


def wrongs(world: World) -> set[tuple[str, str]]:
    """Return what is wrong with a state, each named so that it can be told from what was wrong before."""
    unmet = {
        (f"{package.name} {package.version}", str(clause))
        for package in world
        for clause in parse_relations(package.depends)
        if not any(answers(other, relation) for other in world for relation in clause)
    }
    fights = {
        (package.name, f"{other.name} {package.version} {other.version}")
        for package in world
        for field in (package.conflicts, package.breaks)
        for (relation,) in parse_relations(field)
        for other in world
        if other.name != package.name and answers(other, relation)
    }
    return unmet | fights


def supplies(world: World, archive: dict[str, ArchivePackage], name: str) -> bool:
    providers = {"a", "b", "c"} if name == "shared" else {name}
    return any(package.name in providers and package is archive.get(package.name) for package in world)


def price(world: World, there: dict[str, ArchivePackage]) -> tuple[int, int, int]:
    new = [package for package in world if package is not there.get(package.name)]
    grown = [
        max(p.installed_bytes - (there[p.name].installed_bytes if p.name in there else 0), 0) for p in new
    ]
    return sum(grown), sum(p.download_bytes for p in new), len(new)


@examples(300)
@given(
    versions(("1", "2", "3")),
    versions(("1", "2")),
    st.sets(st.sampled_from((*NAMES, "shared")), min_size=1, max_size=3),
)
def test_no_state_that_supplies_as_much_is_cheaper(
    archive: dict[str, ArchivePackage], there: dict[str, ArchivePackage], names: set[str]
) -> None:
    proposed = plan(archive, there.values(), names)

    told = {item.need.removeprefix("so:lib").removesuffix(".so") for item in proposed.unsatisfied}
    planned = {str(package.name): archive[package.name] for package in proposed.packages}
    after = tuple({**there, **planned}.values())
    before = wrongs(tuple(there.values()))
    possible = [world for world in worlds(archive, there) if wrongs(world) <= before]
    best = max((_count(world, archive, names) for world in possible), default=0)
    assert wrongs(after) <= before
    assert all(supplies(after, archive, name) for name in names - told)
    assert len(names - told) == best
    cheapest = min(
        (price(world, there) for world in possible if _count(world, archive, names - told) == best),
        default=(0, 0, 0),
    )
    assert price(after, there) == cheapest


def _count(world: World, archive: dict[str, ArchivePackage], names: set[str]) -> int:
    return sum(supplies(world, archive, name) for name in names)


@examples(100)
@given(versions(("1", "2")), st.sets(st.sampled_from((*NAMES, "shared")), min_size=1, max_size=3))
def test_without_any_one_of_its_packages_something_is_unmet(
    archive: dict[str, ArchivePackage], names: set[str]
) -> None:
    proposed = plan(archive, (), names)

    told = {item.need.removeprefix("so:lib").removesuffix(".so") for item in proposed.unsatisfied}
    planned = [archive[package.name] for package in proposed.packages]
    for left_out in planned:
        rest = tuple(package for package in planned if package is not left_out)
        is_complete = all(supplies(rest, archive, name) for name in names - told)
        assert wrongs(rest) or not is_complete


@examples(100)
@given(
    versions(("1", "2")),
    st.sets(st.sampled_from((*NAMES, "shared")), max_size=3),
    st.sampled_from((*NAMES, "shared")),
)
def test_who_wants_more_pays_no_less(archive: dict[str, ArchivePackage], names: set[str], more: str) -> None:
    less, greater = plan(archive, (), names), plan(archive, (), names | {more})

    if not greater.unsatisfied:
        assert less.installed_bytes <= greater.installed_bytes


@examples(100)
@given(versions(("1", "2")), st.sets(st.sampled_from((*NAMES, "shared")), max_size=3))
def test_a_state_that_has_the_plan_needs_nothing_more(
    archive: dict[str, ArchivePackage], names: set[str]
) -> None:
    first = plan(archive, (), names)
    installed = tuple(archive[package.name] for package in first.packages)
    # What one of several providers supplies is not wanted any more; a name of one provider may be asked for.
    asked = names - {"shared"} if supplies(installed, archive, "shared") else names

    assert plan(archive, installed, asked).is_empty


@examples(50)
@given(versions(("1", "2")), st.sets(st.sampled_from((*NAMES, "shared")), max_size=3))
def test_every_package_of_a_plan_has_its_step_and_a_chain_from_a_need(
    archive: dict[str, ArchivePackage], names: set[str]
) -> None:
    proposed = plan(archive, (), names)

    planned = [str(package.name) for package in proposed.packages]
    if proposed.is_optimal:
        assert sorted(str(step.package) for step in proposed.steps) == planned
    for package in proposed.packages:
        assert package.because[0].startswith("so:")
        assert package.because[-1] == package.name
    assert msgspec.structs.asdict(proposed) == msgspec.structs.asdict(plan(archive, (), names))
