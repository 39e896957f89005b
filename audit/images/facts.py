"""What one pass over a layer leaves behind: entries, kept bodies and records, in one file.

The file is a row of zstd frames, each with a checksum of its own: blocks of kept bodies, then the list of
entries, then one frame of records per collector; at the end a table and where the table begins. Reading one
body decodes one block. The same bytes serve from memory and from the cache's folder.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import BinaryIO, Protocol, TypeVar

import msgspec
import zstandard

from fleet_audit.audit.model.identity import DiffID, Digest, ImagePath

MAGIC = b"FALAYER2"
_TRAILER = 8 + 4 + len(MAGIC)
_BLOCK = 256 << 10
_BLOCKS_HELD = 64
"""Files are read in the order of their paths, which is not the order of the tar."""

_LEVEL = 1
_MAX_FRAME = 1 << 30

RecordT = TypeVar("RecordT", bound=msgspec.Struct)

Beside = Callable[[Callable[[bytes], object], bytes], object]
"""Has a function called with bytes, now or later, in the order of the calls."""


class FactsDamaged(Exception):
    """A facts file is not what was written: treat it as absent."""


class Change(IntEnum):
    """What a layer's entry does at its path; whiteouts and `OPAQUE` speak of lower layers only."""

    FILE = 0
    FOLDER = 1
    SYMLINK = 2
    OTHER = 3
    HARD_LINK = 4
    WHITEOUT = 5
    OPAQUE = 6


class LayerEntry(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One entry of a layer, in the layer's order. `link` is a target as written.

    `offset` is where a file's body begins in the tar, -1 where it is not stored in one piece. A kept body
    stands in `block`, from byte `at`; `block` is -1 where the body was not kept.
    """

    path: ImagePath
    change: Change
    size: int = 0
    mode: int = 0
    link: str = ""
    offset: int = 0
    block: int = -1
    at: int = 0


class Measure(msgspec.Struct, frozen=True):
    """What the pass found of the layer as a whole; `oddities` are sentences about single files."""

    diff_id: DiffID
    digest: Digest
    stored_bytes: int
    raw_bytes: int
    oddities: tuple[tuple[ImagePath, str], ...] = ()


class _Frame(msgspec.Struct, frozen=True, gc=False, array_like=True):
    at: int
    stored: int
    raw: int


class _Table(msgspec.Struct, frozen=True):
    key: str
    measure: Measure
    blocks: list[_Frame]
    entries: _Frame
    records: dict[str, _Frame]


class FactsWriter:
    """Writes a facts file front to back."""

    def __init__(self, out: BinaryIO, beside: Beside | None = None) -> None:
        """Write to `out`, which need not be seekable.

        `beside` does the work on blocks of bodies elsewhere; all of it is to be done before `finish`.
        """
        self._out = out
        self._beside = beside
        self._at = 0
        self._blocks: list[_Frame] = []
        self._block = bytearray()
        self._flushed = 0
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)

    def keep(self, body: memoryview) -> tuple[int, int]:
        """Keep a body; return its block and where it begins there."""
        if len(self._block) + len(body) > _BLOCK and self._block:
            self._flush()
        at = len(self._block)
        self._block += body
        return self._flushed, at

    def _flush(self) -> None:
        block, self._block = bytes(self._block), bytearray()
        self._flushed += 1
        if self._beside is None:
            self._add_block(block)
        else:
            self._beside(self._add_block, block)

    def _add_block(self, block: bytes) -> None:
        self._blocks.append(self._frame(block))

    def _frame(self, data: bytes) -> _Frame:
        stored = self._compressor.compress(data)
        frame = _Frame(self._at, len(stored), len(data))
        self._out.write(stored)
        self._at += len(stored)
        return frame

    def finish(
        self,
        key: str,
        measure: Measure,
        entries: Sequence[LayerEntry],
        records: Mapping[str, Mapping[ImagePath, msgspec.Struct]],
    ) -> None:
        """Write the entries, the records by collector, and the table; `key` says what all are facts of."""
        if self._block:
            self._add_block(bytes(self._block))
        encode = msgspec.msgpack.encode
        table = _Table(
            key=key,
            measure=measure,
            blocks=self._blocks,
            entries=self._frame(encode(entries)),
            records={key: self._frame(encode(found)) for key, found in sorted(records.items())},
        )
        frame = self._frame(encode(table))
        self._out.write(frame.at.to_bytes(8, "little") + frame.stored.to_bytes(4, "little") + MAGIC)


class Stored(Protocol):
    """Bytes that can be read from anywhere."""

    @property
    def size(self) -> int:
        """Return how many bytes there are."""
        ...

    def at(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset`."""
        ...

    def close(self) -> None:
        """Let go of what holds the bytes."""
        ...


class InMemory:
    """Facts that were not written to a folder."""

    def __init__(self, data: bytes) -> None:
        """Hold `data`."""
        self._data = data
        self.size = len(data)

    def at(self, offset: int, size: int) -> bytes:
        """See `Stored.at`."""
        return self._data[offset : offset + size]

    def close(self) -> None:
        """See `Stored.close`."""


class OnDisk:
    """Facts in a file; they stay readable when the file is deleted or replaced meanwhile."""

    def __init__(self, path: str) -> None:
        """Open `path`; raises OSError."""
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self._file).st_size

    def at(self, offset: int, size: int) -> bytes:
        """See `Stored.at`."""
        try:
            return os.pread(self._file, size, offset)
        except OSError as e:
            raise FactsDamaged(str(e)) from e

    def close(self) -> None:
        """See `Stored.close`."""
        os.close(self._file)


