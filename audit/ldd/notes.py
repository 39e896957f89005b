"""Which libraries a file says that it may load by name at run time (ELF dlopen metadata)."""

from collections.abc import Iterator
from struct import Struct

import msgspec

DLOPEN_NOTE = 0x407C0C0A
OWNER = b"FDO\0"
MAX_NAME = 256


class _Feature(msgspec.Struct):
    soname: list[str] = []


def dlopen_sonames(notes: bytes, header: Struct) -> tuple[str, ...]:
    """Return one string per library in the notes of a PT_NOTE segment, alternatives joined by ``|``.

    A note that does not follow its specification says nothing: the loader never reads it.
    """
    if OWNER not in notes:
        return ()
    found: list[str] = []
    for content in _contents(notes, header):
        try:
            features = msgspec.json.decode(content.rstrip(b"\0"), type=list[_Feature])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        found.extend("|".join(f.soname) for f in features if f.soname and all(map(_is_name, f.soname)))
    return tuple(found)


def _contents(notes: bytes, header: Struct) -> Iterator[bytes]:
    at = 0
    while at + header.size <= len(notes):
        name_size, content_size, kind = header.unpack_from(notes, at)
        name = at + header.size
        content = name + _padded(name_size)
        if kind == DLOPEN_NOTE and notes[name : name + name_size] == OWNER:
            yield notes[content : content + content_size]
        at = content + _padded(content_size)


def _padded(size: int) -> int:
    return (size + 3) & ~3


def _is_name(soname: str) -> bool:
    return 0 < len(soname) <= MAX_NAME and soname.isprintable() and "|" not in soname
