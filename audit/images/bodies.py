"""Fetches files' bodies from layers: kept ones from the facts, others by reading the layer again."""

from collections.abc import Callable, Iterator, Sequence

from fleet_audit.audit.images.digests import Sha256
from fleet_audit.audit.images.facts import Change, Facts, FactsDamaged, LayerEntry
from fleet_audit.audit.images.failure import LayerUnreadable
from fleet_audit.audit.images.inflate import Read, tar_chunks
from fleet_audit.audit.images.limits import Limits
from fleet_audit.audit.images.tar import Header, TarStream, walk
from fleet_audit.audit.images.tree import Entry, FileUnreadable
from fleet_audit.audit.model.identity import Digest, ImagePath

_STORED_CHUNK = 1 << 20

OpenLayer = Callable[[], tuple[Read, Callable[[], None]]]
"""Opens a stored layer; returns how to read it and how to close it, or raises LayerUnreadable."""


class LayerBodies:
    """The bodies of one layer's files.

    Reading in the order of the tar costs one pass in all, because the next body is looked for where the
    last one ended. `streamed` counts bodies that were not kept, `inflated` the bytes read for them.
    """

    def __init__(
        self,
        facts: Facts,
        entries: list[LayerEntry],
        reopen: OpenLayer,
        limits: Limits,
        *,
        is_verified: bool,
    ) -> None:
        """Serve the files of `entries`; `reopen` is called for bodies that were not kept.

        Unless `is_verified`, the stored layer is hashed before the first of them.
        """
        self._facts = facts
        self._entries = entries
        self._by_path: dict[ImagePath, LayerEntry] | None = None
        self._reopen = reopen
        self._limits = limits
        self._stream: TarStream | None = None
        self._close_stream: Callable[[], None] | None = None
        self._is_verified = is_verified
        self.streamed = 0
        self.inflated = 0

    def read(self, entry: Entry) -> bytes:
        """Return the body of a file of this layer; raises FileUnreadable."""
        found = self.of(entry)
        if found is None:
            raise FileUnreadable(entry.origin, "occurs several times in its layer")
        return self.body(found)

    def of(self, entry: Entry) -> LayerEntry | None:
        """Return what the layer says of a file of the tree; None where it says several things."""
        if self._by_path is None:
            self._by_path = {e.path: e for e in self._entries if e.change is Change.FILE}
        found = self._by_path.get(entry.origin)
        return None if found is None or found.size != entry.size else found

    @property
    def entries(self) -> Sequence[LayerEntry]:
        """Return the layer's entries in its order."""
        return self._entries

    def body(self, entry: LayerEntry) -> bytes:
        """Return the body of one of the layer's files; raises FileUnreadable."""
        if entry.offset < 0:
            raise FileUnreadable(entry.path, "is stored as a sparse file")
        if entry.block >= 0:
            try:
                return self._facts.body(entry)
            except FactsDamaged:
                # The cache is never trusted: the layer itself still has the body.
                pass
        return self._streamed(entry)

    def tar(self) -> Iterator[bytes]:
        """Yield the layer's tar as it is, uncompressed; raises LayerUnreadable as `members` does."""
        self._verify()
        read, close = self._reopen()
        try:
            yield from self._counted(tar_chunks(read, self._limits))
        finally:
            close()

    def note_entries(self, index: int, beginning: str, first: dict[ImagePath, int]) -> None:
        """Note in `first` this layer's index for its paths that begin so and that no lower layer has noted.

        What the layer hides is taken out first, as whiteouts hide lower layers alone.
        """
        entries = [entry for entry in self._entries if f"{entry.path}/".startswith(beginning)]
        for entry in entries:
            if entry.change is Change.WHITEOUT:
                first.pop(entry.path, None)
            elif entry.change is Change.OPAQUE:
                for path in [path for path in first if path.startswith(f"{entry.path}/")]:
                    del first[path]
        for entry in entries:
            if entry.change not in (Change.WHITEOUT, Change.OPAQUE) and entry.path != beginning[:-1]:
                first.setdefault(entry.path, index)

    def members(self) -> Iterator[tuple[Header, TarStream]]:
        """Yield every member of the layer in its order, and the stream, which stands at the member's body.

        Raises LayerUnreadable where the layer is damaged or another one by now.
        """
        self._verify()
        read, close = self._reopen()
        try:
            stream = TarStream(self._counted(tar_chunks(read, self._limits)))
            for header in walk(stream, self._limits):
                yield header, stream
        finally:
            close()

    def _streamed(self, entry: LayerEntry) -> bytes:
        try:
            stream = self._at(entry.offset)
            body = stream.take(entry.size)
        except LayerUnreadable as e:
            self.close()
            raise FileUnreadable(entry.path, f"the layer {e.why}") from e
        self.streamed += 1
        if len(body) < entry.size:
            raise FileUnreadable(entry.path, "the layer became shorter since it was read")
        return body

    def _at(self, offset: int) -> TarStream:
        self._verify()
        stream = self._stream
        if stream is None or stream.offset > offset:
            self._shut()
            read, self._close_stream = self._reopen()
            stream = self._stream = TarStream(self._counted(tar_chunks(read, self._limits)))
        stream.skip(offset - stream.offset)
        return stream

    def _counted(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.inflated += len(chunk)
            yield chunk

    def _verify(self) -> None:
        """Hash the stored layer once: the facts may be older than what lies there today."""
        if self._is_verified:
            return
        measure = self._facts.measure
        # The same layer may be stored with another compression, where the image does not fix its digest.
        if self._digest(_stored) != measure.digest and self._digest(self._raw) != str(measure.diff_id):
            raise LayerUnreadable("is not the one whose facts are known: its digest differs")
        self._is_verified = True

    def _digest(self, chunks: Callable[[Read], Iterator[bytes]]) -> Digest:
        read, close = self._reopen()
        found = Sha256()
        try:
            for chunk in chunks(read):
                found.update(chunk)
        finally:
            close()
        return found.digest

    def _raw(self, read: Read) -> Iterator[bytes]:
        return self._counted(tar_chunks(read, self._limits))

    def _shut(self) -> None:
        if self._close_stream is not None:
            self._close_stream()
        self._stream = self._close_stream = None

    def forget(self) -> None:
        """Hold no body any longer that was read: the last of many has been asked for."""
        self._facts.forget_bodies()

    def close(self) -> None:
        """Close what is open."""
        self._shut()


def _stored(read: Read) -> Iterator[bytes]:
    while chunk := read(_STORED_CHUNK):
        yield chunk
