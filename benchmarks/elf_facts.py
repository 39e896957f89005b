"""What ELF facts and the resolution of a whole folder cost, beside pyelftools in the same run.

Run ``python -m benchmarks.elf_facts [FOLDER]`` from a checkout (default: /usr/lib). Every ELF file of the
folder is read by both readers, warm; their answers are compared; then every file is resolved against this
machine. The program fails when the readers disagree.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile

from fleet_audit.audit.ldd.evidence import problems
from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import EntryKind, EntryPoint, SharedObject
from fleet_audit.audit.model.identity import ImagePath
from tests.support.folders import MachineTree, facts_of

Plain = tuple[str | None, tuple[str, ...], str | None, str | None]
"""What both readers are compared by: DT_SONAME, DT_NEEDED, DT_RPATH, DT_RUNPATH."""


Answer = TypeVar("Answer")


def main() -> int:
    """Read, compare, resolve, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path("/usr/lib"))
    parser.add_argument("--most", type=int, default=3000, help="files to read at most")
    options = parser.parse_args()
    files = list(elf_files(options.folder))[: options.most]
    if not files:
        print(f"no ELF files below {options.folder}")
        return 0
    warm(files)
    floor, _ = timed("open and read 4 KB (floor)", files, first_block)
    ours_time, ours = timed("own reader", files, facts_of)
    theirs_time, theirs = timed("pyelftools, dynamic segment", files, by_pyelftools)
    print(f"own reader: {ours_time / floor:.1f} times the floor")
    print(f"pyelftools: {theirs_time / ours_time:.1f} times the own reader")
    differing = [f for f, a, b in zip(files, ours, theirs, strict=True) if b is not None and plain(a) != b]
    for path in differing[:10]:
        print(f"differs: {path}")
    resolve({ImagePath(str(f)): known for f, known in zip(files, ours, strict=True) if known is not None})
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MB")
    return 1 if differing else 0


def elf_files(folder: Path) -> Iterator[Path]:
    """Yield every ELF file below a folder, in order."""
    for path, entry in MachineTree().files(ImagePath(str(folder.resolve()))):
        if entry.size >= 52 and first_block(Path(path)).startswith(b"\x7fELF"):
            yield Path(path)


def first_block(path: Path) -> bytes:
    """Read what no reader can do without."""
    try:
        with path.open("rb", buffering=0) as file:
            return file.read(4096)
    except OSError:
        return b""


def warm(files: Sequence[Path]) -> None:
    """Bring into memory what is going to be read."""
    for path in files:
        facts_of(path)


def timed(what: str, files: Sequence[Path], read: Callable[[Path], Answer]) -> tuple[float, list[Answer]]:
    """Read every file, print the time, and return it with the answers."""
    start = time.perf_counter()
    found = [read(path) for path in files]
    spent = time.perf_counter() - start
    print(f"{what}: {len(files)} files, {spent * 1000:.0f} ms, {spent / len(files) * 1e6:.0f} µs a file")
    return spent, found


def by_pyelftools(path: Path) -> Plain | None:
    """Return what pyelftools says; None where it cannot read the file."""
    try:
        with path.open("rb") as stream:
            segments = ELFFile(stream).iter_segments("PT_DYNAMIC")
            found = next((s for s in segments if isinstance(s, DynamicSegment) and s["p_filesz"]), None)
            tags = [] if found is None else list(found.iter_tags())
    except (ELFError, OSError):
        return None
    strings: dict[str, str] = {}
    needed = []
    for tag in tags:
        name = str(tag.entry.d_tag)
        if name == "DT_NEEDED":
            needed.append(str(getattr(tag, "needed")))  # noqa: B009  (pyelftools sets it at run time)
        elif name in ("DT_SONAME", "DT_RPATH", "DT_RUNPATH"):
            strings[name] = str(getattr(tag, name[3:].lower()))
    return strings.get("DT_SONAME"), tuple(needed), strings.get("DT_RPATH"), strings.get("DT_RUNPATH")


def plain(facts: SharedObject | None) -> Plain:
    """Return our facts in the terms of the comparison."""
    if facts is None:
        return None, (), None, None
    return facts.soname, facts.needed, facts.rpath, facts.runpath


def resolve(elf: dict[ImagePath, SharedObject]) -> None:
    """Resolve every file as an entry point of its own, and print the time."""
    tree = MachineTree()
    for path, _ in tree.files(ImagePath("/usr/lib")):
        if ".so" in path and path not in elf and (facts := facts_of(Path(path))) is not None:
            elf[path] = facts
    world = World(tree, elf, {})
    entries = [
        EntryPoint(path, EntryKind.EXECUTABLE if known.interpreter else EntryKind.EXTENSION_MODULE)
        for path, known in elf.items()
        if known.is_dynamic
    ]
    start = time.perf_counter()
    closures = examine(world, entries, None)
    spent = time.perf_counter() - start
    requests = sum(len(closure.requests) for closure in closures)
    failing = sum(bool(problems(closure)) for closure in closures)
    print(
        f"resolved {len(entries)} entry points, {requests} requests, in {spent * 1000:.0f} ms; "
        f"{failing} of them would not load"
    )


if __name__ == "__main__":
    sys.exit(main())
