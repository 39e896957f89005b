"""What one program costs in seconds, and what it prints."""

import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Cost(NamedTuple):
    """Seconds of a whole process and all that it started: on the clock, and of processors."""

    wall: float
    cpu: float


def measured(argv: Sequence[str], stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Cost:
    """Run a program to its end with what it prints thrown away; its exit status says nothing here."""
    before, begin = _cpu(), time.perf_counter()
    subprocess.run(
        argv, input=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env, check=False
    )
    return Cost(time.perf_counter() - begin, _cpu() - before)


def least(costs: Sequence[Cost]) -> Cost:
    """Return the least of each figure: what others do on the machine only ever adds."""
    return Cost(min(cost.wall for cost in costs), min(cost.cpu for cost in costs))


def _cpu() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def printed(argv: Sequence[str], stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
    """Return what a program prints on its standard output."""
    return subprocess.run(
        argv, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, check=False
    ).stdout
