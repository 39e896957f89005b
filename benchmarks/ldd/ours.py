"""One whole run of our own over a root file system: ``python -m benchmarks.ldd.ours ROOTFS [--count]``.

Prints as JSON what was found and what each part took, for `__main__`.
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.images.store import LayerStore
from fleet_audit.audit.ldd.collector import ElfCollector
from fleet_audit.audit.ldd.evidence import problems
from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import EntryKind, EntryPoint
from fleet_audit.audit.model.identity import Platform


def main() -> None:
    """Read every file, resolve every dynamic ELF file, print."""
    is_counting = "--count" in sys.argv
    collector = ElfCollector()
    begin = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as empty,
        open_image(
            f"dir:{sys.argv[1]}",
            collectors=(collector,),
            store=LayerStore(Path(empty)),
            platform=Platform(),
            jobs=1,
        ) as image,
    ):
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
            "failing": sum(bool(problems(closure)) for closure in closures) if is_counting else 0,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
            "seconds": {"walking and reading": read - begin, "resolving": done - read},
        }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
