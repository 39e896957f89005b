"""Laws of a plan, over small archives of every shape."""

from hypothesis import assume, given
from hypothesis import strategies as st

from fleet_audit.audit.apt.archive.index import ArchiveIndex
from fleet_audit.audit.apt.debian.packages import (
    ArchivePackage,
    PackageTable,
    candidates,
    is_answered_by,
    is_provided,
)
from fleet_audit.audit.apt.debian.relations import Relation, parse_relations
from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.apt.planning.plan import propose
from fleet_audit.audit.apt.planning.wants import Wanted
from fleet_audit.audit.model.apt import AptPlan
from fleet_audit.audit.model.need import NeedKind
from tests.support.archives import packages, stanza
from tests.support.laws import examples
from tests.support.status import status_of
from tests.support.trees import tree

few = examples(50)
"""Each example builds an archive, a state and up to four plans; and other work may share the machine."""

NAMES = ("a", "b", "c", "d", "e", "f")

relation = st.builds(
    lambda name, bound: f"{name} (>= {bound})" if bound else name,
    st.sampled_from((*NAMES, "virtual")),
    st.sampled_from(("", "1", "2")),
)
clause = st.lists(relation, min_size=1, max_size=3).map(" | ".join)


@st.composite
def archives(draw: st.DrawFn) -> dict[str, ArchivePackage]:
    texts = []
    for name in NAMES:
        fields = {"Depends": ", ".join(draw(st.lists(clause, max_size=3)))}
        if draw(st.booleans()):
            fields["Provides"] = draw(st.sampled_from(("virtual", "virtual (= 1)", "virtual (= 2)")))
        texts.append(stanza(name, draw(st.sampled_from(("1", "2"))), kib=draw(st.integers(1, 50)), **fields))
    return candidates(packages(*texts))


wanted = st.sets(st.sampled_from(NAMES), max_size=4)


def plan(archive: dict[str, ArchivePackage], names: set[str], installed: set[str]) -> AptPlan:
    shipped: dict[str, tuple[str, ...]] = {f"lib{name}.so": (name,) for name in NAMES}
    shipped["libshared.so"] = ("a", "b", "c")
    index = ArchiveIndex(
        packages=PackageTable(archive), sonames=shipped, programs={}, snapshot="now", architecture="amd64"
    )
    status = status_of(archive[name] for name in sorted(installed))
    state = InstalledState.read(tree({"/var/lib/dpkg/status": status}))
    assert state is not None
    return propose(
        [Wanted(f"so:lib{n}.so", NeedKind.SONAME, f"lib{n}.so") for n in sorted(names)], state, index
    )


def met(asked: Relation, present: list[ArchivePackage]) -> bool:
    return any(
        (package.name == asked.name and is_answered_by(asked, package.version))
        or any(
            provision.name == asked.name and is_provided(asked, provision)
            for (provision,) in parse_relations(package.provides)
        )
        for package in present
    )


@few
@given(archives(), wanted, wanted)
def test_every_dependency_of_a_plan_is_met(
    archive: dict[str, ArchivePackage], names: set[str], installed: set[str]
) -> None:
    proposed = plan(archive, names, installed)

    planned = [archive[package.name] for package in proposed.packages]
    present = planned + [archive[name] for name in installed]
    for package in planned:
        for alternatives in parse_relations(package.depends):
            assert any(met(asked, present) for asked in alternatives)


@few
@given(archives(), wanted, wanted)
def test_a_plan_supplies_what_was_wanted_or_says_that_it_does_not(
    archive: dict[str, ArchivePackage], names: set[str], installed: set[str]
) -> None:
    proposed = plan(archive, names, installed)

    planned = {package.name for package in proposed.packages}
    unsatisfied = {item.need for item in proposed.unsatisfied}
    assert all(name in planned or f"so:lib{name}.so" in unsatisfied for name in names)


@few
@given(archives(), wanted, st.sampled_from(NAMES))
def test_who_wants_more_types_no_less(archive: dict[str, ArchivePackage], names: set[str], more: str) -> None:
    less, greater = plan(archive, names, set()), plan(archive, names | {more}, set())

    assert set(less.roots) <= set(greater.roots)


@few
@given(archives(), wanted)
def test_a_plan_that_was_carried_out_leaves_nothing_to_add(
    archive: dict[str, ArchivePackage], names: set[str]
) -> None:
    first = plan(archive, names, set())

    assert plan(archive, names, {str(package.name) for package in first.packages}).is_empty


@few
@given(archives(), wanted, wanted)
def test_nothing_is_planned_twice_and_sums_are_right(
    archive: dict[str, ArchivePackage], names: set[str], installed: set[str]
) -> None:
    proposed = plan(archive, names, installed)

    planned = [str(package.name) for package in proposed.packages]
    assert planned == sorted(set(planned))
    assert not set(planned) & installed
    assert proposed.installed_bytes == sum(archive[name].installed_bytes for name in planned)
    assert {package.because[-1] for package in proposed.packages} == set(planned)


@few
@given(archives(), st.sets(st.sampled_from((*NAMES, "shared")), max_size=5))
def test_the_choice_between_providers_needs_no_more_than_the_dearest_would(
    archive: dict[str, ArchivePackage], names: set[str]
) -> None:
    chosen = plan(archive, names | {"shared"}, set())
    each = [plan(archive, names - {"shared"} | {name}, set()) for name in ("a", "b", "c")]
    assume(not chosen.unsatisfied)

    assert chosen.installed_bytes <= max(one.installed_bytes for one in each)
