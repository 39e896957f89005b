"""One file in depth, and what protects many: read by lief in a worker process with a deadline."""

import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import msgspec

from fleet_audit.audit.ldd.depth_worker import LENGTH_BYTES, Reading
from fleet_audit.audit.model.one_file import Depth, Hardening
from fleet_audit.audit.tools.process import ToolError, ToolFailed, run

MAX_SIZE = 256 << 20
"""Bytes of the largest file that is read: lief needs about as much memory again."""

BATCH_BYTES = 64 << 20
BATCH_FILES = 64
SECONDS_FOR_A_FILE = 60.0
SECONDS_FOR_A_BATCH = 120.0
OUTPUT_LIMIT = 32 << 20

Run = Callable[[str, bytes, float], bytes]
"""Gives a worker its mode and its input; returns what it wrote. Raises ToolError."""


class NotExamined(msgspec.Struct, frozen=True):
    """Why a file could not be read in depth, in words that follow its name and a colon."""

    why: str


def run_worker(mode: str, stdin: bytes, timeout: float) -> bytes:
    """Run the worker that reads with lief; raises ToolError."""
    argv = [sys.executable, "-I", "-W", "ignore", "-m", "fleet_audit.audit.ldd.depth_worker", mode]
    return run(argv, timeout=timeout, env={}, stdin=stdin, output_limit=OUTPUT_LIMIT)


def examine_depth(body: bytes, *, run: Run = run_worker) -> Depth | NotExamined:
    """Return one file in depth, or why not; never raises for what the file holds."""
    try:
        (found,) = _decoded(run("depth", _framed(body), SECONDS_FOR_A_FILE), 1)
    except ToolError as error:
        return NotExamined(_why(error))
    return found.depth or NotExamined(found.why)


def examine_hardening(bodies: Iterable[bytes], *, run: Run = run_worker) -> Iterator[Hardening | NotExamined]:
    """Yield what protects each file, in their order.

    Files share workers. Where one of them takes a worker down, each file of that batch gets its own.
    """
    for batch in _batches(bodies):
        yield from _examined(batch, run)


def _examined(batch: Sequence[bytes], run: Run) -> list[Hardening | NotExamined]:
    try:
        answer = run("hardening", b"".join(map(_framed, batch)), SECONDS_FOR_A_BATCH)
        found = _decoded(answer, len(batch))
    except ToolError as error:
        if len(batch) > 1:
            return [one for body in batch for one in _examined([body], run)]
        return [NotExamined(_why(error))]
    return [each.hardening or NotExamined(each.why) for each in found]


def _batches(bodies: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for body in bodies:
        if batch and (size + len(body) > BATCH_BYTES or len(batch) == BATCH_FILES):
            yield batch
            batch, size = [], 0
        batch.append(body)
        size += len(body)
    if batch:
        yield batch


def _framed(body: bytes) -> bytes:
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def _decoded(answer: bytes, count: int) -> list[Reading]:
    """Return the worker's lines; what it did not say, or said wrong, is not read."""
    found: list[Reading] = []
    for line in islice(answer.splitlines(), count):
        try:
            found.append(msgspec.json.decode(line, type=Reading))
        except msgspec.MsgspecError as error:
            found.append(Reading(why=f"the worker's answer cannot be understood: {error}"))
    return found + [Reading(why="the worker said nothing of it")] * (count - len(found))


def _why(error: ToolError) -> str:
    who = "the process that reads it with lief"
    if isinstance(error, ToolFailed) and error.status < 0:
        names = {each.value: each.name for each in signal.Signals}
        return f"{who} was ended by {names.get(-error.status, f'signal {-error.status}')}"
    return f"{who} {error.why}"
