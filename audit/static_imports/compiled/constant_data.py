"""Where an ELF file keeps its constants, found by its program headers alone.

Strings of a compiled extension module stand in ``.rodata``. The loader needs no section headers and a
stripped file may have none: what counts is the segment that is loaded and never written.
"""

from collections.abc import Callable, Sequence
from struct import Struct, error
from typing import NamedTuple

Read = Callable[[int, int], bytes]
"""Returns `length` bytes from `offset`, or fewer where the file ends."""

MAX_CONSTANTS = 64 << 20
"""Bytes of constants of one file; the largest real extension modules have some twenty million."""

ELF_MAGIC = b"\x7fELF"
_MAX_SEGMENTS = 128
_HEADER_BYTES = 64
_PT_LOAD = 1
_PT_GNU_EH_FRAME = 0x6474E550
_EXECUTABLE, _WRITABLE = 1, 2


class NoConstants(Exception):
    """The constants of a file cannot be read: the message is a sentence's end that says why."""


class _Layout(NamedTuple):
    """Of one class and byte order: the ELF header from byte 24 (``e_entry``), and one program header.

    `order` says where type, flags, offset and file size stand in the latter (gABI 5, Program Header).
    """

    header: Struct
    segment: Struct
    order: tuple[int, int, int, int]


_LAYOUTS = {
    (1, 1): _Layout(Struct("<IIIIHHH"), Struct("<8I"), (0, 6, 1, 4)),
    (1, 2): _Layout(Struct(">IIIIHHH"), Struct(">8I"), (0, 6, 1, 4)),
    (2, 1): _Layout(Struct("<QQQIHHH"), Struct("<2I6Q"), (0, 1, 2, 5)),
    (2, 2): _Layout(Struct(">QQQIHHH"), Struct(">2I6Q"), (0, 1, 2, 5)),
}


class _Segment(NamedTuple):
    type: int
    flags: int
    offset: int
    size: int

    @property
    def end(self) -> int:
        return self.offset + self.size

    @property
    def is_constant(self) -> bool:
        return not self.flags & (_EXECUTABLE | _WRITABLE)


def constant_data(read: Read, size: int) -> bytes:
    """Return the constants of an ELF file of `size` bytes, and a little of what is stored beside them.

    Where the linker laid code and constants into one segment, the code comes along. Raises `NoConstants`
    where the file is damaged, or its constants are over MAX_CONSTANTS.
    """
    segments = _segments(read, size)
    loaded = [s for s in segments if s.type == _PT_LOAD and not s.flags & _WRITABLE and s.size]
    if not loaded:
        raise NoConstants("has no segment of constants")
    # Linkers lay the table of unwinding behind .rodata, in the same segment: it marks the right one.
    unwinding = next((s.offset for s in segments if s.type == _PT_GNU_EH_FRAME), None)
    marked = [s for s in loaded if unwinding is not None and s.offset <= unwinding < s.end]
    chosen = marked or [s for s in loaded if s.is_constant] or loaded
    parts = [_clipped(segment, unwinding) for segment in chosen]
    if sum(end - start for start, end in parts) > MAX_CONSTANTS:
        raise NoConstants(f"has more than {MAX_CONSTANTS} bytes of constants")
    # The padding keeps a string that ends one part from running into the next.
    return b"\0".join(_exactly(read, size, start, end - start) for start, end in parts)


def _clipped(segment: _Segment, unwinding: int | None) -> tuple[int, int]:
    has_mark = unwinding is not None and segment.offset < unwinding < segment.end
    return segment.offset, unwinding if has_mark and unwinding is not None else segment.end


def _segments(read: Read, size: int) -> Sequence[_Segment]:
    head = read(0, _HEADER_BYTES)
    layout = _LAYOUTS.get((head[4], head[5])) if head[:4] == ELF_MAGIC and len(head) > 5 else None
    if layout is None:
        raise NoConstants("is no ELF file")
    try:
        _, offset, _, _, _, entry_size, count = layout.header.unpack_from(head, 24)
    except error:
        raise NoConstants("is shorter than an ELF header") from None
    if entry_size != layout.segment.size or count > _MAX_SEGMENTS:
        raise NoConstants("has program headers that no linker writes")
    table = _exactly(read, size, offset, count * entry_size)
    a, b, c, d = layout.order
    return [_Segment(t[a], t[b], t[c], t[d]) for t in layout.segment.iter_unpack(table)]


def _exactly(read: Read, size: int, offset: int, length: int) -> bytes:
    data = read(offset, length) if offset + length <= size else b""
    if len(data) != length:
        raise NoConstants("ends before its segments do")
    return data
