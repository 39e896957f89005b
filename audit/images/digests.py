"""SHA-256 of streams, computed beside the thread that reads them."""

import hashlib
from queue import Queue
from threading import Thread
from types import TracebackType

from fleet_audit.audit.model.identity import Digest

_AHEAD = 16
"""Chunks that may wait: memory stays bounded when reading is faster than hashing."""


class Sha256:
    """A digest in the making."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._hash = hashlib.sha256()

    def update(self, data: bytes) -> None:
        """Add bytes."""
        self._hash.update(data)

    @property
    def digest(self) -> Digest:
        """Return the digest of what was added so far."""
        return Digest(f"sha256:{self._hash.hexdigest()}")


class HashingThread:
    """Adds chunks to digests in a thread of its own, since hashlib releases the interpreter's lock.

    Digests are complete when the ``with`` block has been left.
    """

    def __init__(self) -> None:
        """Prepare the queue; the thread starts with the block."""
        self._queue: Queue[tuple[Sha256, bytes] | None] = Queue(_AHEAD)
        self._thread = Thread(target=self._work, daemon=True, name="layer digests")

    def add(self, to: Sha256, chunk: bytes) -> None:
        """Queue `chunk` for `to`."""
        self._queue.put((to, chunk))

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            digest, chunk = item
            digest.update(chunk)

    def __enter__(self) -> "HashingThread":
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait until everything queued is hashed."""
        self._queue.put(None)
        self._thread.join()
