"""What finding imports costs, beside the tools that do something like it; and what services reach.

Run ``python -m benchmarks.imports`` from a checkout, as root the first time: it takes the system and the
wheels of the truth programs (see tests/support/program_roots.py); bootstrapping needs debootstrap.

First, imports are collected from 2,400 real files, a quarter of which do not parse, in one package. Then
60 services, each with an entry of its own, are followed through an image with more than 8,000 Python files:
from nothing, again, and after a change to one of them. This image is a folder, which no digest tells from
others: a second run looks at every file of it again that the first had read.

Seconds are those of processors, of whole processes, the least of ``--rounds``. What a tool finds is not
compared: docs/imports.md says what is easily missed. The command fails where we are slower than is promised.

The peers come from an environment of the benchmark's own; one that is not there is left out with a word.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.imports import ours
from benchmarks.imports.corpus import Corpus, corpus, image, python_files, services
from benchmarks.imports.peers import Peer, peers
from benchmarks.ldd.timing import Cost, least, measured, printed
from tests.support.program_roots import bare_root

TIMES_LIBCST = 10
SECOND_RUN, COLD, WARM = 0.5, 15.0, 2.0
"""What is promised, in seconds of processors."""


def main() -> int:
    """Prepare, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    root = bare_root()
    with TemporaryDirectory() as folder:
        place = Path(folder)
        kept = [
            _collecting(corpus(root.place / root.site.lstrip("/")), place / "records", rounds),
            _reaching(image(root.place, root.site), root.site, place, rounds),
        ]
    return 0 if all(kept) else 1


def _collecting(code: Corpus, store: Path, rounds: int) -> bool:
    print(f"{code.files} files, {code.megabytes:.1f} MB; a quarter of them is damaged")
    skim = _row("imports alone", [ours.SKIM, str(code.damaged)], rounds)
    records = _row("all that files say", [ours.RECORDS, str(code.damaged)], rounds)
    measured(_argv([ours.RECORDS, str(code.damaged), str(store)]))
    second = _row("the same, kept by a first run", [ours.RECORDS, str(code.damaged), str(store)], rounds)
    _row("ast, whole files", [ours.AST, str(code.damaged)], rounds)
    libcst = _row("libcst, whole files", [ours.LIBCST, str(code.damaged)], 1)
    for peer in peers(code):
        _peer_row(peer, rounds)
    print(f"libcst to imports alone: {libcst.cpu / skim.cpu:.1f}, to all: {libcst.cpu / records.cpu:.1f}")
    is_faster = _promise(
        "libcst to imports alone", TIMES_LIBCST, is_kept=libcst.cpu / skim.cpu >= TIMES_LIBCST
    )
    return _promise("second run", SECOND_RUN, is_kept=second.cpu < SECOND_RUN) and is_faster


def _reaching(image_folder: Path, site: str, place: Path, rounds: int) -> bool:
    (place / "image").symlink_to(image_folder)
    described = []
    for service, code in services(image_folder / site.lstrip("/")):
        file = place / "sources" / service.entry
        file.parent.mkdir(parents=True)
        file.write_text(code)
        described.append((service.name, service.entry, service.source_paths, service.root))
    (place / "services.json").write_bytes(msgspec.json.encode(described))
    argv, store = [ours.REACH, str(place), str(place / "reached")], place / "reached"
    answers = store / "answers"
    print(f"{len(described)} services on an image with {python_files(image_folder)} Python files")

    def from_nothing() -> Cost:
        shutil.rmtree(store, ignore_errors=True)
        return measured(_argv(argv))

    def after_a_change() -> Cost:
        with (place / "sources" / described[0][1]).open("a") as stream:
            stream.write("import os\n")
        return measured(_argv(argv))

    cold = least([from_nothing() for _ in range(rounds)])
    warm = least([measured(_argv(argv)) for _ in range(rounds)])
    changed = least([after_a_change() for _ in range(rounds)])
    found = json.loads(printed(_argv(argv)))
    print(f"  {', '.join(f'{count} {what}' for what, count in found.items())}")
    print(f"  cold {cold.cpu:.2f} s, warm {warm.cpu:.2f} s, one service changed {changed.cpu:.2f} s")
    print(
        f"  kept: {_megabytes(store / 'records'):.1f} MB of records, {_megabytes(answers):.1f} MB of answers"
    )
    is_kept = _promise("cold", COLD, is_kept=cold.cpu <= COLD)
    return _promise("warm", WARM, is_kept=warm.cpu <= WARM) and is_kept


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def _promise(what: str, promised: float, *, is_kept: bool) -> bool:
    if not is_kept:
        print(f"  {what}: {promised} is promised")
    return is_kept


def _argv(words: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "benchmarks.imports.ours", *words]


def _row(name: str, words: Sequence[str], rounds: int) -> Cost:
    spent = least([measured(_argv(words)) for _ in range(rounds)])
    found = json.loads(printed(_argv(words)))["statements"] if rounds > 1 else ""
    print(f"{name:44}CPU {spent.cpu:7.2f} s  wall {spent.wall:7.2f} s  {found}")
    return spent


def _peer_row(peer: Peer, rounds: int) -> None:
    if peer.missing:
        print(f"{peer.name}: left out: {peer.missing}")
        return
    done = [_in_folder(peer) for _ in range(rounds)]
    spent = least([cost for cost, _ in done])
    print(f"{peer.name:44}CPU {spent.cpu:7.2f} s  wall {spent.wall:7.2f} s  exit {done[-1][1]}")


def _in_folder(peer: Peer) -> tuple[Cost, int]:
    code = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[2:], cwd=sys.argv[1]).returncode)"
    status = subprocess.run(peer.argv, cwd=peer.folder, capture_output=True, check=False).returncode
    return measured([sys.executable, "-S", "-c", code, str(peer.folder), *peer.argv]), status


if __name__ == "__main__":
    sys.exit(main())
