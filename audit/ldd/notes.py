"""What the notes of a file say: libraries that it may load by name, and the processors it is built for."""

from collections.abc import Iterator
from struct import Struct

import msgspec

DLOPEN_NOTE = 0x407C0C0A
OWNER = b"FDO\0"
PROPERTY_NOTE = 5
PROPERTY_OWNER = b"GNU\0"
X86_ISA_NEEDED = 0xC0008002
"""GNU_PROPERTY_X86_ISA_1_NEEDED (x86-64 psABI, program property)."""

MAX_NAME = 256

_PROPERTIES = {
    order: (Struct(order + "II"), Struct(order + "I"), Struct(order + "I").pack(X86_ISA_NEEDED))
    for order in "<>"
}
"""By byte order: type and size of a property, a number that it holds, and the type that is looked for."""


class _Feature(msgspec.Struct):
    soname: list[str] = []
    priority: str = "recommended"


def dlopen_sonames(notes: bytes, header: Struct) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return one string per library in the notes of a PT_NOTE segment, alternatives joined by ``|``.

    The first answer holds all of them, the second those without which the file is of no use (``required``).
    A note that does not follow its specification says nothing: the loader never reads it.
    """
    if OWNER not in notes:
        return (), ()
    found: list[str] = []
    required: list[str] = []
    for content in _contents(notes, header, DLOPEN_NOTE, OWNER):
        try:
            features = msgspec.json.decode(content.rstrip(b"\0"), type=list[_Feature])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        named = [f for f in features if f.soname and all(map(_is_name, f.soname))]
        found.extend("|".join(f.soname) for f in named)
        required.extend("|".join(f.soname) for f in named if f.priority == "required")
    return tuple(found), tuple(required)


def x86_isa_needed(notes: bytes, header: Struct, alignment: int) -> int:
    """Return the bits of the x86-64 levels that a file needs: 1 for the baseline, 2 for v2, and so on."""
    pair, number, tag = _PROPERTIES[header.format[0]]
    if tag not in notes:
        return 0
    needed = 0
    for content in _contents(notes, header, PROPERTY_NOTE, PROPERTY_OWNER):
        at = 0
        while at + pair.size <= len(content):
            kind, size = pair.unpack_from(content, at)
            at += pair.size
            if kind == X86_ISA_NEEDED and size == number.size and at + size <= len(content):
                needed |= number.unpack_from(content, at)[0]
            at += size + -size % alignment
    return needed


def _contents(notes: bytes, header: Struct, wanted: int, owner: bytes) -> Iterator[bytes]:
    at = 0
    while at + header.size <= len(notes):
        name_size, content_size, kind = header.unpack_from(notes, at)
        name = at + header.size
        content = name + _padded(name_size)
        if kind == wanted and notes[name : name + name_size] == owner:
            yield notes[content : content + content_size]
        at = content + _padded(content_size)


def _padded(size: int) -> int:
    return (size + 3) & ~3


def _is_name(soname: str) -> bool:
    return 0 < len(soname) <= MAX_NAME and soname.isprintable() and "|" not in soname
