"""Which code this is, as far as answers depend on it."""

import hashlib
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_OWN_CODE = Path(__file__).parents[1]


@cache
def own_code() -> str:
    """Return what changes whenever this code does: answers of other code are not to be taken for its own.

    It is looked at once: what a process runs does not change with its files.
    """
    return code_below(_OWN_CODE)


def code_below(folder: Path) -> str:
    """Return what changes whenever a Python file below `folder` does, by names, sizes and times."""
    seen = hashlib.sha256()
    for name, size, changed in sorted(_modules(str(folder))):
        seen.update(f"{name} {size} {changed}\n".encode(errors="surrogateescape"))
    return seen.hexdigest()


def _modules(folder: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _modules(entry.path)
            elif entry.name.endswith(".py"):
                status = entry.stat()
                yield entry.path, status.st_size, status.st_mtime_ns
