"""One pass over a layer: entries, kept bodies, collectors' records, and both digests checked."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

import msgspec

from fleet_audit.audit.images.beside import Beside
from fleet_audit.audit.images.collector import BodyTooLarge, Collector, Member, MemberBody
from fleet_audit.audit.images.digests import Sha256
from fleet_audit.audit.images.facts import Change, FactsWriter, LayerEntry, Measure
from fleet_audit.audit.images.failure import LayerUnreadable
from fleet_audit.audit.images.inflate import Read, tar_chunks
from fleet_audit.audit.images.limits import DEFAULT_LIMITS, Limits
from fleet_audit.audit.images.tar import Header, TarStream, walk
from fleet_audit.audit.images.tree import normalise
from fleet_audit.audit.model.identity import DiffID, Digest, ImagePath

READER_VERSION = 1
"""Raise whenever the same layer gives other entries: cached facts depend on it."""

Keep = Callable[[ImagePath, int], bool]
"""Says by path and size whether a body is kept; a module-level function, so that it can be pickled."""

KeepContent = Callable[[Member, MemberBody], bool]
"""Says of a body that `Keep` leaves whether it is kept for what it contains; never raises for that."""

_OPAQUE = ".wh..wh..opq"
_WHITEOUT = ".wh."
_FILE, _HARD_LINK, _SYMLINK, _FOLDER = ord("0"), ord("1"), ord("2"), ord("5")
_SPECIAL = frozenset(b"346")
_MAX_ODDITIES = 1000


def nothing_kept(_path: ImagePath, _size: int) -> bool:
    """Keep no body."""
    return False


def nothing_in_it(_member: Member, _body: MemberBody) -> bool:
    """Keep no body for what it contains."""
    return False


class Reading(msgspec.Struct, frozen=True):
    """What a pass is to do beside listing entries."""

    collectors: tuple[Collector[Any], ...] = ()
    keep: Keep = nothing_kept
    keep_content: KeepContent = nothing_in_it
    keep_version: int = 0
    limits: Limits = DEFAULT_LIMITS

    def key(self, diff_id: DiffID, digest: Digest | None) -> str:
        """Return what the facts of a layer are facts of, in words."""
        collectors = sorted(collector_key(collector) for collector in self.collectors)
        functions = (self.keep, *(() if self.keep_content is nothing_in_it else (self.keep_content,)))
        kept = "+".join(f"{each.__module__}.{each.__qualname__}" for each in functions)
        kept += f"/{self.keep_version}"
        return " ".join((f"reader/{READER_VERSION}", str(diff_id), str(digest or "-"), kept, *collectors))


class Expected(msgspec.Struct, frozen=True):
    """What the image's documents say of a layer; None where they say nothing."""

    diff_id: DiffID | None = None
    digest: Digest | None = None


def collector_key(collector: Collector[Any]) -> str:
    """Return the name under which a collector's records are filed."""
    return f"{collector.name}/{collector.version}"


def read_layer(
    read: Read, expected: Expected, reading: Reading, out: BinaryIO, *, key: str | None = None
) -> Measure:
    """Read a whole layer with `read`, write its facts to `out`, and return its measure.

    The facts are filed under `key`, by default under the layer's diffID alone. Raises LayerUnreadable where
    the bytes are damaged, over a limit, or not what `expected` says.
    """
    stored, raw = Sha256(), Sha256()
    amounts = _Amounts()
    with Beside() as beside:

        def read_hashed(size: int) -> bytes:
            chunk = read(size)
            if chunk:
                amounts.stored += len(chunk)
                beside.add(stored.update, chunk)
            return chunk

        def chunks() -> Iterator[bytes]:
            for chunk in tar_chunks(read_hashed, reading.limits):
                amounts.raw += len(chunk)
                beside.add(raw.update, chunk)
                yield chunk

        writer = FactsWriter(out, beside.add)
        survey = _Survey(reading, writer)
        survey.run(TarStream(chunks()))
        while read_hashed(1 << 20):
            pass
    _check(expected, stored.digest, raw.digest)
    measure = Measure(
        diff_id=DiffID(raw.digest),
        digest=stored.digest,
        stored_bytes=amounts.stored,
        raw_bytes=amounts.raw,
        oddities=tuple(survey.oddities),
    )
    filed = reading.key(measure.diff_id, None) if key is None else key
    writer.finish(filed, measure, survey.entries, survey.records)
    return measure


class _Amounts:
    stored = 0
    raw = 0


