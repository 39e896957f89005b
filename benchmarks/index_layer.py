"""What indexing a layer costs beside inflating it and verifying its digests.

Run ``python benchmarks/index_layer.py`` from a checkout. A gzip layer of over 500 MB raw is made once, the
same bytes on every machine, and kept in the system's folder for temporary files. Each measurement runs in a
process of its own, in turns, and the best and the median of several are printed. Ratios are those of the
best runs, since whatever else a machine does can only add. The program fails when indexing costs more, in
wall or CPU time, than the ratio that `--most` allows.
"""

import argparse
import gzip
import io
import json
import random
import resource
import statistics
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fleet_audit.audit.images.beside import Beside
from fleet_audit.audit.images.digests import Sha256
from fleet_audit.audit.images.inflate import tar_chunks
from fleet_audit.audit.images.kept import KEEP_VERSION, keep_build_records, keep_facts
from fleet_audit.audit.images.layer import Expected, Reading, nothing_kept, read_layer
from fleet_audit.audit.images.limits import DEFAULT_LIMITS
from fleet_audit.audit.ldd.collector import ElfCollector
from fleet_audit.audit.ldd.symbol_collector import SymbolCollector
from fleet_audit.audit.static_imports.compiled.compiled_collector import CompiledNamesCollector

SEED = 20261120
EDITION = 1
"""Raise whenever the same seed makes another layer."""

RAW_BYTES = 520 << 20
_SITE = "usr/local/lib/python3.11/site-packages"


def main() -> int:
    """Make the layer, measure, print, and judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--most", type=float, default=1.3, help="the highest ratio that passes")
    parser.add_argument("--layer", type=Path, help="a gzip layer to measure instead of the made one")
    parser.add_argument("--one", choices=sorted(TASKS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    layer = options.layer or made_layer()
    if options.one:
        print(json.dumps(measured(TASKS[options.one], layer)))
        return 0
    return report(layer, options.rounds, options.most)


def report(layer: Path, rounds: int, most: float) -> int:
    """Measure every task in turns; return 1 when a ratio is over `most`."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in TASKS}
    for _ in range(rounds):
        for name, times in found.items():
            command = [sys.executable, __file__, "--one", name, "--layer", str(layer)]
            answer = subprocess.run(command, check=True, capture_output=True)
            wall, cpu = json.loads(answer.stdout)
            times.append((wall, cpu))
    print(f"{layer.name}: {layer.stat().st_size / 1e6:.0f} MB stored; {rounds} rounds in turns")
    print(f"{'':34}{'wall s: best':>14}{'median':>9}{'ratio':>8}{'CPU s: best':>15}{'median':>9}{'ratio':>8}")
    base = [min(column) for column in zip(*found["inflate and verify"], strict=True)]
    worst = 0.0
    for name, times in found.items():
        line = f"{name:34}"
        for index, column in enumerate(zip(*times, strict=True)):
            ratio = min(column) / base[index]
            worst = max(worst, ratio)
            line += f"{min(column):{14 + index}.2f}{statistics.median(column):9.2f}{ratio:8.2f}"
        print(line)
    least = {name: min(cpu for _, cpu in times) for name, times in found.items()}
    without = least["index, keep bodies"]
    for name in ("index, keep bodies, ELF facts", "the same, with symbols"):
        added = (least[name] - without) / least["inflate and verify"]
        print(f"{name}: what is read of ELF files adds {added:.2f} to inflating and verifying (CPU)")
    print(f"highest ratio {worst:.2f}, allowed {most:.2f}")
    return 0 if worst <= most else 1


def measured(task: Callable[[Path], None], layer: Path) -> tuple[float, float]:
    """Return wall and CPU seconds of one run, with the layer in the page cache."""
    with layer.open("rb") as file:
        while file.read(1 << 20):
            pass
    wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    task(layer)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return time.perf_counter() - wall, cpu


def inflate_and_verify(layer: Path) -> None:
    """Do what nobody can do without: inflate, and hash what is stored and what is inflated."""
    stored, raw = Sha256(), Sha256()
    with layer.open("rb", buffering=0) as file, Beside() as beside:

        def read(size: int) -> bytes:
            chunk = file.read(size) or b""
            beside.add(stored.update, chunk)
            return chunk

        for chunk in tar_chunks(read, DEFAULT_LIMITS):
            beside.add(raw.update, chunk)


def index_only(layer: Path) -> None:
    """List the entries and nothing else."""
    _index(layer, Reading(keep=nothing_kept))


def index_kept(layer: Path) -> None:
    """List the entries and keep what is kept by default."""
    _index(layer, Reading((), keep_facts, keep_build_records, KEEP_VERSION))


def index_all(layer: Path) -> None:
    """List the entries, keep bodies, and read the facts of ELF files."""
    _index(layer, Reading((ElfCollector(),), keep_facts, keep_build_records, KEEP_VERSION))


def index_with_symbols(layer: Path) -> None:
    """Do the same, and read the dynamic symbols of ELF files."""
    _index(layer, Reading((ElfCollector(), SymbolCollector()), keep_facts, keep_build_records, KEEP_VERSION))


