"""Folders for work that leaves nothing behind, also where a process before this one was killed at it."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

_ABANDONED_SECONDS = 86_400.0
"""No program that works in such a folder is given nearly as long."""


@contextmanager
def working_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Give an empty folder below `parent`, and delete it with all that is in it.

    What a process that was killed left behind under the same `prefix` is deleted a day later. Raises OSError
    where `parent` cannot be written.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for path in parent.glob(f"{prefix}*"):
        with suppress(OSError):
            if path.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
                shutil.rmtree(path)
    with TemporaryDirectory(dir=parent, prefix=prefix) as place:
        yield Path(place)
