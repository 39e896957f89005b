"""Walks the 512-byte headers of a tar that streams by (POSIX pax, GNU tar's tar.h)."""

import zlib
from collections.abc import Iterator
from typing import NamedTuple

from fleet_audit.audit.images.failure import LayerUnreadable
from fleet_audit.audit.images.limits import Limits

BLOCK = 512
_ZEROS = bytes(BLOCK)
_REGULAR = frozenset(b"\007")
_HEADER_ONLY = frozenset(b"123456")
_MAX_CHECKSUM = BLOCK * 255


class Header(NamedTuple):
    """One member: `type` is the byte of its typeflag, `offset` where its body begins in the tar.

    `size` is the body's length, `stored` the bytes that it takes in the tar without padding: they differ
    for sparse files, whose `segments` list the (offset, length) runs that are stored. `owner` are the fields
    of the user and the group, to be read by `owner_of`.
    """

    name: str
    type: int
    size: int
    mode: int
    link: str
    offset: int
    stored: int
    segments: tuple[tuple[int, int], ...] | None = None
    owner: bytes = b""


class TarStream:
    """Chunks read as one forward stream; `offset` is how much of it has been consumed."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        """Take the chunks in order; none may be empty."""
        self._chunks = chunks
        self._chunk = b""
        self._at = 0
        self.offset = 0

    def _advance(self) -> bool:
        self._chunk = next(self._chunks, b"")
        self._at = 0
        return bool(self._chunk)

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes, fewer at the end of the stream."""
        at = self._at
        end = at + count
        if end <= len(self._chunk):
            self._at = end
            self.offset += count
            return self._chunk[at:end]
        return b"".join(self._pieces(count))

    def peek(self) -> bytes:
        """Return the next byte without consuming it; empty at the end."""
        if self._at == len(self._chunk):
            self._advance()
        return self._chunk[self._at : self._at + 1]

    def piece(self, most: int) -> memoryview:
        """Return as many of the next bytes, `most` at most, as stand in one chunk; none at the end.

        They are not copied: while they are held on to, their chunk is.
        """
        if self._at == len(self._chunk):
            self._advance()
        found = memoryview(self._chunk)[self._at : self._at + most]
        self._at += len(found)
        self.offset += len(found)
        return found

    def _pieces(self, count: int) -> Iterator[bytes | memoryview]:
        left = count
        while left and (piece := self.piece(left)):
            left -= len(piece)
            yield piece

    def skip(self, count: int) -> None:
        """Consume `count` bytes; raise LayerUnreadable when there are fewer."""
        left = count
        while True:
            available = len(self._chunk) - self._at
            if left <= available:
                self._at += left
                self.offset += count
                return
            left -= available
            if not self._advance():
                raise LayerUnreadable("is truncated inside a file's body")

    def drain(self) -> None:
        """Consume everything that is left."""
        self.offset += len(self._chunk) - self._at
        while self._advance():
            self.offset += len(self._chunk)


def walk(stream: TarStream, limits: Limits) -> Iterator[Header]:
    """Yield every member that is no mere description of the next one; the stream stands at its body.

    The consumer may take any part of the body before it asks for the next member. Names come from PAX and
    GNU long headers as Go's archive/tar takes them, because engines use that; global PAX headers change
    no member. Raises LayerUnreadable for damage and for what is over `limits`.
    """
    extra = _Extra(limits)
    count = names = 0
    while (block := _next_header(stream)) is not None:
        count += 1
        if count > limits.entries:
            raise LayerUnreadable(f"has more than {limits.entries} entries")
        kind = block[156]
        if kind in _DESCRIBING:
            extra.read(kind, stream, _number(block[124:136]))
            continue
        header = _header(block, kind, stream, extra)
        if len(header.name) > limits.name_bytes or len(header.link) > limits.name_bytes:
            raise LayerUnreadable(f"has a name of over {limits.name_bytes} bytes")
        names += len(header.name) + len(header.link)
        if names > limits.all_name_bytes:
            raise LayerUnreadable(f"has over {limits.all_name_bytes} bytes of names")
        yield header
        end = header.offset + header.stored
        stream.skip(end - stream.offset + -header.stored % BLOCK)
        if extra.is_set:
            extra = _Extra(limits)
    stream.drain()


def _next_header(stream: TarStream) -> bytes | None:
    block = stream.take(BLOCK)
    if not block:
        return None
    if len(block) < BLOCK:
        raise LayerUnreadable("is truncated inside a header")
    if block[0] == 0 and block == _ZEROS:
        second = stream.take(BLOCK)
        if second.strip(b"\0"):
            raise LayerUnreadable(f"has a lone zero block at byte {stream.offset - 2 * BLOCK}")
        return None
    _check(block, stream)
    return block


