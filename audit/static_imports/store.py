"""Keeps records between runs, by what they are records of."""

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import msgspec

from fleet_audit.audit.static_imports.records import RECORD_VERSION, SourceRecord
from fleet_audit.audit.tools.cache_folder import trim

DEFAULT_MAX_BYTES = 256 << 20

_CHECK_BYTES = 16
_TRIMMED_AT = "000"
"""Keys are digests: one record in 4096 has the folder looked through, however runs come and go."""


class RecordStore(Protocol):
    """Keeps bytes by key. A key never means two things, so entries are never changed."""

    def get(self, key: str) -> bytes | None:
        """Return what was put under `key`; None where nothing was, or it cannot be read."""
        ...

    def put(self, key: str, value: bytes) -> None:
        """Keep `value`; failing to do so is no error."""
        ...


class MemoryStore:
    """Keeps records for one run."""

    def __init__(self) -> None:
        """Start empty."""
        self._values: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        """See `RecordStore.get`."""
        return self._values.get(key)

    def put(self, key: str, value: bytes) -> None:
        """See `RecordStore.put`."""
        self._values[key] = value


class FolderStore:
    """Keeps one file per record, written whole or not at all; several processes may share the folder.

    What was used longest ago goes when the records take more than `max_bytes`.
    """

    def __init__(self, folder: Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        """Take the folder, made when the first record is kept, and how much it may hold."""
        self._folder = folder
        self._max_bytes = max_bytes

    def get(self, key: str) -> bytes | None:
        """See `RecordStore.get`."""
        file = self._file(key)
        try:
            value = file.read_bytes()
            os.utime(file)
        except OSError:
            return None
        return value

    def put(self, key: str, value: bytes) -> None:
        """See `RecordStore.put`."""
        file = self._file(key)
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".")
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(value)
                Path(temporary).replace(file)
            except OSError:
                Path(temporary).unlink(missing_ok=True)
            if key.startswith(_TRIMMED_AT):
                trim(self._folder, self._max_bytes, keep=file)

    def _file(self, key: str) -> Path:
        return self._folder / key[:2] / key


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(SourceRecord)


def record_key(body: bytes, reading: str) -> str:
    """Return the key of a file's record; `reading` says how it was read (own code, which version)."""
    digest = hashlib.sha256(f"{RECORD_VERSION} {reading}\n".encode())
    digest.update(body)
    return digest.hexdigest()


def encode_record(record: SourceRecord) -> bytes:
    """Return the record as bytes that `decode_record` can check."""
    payload = _ENCODER.encode(record)
    return _check(payload) + payload


def decode_record(value: bytes) -> SourceRecord | None:
    """Return the record; None where the bytes are damaged in any way."""
    check, payload = value[:_CHECK_BYTES], value[_CHECK_BYTES:]
    if check != _check(payload):
        return None
    try:
        return _DECODER.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        return None


def _check(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=_CHECK_BYTES).digest()
