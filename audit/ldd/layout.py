"""How the tables of an ELF file are laid out, by class and byte order (gABI 4 and 5; GNU extensions)."""

from struct import Struct
from typing import NamedTuple

ELF_MAGIC = b"\x7fELF"

ET_REL = 1
ET_EXEC = 2
ET_DYN = 3

PT_LOAD = 1
PT_DYNAMIC = 2
PT_INTERP = 3
PT_NOTE = 4
PT_GNU_STACK = 0x6474E551
PF_X = 1
PF_W = 2

DT_NULL = 0
DT_NEEDED = 1
DT_PLTRELSZ = 2
DT_HASH = 4
DT_STRTAB = 5
DT_SYMTAB = 6
DT_RELA = 7
DT_RELASZ = 8
DT_STRSZ = 10
DT_SONAME = 14
DT_RPATH = 15
DT_REL = 17
DT_RELSZ = 18
DT_JMPREL = 23
DT_RUNPATH = 29
DT_FLAGS = 30
DT_GNU_HASH = 0x6FFFFEF5
DT_VERSYM = 0x6FFFFFF0
DT_RELACOUNT = 0x6FFFFFF9
DT_RELCOUNT = 0x6FFFFFFA
DT_FLAGS_1 = 0x6FFFFFFB
DT_VERDEF = 0x6FFFFFFC
DT_VERDEFNUM = 0x6FFFFFFD
DT_VERNEED = 0x6FFFFFFE
DT_VERNEEDNUM = 0x6FFFFFFF
DT_AUXILIARY = 0x7FFFFFFD
DT_FILTER = 0x7FFFFFFF

DF_BIND_NOW = 0x8
DF_1_NOW = 0x1
DF_1_NODEFLIB = 0x800
DF_1_NOOPEN = 0x40
DF_1_PIE = 0x08000000

VER_FLG_BASE = 1
VER_FLG_WEAK = 2

SHN_UNDEF = 0
STB_LOCAL = 0
STB_WEAK = 2
STV_INTERNAL = 1
STV_HIDDEN = 2

EM_386 = 3
EM_ARM = 40
EM_X86_64 = 62
EM_AARCH64 = 183


class Segment(NamedTuple):
    """One program header, its fields in one order for both classes."""

    type: int
    flags: int
    offset: int
    address: int
    file_size: int


class Layout(NamedTuple):
    """The structures of one class and byte order.

    `elf_header` starts at byte 16 (``e_type``). The fields of `program_header` stand where
    `segment_fields` says, in the order of `Segment`; ``st_name``, ``st_info``, ``st_other`` and ``st_shndx``
    of `symbol` stand where `symbol_fields` says.
    """

    elf_class: int
    elf_header: Struct
    header_size: int
    program_header: Struct
    segment_fields: tuple[int, int, int, int, int]
    dynamic_entry: Struct
    symbol: Struct
    symbol_fields: tuple[int, int, int, int]
    version_need: Struct
    version_need_aux: Struct
    version_definition: Struct
    version_definition_aux: Struct
    note_header: Struct


def _layout(elf_class: int, order: str) -> Layout:
    is_64 = elf_class == 64
    return Layout(
        elf_class=elf_class,
        elf_header=Struct(order + ("HHIQQQIHHHHHH" if is_64 else "HHIIIIIHHHHHH")),
        header_size=64 if is_64 else 52,
        program_header=Struct(order + ("IIQQQQQQ" if is_64 else "IIIIIIII")),
        segment_fields=(0, 1, 2, 3, 5) if is_64 else (0, 6, 1, 2, 4),
        dynamic_entry=Struct(order + ("QQ" if is_64 else "II")),
        symbol=Struct(order + ("IBBHQQ" if is_64 else "IIIBBH")),
        symbol_fields=(0, 1, 2, 3) if is_64 else (0, 3, 4, 5),
        version_need=Struct(order + "HHIII"),
        version_need_aux=Struct(order + "IHHII"),
        version_definition=Struct(order + "HHHHIII"),
        version_definition_aux=Struct(order + "II"),
        note_header=Struct(order + "III"),
    )


LAYOUTS: dict[tuple[int, int], Layout] = {
    (1, 1): _layout(32, "<"),
    (1, 2): _layout(32, ">"),
    (2, 1): _layout(64, "<"),
    (2, 2): _layout(64, ">"),
}
"""By the bytes EI_CLASS and EI_DATA."""
