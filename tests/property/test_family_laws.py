"""Laws of planning families with those that they are built on."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.model.apt import AptPlan, PlannedPackage
from fleet_audit.audit.model.elf import Missing
from fleet_audit.audit.model.identity import PackageName
from fleet_audit.audit.model.need import Need, NeedKind, Tier, Via
from fleet_audit.audit.pipeline.planning.beneath import Addition, Beneath, inherited, own_share

names = st.sampled_from(("a", "b", "c", "d"))
chains = st.lists(st.frozensets(names), min_size=1, max_size=5)
"""What the services of each generation need and its image lacks, the lowest first."""


def need(name: str) -> Need:
    return Need(NeedKind.SONAME, name, Tier.REQUIRED, Via.NEEDED, Missing())


def plan_for(wanted: frozenset[str]) -> AptPlan:
    """Return a plan of one package for each need."""
    packages = tuple(
        PlannedPackage(PackageName(f"lib{name}"), "1", 10, 5, (f"so:{name}",), True, (f"so:{name}",))
        for name in sorted(wanted)
    )
    roots = tuple(f"{package.name}=1" for package in packages)
    return AptPlan(roots=roots, packages=packages, installed_bytes=10 * len(packages))


def planned(chain: list[frozenset[str]]) -> list[AptPlan]:
    """Plan each generation upon those beneath it, as a run does."""
    additions: list[Addition] = []
    for number, wanted in enumerate(chain):
        family = f"f{number}"
        found = inherited(
            family, [need(n) for n in sorted(wanted)], Beneath(tuple(reversed(additions))), None
        )
        plan = plan_for(frozenset(n for n in wanted if f"so:{n}" not in found.needs))
        shares = (*found.shares, own_share(family, plan)) if found.shares else ()
        additions.append(Addition(family, msgspec.structs.replace(plan, shares=shares)))
    return [each.plan for each in additions]


@given(chains)
def test_each_need_is_proposed_once_by_the_lowest_generation_that_has_it(chain: list[frozenset[str]]) -> None:
    plans = planned(chain)

    for name in frozenset[str]().union(*chain):
        lowest = next(number for number, wanted in enumerate(chain) if name in wanted)
        assert [number for number, plan in enumerate(plans) if f"so:{name}" in plan.suppliers()] == [lowest]


@given(chains)
def test_every_need_of_every_generation_is_answered_here_or_beneath(chain: list[frozenset[str]]) -> None:
    for wanted, plan in zip(chain, planned(chain), strict=True):
        assert {f"so:{name}" for name in wanted} == {*plan.suppliers(), *plan.inherited()}


@given(chains)
def test_shares_are_of_families_beneath_and_hold_whole_additions(chain: list[frozenset[str]]) -> None:
    plans = planned(chain)

    for number, plan in enumerate(plans):
        order = [int(share.family.removeprefix("f")) for share in plan.shares]
        assert order == sorted(set(order))
        assert all(below <= number for below in order)
        assert all(share.roots == plans[below].roots for share, below in zip(plan.shares, order, strict=True))
