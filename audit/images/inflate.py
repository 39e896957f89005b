"""Turns a stored layer into the chunks of its tar, bounded against bombs."""

import io
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import zstandard

from fleet_audit.audit.images.failure import LayerUnreadable
from fleet_audit.audit.images.limits import Limits

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

try:
    from isal import igzip_lib, isal_zlib

    _ISAL_ERROR: type[Exception] = igzip_lib.IsalError  # type: ignore[assignment]  # its stub says: an instance
    _DAMAGE: tuple[type[Exception], ...] = (_ISAL_ERROR, zlib.error, ValueError, EOFError)

    def _inflater() -> "_Inflater":
        return isal_zlib.decompressobj(_GZIP)

except ImportError:  # isal has no build for every machine; zlib reads the same bytes, more slowly
    _DAMAGE = (zlib.error, ValueError, EOFError)

    def _inflater() -> "_Inflater":
        return zlib.decompressobj(_GZIP)


STORED_CHUNK = 256 << 10
"""How much of a stored layer is read at a time."""

_RAW_CHUNK = 4 << 20
_GZIP = 31
"""The window bits that stand for a gzip header and trailer (zlib.h, inflateInit2)."""

_FOREIGN = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x1f\x9d": "compress"}

Read = Callable[[int], bytes]
"""Reads up to so many bytes; empty at the end."""


class _Inflater(Protocol):
    @property
    def unconsumed_tail(self) -> bytes: ...

    @property
    def unused_data(self) -> bytes: ...

    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def tar_chunks(read: Read, limits: Limits) -> Iterator[bytes]:
    """Yield the tar inside a layer, whatever its compression (found by its magic, as containerd does).

    Raises LayerUnreadable for damage, for a compression that OCI does not know, and for a bomb.
    """
    budget = _Budget(limits)
    first = read(STORED_CHUNK)
    stored = budget.stored(first, read)
    if first.startswith(b"\x1f\x8b"):
        chunks = _gzip_chunks(stored)
    elif first.startswith(zstandard.FRAME_HEADER) or first[1:4] == b"\x2a\x4d\x18":
        chunks = _zstd_chunks(stored)
    else:
        _refuse_foreign(first)
        chunks = stored
    for chunk in chunks:
        budget.spend(len(chunk))
        yield chunk


class _Budget:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._read = 0
        self._raw = 0

    def stored(self, first: bytes, read: Read) -> Iterator[bytes]:
        chunk = first
        while chunk:
            self._read += len(chunk)
            yield chunk
            chunk = read(STORED_CHUNK)

    def spend(self, amount: int) -> None:
        self._raw += amount
        limits = self._limits
        if self._raw > min(limits.raw_bytes, limits.free_bytes + limits.ratio * self._read):
            raise LayerUnreadable(
                f"inflates to more than {self._raw - amount} bytes from {self._read}: refused as a bomb"
            )


def _refuse_foreign(first: bytes) -> None:
    for magic, name in _FOREIGN.items():
        if first.startswith(magic):
            raise LayerUnreadable(f"is compressed with {name}, which is no compression of OCI layers")


def _gzip_chunks(stored: Iterator[bytes]) -> Iterator[bytes]:
    inflater: _Inflater | None = None
    for chunk in stored:
        data = chunk
        while data:
            if inflater is None:
                if not data.strip(b"\0"):
                    break
                inflater = _inflater()
            raw = _inflated(inflater, data)
            if raw:
                yield raw
            if inflater.eof:
                data, inflater = inflater.unused_data, None
            else:
                data = inflater.unconsumed_tail
    yield from _rest(inflater)


def _rest(inflater: _Inflater | None) -> Iterator[bytes]:
    while inflater is not None:
        raw = _inflated(inflater, b"")
        if raw:
            yield raw
        if inflater.eof:
            unused, inflater = inflater.unused_data, None
            yield from _gzip_chunks(iter((unused,) if unused else ()))
        elif not raw:
            raise LayerUnreadable("is truncated: its gzip stream does not end")


def _inflated(inflater: _Inflater, data: bytes) -> bytes:
    try:
        return inflater.decompress(data, _RAW_CHUNK)
    except _DAMAGE as e:
        raise LayerUnreadable(f"has a damaged gzip stream ({e})") from e


def _zstd_chunks(stored: Iterator[bytes]) -> Iterator[bytes]:
    reader = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).stream_reader(
        io.BufferedReader(_Source(stored), STORED_CHUNK), read_size=STORED_CHUNK, read_across_frames=True
    )
    while True:
        try:
            raw = reader.read(1 << 20)
        except zstandard.ZstdError as e:
            raise LayerUnreadable(f"has a damaged zstd stream ({e})") from e
        if not raw:
            return
        yield raw


_MAX_WINDOW = 128 << 20
"""What `zstd --long` may ask for; the format itself allows terabytes (RFC 8878, 3.1.1.1.2)."""


class _Source(io.RawIOBase):
    def __init__(self, stored: Iterator[bytes]) -> None:
        self._stored = stored
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        into = memoryview(buffer).cast("B")
        if not self._rest:
            self._rest = memoryview(next(self._stored, b""))
        count = min(len(into), len(self._rest))
        into[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