def _check(expected: Expected, digest: Digest, diff_id: Digest) -> None:
    if expected.digest is not None and expected.digest != digest:
        raise LayerUnreadable(f"has the digest {digest}, but the manifest says {expected.digest}")
    if expected.diff_id is not None and str(expected.diff_id) != diff_id:
        raise LayerUnreadable(f"has the diffID {diff_id}, but the configuration says {expected.diff_id}")


class _Survey:
    def __init__(self, reading: Reading, writer: FactsWriter) -> None:
        self._reading = reading
        self._writer = writer
        self._collectors: Sequence[tuple[Collector[Any], dict[ImagePath, msgspec.Struct]]] = [
            (collector, {}) for collector in reading.collectors
        ]
        self.entries: list[LayerEntry] = []
        self.oddities: list[tuple[ImagePath, str]] = []
        self._expanded = 0
        self._desk = Desk(reading.limits.body_bytes)

    @property
    def records(self) -> dict[str, dict[ImagePath, msgspec.Struct]]:
        return {collector_key(collector): found for collector, found in self._collectors}

    def run(self, stream: TarStream) -> None:
        append = self.entries.append
        for header in walk(stream, self._reading.limits):
            path = member_path(header.name)
            name = path.rpartition("/")[2]
            if name.startswith(_WHITEOUT):
                entry = _whiteout(path, name)
            elif header.type == _FILE:
                entry = self._file(path, header, stream)
            else:
                entry = _other(path, header)
            if entry is not None:
                append(entry)

    def _file(self, path: ImagePath, header: Header, stream: TarStream) -> LayerEntry:
        size = header.size
        if header.segments is not None:
            return self._sparse(path, header, stream)
        body = StreamedBody(stream, size, self._desk)
        self._collect(path, header, body)
        block, at = -1, 0
        if size <= self._desk.most and self._is_kept(path, header, body):
            block, at = self._writer.keep(body.upto(size))
        return LayerEntry(path, Change.FILE, size, header.mode, "", header.offset, block, at)

    def _is_kept(self, path: ImagePath, header: Header, body: MemberBody) -> bool:
        reading = self._reading
        if reading.keep(path, header.size):
            return True
        if reading.keep_content is nothing_in_it:
            return False
        return reading.keep_content(Member(path, header.size, header.mode), body)

    def _sparse(self, path: ImagePath, header: Header, stream: TarStream) -> LayerEntry:
        most = self._reading.limits.body_bytes
        self._expanded += header.size
        # Holes cost nothing in the layer, so that they are bounded here and not where it is inflated.
        if self._expanded > self._reading.limits.free_bytes:
            self._note(path, "is a sparse file, too large to fill its holes")
            for _, found in self._collectors:
                found.pop(path, None)
        else:
            stored = StreamedBody(stream, header.stored, self._desk)
            self._collect(path, header, SparseBody(stored, header, most))
        return LayerEntry(path, Change.FILE, header.size, header.mode, "", -1)

    def _collect(self, path: ImagePath, header: Header, body: MemberBody) -> None:
        if not self._collectors:
            return
        member = Member(path, header.size, header.mode)
        for collector, found in self._collectors:
            try:
                record = collector.collect(member, body)
            except BodyTooLarge:
                self._note(path, f"is too large for {collector.name} to examine")
                record = None
            if record is not None:
                found[path] = record
            else:
                # The last of several members with one name is the file; what was said of the others goes.
                found.pop(path, None)

    def _note(self, path: ImagePath, why: str) -> None:
        if len(self.oddities) == _MAX_ODDITIES:
            raise LayerUnreadable(f"holds over {_MAX_ODDITIES} files that cannot be examined")
        self.oddities.append((path, why))


class Desk:
    """Memory in which bodies are put together, one after the other.

    Fresh memory for each body would cost more than the copying: the system clears every page of it.
    """

    def __init__(self, most: int) -> None:
        """Never hold more than `most` bytes."""
        self.most = most
        self._memory = bytearray()

    def check(self, size: int) -> None:
        """Raise BodyTooLarge where a body of `size` bytes may not be held."""
        if size > self.most:
            raise BodyTooLarge(f"{size} bytes of one body, over the limit of {self.most}")

    def room(self, size: int) -> memoryview:
        """Return room for `size` bytes: the same memory, with what it holds, if that is large enough."""
        if size > len(self._memory):
            # Views of the old memory stay valid for those who hold them.
            self._memory = bytearray(size)
        return memoryview(self._memory)[:size]