class Facts:
    """A facts file opened for reading; nothing but its table is decoded before it is asked for."""

    def __init__(self, stored: Stored, key: str) -> None:
        """Read the table; raises FactsDamaged unless it is whole and speaks of `key`."""
        self._stored = stored
        self._decompressor = zstandard.ZstdDecompressor()
        self._table = _decoded(self._read(self._table_frame()), _Table)
        if self._table.key != key:
            raise FactsDamaged("these are facts of something else")
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def _table_frame(self) -> _Frame:
        end = self._stored.size - _TRAILER
        trailer = self._stored.at(end, _TRAILER) if end > 0 else b""
        if not trailer.endswith(MAGIC):
            raise FactsDamaged("no facts file")
        return _Frame(int.from_bytes(trailer[:8], "little"), int.from_bytes(trailer[8:12], "little"), -1)

    def _read(self, frame: _Frame) -> bytes:
        if frame.raw > _MAX_FRAME or not 0 <= frame.stored <= self._stored.size:
            raise FactsDamaged("a frame is out of bounds")
        stored = self._stored.at(frame.at, frame.stored)
        try:
            if zstandard.frame_content_size(stored) > _MAX_FRAME:
                raise FactsDamaged("a frame is too large")
            raw = self._decompressor.decompress(stored)
        except zstandard.ZstdError as e:
            raise FactsDamaged(str(e)) from e
        if frame.raw not in (-1, len(raw)):
            raise FactsDamaged("a frame has another length than written")
        return raw

    @property
    def measure(self) -> Measure:
        """Return what was found of the layer as a whole."""
        return self._table.measure

    def entries(self) -> list[LayerEntry]:
        """Return the layer's entries in the layer's order; raises FactsDamaged."""
        return _decoded(self._read(self._table.entries), list[LayerEntry])

    def records(self, key: str, record_type: type[RecordT]) -> dict[ImagePath, RecordT]:
        """Return one collector's records by path; raises FactsDamaged."""
        frame = self._table.records.get(key)
        if frame is None:
            raise FactsDamaged(f"there are no records of {key}")
        return _decoded(self._read(frame), dict[ImagePath, record_type])  # type: ignore[valid-type]  # a type held in a variable

    def body(self, entry: LayerEntry) -> bytes:
        """Return a kept body; raises FactsDamaged."""
        if not 0 <= entry.block < len(self._table.blocks):
            raise FactsDamaged("a body points outside the blocks")
        body = self._block(entry.block)[entry.at : entry.at + entry.size]
        if len(body) != entry.size:
            raise FactsDamaged("a body is shorter than written")
        return body

    def _block(self, number: int) -> bytes:
        block = self._blocks.get(number)
        if block is None:
            block = self._read(self._table.blocks[number])
            # What is longer is one body alone, which nothing else is read from.
            if len(block) <= _BLOCK:
                self._blocks[number] = block
            if len(self._blocks) > _BLOCKS_HELD:
                self._blocks.popitem(last=False)
        else:
            self._blocks.move_to_end(number)
        return block

    def forget_bodies(self) -> None:
        """Hold no body any longer that was read; another one costs as much as the first."""
        self._blocks.clear()

    def close(self) -> None:
        """Let go of the file."""
        self._stored.close()


DecodedT = TypeVar("DecodedT")


def _decoded(data: bytes, kind: type[DecodedT]) -> DecodedT:
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise FactsDamaged(str(e)) from e
