"""Bounded looks into a file that is read piece by piece."""

from collections.abc import Callable
from struct import Struct
from typing import Any

Read = Callable[[int, int], bytes]
"""Returns `length` bytes from `offset`, or fewer where the file ends."""

BLOCK = 4096


class Damaged(Exception):
    """A table of the file contradicts itself, leads out of the file, or is larger than any real one."""


class Window:
    """Reads through one block, so that neighbouring small tables cost one read.

    Each window follows one region of the file: tables in one, strings in another.
    """

    __slots__ = ("_data", "_end", "_read", "_size", "_start")

    def __init__(self, read: Read, size: int, start: int = 0, data: bytes = b"") -> None:
        """Look into a file of `size` bytes of which `data`, at `start`, is already in hand."""
        self._read = read
        self._size = size
        self._start = start
        self._data = data
        self._end = start + len(data)

    def at(self, offset: int, length: int, what: str) -> bytes:
        """Return exactly `length` bytes; raise `Damaged`, naming `what`, where the file has fewer."""
        if not (self._start <= offset and offset + length <= self._end):
            self._load(offset, length, what)
        begin = offset - self._start
        return self._data[begin : begin + length]

    def unpack(self, layout: Struct, offset: int, what: str) -> tuple[Any, ...]:
        """Return the fields of the structure at `offset`; raise `Damaged` as `at` does."""
        if not (self._start <= offset and offset + layout.size <= self._end):
            self._load(offset, layout.size, what)
        return layout.unpack_from(self._data, offset - self._start)

    def string(self, offset: int, limit: int, what: str) -> bytes:
        """Return the bytes up to the next NUL; raise `Damaged` where none comes within `limit`."""
        if not self._start <= offset < self._end:
            self._load(offset, 1, what)
        begin = offset - self._start
        end = self._data.find(b"\0", begin)
        if end < 0:
            length = min(limit, self._size - offset)
            self._load(offset, length, what)
            begin, end = 0, self._data.find(b"\0", 0, limit)
            if end < 0:
                raise Damaged(f"{what} has no end")
        return self._data[begin:end]

    def _load(self, offset: int, length: int, what: str) -> None:
        if offset + length > self._size:
            raise Damaged(f"{what} lies outside the file")
        self._data = self._read(offset, min(max(length, BLOCK), self._size - offset))
        self._start = offset
        self._end = offset + len(self._data)
        if len(self._data) < length:
            raise Damaged(f"{what} lies outside the file")
