"""What an archive's index and a plan cost, beside apt-get in the same run.

Run ``python -m benchmarks.apt_plan`` from a checkout. The index of Debian 12 is built from downloads, loaded
again from its kept form, and asked for plans upon a minimal installation; apt-get simulates the same command
lines, without its package cache. The program fails where apt-get would install anything else.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from fleet_audit.audit.apt.archive.index import Archive, ArchiveIndex
from fleet_audit.audit.apt.planning.plan import propose
from tests.support.debian import (
    ARCHITECTURE,
    BOOKWORM,
    Simulation,
    fetcher,
    index,
    minimal,
    sources,
    state_of,
    wanted,
)

SETS = {
    "cv2": ("so:libGL.so.1", "so:libgthread-2.0.so.0", "so:libglib-2.0.so.0"),
    "pulsectl": ("so:libpulse.so.0",),
    "sounddevice": ("so:libportaudio.so.2",),
    "tesseract": ("bin:tesseract",),
    "ffmpeg": ("bin:ffmpeg",),
}

Answer = TypeVar("Answer")


def main() -> int:
    """Build, load, plan, compare, print."""
    index()  # everything is downloaded before anything is timed
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        built, _ = timed(lambda: read(folder / "states"))
        loaded, found = timed(lambda: read(folder / "states"))
        print(f"index built from its downloads  {built:7.2f} s")
        print(f"index loaded from its kept form {loaded:7.2f} s, {size(folder / 'states') / 1e6:.1f} MB")
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MB\n")
        return compare(found, Simulation(folder / "apt"))


def read(folder: Path) -> ArchiveIndex:
    """Return the index, from `folder` where it is kept there."""
    return Archive(fetcher(), folder, now=datetime.now(UTC)).index(BOOKWORM, ARCHITECTURE, sources())


def compare(found: ArchiveIndex, apt_get: Simulation) -> int:
    """Print a row for each set; return 1 where apt-get disagrees with one."""
    installed = minimal()
    state = state_of(installed)
    differing = 0
    print(f"{'set':12} {'packages':>8} {'MiB':>8} {'plan':>9} {'apt-get':>9}")
    for name, needs in SETS.items():
        planning, plan = timed(partial(propose, wanted(*needs), state, found))
        simulating, theirs = timed(partial(apt_get.install, plan.roots, installed))
        agrees = theirs == {f"{package.name}={package.version}" for package in plan.packages}
        differing += not agrees
        mebibytes = plan.installed_bytes / 2**20
        row = (
            f"{name:12} {len(plan.packages):8} {mebibytes:8.1f} {planning * 1e3:6.1f} ms {simulating:7.2f} s"
        )
        print(row if agrees else f"{row}  apt-get disagrees")
    return 1 if differing else 0


def timed(act: Callable[[], Answer]) -> tuple[float, Answer]:
    """Return the wall seconds that `act` takes, and its answer."""
    started = time.perf_counter()
    answer = act()
    return time.perf_counter() - started, answer


def size(folder: Path) -> int:
    """Return the bytes of a folder's files."""
    return sum(path.stat().st_size for path in folder.iterdir())


if __name__ == "__main__":
    sys.exit(main())
