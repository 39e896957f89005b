"""Shows the files of a folder to collectors, as a layer's pass shows those of a layer.

Where there are many files, forked processes take a share of them each.
"""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple, NoReturn, Self

import msgspec

from fleet_audit.audit.images.collector import BodyTooLarge, Member
from fleet_audit.audit.images.folder import FolderBody, FolderTree
from fleet_audit.audit.images.layer import Reading, collector_key
from fleet_audit.audit.images.tree import FileUnreadable
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import ImagePath

_WORTH_A_PROCESS = 4_000
"""Forking a process and taking over what it found costs about as much as opening a thousand files."""

_Records = Mapping[str, Mapping[ImagePath, Any]]


class Collected(NamedTuple):
    """Records by `collector_key` and path, and the files that could not be read, both in order of paths."""

    records: _Records
    gaps: Sequence[Gap]


def collect(tree: FolderTree, reading: Reading, *, jobs: int = 1) -> Collected:
    """Return what the collectors find in the regular files of a folder; `jobs` processes at most look."""
    if not reading.collectors:
        return Collected({}, ())
    shares = max(1, min(jobs, tree.list_all() // _WORTH_A_PROCESS))
    if threading.active_count() > 1:
        # Of several threads one lives on in a fork, and a lock that another held stays shut there.
        shares = 1
    with ExitStack() as stack:
        work = [partial(_share_of, tree, reading, share, shares) for share in range(shares)]
        forks = [stack.enter_context(_Fork(share)) for share in work[1:]]
        parts = [work[0]()]
        for share, fork in zip(work[1:], forks, strict=True):
            answer = fork.answer()
            # What came to nothing elsewhere comes to its own end here.
            parts.append(share() if answer is None else _decoded(answer, reading))
    return _together(parts)


def _share_of(tree: FolderTree, reading: Reading, share: int, shares: int) -> Collected:
    """Show one of every `shares` files to the collectors."""
    records: dict[str, dict[ImagePath, Any]] = {collector_key(c): {} for c in reading.collectors}
    gaps: list[Gap] = []
    begins = tuple({collector.begins for collector in reading.collectors})
    for path, body in tree.bodies(begins, most=reading.limits.body_bytes, share=share, shares=shares):
        if isinstance(body, FileUnreadable):
            gaps.append(_gap(path, body.why))
            continue
        try:
            _show(path, body, reading, records)
        except (OSError, BodyTooLarge) as e:
            gaps.append(_gap(path, f"cannot be read ({e})"))
    return Collected(records, gaps)


def _show(
    path: ImagePath, body: FolderBody, reading: Reading, records: Mapping[str, dict[ImagePath, Any]]
) -> None:
    member = Member(path, body.size, body.mode)
    for collector in reading.collectors:
        record = collector.collect(member, body)
        if record is not None:
            records[collector_key(collector)][path] = record


def _gap(path: ImagePath, why: str) -> Gap:
    return Gap("images", GapKind.UNREADABLE_FILE, path, why)


def _together(parts: Sequence[Collected]) -> Collected:
    records = {
        key: dict(sorted(found for part in parts for found in part.records[key].items()))
        for key in parts[0].records
    }
    gaps = sorted((gap for part in parts for gap in part.gaps), key=lambda gap: gap.what)
    return Collected(records, gaps)


def _decoded(answer: bytes, reading: Reading) -> Collected:
    raw, gaps = msgspec.msgpack.decode(answer, type=tuple[dict[str, msgspec.Raw], list[Gap]])
    kinds = {collector_key(collector): collector.record_type for collector in reading.collectors}
    records = {key: _records_of(kinds[key], found) for key, found in raw.items()}
    return Collected(records, gaps)


def _records_of(kind: type[msgspec.Struct], raw: msgspec.Raw) -> dict[ImagePath, Any]:
    return msgspec.msgpack.decode(raw, type=dict[ImagePath, kind])  # type: ignore[valid-type]  # a type held in a variable


class _Fork:
    """A process that does some work while this one does something else; a context manager that ends it."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._answer, given = os.pipe()
        try:
            self._process = os.fork()
        except OSError:
            # Without a second process this one does all the work.
            self._process = -1
        if self._process == 0:
            os.close(self._answer)
            _work_and_leave(work, given)
        os.close(given)
        self._is_over = self._process == -1

    def answer(self) -> bytes | None:
        """Wait for what the work gives, as msgpack; None where it came to nothing."""
        with open(self._answer, "rb", closefd=False) as pipe:
            given = pipe.read()
        return given if self._end() else None

    def _end(self) -> bool:
        if self._is_over:
            return False
        self._is_over = True
        _, status = os.waitpid(self._process, 0)
        return status == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Nobody reads on, so that the process cannot go on writing.
        os.close(self._answer)
        self._end()


def _work_and_leave(work: Callable[[], object], given: int) -> NoReturn:
    """Do the work of a fork and end it there, whatever happens: the caller's stack is not this process's."""
    status = 1
    try:
        with open(given, "wb") as pipe:
            pipe.write(msgspec.msgpack.encode(work()))
        status = 0
    finally:
        os._exit(status)
