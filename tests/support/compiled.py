"""Writes extension modules that hold strings as compilers lay them, and packs rows of them as Cython does."""

import bz2
import struct
import zlib
from collections.abc import Iterable

import zstandard

CYTHON = b"\0cython_runtime\0"
EVERY_TABLE = ("__main__", "__name__", "__test__")
_FLAGS = {"R": 4, "RX": 5, "RW": 6}
_LAYOUTS = {(64, True): "<", (64, False): ">", (32, True): "<", (32, False): ">"}


def extension(
    constants: bytes, *, bits: int = 64, little_endian: bool = True, flags: str = "R", unwinding: bytes = b""
) -> bytes:
    """Return an ELF file with a segment of `constants` beside that of code; `unwinding` lies behind them."""
    order = "<" if little_endian else ">"
    header_size, entry_size = (64, 56) if bits == 64 else (52, 32)
    count = 3 if unwinding else 2
    start = header_size + count * entry_size
    start += -start % 32
    body = constants + unwinding
    code = b"\xc3" * 16
    segments = [(1, _FLAGS["RX"], start, len(code)), (1, _FLAGS[flags], start + 32, len(body))]
    if unwinding:
        segments.append((0x6474E550, 4, start + 32 + len(constants), len(unwinding)))
    word = "Q" if bits == 64 else "I"
    head = b"\x7fELF" + bytes([bits // 32, 1 if little_endian else 2, 1]) + bytes(9)
    head += struct.pack(
        f"{order}HHI3{word}IHHHHHH", 3, 62, 1, 0, header_size, 0, 0, header_size, entry_size, count, 0, 0, 0
    )
    table = b"".join(_program_header(order, bits, segment) for segment in segments)
    return (head + table).ljust(start, b"\0") + code.ljust(32, b"\0") + body


def _program_header(order: str, bits: int, segment: tuple[int, int, int, int]) -> bytes:
    kind, flags, offset, size = segment
    if bits == 64:
        return struct.pack(f"{order}II6Q", kind, flags, offset, offset, offset, size, size, 0x1000)
    return struct.pack(f"{order}8I", kind, offset, offset, offset, size, size, flags, 0x1000)


def c_strings(*names: str) -> bytes:
    """Return strings as a C compiler lays them, each with its NUL."""
    return b"\0" + b"".join(name.encode() + b"\0" for name in names)


def row(*names: str) -> bytes:
    """Return the strings of a Cython module as one row, with those that every module has."""
    return "".join(sorted((*names, *EVERY_TABLE))).encode()


def padded(packed: bytes) -> bytes:
    """Return packed bytes between other constants, at a place where a compiler would lay them."""
    return (b"\0" * 32 + packed + b"\0").ljust(-(-(len(packed) + 33) // 32) * 32 + 32, b"\0")


def with_cython(packed: bytes, *, mark: bytes = b"") -> bytes:
    """Return the constants of a Cython module whose table is `packed`."""
    names = CYTHON + mark
    return names.ljust(-(-len(names) // 32) * 32, b"\0") + padded(packed)


def with_zlib(text: bytes) -> bytes:
    """Return a table packed as Cython 3.2 does by default."""
    return with_cython(zlib.compress(text, 9))


def with_bz2(text: bytes) -> bytes:
    """Return a table packed by bz2."""
    return with_cython(bz2.compress(text))


def with_zstd(text: bytes) -> bytes:
    """Return a table packed by zstd."""
    return with_cython(zstandard.ZstdCompressor().compress(text))


def with_own_coder(text: bytes) -> bytes:
    """Return a table packed as Cython 3.3 does by default."""
    return with_cython(own_coder(text), mark=b"LZSS string data decompression failed\0")


def own_coder(text: bytes) -> bytes:
    """Pack as ``__pyx_lzss_decompress`` unpacks: groups of eight items, each with a bit for its kind."""
    return b"".join(_groups(_items(text)))


def _groups(items: Iterable[tuple[bool, bytes]]) -> Iterable[bytes]:
    waiting = list(items)
    for at in range(0, len(waiting), 8):
        group = waiting[at : at + 8]
        flags = sum(1 << place for place, (is_plain, _) in enumerate(group) if is_plain)
        yield bytes([flags]) + b"".join(body for _, body in group)


def _items(text: bytes) -> Iterable[tuple[bool, bytes]]:
    at = 0
    while at < len(text):
        length = min(258, at, len(text) - at)
        while length >= 4 and (found := text.rfind(text[at : at + length], 0, at)) < 0:
            length -= 1
        distance = at - length - found if length >= 4 else -1
        if not 0 <= distance < 0x80 + (1 << 14):
            yield True, text[at : at + 1]
            at += 1
            continue
        yield False, _repetition(distance, length - 3)
        at += length


def _repetition(distance: int, length: int) -> bytes:
    if distance < 0x80:
        return bytes([distance, length])
    distance -= 0x80
    if length < 1 << 5 and distance < 1 << 9:
        return bytes([distance & 0x7F | 0x80, (distance & 0x180) >> 2 | length])
    return bytes([distance & 0x7F | 0x80, distance >> 7 | 0x80, length])
