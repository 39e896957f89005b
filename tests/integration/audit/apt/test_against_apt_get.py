"""What we plan is exactly what apt-get does with our command line."""

import random
import shutil
from collections.abc import Callable, Iterable
from functools import cache

import pytest

from fleet_audit.audit.apt.planning.plan import Terms, propose
from fleet_audit.audit.model.apt import AptPlan
from tests.support.debian import (
    BOOKWORM,
    RELEASES,
    Simulation,
    index,
    minimal,
    older,
    state_of,
    wanted,
)
from tests.support.needs import needs_of

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("apt-get") is None, reason="apt-get is not installed"),
]

CASES = [
    *(
        ("bookworm", name)
        for name in ("sounddevice", "numpy-system-blas", "jack-client", "pygobject-gtk3", "gdal")
    ),
    *(
        (codename, name)
        for codename in ("bullseye", "trixie")
        for name in ("ffmpeg", "pygobject-gtk3", "vision")
    ),
]
"""Sets of tests/fixtures/apt/needs.yaml; more of them, by each release's own apt, are in
test_plans_on_real_systems.py, which needs root."""

LOTS = [("bookworm", seed) for seed in range(4)] + [("bullseye", 0), ("trixie", 0)]

EVERY_SAVING = Terms(least_saving=0)
"""With these the smallest addition is proposed, however little it saves."""

OUTDATED = {
    "an old libc": ("glibc", "2.36-9", ("so:libGL.so.1", "bin:ffmpeg")),
    "an old libc that is wanted itself": ("glibc", "2.36-9", ("so:libnss_hesiod.so.2",)),
    "an old gcc": ("gcc-12", "12.2.0-13", ("so:libgomp.so.1", "bin:gcc")),
    "an old util-linux": ("util-linux", "2.38.1-4", ("so:libfdisk.so.1",)),
    "an old util-linux below a dependency": ("util-linux", "2.38.1-4", ("so:libglib-2.0.so",)),
}


@pytest.fixture(scope="module")
def apt_gets(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Simulation]:
    @cache
    def of(codename: str) -> Simulation:
        index(RELEASES[codename])
        return Simulation(tmp_path_factory.mktemp(codename) / "apt", RELEASES[codename])

    return of


Asked = Callable[[str], Simulation]


def pins(plan: AptPlan) -> set[str]:
    return {f"{package.name}={package.version}" for package in plan.packages}


def planned(codename: str, needs: Iterable[str]) -> AptPlan:
    release = RELEASES[codename]
    return propose(wanted(*needs), state_of(minimal(release)), index(release), EVERY_SAVING)


@pytest.mark.parametrize(("codename", "name"), CASES)
def test_apt_get_installs_exactly_what_was_planned(codename: str, name: str, apt_gets: Asked) -> None:
    plan = planned(codename, needs_of(RELEASES[codename])[name])

    assert plan.is_optimal
    assert plan.unsatisfied == ()
    assert apt_gets(codename).install(plan.roots, minimal(RELEASES[codename])) == pins(plan)


@pytest.mark.parametrize(("codename", "name"), [("bookworm", "sounddevice"), ("trixie", "vision")])
def test_apt_get_by_itself_does_what_is_told_beside_the_plan(
    codename: str, name: str, apt_gets: Asked
) -> None:
    plan = planned(codename, needs_of(RELEASES[codename])[name])

    assert plan.apt_default is not None
    alone = apt_gets(codename).install(plan.apt_default.roots, minimal(RELEASES[codename]))
    assert alone == set(plan.apt_default.packages) != pins(plan)
    assert plan.apt_default.installed_bytes > plan.installed_bytes


@pytest.mark.parametrize("name", OUTDATED)
def test_apt_get_upgrades_exactly_what_was_planned(name: str, apt_gets: Asked) -> None:
    source, version, needs = OUTDATED[name]
    installed = older(minimal(), source, version)

    plan = propose(wanted(*needs), state_of(installed), index(), EVERY_SAVING)

    assert plan.unsatisfied == ()
    assert apt_gets("bookworm").install(plan.roots, installed) == pins(plan)


@pytest.mark.parametrize(("codename", "seed"), LOTS)
def test_apt_get_agrees_on_sets_drawn_by_lot(codename: str, seed: int, apt_gets: Asked) -> None:
    choose = random.Random(seed)  # noqa: S311  (the same sets each time, not secrets)
    found = index(RELEASES[codename])
    needs = [f"so:{name}" for name in choose.sample(sorted(found.sonames), 6)]
    needs += [f"bin:{name}" for name in choose.sample(sorted(found.programs), 2)]

    plan = planned(codename, needs)

    assert apt_gets(codename).install(plan.roots, minimal(RELEASES[codename])) == pins(plan)


def test_the_cost_of_opencv_is_known() -> None:
    plan = planned("bookworm", needs_of(BOOKWORM)["opencv-python"])

    assert {"libgl1", "libglib2.0-0"} == {root.partition("=")[0] for root in plan.roots}
    assert 40 <= len(plan.packages) <= 44
    assert 200 < plan.installed_bytes / 2**20 < 220
