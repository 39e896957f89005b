"""Names of libraries among the strings of an ELF file: what it may open by name, and may as well not.

Such a string is never evidence that something is missing: it stands in messages, in tables of alternatives,
in code that nothing calls.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from fleet_audit.audit.ldd.layout import PF_W, PF_X, Segment
from fleet_audit.audit.ldd.symbol_table import SymbolTable, gnu_hash, numbers
from fleet_audit.audit.ldd.window import Read

OPENERS = (b"dlopen", b"dlmopen", b"g_module_open", b"SDL_LoadObject", b"uv_dlopen", b"lt_dlopenext")
"""Functions that load a library by name."""

_OPENERS = frozenset(map(gnu_hash, OPENERS))

MAX_SIZE = 512 << 20
MAX_NAMES = 256
MAX_MARKS = 200_000
"""Places of one file that are looked at; real ones have some thousand."""

_CHUNK = 1 << 20
_LONGEST = 96
_MARK = re.compile(rb"\.so")
"""As an expression it is found twice as fast as by `bytes.find`."""

_NAME = re.compile(rb"lib[A-Za-z0-9_+-][A-Za-z0-9_+.-]{0,60}?\.so(?:\.\d{1,4}){0,4}")


def opens_libraries(table: SymbolTable) -> bool:
    """Say whether a file wants one of the functions that load libraries by name."""
    return not _OPENERS.isdisjoint(numbers(table.wanted, "I"))


def strings_lie_in(loads: Iterable[Segment], size: int) -> list[tuple[int, int]]:
    """Return from where to where a file of `size` bytes holds the strings of its code, in order.

    Linkers give what is only read a segment of its own; where one does not, strings stand beside the code.
    """
    held = [s for s in loads if s.file_size and s.offset < size]
    if any(not segment.flags & (PF_X | PF_W) for segment in held):
        held = [segment for segment in held if not segment.flags & PF_X]
    found: list[tuple[int, int]] = []
    for segment in sorted(held, key=lambda s: s.offset):
        end = min(segment.offset + segment.file_size, size)
        if found and segment.offset <= found[-1][1]:
            # Segments that overlap are no reason to look at the same bytes over and over.
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((segment.offset, end))
    return found


def library_names(read: Read, stretches: Iterable[tuple[int, int]]) -> tuple[str, ...]:
    """Return the strings in some stretches of a file that are names of libraries, in order, each once.

    A string begins and ends with a NUL. Bounded in the bytes that are read and the number of names.
    """
    found: set[str] = set()
    for name in _names(read, stretches):
        found.add(name)
        if len(found) >= MAX_NAMES:
            break
    return tuple(sorted(found))


def _names(read: Read, stretches: Iterable[tuple[int, int]]) -> Iterator[str]:
    places = ((data, mark.start()) for data in _chunks(read, stretches) for mark in _MARK.finditer(data))
    for data, at in islice(places, MAX_MARKS):
        begin = data.rfind(b"\0", max(0, at - _LONGEST), at) + 1
        end = data.find(b"\0", at, at + _LONGEST)
        if begin > 0 and end > 0 and _NAME.fullmatch(data, begin, end):
            yield data[begin:end].decode("ascii")


def _chunks(read: Read, stretches: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    left = MAX_SIZE
    for begin, end in stretches:
        for start in range(begin, min(end, begin + left), _CHUNK):
            # Chunks overlap, so that a name at their border is whole in one of them.
            first = max(begin, start - _LONGEST)
            yield read(first, min(start + _CHUNK + _LONGEST, end) - first)
        left -= min(left, end - begin)
