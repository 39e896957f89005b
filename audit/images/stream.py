"""Reads an archive that comes as a stream, in order, although only its end says what its parts are."""

import io
from collections.abc import Callable
from typing import Protocol

import msgspec

from fleet_audit.audit.images.blobs import Blob, MemberT, follow, link_target
from fleet_audit.audit.images.bodies import OpenLayer
from fleet_audit.audit.images.docker_archive import find_docker_image
from fleet_audit.audit.images.failure import ImageError, LayerUnreadable
from fleet_audit.audit.images.found import FoundImage, FoundLayer, Question
from fleet_audit.audit.images.inflate import Read, tar_chunks
from fleet_audit.audit.images.layer import Expected, Reading, member_path, read_layer
from fleet_audit.audit.images.limits import Limits
from fleet_audit.audit.images.oci import find_oci_image
from fleet_audit.audit.images.progress import Progress
from fleet_audit.audit.images.reading import LayerFailure, LayerRead, Outcome, file_layer, load_layer
from fleet_audit.audit.images.store import LayerStore
from fleet_audit.audit.images.tar import Header, TarStream, walk
from fleet_audit.audit.model.identity import DiffID

_BLOBS = "/blobs/sha256/"
_MAX_DOCUMENTS = 64 << 20


class Sent(Protocol):
    """A stream: what is used of a binary file."""

    def read(self, size: int, /) -> bytes | None:
        """Return up to `size` bytes, none at the end."""
        ...

    def close(self) -> None:
        """End the stream."""
        ...


class SentArchive:
    """An archive that can be asked for again and again, but only be read front to back."""

    def __init__(self, send: Callable[[], Sent], *, ref: str, limits: Limits) -> None:
        """Take what starts a new stream, which may raise any FleetAuditError of its own."""
        self._send = send
        self.ref = ref
        self.limits = msgspec.structs.replace(limits, entries=limits.archive_members)

    def start(self) -> tuple[TarStream, Callable[[], None]]:
        """Return a fresh stream of the archive's tar, and how to close it."""
        try:
            source = self._send()
        except OSError as e:
            raise LayerUnreadable(f"cannot be opened ({e.strerror})") from e

        def read(size: int) -> bytes:
            try:
                return source.read(size) or b""
            except OSError as e:
                raise LayerUnreadable(f"cannot be read ({e.strerror})") from e

        return TarStream(tar_chunks(read, self.limits)), source.close

    def layer(self, blob: Blob) -> OpenLayer:
        """Return how to open the layer that stands at a stretch of the stream."""

        def reopen() -> tuple[Read, Callable[[], None]]:
            stream, close = self.start()
            stream.skip(blob.offset)
            return member_reader(stream, blob.size), close

        return reopen


def member_reader(stream: TarStream, size: int) -> Read:
    """Return a reader of the next `size` bytes of a stream; it raises LayerUnreadable if there are fewer."""
    end = stream.offset + size

    def read(wanted: int) -> bytes:
        wanted = min(wanted, end - stream.offset)
        data = stream.take(wanted)
        if len(data) < wanted:
            raise LayerUnreadable("is truncated: the stream ended inside it")
        return data

    return read


class Streamed(msgspec.Struct, frozen=True):
    """An image whose layers were read while it was sent."""

    found: FoundImage
    outcomes: list[Outcome]
    reopen: list[OpenLayer]


class _Parts:
    """What a stream held; a `Container` for those who look for the image in it."""

    def __init__(self, ref: str) -> None:
        self._ref = ref
        self.members: dict[str, MemberT] = {}
        self.documents: dict[int, bytes] = {}
        self.layers: dict[int, Outcome] = {}

    def has(self, name: str) -> bool:
        return self.blob(name) is not None

    def document(self, name: str) -> bytes:
        blob = self.blob(name)
        if blob is None or blob.offset not in self.documents:
            raise ImageError(self._ref, f"{name} is missing or no document", "save the image again")
        return self.documents[blob.offset]

    def blob(self, name: str) -> Blob | None:
        found = follow(name, self.members)
        return found if isinstance(found, Blob) else None


