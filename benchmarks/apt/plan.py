"""What a plan costs, beside apt-get in the same run; whether every plan is what apt-get would do.

Run ``python -m benchmarks.apt.plan`` from a checkout. For each of three releases of Debian, its index is
loaded from its kept form and asked for all sets of tests/fixtures/apt/needs.yaml upon a minimal
installation. For some of them apt-get simulates the same command line, without its package cache. Seconds of
processors, children included, since others may share the machine; least figures of several rounds. The
program fails where the slowest plan, with its index and in a process that is begun anew, takes a second or
longer than apt-get does for any set, where the solver takes a tenth of one, where a plan is not proved, and
where apt-get would install anything else.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from fleet_audit.audit.apt.archive.index import Archive, ArchiveIndex
from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.apt.planning.plan import propose
from fleet_audit.audit.apt.solving.optimum import optimum
from fleet_audit.audit.model.apt import AptPlan
from fleet_audit.audit.model.identity import Distro
from tests.support.debian import (
    ARCHITECTURE,
    RELEASES,
    Simulation,
    fetcher,
    index,
    minimal,
    sources,
    state_of,
    wanted,
)
from tests.support.needs import needs_of
from tests.support.problems import problem_of
from tests.support.status import status_of
from tests.support.trees import tree

COMPARED = (
    "opencv-python",
    "sounddevice",
    "open3d",
    "mediapipe",
    "ffmpeg",
    "tesseract",
    "weasyprint",
    "python-magic",
    "pyzbar",
    "vision",
    "voice",
    "selenium-chromium",
)
PLAN_SECONDS = 1.0
SOLVER_SECONDS = 0.1

Answer = TypeVar("Answer")


class Measured(NamedTuple):
    """One plan, what it took, and how much of that the solver did."""

    plan: AptPlan
    seconds: float
    solver: float


def main() -> int:
    """Measure each release; print; return 1 where a promise is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--releases", nargs="*", choices=list(RELEASES), default=list(RELEASES))
    parser.add_argument("--first", nargs=3, metavar=("RELEASE", "SET", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.first:
        release, name, folder = options.first
        print(first(RELEASES[release], name, Path(folder), sys.stdin.read()))
        return 0
    kept = [measure(RELEASES[name], options.rounds) for name in options.releases]
    return 0 if all(kept) else 1


def measure(release: Distro, rounds: int) -> bool:
    """Print the rows of one release, and say whether it keeps every promise."""
    index(release)  # everything is downloaded before anything is timed
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        load(release, folder / "states")
        loading, found = least(rounds, lambda: load(release, folder / "states"))
        installed = minimal(release)
        state = state_of(installed)
        plans = {each: planned(rounds, needs, state, found) for each, needs in needs_of(release).items()}
        slowest = max(plans, key=lambda each: plans[each].seconds)
        hardest = max(plans, key=lambda each: plans[each].solver)
        open_ = sum(has_choice(measured.plan) for measured in plans.values())
        proved = all(map(is_proved, plans.values()))
        print(f"{release.codename}: {len(plans)} sets, {open_} leave a choice; all proved: {proved}")
        print(f"  index loaded                  {loading:6.3f} s")
        print(f"  slowest plan                  {plans[slowest].seconds:6.3f} s  {slowest}")
        print(f"  hardest for the solver        {plans[hardest].solver:6.3f} s  {hardest}")
        begun = fresh(release, slowest, folder / "states", status_of(installed))
        print(f"  it and its index, begun anew  {begun:6.3f} s")
        agrees = compare(release, {each: plans[each] for each in COMPARED}, begun, folder)
        return proved and agrees and begun < PLAN_SECONDS and plans[hardest].solver < SOLVER_SECONDS


def is_proved(measured: Measured) -> bool:
    """Say whether a plan is the smallest, or a smaller one was found and is told."""
    return measured.plan.is_optimal or measured.plan.is_empty or bool(measured.plan.others)


def has_choice(plan: AptPlan) -> bool:
    """Say whether a plan was searched for, since its packages do not follow from one another alone."""
    return bool(plan.others) or any(step.is_choice for step in plan.steps)


def compare(release: Distro, plans: dict[str, Measured], slowest: float, folder: Path) -> bool:
    """Print what apt-get does with the same command lines.

    Say whether it is the same, and never faster than our `slowest` plan with its index.
    """
    apt_get, installed = Simulation(folder / "apt", release, keeps_cache=False), minimal(release)
    print(f"  {'set':20} {'packages':>8} {'MiB':>7} {'plan':>7} {'apt-get':>8} {'ratio':>6}")
    kept = True
    for name, (plan, seconds, _) in plans.items():
        theirs, came = least(1, partial(apt_get.install, plan.roots, installed))
        agrees = came == {f"{package.name}={package.version}" for package in plan.packages}
        kept = kept and agrees and slowest <= theirs
        mebibytes = plan.installed_bytes / 2**20
        row = f"  {name:20} {len(plan.packages):8} {mebibytes:7.1f} {seconds:7.3f} {theirs:8.3f}"
        print(f"{row} {theirs / seconds:6.0f}" if agrees else f"{row}  apt-get disagrees")
    return kept


def load(release: Distro, folder: Path) -> ArchiveIndex:
    """Return the index, from `folder` where it is kept there."""
    return Archive(fetcher(), folder, now=datetime.now(UTC)).index(release, ARCHITECTURE, sources(release))


def planned(rounds: int, needs: tuple[str, ...], state: InstalledState, found: ArchiveIndex) -> Measured:
    """Return a plan, its least time, and the least that the solver takes for its search."""
    seconds, plan = least(rounds, lambda: propose(wanted(*needs), state, found))
    problem = problem_of(needs, state, found)
    solver, _ = least(rounds, lambda: optimum(problem))
    return Measured(plan, seconds, solver)


def fresh(release: Distro, name: str, folder: Path, status: str) -> float:
    """Return what index and plan take together in a process that has done neither before."""
    argv = [sys.executable, "-m", "benchmarks.apt.plan", "--first", release.codename, name, str(folder)]
    said = subprocess.run(argv, check=True, capture_output=True, input=status, text=True)
    return float(said.stdout)


def first(release: Distro, name: str, folder: Path, status: str) -> float:
    """Return the processor seconds that the index and a plan take, in this process."""
    needs = wanted(*needs_of(release)[name])
    state = InstalledState.read(tree({"/var/lib/dpkg/status": status}))
    if state is None:
        raise ValueError("no status was given")
    started = cpu()
    propose(needs, state, load(release, folder))
    return cpu() - started


def least(rounds: int, act: Callable[[], Answer]) -> tuple[float, Answer]:
    """Return the least processor seconds that `act` took, and its answer."""
    best, answer = float("inf"), act()
    for _ in range(rounds):
        started = cpu()
        answer = act()
        best = min(best, cpu() - started)
    return best, answer


def cpu() -> float:
    """Return the processor seconds of this process and of its children so far."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


if __name__ == "__main__":
    sys.exit(main())
