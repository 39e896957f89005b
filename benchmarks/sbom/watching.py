"""What a program costs with all that it starts: time, memory at its peak, and what it puts aside on disk."""

import os
import resource
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

_PAUSE = 0.05


class Cost(NamedTuple):
    """Seconds on the clock and of processors, and bytes at their highest, all processes together.

    `memory` is the proportional set size: what processes share counts once (proc(5), smaps_rollup).
    """

    wall: float
    cpu: float
    memory: int
    disk: int


def timed(argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> Cost:
    """Run a program as `watched` does, with nobody looking: `memory` and `disk` are not known, and 0.

    Looking at a program twenty times a second costs it up to a twentieth of its time.
    """
    return _run(argv, folder, env, _Unwatched())


def watched(argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> Cost:
    """Run a program to its end, with `folder` for its temporary files; an exit status over 3 is an error.

    What lies in `folder` before counts for nothing.
    """
    return _run(argv, folder, env, _Watcher(folder))


def _run(argv: Sequence[str], folder: Path, env: Mapping[str, str], watcher: "_Unwatched | _Watcher") -> Cost:
    folder.mkdir(parents=True, exist_ok=True)
    before, there, begin = _cpu(), _bytes_below(folder), time.perf_counter()
    with subprocess.Popen(
        argv, env={**env, "TMPDIR": str(folder)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        watcher.begin(process.pid)
        said = process.communicate()[1]
        memory, disk = watcher.end()
    if process.returncode > 3:
        raise RuntimeError(
            f"{argv[0]} ended with {process.returncode}: {said.decode(errors='replace')[-800:]}"
        )
    return Cost(time.perf_counter() - begin, _cpu() - before, memory, max(0, disk - there))


class _Unwatched:
    """Looks at nothing."""

    def begin(self, process: int) -> None:
        pass

    def end(self) -> tuple[int, int]:
        return 0, 0


class _Watcher:
    """Looks at a process's tree and at a folder until it is told to end."""

    def __init__(self, folder: Path) -> None:
        self._process = 0
        self._folder = folder
        self._memory = self._disk = 0
        self._over = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def begin(self, process: int) -> None:
        self._process = process
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(_PAUSE):
            self._memory = max(self._memory, sum(_memory_of(each) for each in _tree(self._process)))
            self._disk = max(self._disk, _bytes_below(self._folder))

    def end(self) -> tuple[int, int]:
        self._over.set()
        self._thread.join()
        return self._memory, self._disk


def _tree(process: int) -> Iterator[int]:
    yield process
    with suppress(OSError):
        for task in os.listdir(f"/proc/{process}/task"):
            children = Path(f"/proc/{process}/task/{task}/children").read_text()
            for child in children.split():
                yield from _tree(int(child))


def _memory_of(process: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _bytes_below(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_blocks * 512
    return total


def _cpu() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime
