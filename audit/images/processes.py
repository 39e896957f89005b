"""Work that is done in a process each, which may die without taking this one along."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, TypeVar

Made = TypeVar("Made")


def made_in_processes(
    task: Callable[..., Made], calls: Sequence[tuple[Any, ...]], processes: int
) -> Iterator[Made | None]:
    """Yield what `task` makes of each call's arguments, in their order; None where its process died.

    One death breaks all calls that are not finished, whoever's fault it was.
    """
    # Spawned and not forked: this process has threads, which a fork would leave in an unknown state.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for future in [_submitted(pool, task, call) for call in calls]:
            try:
                yield None if future is None else future.result()
            except BrokenProcessPool:
                yield None


def _submitted(
    pool: ProcessPoolExecutor, task: Callable[..., Made], call: tuple[Any, ...]
) -> Future[Made] | None:
    try:
        return pool.submit(task, *call)
    except BrokenProcessPool:
        return None
