"""The string tables that Cython writes into a module, unpacked.

Up to 3.1 each string is a C string of its own. Since 3.2 all strings of a module stand in one row without
separators, packed where that is worth it (``generate_pystring_constants`` in Cython/Compiler/Code.py): by
zlib, bz2 or zstd as the builder chose, and since 3.3 by default with a coder of Cython's own
(``__pyx_lzss_decompress`` in Cython/Utility/StringTools.c). Their lengths stand in code or in another
table, so a row has to be taken as one text.
"""

import bz2
import re
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

import zstandard

MAX_TABLE = 2 << 20
"""Bytes of one unpacked row; the largest real ones have some hundred thousand."""

MAX_ROWS = 16
"""Rows of one file; real ones have one for each of Cython's modules in it, which is one."""

_MAX_PACKED = 1 << 20
_PROBE_IN, _PROBE_OUT = 192, 4096
_MARKS = (b"cython_runtime", b"_cython_", b"__pyx")
_IN_EVERY_TABLE = (b"__main__", b"__name__")
"""What each module compares to find out whether it runs as a script."""

_LZSS_MARK = b"LZSS string data"
_LZSS_TRIES = 20_000
"""Places that look like the beginning; real files have some hundred."""

_LZSS_PROBE = 128
_LZSS_WHOLE = 4
_LZSS_PACKED = 256 << 10
_CONTROLS = bytes(set(range(0x20)) - set(b"\0\t\n\r\f\v")) + b"\x7f"
_LZSS_ALIGNMENT = 8
"""Where compilers lay long constants, unless the NUL of another one comes right before."""

_LZSS_GROUP = 25
"""One byte of flags, and eight items of at most three bytes."""


class _Packing(NamedTuple):
    """How packed rows begin, how they are unpacked to a most of bytes, and how many places are tried."""

    beginning: re.Pattern[bytes]
    unpack: Callable[[bytes, int], bytes | None]
    tries: int


def is_cython(data: bytes) -> bool:
    """Say whether Cython made the module that has these constants."""
    return any(mark in data for mark in _MARKS)


def string_rows(data: bytes) -> Iterator[bytes]:
    """Yield the rows of strings among a module's constants; none where Cython did not make it."""
    if not is_cython(data):
        return
    yield from islice(_rows(data), MAX_ROWS)


def _rows(data: bytes) -> Iterator[bytes]:
    yield from _plain(data)
    for packing in _PACKINGS:
        yield from _unpacked(data, packing)
    if _LZSS_MARK in data:
        yield from _from_own_coder(data)


def _is_table(row: bytes) -> bool:
    return all(name in row for name in _IN_EVERY_TABLE)


def _plain(data: bytes) -> Iterator[bytes]:
    """Yield rows that were not packed: those in which a name that every module has is not alone."""
    mark = _IN_EVERY_TABLE[0]
    done = 0
    while (at := data.find(mark, done)) >= 0:
        start = data.rfind(b"\0", max(done, at - MAX_TABLE), at) + 1
        end = data.find(b"\0", at, at + MAX_TABLE)
        end = at + MAX_TABLE if end < 0 else end
        row = data[max(start, done) : end]
        if _is_table(row):
            yield row
        done = end


def _unpacked(data: bytes, packing: _Packing) -> Iterator[bytes]:
    whole = 0
    for tries, match in enumerate(packing.beginning.finditer(data)):
        if tries >= packing.tries or whole >= MAX_ROWS:
            return
        at = match.start()
        if packing.unpack(data[at : at + _PROBE_IN], _PROBE_OUT) is None:
            continue
        whole += 1
        row = packing.unpack(data[at : at + _MAX_PACKED], MAX_TABLE)
        if row is not None and _is_table(row):
            yield row


def _from_zlib(packed: bytes, most: int) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(packed, most)
    except zlib.error:
        return None


def _from_bz2(packed: bytes, most: int) -> bytes | None:
    try:
        return bz2.BZ2Decompressor().decompress(packed, most)
    except (OSError, ValueError):
        return None


