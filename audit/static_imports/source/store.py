"""Keeps records between runs, by what they are records of."""

import hashlib
from typing import Protocol

import msgspec

from fleet_audit.audit.static_imports.source.records import RECORD_VERSION, SourceRecord

_CHECK_BYTES = 16


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
