"""Unpacks an archive's index files while they are read, bounded in what they may become."""

import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

try:
    from isal import isal_zlib as deflate
    from isal.igzip_lib import IsalError
except ImportError:  # isal has no build for every machine; zlib reads the same bytes, more slowly
    import zlib as deflate  # type: ignore[no-redef]  # it answers to the same calls
    from zlib import error as IsalError  # type: ignore[assignment]  # noqa: N812  (it stands in for that class)

SUFFIXES = (".xz", ".gz", "")
"""The compressions that are read, in order of preference: the smallest download first."""

_STORED_CHUNK = 256 << 10
_RAW_CHUNK = 4 << 20
_MEMORY_LIMIT = 256 << 20
_UNPACKING: tuple[type[Exception], ...] = (
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
)
# isal's stubs call its error a value, where it is a class.
_DAMAGE: tuple[type[Exception], ...] = (*_UNPACKING, IsalError)  # type: ignore[arg-type]  # see above


class Damaged(ValueError):
    """The file cannot be unpacked, or becomes larger than allowed."""


class _Unpacker(Protocol):
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def unpacked(path: Path, suffix: str, *, limit: int) -> Iterator[bytes]:
    """Yield the content of `path`, whose compression `suffix` names, in chunks of bounded size.

    Raises Damaged where the file is damaged or truncated or becomes longer than `limit` bytes, and OSError
    where it cannot be read.
    """
    size = 0
    for chunk in _CHUNKS[suffix](path):
        size += len(chunk)
        if size > limit:
            raise Damaged(f"becomes larger than the {limit} bytes expected")
        yield chunk


def _stored(path: Path) -> Iterator[bytes]:
    with path.open("rb") as body:
        while chunk := body.read(_STORED_CHUNK):
            yield chunk


def _gzip(path: Path) -> Iterator[bytes]:
    unpacker = None
    for stored in _stored(path):
        data = stored
        while data:
            unpacker = unpacker or deflate.decompressobj(31)
            yield _step(unpacker, data)
            if unpacker.eof:
                data, unpacker = unpacker.unused_data, None
            else:
                data = unpacker.unconsumed_tail
    # What isal holds back (its own buffer) comes out with empty input.
    while unpacker is not None and not unpacker.eof:
        rest = _step(unpacker, b"")
        if not rest:
            raise Damaged("is truncated")
        yield rest


def _xz(path: Path) -> Iterator[bytes]:
    unpacker = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MEMORY_LIMIT)
    for stored in _stored(path):
        if unpacker.eof:
            return
        yield _step(unpacker, stored)
        while not (unpacker.needs_input or unpacker.eof):
            yield _step(unpacker, b"")
    if not unpacker.eof:
        raise Damaged("is truncated")


def _step(unpacker: _Unpacker, data: bytes) -> bytes:
    return _guarded(lambda: unpacker.decompress(data, _RAW_CHUNK))


def _guarded(step: Callable[[], bytes]) -> bytes:
    try:
        return step()
    except _DAMAGE as e:
        raise Damaged(f"cannot be unpacked: {e}") from e


_CHUNKS: dict[str, Callable[[Path], Iterator[bytes]]] = {".xz": _xz, ".gz": _gzip, "": _stored}