def _from_zstd(packed: bytes, most: int) -> bytes | None:
    try:
        with zstandard.ZstdDecompressor(max_window_size=MAX_TABLE).stream_reader(packed) as reader:
            return reader.read(most)
    except zstandard.ZstdError:
        return None


# Eight and four bytes of random data are rarely these; two of them often are.
_PACKINGS = (
    _Packing(re.compile(rb"\x78[\x01\x5e\x9c\xda]"), _from_zlib, 4096),
    _Packing(re.compile(rb"BZh[1-9]1AY&SY"), _from_bz2, MAX_ROWS),
    _Packing(re.compile(rb"\x28\xb5\x2f\xfd"), _from_zstd, 64),
)


# Nothing lies before the first three items of a row that they could repeat: they are plain bytes.
_FIRST_FLAGS = bytes(flags for flags in range(256) if flags & 7 == 7)
_FIRST_GROUP = re.compile(
    rb"[" + re.escape(_FIRST_FLAGS) + rb"][\0\t\n\r\x20-\x7e\xc2-\xf4][\t\n\r\x20-\x7e\x80-\xf4]{2}"
)
_BEHIND_NUL = re.compile(rb"\0(?=" + _FIRST_GROUP.pattern + rb")")


def _from_own_coder(data: bytes) -> Iterator[bytes]:
    """Yield the row that Cython's own coder packed: there is one in a module, and nothing announces it."""
    whole = 0
    for tries, at in enumerate(_beginnings(data)):
        if tries >= _LZSS_TRIES or whole >= _LZSS_WHOLE:
            return
        probe = from_own_coder(data, at, _LZSS_PROBE)
        if len(probe) < _LZSS_PROBE or probe != probe.translate(None, _CONTROLS):
            continue
        whole += 1
        row = from_own_coder(data, at, MAX_TABLE)
        if _is_table(row):
            yield row
            return


def _beginnings(data: bytes) -> Iterator[int]:
    for match in _BEHIND_NUL.finditer(data):
        yield match.end()
    for at in range(0, len(data), _LZSS_ALIGNMENT):
        if _FIRST_GROUP.match(data, at):
            yield at


def from_own_coder(data: bytes, start: int, most: int) -> bytes:
    """Return the row that is packed from `start` on: up to `most` bytes, and what one item adds to them.

    It ends where an item repeats what is not there, or where padding begins: nothing in the packed bytes
    says how many they are, so that some nonsense may follow the last string.
    """
    row = bytearray()
    # Eight plain bytes take nine, and no group of items unpacks to less.
    packed = data[start : start + min(_LZSS_PACKED, 4 * most)] + bytes(_LZSS_GROUP)
    end = len(packed) - _LZSS_GROUP
    at = 0
    while at < end and len(row) < most and not _is_padding(packed, at):
        flags = packed[at] | 0xFF00
        at += 1
        while flags & 0x100:
            if flags & 1:
                row.append(packed[at])
                at += 1
            else:
                distance, length, at = _repetition(packed, at)
                begin = len(row) - distance - length
                if begin < 0:
                    return bytes(row)
                row += row[begin : begin + length]
            flags >>= 1
    return bytes(row)


def _repetition(packed: bytes, at: int) -> tuple[int, int, int]:
    """Return how far back a repeated part ends, its length, and where the next item begins."""
    low, high = packed[at], packed[at + 1]
    if not low & 0x80:
        return low, high + 3, at + 2
    if not high & 0x80:
        return 0x80 + (high << 2 & 0x180 | low & 0x7F), (high & 0x1F) + 3, at + 2
    return 0x80 + ((high & 0x7F) << 7 | low & 0x7F), packed[at + 2] + 3, at + 3


def _is_padding(packed: bytes, at: int) -> bool:
    # No group of items begins so: two parts that repeat the same three bytes are one longer part.
    return not any(packed[at : at + 5])
