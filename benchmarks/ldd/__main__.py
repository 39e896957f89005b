"""What resolving every ELF file of a root file system costs, beside the tools that do something like it.

Run ``python -m benchmarks.ldd [ROOTFS]`` as root from a checkout. Without ROOTFS a root with Debian 12 and
some forty wheels with native code is bootstrapped once (see tests/support/roots.py), with the files of a
Debian 13 below /opt/trixie; it is copied by hard links, so that peers can be put into it. libtree is copied
into a ROOTFS that is named.

Every dynamic ELF file is an entry point for each tool. Only we have to find them among all files; the others
are given their names. Times are of whole processes, warm, the best of `--rounds`, on the clock and of
processors; two tools that take long are run once. No tool is asked to be right: docs/loader.md says what is
easily left out. One process of libtree that is given every name looks at no file twice, so that it names only
a part of what each file needs: the lines below its rows say how many. The command fails where we are not as
much faster than a peer as `Peer.asked` says, or take 100 MB.

libtree and lddtree come from the system's packages (libtree, pax-utils), elfdeps and auditwheel from an
environment of the benchmark's own; a tool that is not there is left out with a word.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.ldd.peers import Peer, peers
from benchmarks.ldd.timing import Cost, least, measured
from tests.support.roots import cache, root_with_wheels, roots

MOST_MEMORY = 100
"""Megabytes of all processes together."""


def main() -> int:
    """Prepare, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rootfs", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("chroot needs root")
        return 2
    root = options.rootfs or default_root()
    ours = [sys.executable, "-m", "benchmarks.ldd.ours", str(root)]
    counting = subprocess.run([*ours, "--count"], check=True, capture_output=True, env=compiling())
    answer = json.loads(counting.stdout)
    files = answer["entries"]
    print(
        f"{answer['files']} files, {len(files)} dynamic ELF files, {answer['requests']} requests, "
        f"{answer['failing']} entry points that would not load"
    )
    best = least([measured(ours, env=compiling()) for _ in range(options.rounds)])
    print_row("fleet-audit, whole process", best, best, len(files))
    parts = ", ".join(f"{name} {spent:.2f} s" for name, spent in answer["seconds"].items())
    print(f"  of which {parts}; peak memory {answer['peak_mb']} MB")
    kept = [print_peer(peer, files, best, options.rounds) for peer in peers(root)]
    return 0 if all(kept) and answer["peak_mb"] < MOST_MEMORY else 1


def compiling() -> dict[str, str]:
    """Return the environment in which Python keeps what it compiled, as for a package that is installed."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def print_peer(peer: Peer, files: Sequence[str], ours: Cost, rounds: int) -> bool:
    """Measure one peer and print its row, or why there is none; say whether we are as fast as we promise."""
    if peer.missing:
        print(f"{peer.name}: left out: {peer.missing}")
        return True
    spent = least([peer.cost(files) for _ in range(1 if peer.is_slow else rounds)])
    print_row(peer.name, spent, ours, len(files))
    if peer.answers is not None:
        print(f"  which names {peer.answers(files)} libraries, found or not")
    is_kept = spent.wall / ours.wall >= peer.asked
    if not is_kept:
        print(f"  too few: {peer.asked} times is promised")
    return is_kept


def print_row(name: str, spent: Cost, ours: Cost, files: int) -> None:
    """Print one line of the table."""
    wall = (
        f"{spent.wall:7.2f} s {spent.wall / files * 1e3:6.2f} ms a file {spent.wall / ours.wall:6.1f} times"
    )
    print(f"{name:34}{wall}   CPU {spent.cpu:7.2f} s {spent.cpu / ours.cpu:6.1f} times")


def default_root() -> Path:
    """Return the root with wheels, copied by hard links, with a second Debian below /opt."""
    base = root_with_wheels("bookworm").place
    place = base.with_name(f"benchmark-{base.name}")
    if not place.exists():
        fresh = cache() / "benchmark-new"
        shutil.rmtree(fresh, ignore_errors=True)
        _linked(base, fresh)
        _linked(roots("trixie")["trixie"].place / "usr", fresh / "opt/trixie/usr")
        fresh.rename(place)
    return place


def _linked(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "--archive", "--link", "-T", str(source), str(target)], check=True)  # noqa: S607  (the system's cp)


if __name__ == "__main__":
    sys.exit(main())
