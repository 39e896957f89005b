"""Work on chunks in a thread of its own."""

import pytest

from fleet_audit.audit.images.beside import Beside


def test_all_work_is_done_in_order_when_the_block_ends() -> None:
    done: list[bytes] = []

    with Beside() as beside:
        for number in range(100):
            beside.add(done.append, b"%d" % number)

    assert done == [b"%d" % number for number in range(100)]


def fail(chunk: bytes) -> None:
    raise MemoryError(chunk)


def work_on(chunks: int, done: list[bytes], *, then: Exception | None = None) -> None:
    """Have the first chunk fail and the others noted, and end the block with an error of its own if told."""
    with Beside() as beside:
        beside.add(fail, b"first")
        for _ in range(chunks):
            beside.add(done.append, b"after")
        if then is not None:
            raise then


def test_an_error_in_the_work_is_raised_at_the_end_and_stops_nobody_who_adds_more() -> None:
    done: list[bytes] = []

    with pytest.raises(MemoryError):
        work_on(100, done)

    assert done == []


def test_what_ends_the_block_outranks_an_error_in_the_work() -> None:
    with pytest.raises(KeyError):
        work_on(1, [], then=KeyError("the reader's own"))
