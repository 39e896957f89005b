"""Where a damaged history goes: beside its place, under a name of its own, as it is."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fleet_audit.audit.history.failure import HistoryUnreachable

JOURNAL = "-journal"
_MAX_TRIES = 1000


FileIdentity = tuple[int, int]
"""By which a file is known whatever its name: device and inode."""


def file_at(path: Path) -> FileIdentity | None:
    """Return which file has this name now; None where none has."""
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def set_aside(path: Path, damaged: FileIdentity | None, now: str) -> Path | None:
    """Give a damaged history the name ``NAME.damaged-TIME``, with its journal; return the new path.

    Returns None where another file has its place meanwhile: another process has moved it. What bears such a
    name is never overwritten.
    Raises HistoryUnreachable where the folder does not take it.
    """
    try:
        with _held(path) as held:
            if held is None or held != damaged:
                return None
            target = _free_name(path, now)
            with suppress(FileNotFoundError):
                Path(f"{path}{JOURNAL}").replace(f"{target}{JOURNAL}")
            path.replace(target)
    except OSError as e:
        raise HistoryUnreachable(path, f"it is damaged, and cannot be moved aside: {e.strerror or e}") from e
    return target


@contextmanager
def _held(path: Path) -> Iterator[FileIdentity | None]:
    """Hold a lock on the file, and give which one it is; None where its name is another's once it is held."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        held = os.fstat(file)
        locked = held.st_dev, held.st_ino
        yield locked if file_at(path) == locked else None
    finally:
        os.close(file)


def _free_name(path: Path, now: str) -> Path:
    """Return a name beside the file that nobody had, taken by an empty file."""
    stamp = now.replace("-", "").replace(":", "")
    for number in range(1, _MAX_TRIES):
        target = Path(f"{path}.damaged-{stamp}" + (f"-{number}" if number > 1 else ""))
        with suppress(FileExistsError):
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            return target
    raise FileExistsError(f"{_MAX_TRIES} damaged histories are kept already")
