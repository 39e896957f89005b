"""Keeps the facts of layers on disk, so that a layer is read once whatever images share it."""

import contextlib
import hashlib
import os
import secrets
import time
from pathlib import Path

from fleet_audit.audit.images.facts import Facts, FactsDamaged, InMemory, OnDisk

_SUFFIX = ".facts"
_UNFINISHED = ".new"
_ABANDONED_SECONDS = 3600.0
DEFAULT_MAX_BYTES = 4 << 30


class LayerStore:
    """A folder of facts files, named by what they are facts of.

    Parallel runs may share the folder: files appear whole or not at all. A damaged file is a miss. When
    the files take more than `max_bytes`, those used longest ago go. A folder that cannot be written is no
    error: nothing is kept then.
    """

    def __init__(self, folder: Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        """Use `folder`, which is made when it is first needed."""
        self._folder = folder
        self._max_bytes = max_bytes

    def _path(self, key: str) -> Path:
        return self._folder / (hashlib.sha256(key.encode()).hexdigest()[:40] + _SUFFIX)

    def load(self, key: str) -> Facts | None:
        """Return the facts filed under `key`; None where there are none that can be read."""
        path = self._path(key)
        try:
            stored = OnDisk(str(path))
        except OSError:
            return None
        try:
            facts = Facts(stored, key)
        except FactsDamaged:
            stored.close()
            self.discard(key)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return facts

    def discard(self, key: str) -> None:
        """Delete what is filed under `key`."""
        with contextlib.suppress(OSError):
            self._path(key).unlink(missing_ok=True)

    def file_facts(self, key: str, data: bytes) -> Facts:
        """File `data`; return facts read from there, or from memory where it cannot be written."""
        temporary = self._folder / f"{os.getpid()}-{secrets.token_hex(8)}{_UNFINISHED}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(data)
            temporary.replace(self._path(key))
            self._evict()
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        return self.load(key) or Facts(InMemory(data), key)

    def _evict(self) -> None:
        files = []
        now = time.time()
        with os.scandir(self._folder) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if entry.name.endswith(_SUFFIX):
                    files.append((status.st_mtime, entry.name, status.st_size))
                elif entry.name.endswith(_UNFINISHED) and now - status.st_mtime > _ABANDONED_SECONDS:
                    Path(entry.path).unlink(missing_ok=True)
        total = sum(size for _, _, size in files)
        # The newest stays even where it alone is over the limit: it was made to be used now.
        for _, name, size in sorted(files)[:-1]:
            if total <= self._max_bytes:
                return
            (self._folder / name).unlink(missing_ok=True)
            total -= size
