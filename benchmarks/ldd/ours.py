"""One whole run of our own over a root file system: ``python -m benchmarks.ldd.ours ROOTFS [--count]``.

Prints as JSON what was found and what each part took, for `__main__`.
"""

import gc
import os
import resource
import sys
import time
from collections.abc import Sequence

import msgspec

from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.ldd.collector import ElfCollector
from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint
from fleet_audit.audit.model.identity import Platform


def main() -> None:
    """Read every file, resolve every dynamic ELF file, print."""
    # As the command itself does.
    gc.set_threshold(100_000, 50, 100)
    is_counting = "--count" in sys.argv
    collector = ElfCollector()
    begin = time.perf_counter()
    jobs = len(os.sched_getaffinity(0))
    with open_image(f"dir:{sys.argv[1]}", collectors=(collector,), platform=Platform(), jobs=jobs) as image:
        elf = image.records(collector)
        read = time.perf_counter()
        world = World(image.tree, elf, {})
        entries = [
            EntryPoint(
                path,
                EntryKind.EXECUTABLE
                if facts.interpreter and facts.soname is None
                else EntryKind.EXTENSION_MODULE,
            )
            for path, facts in elf.items()
            if facts.is_dynamic
        ]
        closures = examine(world, entries, None)
        done = time.perf_counter()
        answer = {
            "files": sum(1 for _ in image.tree.files()) if is_counting else 0,
            "entries": [entry.path for entry in entries],
            "requests": sum(len(closure.requests) for closure in closures),
            "failing": failing(closures) if is_counting else 0,
            "peak_mb": peak_kb() >> 10,
            "seconds": {"walking and reading": read - begin, "resolving": done - read},
        }
    print(msgspec.json.encode(answer).decode())
    gc.freeze()


def peak_kb() -> int:
    """Return the most memory that this process and its largest fork held; what they share counts twice."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(resource.getrusage(each).ru_maxrss for each in who)


def failing(closures: Sequence[Closure]) -> int:
    """Return how many entry points would not load; what tells that is loaded only where it is asked."""
    from fleet_audit.audit.ldd.evidence import problems  # noqa: PLC0415  (see above)

    return sum(bool(problems(closure)) for closure in closures)


if __name__ == "__main__":
    main()