def _check(block: bytes, stream: TarStream) -> None:
    field = block[148:156]
    stored = _number(field)
    # The low half of Adler-32 is one plus the sum of the bytes modulo 65521: the same sum, in C.
    total = sum(field)
    if zlib.adler32(block) & 0xFFFF == (stored - 255 + total) % 65521 and 0 <= stored <= _MAX_CHECKSUM:
        return
    signed = sum(byte - 256 if byte > 127 else byte for byte in block[:148] + block[156:]) + 8 * 32
    if signed != stored:
        raise LayerUnreadable(f"has a header with a wrong checksum at byte {stream.offset - BLOCK}")


def _number(field: bytes) -> int:
    """Return a header's number: octal digits, or base 256 where the first bit is set (GNU, star)."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1)
        return value - (1 << (8 * len(field) - 1)) if field[0] & 0x40 else value
    digits = field.split(b"\0", 1)[0].strip()
    if not digits:
        return 0
    # Digits alone: int() would also take signs and underscores.
    if not digits.isdigit():
        raise LayerUnreadable(f"has a number in a header that is none ({digits[:12]!r})")
    try:
        return int(digits, 8)
    except ValueError as e:
        raise LayerUnreadable(f"has a number in a header that is not octal ({digits[:12]!r})") from e


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def _header(block: bytes, kind: int, stream: TarStream, extra: "_Extra") -> Header:
    size = _number(block[124:136])
    name = _text(block[:100])
    if block[345] and block[257:263] == b"ustar\0":
        name = f"{_text(block[345:500])}/{name}"
    link = _text(block[157:257]) if kind in _LINKS else ""
    mode = _number(block[100:108]) & 0o7777
    segments = None
    if kind == _SPARSE:
        segments = _old_sparse(block, stream, extra.limits)
    owner = block[108:124]
    if extra.is_set:
        name, link, size, segments = extra.applied(name, link, size, segments)
        owner = extra.owner(owner)
    if size < 0:
        raise LayerUnreadable("has a file of negative size")
    if kind in _REGULAR and name.endswith("/"):
        kind = _FOLDER
    stored = 0 if kind in _HEADER_ONLY else size
    if segments is not None:
        found = Header(name, kind, size, mode, link, stream.offset, stored, segments, owner)
        return _sparse(found, block, extra, stream)
    kind = _FILE if kind in _REGULAR else kind
    return Header(name, kind, stored, mode, link, stream.offset, stored, None, owner)


def owner_of(header: Header) -> tuple[int, int]:
    """Return the numbers of a member's user and group; root's where the header's are none.

    Only whoever writes members to a disk asks, and an odd owner is no damage.
    """
    return _owner(header.owner[:8]), _owner(header.owner[8:])


def _owner(field: bytes) -> int:
    try:
        number = _number(field) if field else 0
    except LayerUnreadable:
        return 0
    return number if 0 <= number < _NOBODYS_OWN else 0


_NOBODYS_OWN = 2**32 - 1
"""The number that stands for no user (chown(2))."""


_FILE = ord("0")
_FOLDER = ord("5")
_SPARSE = ord("S")
_LINKS = frozenset(b"12")
_DESCRIBING = frozenset(b"xgLKX")


def _sparse(header: Header, block: bytes, extra: "_Extra", stream: TarStream) -> Header:
    real = extra.real_size
    if real is None:
        real = _number(block[483:495])
    if extra.has_map_in_body:
        segments = _map_in_body(stream, header.stored, extra.limits)
        taken = stream.offset - header.offset
        header = header._replace(segments=segments, offset=stream.offset, stored=header.stored - taken)
    _check_segments(header.segments or (), header.stored, real)
    return header._replace(type=_FILE, size=real)


def _map_in_body(stream: TarStream, stored: int, limits: Limits) -> tuple[tuple[int, int], ...]:
    """Read the map of GNU's sparse format 1.0: decimal numbers, a line each, their count first."""
    lines: list[bytes] = []
    rest = b""
    taken = 0
    while not lines or len(lines) - 1 < 2 * _decimal(lines[0]):
        taken += BLOCK
        if taken > min(stored, limits.header_bytes):
            raise LayerUnreadable("has a sparse file without a whole map")
        *whole, rest = (rest + stream.take(BLOCK)).split(b"\n")
        lines += whole
    numbers = [_decimal(line) for line in lines[1 : 1 + 2 * _decimal(lines[0])]]
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _check_segments(segments: tuple[tuple[int, int], ...], stored: int, real: int) -> None:
    end = 0
    for at, length in segments:
        if at < end or length < 0:
            raise LayerUnreadable("has a sparse file whose map is out of order")
        end = at + length
    if end > real or sum(length for _, length in segments) > stored:
        raise LayerUnreadable("has a sparse file whose map does not fit its size")