def index_for_an_audit(layer: Path) -> None:
    """Do all that an audit does: the same, and read which modules extension modules name."""
    collectors = (ElfCollector(), SymbolCollector(), CompiledNamesCollector())
    _index(layer, Reading(collectors, keep_facts, keep_build_records, KEEP_VERSION))


def _index(layer: Path, reading: Reading) -> None:
    with layer.open("rb", buffering=0) as file:
        read_layer(lambda size: file.read(size) or b"", Expected(), reading, io.BytesIO())


TASKS: dict[str, Callable[[Path], None]] = {
    "inflate and verify": inflate_and_verify,
    "index": index_only,
    "index, keep bodies": index_kept,
    "index, keep bodies, ELF facts": index_all,
    "the same, with symbols": index_with_symbols,
    "the same, with names in modules": index_for_an_audit,
}


def made_layer() -> Path:
    """Return a layer that looks like a family's: wheels with libraries, Python sources, and documentation."""
    path = Path(tempfile.gettempdir()) / f"fleet-audit-benchmark-{SEED}-{EDITION}.tar.gz"
    if not path.exists():
        print("making a layer of over 500 MB", file=sys.stderr)
        unfinished = path.with_suffix(".new")
        with unfinished.open("wb") as out, gzip.GzipFile("", "wb", 6, out, mtime=0) as packed:
            _write_layer(packed)
        unfinished.replace(path)
    return path


def _write_layer(out: gzip.GzipFile) -> None:
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        written = 0
        for name, body in _members():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(body), 0o644, SEED
            archive.addfile(member, io.BytesIO(body))
            written += len(body)
            if written >= RAW_BYTES:
                return


def _members() -> Iterator[tuple[str, bytes]]:
    chance = random.Random(SEED)  # noqa: S311  (the same bytes on every machine, nothing secret)
    words = [
        "".join(chance.choices("etaoinshrdlucmfwypvbgkjqxz", k=chance.randint(2, 11))) for _ in range(6000)
    ]
    prose = _text(chance, words, 4 << 20)
    code = _machine_code(chance, 24 << 20)
    for number in range(1_000_000):
        package = f"{_SITE}/{words[number % 500]}{number // 500}"
        for part in range(40):
            yield f"{package}/{words[(number + part) % 6000]}_{part}.py", _piece(chance, prose, 400, 16_000)
        for part in range(3):
            body = _library(words[part], _piece(chance, code, 20_000, 2_600_000))
            yield f"{package}/_{words[part]}.cpython-311-x86_64-linux-gnu.so", body
        for part in range(8):
            yield f"{package}/data/{words[part]}.json", _piece(chance, prose, 200, 60_000)
        yield f"{package}-1.0.dist-info/METADATA", _piece(chance, prose, 1_000, 8_000)
        yield f"{package}-1.0.dist-info/RECORD", _piece(chance, prose, 4_000, 9_000)


def _piece(chance: random.Random, of: bytes, least: int, most: int) -> bytes:
    # Most files are small: the square of an even chance leans to the lower end.
    size = least + int((most - least) * chance.random() ** 2)
    start = chance.randrange(len(of) - size)
    return of[start : start + size]


def _text(chance: random.Random, words: list[str], size: int) -> bytes:
    lines = []
    total = 0
    while total < size:
        line = "    " * chance.randint(0, 3) + " ".join(chance.choices(words[:2000], k=chance.randint(1, 10)))
        lines.append(line)
        total += len(line) + 1
    return "\n".join(lines).encode()


def _machine_code(chance: random.Random, size: int) -> bytes:
    """Return bytes that compress as compiled code does, to about two fifths."""
    snippets = [chance.randbytes(chance.randint(2, 9)) for _ in range(700)]
    pieces: list[bytes] = []
    total = 0
    while total < size:
        piece = chance.choice(snippets) + chance.randbytes(chance.choice((0, 0, 1, 4)))
        pieces.append(piece)
        total += len(piece)
    return b"".join(pieces)


def _library(name: str, code: bytes) -> bytes:
    """Return a loadable-looking ELF file around `code`, its dynamic segment at the end as linkers put it."""
    strings = b"\0libm.so.6\0libc.so.6\0lib%s.so.1\0" % name.encode()
    symbols_at = 64 + 2 * 56
    code_at = symbols_at + len(strings)
    dynamic_at = (code_at + len(code) + 15) & ~15
    pairs = ((1, 1), (1, 11), (14, 21), (5, symbols_at), (10, len(strings)), (0, 0))
    dynamic = b"".join(struct.pack("<QQ", *pair) for pair in pairs)
    end = dynamic_at + len(dynamic)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 64, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 7, 0, 0, 0, end, end, 4096)
    table = struct.pack("<IIQQQQQQ", 2, 6, dynamic_at, dynamic_at, dynamic_at, len(dynamic), len(dynamic), 8)
    body = header + load + table + strings + code
    return body.ljust(dynamic_at, b"\0") + dynamic


if __name__ == "__main__":
    sys.exit(main())
