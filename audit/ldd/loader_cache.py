"""What ldconfig left in /etc/ld.so.cache (sysdeps/generic/dl-cache.h and elf/dl-cache.c of glibc).

Three formats: the old one (``ld.so-1.7.0``), the new one (``glibc-ld.so.cache1.1``), and an old one
with a new one behind it, of which the loader reads the new.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from fleet_audit.audit.model.identity import ImagePath

CACHE_PATH = ImagePath("/etc/ld.so.cache")

OLD_MAGIC = b"ld.so-1.7.0"
NEW_MAGIC = b"glibc-ld.so.cache1.1"
EXTENSION_MAGIC = 0xEAA42174
HWCAPS_SECTION = 1

NAMED_HWCAP = 1 << 30
NAMED_HWCAP_MASK = 0xFFFFFC00
"""Of the upper half of an entry's hwcap: the lower ten bits there are an ISA level."""

MAX_ENTRIES = 1 << 17
MAX_NAME = 4096

_OLD_HEADER = 16
_OLD_ENTRY = 12
_NEW_HEADER = 48


class CacheEntry(NamedTuple):
    """One library: the `flags` of its ABI, and the hwcaps subfolder it is meant for, if any.

    `is_legacy_hwcap` marks an entry for the hardware capabilities of glibc before 2.37.
    """

    path: str
    flags: int
    hwcaps: str = ""
    is_legacy_hwcap: bool = False


class CacheDamaged(Exception):
    """The cache's header or tables make no sense; the loader would do without it."""


LoaderCache = dict[str, list[CacheEntry]]
"""Entries by soname, in the order of the file."""


def parse_cache(data: bytes, *, little_endian: bool = True) -> LoaderCache:
    """Return the entries of a cache; raise `CacheDamaged` where it is none.

    A single entry that points out of the file is left out, as the loader leaves it out.
    """
    order = "<" if little_endian else ">"
    if data.startswith(NEW_MAGIC):
        return _gather(_new_entries(data, order))
    if not data.startswith(OLD_MAGIC):
        raise CacheDamaged("it begins with none of the known magic numbers")
    count = _number(data, 12, order)
    end = _OLD_HEADER + count * _OLD_ENTRY
    behind = (end + 7) & ~7
    if data.startswith(NEW_MAGIC, behind):
        return _gather(_new_entries(data[behind:], order))
    _check_count(count, end, data)
    return _gather(_old_entries(data, end, order))


def _gather(entries: Iterator[tuple[str, CacheEntry]]) -> LoaderCache:
    cache: LoaderCache = {}
    for soname, entry in entries:
        cache.setdefault(soname, []).append(entry)
    return cache


def _old_entries(data: bytes, end: int, order: str) -> Iterator[tuple[str, CacheEntry]]:
    for flags, key, value in struct.iter_unpack(f"{order}iII", data[_OLD_HEADER:end]):
        soname, path = _string(data, end + key), _string(data, end + value)
        if soname and path:
            yield soname, CacheEntry(path, flags)


def _new_entries(data: bytes, order: str) -> Iterator[tuple[str, CacheEntry]]:
    count = _number(data, 20, order)
    end = _NEW_HEADER + count * 24
    _check_count(count, end, data)
    names = _hwcaps_names(data, order)
    for flags, key, value, _, hwcap in struct.iter_unpack(f"{order}iIIIQ", data[_NEW_HEADER:end]):
        soname, path = _string(data, key), _string(data, value)
        if not soname or not path:
            continue
        if (hwcap >> 32) & NAMED_HWCAP_MASK == NAMED_HWCAP:
            index = hwcap & 0xFFFFFFFF
            if index < len(names):
                yield soname, CacheEntry(path, flags, names[index])
        else:
            yield soname, CacheEntry(path, flags, is_legacy_hwcap=hwcap != 0)


def _check_count(count: int, end: int, data: bytes) -> None:
    if count > MAX_ENTRIES or end > len(data):
        raise CacheDamaged(f"it claims {count} entries in {len(data)} bytes")


def _hwcaps_names(data: bytes, order: str) -> list[str]:
    """Return the names of glibc-hwcaps subfolders from the extension, in the order of their indexes."""
    start = _number(data, 32, order)
    if start == 0 or start + 8 > len(data) or _number(data, start, order) != EXTENSION_MAGIC:
        return []
    for section in range(min(_number(data, start + 4, order), 64)):
        at = start + 8 + section * 16
        if at + 16 > len(data):
            break
        tag, _, offset, size = struct.unpack_from(f"{order}IIII", data, at)
        if tag == HWCAPS_SECTION and offset + size <= len(data) and size <= 4 * 1024:
            table = data[offset : offset + size - size % 4]
            return [_string(data, at) for (at,) in struct.iter_unpack(f"{order}I", table)]
    return []


def _number(data: bytes, offset: int, order: str) -> int:
    if offset + 4 > len(data):
        raise CacheDamaged("it is shorter than its header")
    return int(struct.unpack_from(f"{order}I", data, offset)[0])


def _string(data: bytes, offset: int) -> str:
    end = data.find(b"\0", offset, offset + MAX_NAME)
    return "" if end < 0 else data[offset:end].decode("utf-8", "backslashreplace")
