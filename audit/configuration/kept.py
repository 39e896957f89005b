"""Answers that depend on a few known bytes alone, kept between runs for as long as these are the same.

Checking rules and knowledge takes longer than most analyses whose facts are known. What is kept is filed
under a digest of every file that was read, so that an edit is never overlooked, and it carries a digest of
its own: whatever is damaged, or was kept for something else, is read again.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

import msgspec

from fleet_audit.audit.configuration.located import File

T = TypeVar("T")

_CHECK_BYTES = 16

MAX_KEPT_BYTES = 64 << 20
"""What 60 services reach in an image with 8,000 Python files takes a seventh of that."""


class Store(Protocol):
    """Keeps bytes by key, between runs or for one."""

    def get(self, key: str) -> bytes | None:
        """Return what was put under `key`; None where nothing was, or it cannot be read."""
        ...

    def put(self, key: str, value: bytes) -> None:
        """Keep `value`; failing to do so is no error."""
        ...


def kept_or_read(
    store: Store | None, reading: str, files: Iterable[File], kind: type[T], read: Callable[[], T]
) -> T:
    """Return what these files say: as it was kept, else what `read` finds, which is kept.

    `reading` says how they are read: another word wherever the same files would give something else.
    Raises what `read` raises; nothing is kept then.
    """
    if store is None:
        return read()
    key = key_of(reading, files)
    found = kept(store, key, kind)
    if found is None:
        found = read()
        keep(store, key, found)
    return found


def kept(store: Store, key: str, kind: type[T]) -> T | None:
    """Return what was kept under `key`; None where nothing was, or it is damaged, or no `kind`."""
    value = store.get(key)
    if value is None:
        return None
    check, payload = value[:_CHECK_BYTES], value[_CHECK_BYTES:]
    if check != _check(key, payload):
        return None
    try:
        return msgspec.msgpack.decode(payload, type=kind)
    except (msgspec.DecodeError, RecursionError):
        return None


def keep(store: Store, key: str, found: object) -> None:
    """Keep `found` under `key`, unless it is larger than is reasonable or has text that is no Unicode."""
    try:
        payload = msgspec.msgpack.encode(found)
    except UnicodeEncodeError:
        # A string of somebody's code may hold half a character.
        return
    if len(payload) <= MAX_KEPT_BYTES:
        store.put(key, _check(key, payload) + payload)


def key_of(reading: str, files: Iterable[File]) -> str:
    """Return the key of what is known once these files are read; `reading` is as in `kept_or_read`."""
    digest = hashlib.sha256(reading.encode())
    for file in files:
        # Lengths keep the end of one part from passing for the beginning of the next.
        name = file.name.encode(errors="surrogateescape")
        digest.update(b"\n%d %d\n" % (len(name), len(file.body)))
        digest.update(name)
        digest.update(file.body)
    return digest.hexdigest()


def _check(key: str, payload: bytes) -> bytes:
    """Return a digest that also tells what the payload was kept for."""
    return hashlib.blake2b(payload, digest_size=_CHECK_BYTES, key=bytes.fromhex(key)).digest()
