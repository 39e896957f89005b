"""Keeps bytes between runs in a folder, by keys that are digests of what they were made from."""

import os
from contextlib import suppress
from pathlib import Path

from fleet_audit.audit.tools.cache_folder import trim

DEFAULT_MAX_BYTES = 256 << 20

_TRIMMED_AT = "000"
"""Keys are digests: one record in 4096 has the folder looked through, however runs come and go."""

_LARGE = 1 << 20
"""Each record of such a size has it looked through: that takes less than writing it."""


class FolderStore:
    """Keeps one file per record, written whole or not at all; several processes may share the folder.

    What was used longest ago goes when the records take more than `max_bytes`.
    """

    def __init__(self, folder: Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        """Take the folder, made when the first record is kept, and how much it may hold."""
        self._folder = folder
        self._max_bytes = max_bytes

    def get(self, key: str) -> bytes | None:
        """Return what was put under `key`; None where nothing was, or it cannot be read."""
        file = self._file(key)
        try:
            value = file.read_bytes()
            os.utime(file)
        except OSError:
            return None
        return value

    def put(self, key: str, value: bytes) -> None:
        """Keep `value`; failing to do so is no error."""
        from tempfile import mkstemp  # noqa: PLC0415  (a second run writes nothing)

        file = self._file(key)
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = mkstemp(dir=file.parent, prefix=".")
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(value)
                Path(temporary).replace(file)
            except OSError:
                Path(temporary).unlink(missing_ok=True)
            if key.startswith(_TRIMMED_AT) or len(value) >= _LARGE:
                trim(self._folder, self._max_bytes, keep=file)

    def _file(self, key: str) -> Path:
        return self._folder / key[:2] / key
