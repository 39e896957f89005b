"""The entries of a file's symbol table, field by field, so that thousands are sorted out at once."""

from array import array
from itertools import compress
from typing import NamedTuple

from fleet_audit.audit.ldd.layout import (
    STB_LOCAL,
    STB_WEAK,
    STV_HIDDEN,
    STV_INTERNAL,
    Layout,
)

BINDS_LOCALLY = (STV_INTERNAL, STV_HIDDEN)
"""Visibilities of symbols that bind within their file alone (dl_symbol_visibility_binds_local_p)."""

_INFO_AT = {64: 4, 32: 12}
"""Where ``st_info`` stands in an entry, by class; ``st_other`` and ``st_shndx`` follow it (gABI)."""


def _marks(*excluded: int, of: int) -> bytes:
    """Return a table for `bytes.translate`: 0 for each byte of which bits say what is excluded, else 1."""
    shift, mask = (4, 0xF) if of == 0xF0 else (0, of)
    return bytes((byte >> shift) & mask not in excluded for byte in range(256))


_IS_GLOBAL = _marks(STB_LOCAL, of=0xF0)
_IS_STRONG = _marks(STB_LOCAL, STB_WEAK, of=0xF0)
_IS_FOR_OTHERS = _marks(*BINDS_LOCALLY, of=0x3)
_IS_ZERO = bytes(byte == 0 for byte in range(256))


class Chosen(NamedTuple):
    """The numbers of some symbols that have a name, and their ``st_name``."""

    numbers: list[int]
    names: list[int]


class SymbolColumns:
    """The first so many entries of a symbol table."""

    def __init__(self, table: bytes, layout: Layout, *, swaps: bool) -> None:
        """Take the bytes of whole entries; `swaps` says that this machine has the other byte order."""
        words = array("I")
        words.frombytes(table)
        if swaps:
            words.byteswap()
        size, info = layout.symbol.size, _INFO_AT[layout.elf_class]
        self._names = words[:: size // 4]
        self._info = table[info::size]
        self._other = table[info + 1 :: size]
        self._section = (table[info + 2 :: size], table[info + 3 :: size])

    def wanted(self) -> Chosen:
        """Return the symbols that another file must define."""
        return self._chosen(self._info.translate(_IS_STRONG), is_defined=False)

    def defined(self) -> Chosen:
        """Return the symbols that other files may be given."""
        return self._chosen(self._info.translate(_IS_GLOBAL), is_defined=True)

    def _chosen(self, bindings: bytes, *, is_defined: bool) -> Chosen:
        low, high = (_number(half.translate(_IS_ZERO)) for half in self._section)
        undefined = low & high
        wanted = _number(b"\1" * len(bindings)) ^ undefined if is_defined else undefined
        chosen = wanted & _number(bindings) & _number(self._other.translate(_IS_FOR_OTHERS))
        marks = chosen.to_bytes(len(bindings), "little")
        numbers = list(compress(range(len(marks)), marks))
        names = list(map(self._names.__getitem__, numbers))
        if 0 in names:
            numbers, names = [n for n in numbers if self._names[n]], [name for name in names if name]
        return Chosen(numbers, names)


def _number(marks: bytes) -> int:
    """Return marks as one number, so that one operation is done with all of them."""
    return int.from_bytes(marks, "little")