class StreamedBody:
    """A `MemberBody` over the stream; stands at the body's beginning when it is made.

    It holds on to the chunks that the body came in, so that looking at a part of it copies that part alone.
    """

    def __init__(self, stream: TarStream, size: int, desk: "Desk") -> None:
        """Read from `stream`; put together on `desk` what does not come in one piece."""
        self._stream = stream
        self.size = size
        self._desk = desk
        self._pieces: list[memoryview] = []
        self._ends: list[int] = []
        self._joined = memoryview(b"")

    def upto(self, end: int) -> memoryview:
        """See `MemberBody.upto`; also raises LayerUnreadable where the layer ends inside the body."""
        end = min(end, self.size)
        self._hold(end)
        if not end:
            return memoryview(b"")
        if end <= self._ends[0]:
            return self._pieces[0][:end]
        if end > len(self._joined):
            self._join(end)
        return self._joined[:end]

    def _join(self, end: int) -> None:
        # Twice what was put together before keeps the copying linear for a collector that asks bit by bit.
        goal = max(end, min(2 * len(self._joined), self.size, self._desk.most))
        self._hold(goal)
        self._joined = self._desk.room(goal)
        at = 0
        for piece in self._pieces:
            self._joined[at : at + len(piece)] = piece[: goal - at]
            at += len(piece)

    def part(self, offset: int, length: int) -> bytes:
        """See `MemberBody.part`; raises as `upto` does."""
        end = min(offset + length, self.size)
        if offset >= end:
            return b""
        self._hold(end)
        number = bisect_right(self._ends, offset)
        begin = offset - (self._ends[number - 1] if number else 0)
        if end <= self._ends[number]:
            return bytes(self._pieces[number][begin : begin + end - offset])
        return b"".join(self._across(number, begin, end - offset))

    def _across(self, number: int, begin: int, length: int) -> Iterator[memoryview]:
        while length:
            piece = self._pieces[number][begin : begin + length]
            yield piece
            length -= len(piece)
            number, begin = number + 1, 0

    def _hold(self, end: int) -> None:
        self._desk.check(end)
        held = self._ends[-1] if self._ends else 0
        while held < end:
            piece = self._stream.piece(self.size - held)
            if not piece:
                raise LayerUnreadable("is truncated inside a file's body")
            held += len(piece)
            self._pieces.append(piece)
            self._ends.append(held)


class SparseBody:
    """A `MemberBody` whose holes are filled with zeros again."""

    def __init__(self, stored: StreamedBody, header: Header, most: int) -> None:
        """Take the body as it is stored, and the header that says where its runs belong."""
        self._stored = stored
        self._segments = header.segments or ()
        self.size = header.size
        self._most = most

    def upto(self, end: int) -> memoryview:
        """See `MemberBody.upto`."""
        return memoryview(self._region(0, min(end, self.size)))

    def part(self, offset: int, length: int) -> bytes:
        """See `MemberBody.part`."""
        return bytes(self._region(offset, min(offset + length, self.size)))

    def _region(self, begin: int, end: int) -> bytearray:
        if end > self._most:
            raise BodyTooLarge(f"{end} bytes of one body, over the limit of {self._most}")
        region = bytearray(max(0, end - begin))
        taken = 0
        for at, length in self._segments:
            first, last = max(at, begin), min(at + length, end)
            if first < last:
                region[first - begin : last - begin] = self._stored.part(taken + first - at, last - first)
            taken += length
        return region


def member_path(name: str) -> ImagePath:
    """Return a member's name as a path of the image: rooted, and ``..`` stopped at the root."""
    name = name.removeprefix("./").rstrip("/")
    if "//" in name or "/." in name or name.startswith((".", "/")):
        return normalise(name)
    return ImagePath("/" + name)


def _whiteout(path: ImagePath, name: str) -> LayerEntry | None:
    """Read a whiteout (OCI image specification, layer.md); other ``.wh..wh.`` names are aufs's own."""
    folder = path[: -len(name) - 1]
    if name == _OPAQUE:
        return LayerEntry(ImagePath(folder or "/"), Change.OPAQUE)
    hidden = name[len(_WHITEOUT) :]
    if hidden in ("", ".", "..") or hidden.startswith(_WHITEOUT):
        return None
    return LayerEntry(ImagePath(f"{folder}/{hidden}"), Change.WHITEOUT)


def _other(path: ImagePath, header: Header) -> LayerEntry | None:
    match header.type:
        case 0x35:
            return LayerEntry(path, Change.FOLDER, 0, header.mode)
        case 0x32:
            return LayerEntry(path, Change.SYMLINK, len(header.link), header.mode, header.link)
        case 0x31:
            return LayerEntry(path, Change.HARD_LINK, 0, header.mode, header.link)
        case kind if kind in _SPECIAL:
            return LayerEntry(path, Change.OTHER, 0, header.mode)
        case _:
            return None