def _old_sparse(block: bytes, stream: TarStream, limits: Limits) -> tuple[tuple[int, int], ...]:
    """Read GNU's old sparse map: four runs in the header, and 21 in each block that follows it."""
    runs = _runs(block[386:482], 4)
    more = block[482]
    while more:
        block = stream.take(BLOCK)
        if len(block) < BLOCK:
            raise LayerUnreadable("is truncated inside a sparse map")
        runs += _runs(block[:504], 21)
        more = block[504]
        if len(runs) * 24 > limits.header_bytes:
            raise LayerUnreadable(f"has a sparse map of over {limits.header_bytes} bytes")
    return tuple(runs)


def _runs(field: bytes, count: int) -> list[tuple[int, int]]:
    runs = []
    for at in range(0, count * 24, 24):
        if not field[at : at + 24].strip(b"\0 "):
            break
        runs.append((_number(field[at : at + 12]), _number(field[at + 12 : at + 24])))
    return runs


class _Extra:
    """What PAX and GNU headers say of the next member."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.is_set = False
        self.real_size: int | None = None
        self.has_map_in_body = False
        self._taken = 0
        self._name: str | None = None
        self._link: str | None = None
        self._pax: dict[bytes, bytes] = {}
        self._runs: list[bytes] = []

    def read(self, kind: int, stream: TarStream, size: int) -> None:
        self._taken += size
        if size < 0 or self._taken > self.limits.header_bytes:
            raise LayerUnreadable(f"has a PAX or long name header of {size} bytes")
        body = stream.take(size)
        if len(body) < size:
            raise LayerUnreadable("is truncated inside a PAX or long name header")
        stream.skip(-size % BLOCK)
        match chr(kind):
            case "L":
                self._name = _text(body)
            case "K":
                self._link = _text(body)
            case "x" | "X":
                self._read_pax(body)
            case _:
                return
        self.is_set = True

    def _read_pax(self, body: bytes) -> None:
        r"""Read records ``LENGTH KEY=VALUE\\n`` (POSIX.1-2017, pax, extended header)."""
        at = 0
        while at < len(body):
            space = body.find(b" ", at, at + 12)
            digits = body[at:space] if space > 0 else b""
            length = int(digits) if digits.isdigit() else 0
            end = at + length
            if length < 5 or end > len(body) or body[end - 1] != 0x0A:
                raise LayerUnreadable("has a damaged PAX header")
            key, _, value = body[space + 1 : end - 1].partition(b"=")
            if key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
                self._runs.append(value)
            else:
                self._pax[key] = value
            at = end

    def applied(
        self,
        name: str,
        link: str,
        size: int,
        segments: tuple[tuple[int, int], ...] | None,
    ) -> tuple[str, str, int, tuple[tuple[int, int], ...] | None]:
        pax = self._pax
        name = self._name if self._name is not None else name
        link = self._link if self._link is not None else link
        if pax.get(b"path"):
            name = _pax_text(pax[b"path"])
        if pax.get(b"linkpath"):
            link = _pax_text(pax[b"linkpath"])
        if pax.get(b"size"):
            size = _decimal(pax[b"size"])
        if any(key.startswith(b"GNU.sparse.") for key in pax) or self._runs:
            name = _pax_text(pax[b"GNU.sparse.name"]) if b"GNU.sparse.name" in pax else name
            real = pax.get(b"GNU.sparse.realsize", pax.get(b"GNU.sparse.size"))
            self.real_size = size if real is None else _decimal(real)
            self.has_map_in_body = pax.get(b"GNU.sparse.major") == b"1"
            segments = () if self.has_map_in_body else self._sparse_runs()
        return name, link, size, segments

    def owner(self, owner: bytes) -> bytes:
        """Return the fields of user and group with what PAX says of them, in base 256."""
        fields = [owner[:8], owner[8:]]
        for at, key in enumerate((b"uid", b"gid")):
            value = self._pax.get(key, b"")
            if value.isdigit() and len(value) <= 10:
                fields[at] = (int(value) | 1 << 63).to_bytes(8, "big")
        return b"".join(fields)

    def _sparse_runs(self) -> tuple[tuple[int, int], ...]:
        listed = self._pax.get(b"GNU.sparse.map", b"")
        numbers = [_decimal(n) for n in (listed.split(b",") if listed else self._runs)]
        if len(numbers) % 2:
            raise LayerUnreadable("has a sparse map with half a run")
        return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _pax_text(value: bytes) -> str:
    if b"\0" in value:
        raise LayerUnreadable("has a PAX name with a zero byte")
    return value.decode("utf-8", "backslashreplace")


def _decimal(value: bytes) -> int:
    if not value.isdigit() or len(value) > 19:
        raise LayerUnreadable(f"has a PAX number that is none ({value[:20]!r})")
    return int(value)
