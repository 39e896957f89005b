"""Tables of relocations: what they say of symbols, and that none costs more than it should."""

import struct
from array import array

import pytest

from fleet_audit.audit.ldd import layout as elf
from fleet_audit.audit.ldd.layout import LAYOUTS, Segment
from fleet_audit.audit.ldd.reader import DynamicFile
from fleet_audit.audit.ldd.relocations import MAX_RELOCATIONS, Words, looked_up_at_once
from fleet_audit.audit.ldd.window import Damaged

WANTED = frozenset({1, 2, 3})
RELATIVE, DATA = 8, 6


def entries(*symbols: int, kind: int = DATA) -> bytes:
    """Return relocations with addends (Elf64_Rela)."""
    return b"".join(struct.pack("<QQq", 0, symbol << 32 | kind, 0) for symbol in symbols)


def file(body: bytes, values: dict[int, int]) -> tuple[DynamicFile, Words]:
    """Return a 64-bit file whose one segment is this body, at address 0."""

    def words(offset: int, count: int, kind: str) -> "array[int]":
        found = array(kind)
        found.frombytes(body[offset : offset + count * found.itemsize])
        return found

    return DynamicFile(LAYOUTS[2, 1], [Segment(elf.PT_LOAD, 0, 0, 0, len(body))], values), words


def test_data_is_bound_at_once_and_calls_are_not() -> None:
    data, calls = entries(1), entries(2, 3)
    values = {elf.DT_RELA: 0, elf.DT_RELASZ: len(data), elf.DT_JMPREL: len(data), elf.DT_PLTRELSZ: len(calls)}

    assert looked_up_at_once(*file(data + calls, values), WANTED) == frozenset({1})


def test_calls_at_the_end_of_the_other_table_are_still_calls() -> None:
    body = entries(1, 2)
    values = {elf.DT_RELA: 0, elf.DT_RELASZ: len(body), elf.DT_JMPREL: 24, elf.DT_PLTRELSZ: 24}

    assert looked_up_at_once(*file(body, values), WANTED) == frozenset({1})


def test_relative_relocations_are_not_looked_at() -> None:
    body = entries(0, 0, kind=RELATIVE) + entries(3)
    values = {elf.DT_RELA: 0, elf.DT_RELASZ: len(body), elf.DT_RELACOUNT: 2}

    assert looked_up_at_once(*file(body, values), WANTED) == frozenset({3})


def test_long_tables_are_read_to_their_end() -> None:
    body = entries(*[1] * 70_000, 2)

    assert looked_up_at_once(*file(body, {elf.DT_RELA: 0, elf.DT_RELASZ: len(body)}), WANTED) == frozenset(
        {1, 2}
    )


def test_who_binds_at_once_has_no_calls_that_wait() -> None:
    assert looked_up_at_once(*file(b"", {elf.DT_FLAGS: elf.DF_BIND_NOW}), WANTED) is None
    assert looked_up_at_once(*file(b"", {elf.DT_FLAGS_1: elf.DF_1_NOW}), WANTED) is None


@pytest.mark.parametrize(
    "values", [{elf.DT_RELA: 1 << 40, elf.DT_RELASZ: 24}, {elf.DT_RELASZ: 24 * MAX_RELOCATIONS + 24}]
)
def test_a_table_that_is_nowhere_or_huge_is_damage(values: dict[int, int]) -> None:
    with pytest.raises(Damaged):
        looked_up_at_once(*file(entries(1), {elf.DT_RELA: 0, **values}), WANTED)
