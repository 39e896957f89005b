"""What resolving every ELF file of a root file system costs, beside the tools that do something like it.

Run ``python -m benchmarks.ldd [ROOTFS]`` as root from a checkout. Without ROOTFS a root with Debian 12 and
some forty wheels with native code is bootstrapped once (see tests/support/roots.py), with the files of a
Debian 13 below /opt/trixie; it is copied by hard links, so that peers can be put into it. libtree is copied
into a ROOTFS that is named.

Every dynamic ELF file is an entry point for each tool. Only we have to find them among all files; the others
are given their names. Times are wall seconds of whole processes, warm, the best of `--rounds`; slow tools get
a sample of the files and their time is scaled to all of them, which the table says. No tool is asked to be
right: docs/loader.md says what is easily left out.

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
from benchmarks.ldd.timing import measured
from tests.support.roots import cache, root_with_wheels, roots


def main() -> int:
    """Prepare, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rootfs", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sample", type=int, default=150, help="files that slow tools are given")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("chroot needs root")
        return 2
    root = options.rootfs or default_root()
    ours = [sys.executable, "-m", "benchmarks.ldd.ours", str(root)]
    answer = json.loads(subprocess.run([*ours, "--count"], check=True, capture_output=True).stdout)
    files = answer["entries"]
    print(
        f"{answer['files']} files, {len(files)} dynamic ELF files, {answer['requests']} requests, "
        f"{answer['failing']} entry points that would not load"
    )
    best = min(measured(ours) for _ in range(options.rounds))
    print_row("fleet-audit, whole process", best, best, len(files), len(files))
    parts = ", ".join(f"{name} {spent:.2f} s" for name, spent in answer["seconds"].items())
    print(f"  of which {parts}; peak memory {answer['peak_mb']} MB")
    for peer in peers(root):
        print_peer(peer, files, best, options.rounds, options.sample)
    return 0


def print_peer(peer: Peer, files: Sequence[str], ours: float, rounds: int, sample: int) -> None:
    """Measure one peer and print its row, or why there is none."""
    if peer.missing:
        print(f"{peer.name}: left out: {peer.missing}")
        return
    some = files if peer.is_fast else files[:: max(1, len(files) // sample)]
    runs = [peer.cost(some) for _ in range(rounds if peer.is_fast else 1)]
    print_row(peer.name, min(runs), ours, len(some), len(files))


def print_row(name: str, spent: float, ours: float, given: int, total: int) -> None:
    """Print one line of the table."""
    seconds = spent * total / given
    scaled = f" (from {given} files)" if given < total else ""
    print(
        f"{name:44} {seconds:8.2f} s {seconds / total * 1e6:8.0f} µs a file "
        f"{seconds / ours:7.1f} times ours{scaled}"
    )


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
