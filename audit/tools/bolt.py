"""Which buckets a file of the key/value store bbolt has, and whether the file is whole.

Only as much is read as that takes: the meta pages, and the pages of the outermost bucket. The format is that
of version 2 (page.go, meta.go and bucket.go of bbolt).
"""

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

_MAGIC = 0xED0CDAED
_VERSION = 2
_BRANCH, _LEAF = 0x01, 0x02
_IS_BUCKET = 1
_PAGE_HEADER = struct.Struct("<QHHI")
_META = struct.Struct("<IIIIQQQQQQ")
_LEAF_ELEMENT = struct.Struct("<IIII")
_BRANCH_ELEMENT = struct.Struct("<IIQ")
_PAGE_SIZES = range(512, (1 << 16) + 1)
_MAX_DEPTH = 16
_MAX_PAGES = 10_000


class BoltDamaged(ValueError):
    """The file is none of bbolt's, or is not whole."""


def bucket_names(path: Path) -> tuple[str, ...]:
    """Return the names of the outermost buckets, sorted.

    Raises BoltDamaged where the file is not whole, and OSError where it cannot be read.
    """
    with path.open("rb") as file:
        try:
            body = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as e:
            raise BoltDamaged("it is empty") from e
    with body:
        try:
            return tuple(sorted(_names(body)))
        except (struct.error, IndexError) as e:
            raise BoltDamaged("it is cut short") from e


def _names(body: mmap.mmap) -> Iterator[str]:
    size, root, end = _meta(body)
    # A file whose end is missing is found out here: a program that maps it would be killed where it reads on.
    if end * size > len(body):
        raise BoltDamaged(f"it should have {end * size} bytes and has {len(body)}")
    waiting = [(root, 0)]
    read = 0
    while waiting:
        page, depth = waiting.pop()
        read += 1
        if depth > _MAX_DEPTH or read > _MAX_PAGES or page >= end:
            raise BoltDamaged("its pages do not form a tree")
        start = page * size
        _, kind, count, _ = _PAGE_HEADER.unpack_from(body, start)
        if kind == _BRANCH:
            waiting += ((child, depth + 1) for child in _children(body, start, count))
        elif kind == _LEAF:
            yield from _buckets(body, start, count)
        else:
            raise BoltDamaged(f"page {page} is of a kind that no tree has")


def _meta(body: mmap.mmap) -> tuple[int, int, int]:
    """Return the size of pages, the page of the outermost bucket, and how many pages there are."""
    first = _checked(body, 0)
    # Where the first is damaged, the second stands where the second page begins, however large pages are.
    sizes = [first[2]] if first is not None else [1 << power for power in range(9, 17)]
    metas = [meta for meta in (first, *(_checked(body, size) for size in sizes)) if meta is not None]
    if not metas:
        raise BoltDamaged("it is no file of bbolt's")
    meta = max(metas, key=lambda found: found[8])
    return meta[2], meta[4], meta[7]


def _checked(body: mmap.mmap, start: int) -> tuple[int, ...] | None:
    place = start + _PAGE_HEADER.size
    if place + _META.size > len(body):
        return None
    meta: tuple[int, ...] = _META.unpack_from(body, place)
    if meta[0] != _MAGIC or meta[1] != _VERSION or meta[2] not in _PAGE_SIZES:
        return None
    return meta if meta[9] == _fnv1a(body[place : place + _META.size - 8]) else None


def _children(body: mmap.mmap, start: int, count: int) -> Iterator[int]:
    for index in range(count):
        _, _, page = _BRANCH_ELEMENT.unpack_from(
            body, start + _PAGE_HEADER.size + _BRANCH_ELEMENT.size * index
        )
        yield page


def _buckets(body: mmap.mmap, start: int, count: int) -> Iterator[str]:
    for index in range(count):
        element = start + _PAGE_HEADER.size + _LEAF_ELEMENT.size * index
        flags, place, length, _ = _LEAF_ELEMENT.unpack_from(body, element)
        key = body[element + place : element + place + length]
        if len(key) < length:
            raise BoltDamaged("it is cut short")
        if flags & _IS_BUCKET:
            yield key.decode(errors="replace")


def _fnv1a(text: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in text:
        value = (value ^ byte) * 0x100000001B3 % (1 << 64)
    return value
