"""Folders for copies of images that are gone afterwards, however the run ends."""

import fcntl
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from types import FrameType
from typing import IO, NoReturn

from fleet_audit.audit.tools.enclosure import Enclosure
from fleet_audit.audit.tools.process import ToolError

_PREFIX = "copy-"
_LOCK = ".lock"
_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def throw_away_folder(parent: Path, enclosure: Enclosure) -> Iterator[Path]:
    """Give an empty folder below `parent`, and delete it with all that is in it, whoever owns that by then.

    It is deleted after errors, and when this process is interrupted or asked to end (SIGTERM, SIGHUP). What a
    killed one left behind is deleted by the next call. Nobody but this user can look into it. Raises OSError
    where `parent` cannot be written, and ToolError where something cannot be deleted.
    """
    parent.mkdir(parents=True, exist_ok=True)
    # The copies' own folders are open, as roots are; what programs set up in there is nobody else's to run.
    parent.chmod(0o700)
    _sweep(parent, enclosure)
    with ExitStack() as stack:
        stack.enter_context(_ending_on_request())
        place = parent / f"{_PREFIX}{token_hex(8)}"
        lock = _lock_of(place)
        # The lock comes first, and goes last: a folder without one is nobody's.
        held = stack.enter_context(lock.open("xb"))
        fcntl.flock(held, fcntl.LOCK_EX)
        stack.callback(lock.unlink, missing_ok=True)
        place.mkdir(mode=0o700)
        stack.callback(enclosure.remove, place)
        yield place


def _sweep(parent: Path, enclosure: Enclosure) -> None:
    """Delete what processes have left behind that did not come to their end."""
    for place in sorted(path for path in parent.glob(f"{_PREFIX}*") if path.suffix != _LOCK):
        with _lock_of(place).open("ab") as lock:
            if not _is_free(lock):
                continue
            # What cannot be deleted today is tried again by the next run.
            with suppress(ToolError):
                enclosure.remove(place)
                Path(lock.name).unlink(missing_ok=True)


def _lock_of(place: Path) -> Path:
    return place.with_name(f"{place.name}{_LOCK}")


def _is_free(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def _ending_on_request() -> Iterator[None]:
    """Let what asks a process to end do so as an interruption does, so that what is to be deleted is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    # Whoever has other plans for a signal (nohup) keeps them.
    free = [number for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL]
    for number in free:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in free:
            signal.signal(number, signal.SIG_DFL)
