"""What it costs to read an archive, and to use what was kept of it; how much comes along with the package.

Run ``python -m benchmarks.apt.index`` from a checkout. Everything is downloaded before anything is timed. The
index of each release is built from its Packages and Contents, then loaded from its kept form. Beside it
stand what unpacking those files takes by the programs that made them, and ``apt-cache gencaches``, which
reads the Packages alone. Least figures of several rounds, in seconds on the clock and of processors. The
program fails where a release takes 20 s, a warm index half a second, or all that comes along 3 MB.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, NamedTuple

from fleet_audit.audit.apt.archive.index import Archive
from fleet_audit.audit.apt.archive.prebuilt import packaged_indexes
from fleet_audit.audit.apt.archive.suites import SuiteUnusable, open_suite
from fleet_audit.audit.model.identity import Distro
from fleet_audit.audit.tools.fetch import FetchError
from tests.support.debian import ARCHITECTURE, RELEASES, Simulation, fetcher, index, sources

REBUILT_SECONDS = 20.0
LOADED_SECONDS = 0.5
SHIPPED_BYTES = 3_000_000
_UNPACKERS = {".xz": "xz", ".gz": "gzip"}


class Cost(NamedTuple):
    """Seconds on the clock, and of processors, children included."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        """Return both in one column."""
        return f"{self.wall:6.2f} {self.cpu:6.2f}"


def main() -> int:
    """Build, load, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    print(f"{'':22} {'built':>13} {'unpacking':>13} {'gencaches':>13} {'loaded':>13} {'kept':>8}")
    results = [row(release, rounds) for release in RELEASES.values()]
    shipped = sum(len(entry.read_bytes()) for entry in packaged_indexes().iterdir())
    print(f"\nindexes that come along: {shipped / 1e6:.2f} MB for {len(results)} releases")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MB")
    return 0 if all(results) and shipped < SHIPPED_BYTES else 1


def row(release: Distro, rounds: int) -> bool:
    """Print what one release costs; say whether that is within the bounds."""
    index(release)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        built = least(rounds, lambda number: read(release, folder / str(number)))
        loaded = least(rounds, lambda _: read_kept(release, folder / "0"))
        kept = sum(path.stat().st_size for path in (folder / "0").glob("*.state.zst"))
        simulation = Simulation(folder / "apt", release)
        (folder / "apt" / "status").write_text("")
        theirs = least(rounds, lambda _: generate(simulation, folder / "apt" / "cache"))
        files = list(downloads(release))
        unpacking = least(rounds, lambda _: unpack(files))
    name = f"{release.id} {release.version} {ARCHITECTURE}"
    print(f"{name:22} {built} {unpacking} {theirs} {loaded} {kept / 1e6:5.1f} MB")
    return min(built) < REBUILT_SECONDS and min(loaded) < LOADED_SECONDS


def read(release: Distro, folder: Path) -> str:
    """Build the index, and keep it in `folder`; return the key of the state."""
    archive = Archive(fetcher(), folder, now=datetime.now(UTC))
    found = archive.index(release, ARCHITECTURE, sources(release))
    return found.known.key if found.known else ""


def read_kept(release: Distro, folder: Path) -> None:
    """Load the index that `folder` keeps, without asking for Releases."""
    archive = Archive(fetcher(), folder, now=datetime.now(UTC))
    (known,) = archive.kept()
    archive.repeated(release, ARCHITECTURE, known.key)


def generate(simulation: Simulation, cache: Path) -> None:
    """Have apt read the Packages into its own cache."""
    for path in cache.glob("*.bin"):
        path.unlink()
    _run(["apt-cache", *simulation.options(), "gencaches"])


def downloads(release: Distro) -> Iterator[tuple[str, Path]]:
    """Yield the files that the index of a release is made from, with the program that unpacks each."""
    for source in sources(release):
        try:
            suite = open_suite(source, fetcher())
        except (FetchError, SuiteUnusable):
            continue
        names = (f"binary-{ARCHITECTURE}/Packages", f"Contents-{ARCHITECTURE}", "Contents-all")
        places = chain.from_iterable((f"main/{name}.xz", f"main/{name}.gz") for name in names)
        listed = {
            place.rpartition(".")[0]: place
            for place in reversed(list(places))
            if place in suite.release.files
        }
        for place in listed.values():
            file = suite.release.files[place]
            try:
                path = fetcher().get_file(
                    f"{suite.folder}/{place}", size_limit=file.size, deadline=300, sha256=file.sha256
                )
            except FetchError:
                continue
            yield _UNPACKERS[Path(place).suffix], path


def unpack(files: Iterable[tuple[str, Path]]) -> None:
    """Unpack files by the programs for their compressions, and throw away what comes out."""
    for program, path in files:
        with path.open("rb") as body:
            _run([program, "-dc"], stdin=body)


def least(rounds: int, act: Callable[[int], object]) -> Cost:
    """Return the least of each figure over several rounds."""
    costs = [cost(partial(act, number)) for number in range(rounds)]
    return Cost(min(each.wall for each in costs), min(each.cpu for each in costs))


def cost(act: Callable[[], object]) -> Cost:
    """Return what one call takes, and the processes that it starts."""
    before, begin = _cpu(), time.perf_counter()
    act()
    return Cost(time.perf_counter() - begin, _cpu() - before)


def _cpu() -> float:
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, who))


def _run(argv: Sequence[str], *, stdin: IO[bytes] | None = None) -> None:
    env = {**os.environ, "APT_CONFIG": "/dev/null"}
    subprocess.run(argv, stdin=stdin, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)


if __name__ == "__main__":
    sys.exit(main())
