"""Which symbols the loader looks up as soon as it loads a file, and which only when they are called.

Without DF_BIND_NOW, LD_BIND_NOW or RTLD_NOW those of DT_JMPREL wait for the call (elf/dynamic-link.h,
elf_dynamic_do_Rela); those of DT_RELA and DT_REL, for data, do not.
"""

from array import array
from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

from fleet_audit.audit.ldd import layout as elf
from fleet_audit.audit.ldd.reader import DynamicFile
from fleet_audit.audit.ldd.window import Damaged
from fleet_audit.audit.model.elf import SharedObject

MAX_RELOCATIONS = 8 << 20
"""Those of one table; the largest real ones have some hundred thousand besides relative ones."""

_AT_ONCE = 1 << 16

Words = Callable[[int, int, str], "array[int]"]
"""Returns so many numbers of a kind (as of `array`) from an offset of the file, in this machine's order."""


class _Table(NamedTuple):
    """The tags of a table, of its size and of its relative relocations; how many numbers an entry has."""

    tag: int
    size: int
    relative: int
    width: int


_TABLES = (
    _Table(elf.DT_RELA, elf.DT_RELASZ, elf.DT_RELACOUNT, 3),
    _Table(elf.DT_REL, elf.DT_RELSZ, elf.DT_RELCOUNT, 2),
)


def is_bound_at_start(facts: SharedObject) -> bool:
    """Say whether all symbols of the object are looked up at once; others are when they are called."""
    return _is_bound_at_start(facts.flags, facts.flags_1)


def looked_up_at_once(file: DynamicFile, words: Words, wanted: frozenset[int]) -> frozenset[int] | None:
    """Return which of some symbols, by number, data refers to; None where all are bound at once in any case.

    Raises `Damaged` where a table leads out of the file.
    """
    values = file.values
    is_now = _is_bound_at_start(values.get(elf.DT_FLAGS, 0), values.get(elf.DT_FLAGS_1, 0))
    if is_now:
        return None
    return wanted.intersection(chain.from_iterable(_symbols(file, words, table) for table in _TABLES))


def _is_bound_at_start(flags: int, flags_1: int) -> bool:
    return bool(flags & elf.DF_BIND_NOW or flags_1 & elf.DF_1_NOW)


def _symbols(file: DynamicFile, words: Words, table: _Table) -> Iterator[int]:
    kind, symbol = ("Q", 32) if file.layout.elf_class == 64 else ("I", 8)
    entry = table.width * file.layout.elf_class // 8
    count = _size(file, table) // entry
    # Relative relocations come first, and name no symbol.
    skipped = min(file.values.get(table.relative, 0), count)
    if count - skipped > MAX_RELOCATIONS:
        raise Damaged("a table of relocations is larger than any real one")
    if count == skipped:
        return
    start = file.offset(table.tag, "a table of relocations")
    for first in range(skipped, count, _AT_ONCE):
        part = min(_AT_ONCE, count - first)
        information = words(start + first * entry, part * table.width, kind)[1 :: table.width]
        yield from {number >> symbol for number in set(information)}


def _size(file: DynamicFile, table: _Table) -> int:
    """Return how many bytes of a table are not those of DT_JMPREL, which may be its end."""
    start, length = file.values.get(table.tag, 0), file.values.get(table.size, 0)
    calls, length_of_calls = file.values.get(elf.DT_JMPREL, -1), file.values.get(elf.DT_PLTRELSZ, 0)
    is_end = start <= calls and calls + length_of_calls == start + length
    return calls - start if is_end else length