def read_sent(
    sent: SentArchive,
    question: Question,
    reading: Reading,
    store: LayerStore | None,
    progress: Progress,
) -> Streamed:
    """Read every layer of the stream as it comes, then find the image and match them.

    Layers that the archive names by digest and that `store` knows are passed over. Raises ImageError where
    the stream is damaged or holds no such image.
    """
    progress.start(sent.ref, 0)
    try:
        parts = _read_parts(sent, reading, store, progress)
    except LayerUnreadable as e:
        raise ImageError(sent.ref, f"the archive {e.why}", "save the image again") from e
    finally:
        progress.finish(sent.ref)
    find = find_docker_image if parts.has("manifest.json") else find_oci_image
    found = find(parts, question)
    return Streamed(
        found,
        [_outcome(layer, parts) for layer in found.layers],
        [sent.layer(layer.blob or Blob("", 0, 0)) for layer in found.layers],
    )


def _read_parts(sent: SentArchive, reading: Reading, store: LayerStore | None, progress: Progress) -> _Parts:
    stream, close = sent.start()
    try:
        return _parts_of(stream, sent, reading, store, progress)
    finally:
        close()


def _parts_of(
    stream: TarStream, sent: SentArchive, reading: Reading, store: LayerStore | None, progress: Progress
) -> _Parts:
    parts = _Parts(sent.ref)
    documents = 0
    for header in walk(stream, sent.limits):
        path = member_path(header.name)
        target = link_target(path, header)
        if target is not None:
            parts.members[path] = target
        if chr(header.type) != "0":
            continue
        parts.members[path] = Blob("", header.offset, header.size)
        first = stream.peek()
        if first in (b"{", b"[") and header.size <= reading.limits.document_bytes:
            documents += header.size
            if documents > _MAX_DOCUMENTS:
                raise LayerUnreadable(f"holds over {_MAX_DOCUMENTS} bytes of documents")
            parts.documents[header.offset] = stream.take(header.size)
        elif header.size:
            parts.layers[header.offset] = _layer(path, header, stream, reading, store)
        progress.advance(sent.ref, header.size)
    return parts


def _layer(
    path: str, header: Header, stream: TarStream, reading: Reading, store: LayerStore | None
) -> Outcome:
    known = _known(path, reading, store)
    if known is not None:
        return known
    out = io.BytesIO()
    try:
        measure = read_layer(member_reader(stream, header.size), Expected(), reading, out)
    except LayerUnreadable as e:
        return LayerFailure(e.why)
    key = reading.key(measure.diff_id, None)
    return file_layer(key, out.getvalue(), reading, store)


def _known(path: str, reading: Reading, store: LayerStore | None) -> LayerRead | None:
    """Return facts of a layer that is named by the digest of its uncompressed tar, as Docker 25 does."""
    if not path.startswith(_BLOBS):
        return None
    diff_id = DiffID(f"sha256:{path.removeprefix(_BLOBS)}")
    return load_layer(reading.key(diff_id, None), reading, store)


def _outcome(found: FoundLayer, parts: _Parts) -> Outcome:
    if found.refusal or found.blob is None:
        return LayerFailure(found.refusal or "is missing from the archive")
    outcome = parts.layers.get(found.blob.offset, LayerFailure("is no layer"))
    if isinstance(outcome, LayerFailure):
        return outcome
    measure = outcome.facts.measure
    if measure.diff_id != found.layer.diff_id:
        return LayerFailure(f"has the diffID {measure.diff_id}, but the configuration says otherwise")
    if found.layer.digest not in (None, measure.digest):
        return LayerFailure(f"has the digest {measure.digest}, but the manifest says {found.layer.digest}")
    return outcome
