"""What is planned upon another addition is what apt-get brings once that addition is installed."""

import os
from collections.abc import Sequence

import pytest

from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.apt.planning.plan import propose
from fleet_audit.audit.model.apt import AptPlan
from tests.support.debian import RELEASES, index, wanted
from tests.support.needs import needs_of
from tests.support.throwaway_systems import clean_state, system

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting and chroot need root"),
]

CASES = [
    ("bookworm", "sounddevice", "ffmpeg"),
    ("bookworm", "mediapipe", "opencv-python"),
    ("trixie", "mediapipe", "opencv-python"),
    ("bullseye", "weasyprint", "opencv-python"),
]
"""A release, what a family beneath needs, and what one on it needs besides; all four share packages."""


def names(plan: AptPlan) -> list[str]:
    return [package.name for package in plan.packages]


def rest(suite: str, needs: Sequence[str], plan: AptPlan) -> list[str]:
    """Return the needs that no package of a plan answers."""
    archive, there = index(RELEASES[suite]), {*names(plan)}
    shipped = {"so": archive.sonames, "bin": archive.programs}
    parts = ((need, *need.split(":", 1)) for need in needs)
    return [need for need, kind, name in parts if there.isdisjoint(shipped[kind].get(name, ()))]


def with_plan(state: InstalledState, suite: str, plan: AptPlan) -> InstalledState:
    offered = (index(RELEASES[suite]).packages.get(name) for name in names(plan))
    return state.with_packages(package for package in offered if package is not None)


@pytest.mark.parametrize(("suite", "below", "above"), CASES)
def test_apt_get_brings_what_is_planned_upon_an_addition(suite: str, below: str, above: str) -> None:
    archive, sets, clean = index(RELEASES[suite]), needs_of(RELEASES[suite]), clean_state(suite)
    first = propose(wanted(*sets[below]), clean, archive)
    alone = propose(wanted(*sets[above]), clean, archive)
    left = rest(suite, sets[above], first)
    second = propose(wanted(*left), with_plan(clean, suite, first), archive)

    with system(suite, packages=names(first)) as it:
        it.install(first.roots)
        simulated = it.simulated(second.roots)

    assert left
    assert first.unsatisfied == second.unsatisfied == ()
    assert simulated == {f"{package.name}={package.version}" for package in second.packages}
    assert not {*names(first)} & {*names(second)}
    assert {*names(second)} < {*names(alone)}
