"""Work on chunks that is done beside the thread that reads them."""

from collections.abc import Callable
from queue import Queue
from threading import Thread
from types import TracebackType

_AHEAD = 16
"""Chunks that may wait: memory stays bounded when reading is faster than the work."""

Work = Callable[[bytes], object]


class Beside:
    """Does work in a thread of its own, in the order in which it is added.

    Hashing and compressing release the interpreter's lock. All work is done when the ``with`` block has been
    left; an error in it is raised there, unless another one ends the block.
    """

    def __init__(self) -> None:
        """Prepare the queue; the thread starts with the block."""
        self._queue: Queue[tuple[Work, bytes] | None] = Queue(_AHEAD)
        self._failure: Exception | None = None
        self._thread = Thread(target=self._run, daemon=True, name="work on a layer")

    def add(self, work: Work, chunk: bytes) -> None:
        """Have `work` called with `chunk`."""
        self._queue.put((work, chunk))

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            work, chunk = item
            try:
                if self._failure is None:
                    work(chunk)
            except Exception as e:  # noqa: BLE001  (whatever it is, it is raised where the block ends)
                self._failure = e

    def __enter__(self) -> "Beside":
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait until all work is done."""
        self._queue.put(None)
        self._thread.join()
        if self._failure is not None and error is None:
            raise self._failure
