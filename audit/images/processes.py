"""Work that is done in a process each, which may die without taking this one along."""

import sys
import threading
from collections import deque
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

    One death breaks all calls that are not finished, whoever's fault it was. What was yielded is held no
    longer here.
    """
    with ProcessPoolExecutor(processes, mp_context=get_context(_way_to_start())) as pool:
        futures = deque(_submitted(pool, task, call) for call in calls)
        while futures:
            yield _result(futures.popleft())


def _way_to_start() -> str:
    # A fork shares the modules that are loaded, of which a new interpreter needs half a second each. Of
    # several threads one lives on in it, and a lock that another held stays shut there. The pool forks all
    # of its processes before it starts a thread of its own (its `_launch_processes`).
    return "fork" if sys.platform == "linux" and threading.active_count() == 1 else "spawn"


def _result(future: Future[Made] | None) -> Made | None:
    try:
        return None if future is None else future.result()
    except BrokenProcessPool:
        return None


def _submitted(
    pool: ProcessPoolExecutor, task: Callable[..., Made], call: tuple[Any, ...]
) -> Future[Made] | None:
    try:
        return pool.submit(task, *call)
    except BrokenProcessPool:
        return None
