"""Finds an image in a registry, of which only those documents are asked for that lead to it."""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from fleet_audit.audit.images.blobs import Blob, OpenBlob
from fleet_audit.audit.images.bodies import OpenLayer
from fleet_audit.audit.images.digests import Sha256
from fleet_audit.audit.images.documents import Descriptor, Manifest, parse_document
from fleet_audit.audit.images.failure import ImageError, LayerUnreadable
from fleet_audit.audit.images.found import FoundImage, FoundLayer, Question
from fleet_audit.audit.images.inflate import Read
from fleet_audit.audit.images.oci import blob_name, find_oci_image, fits
from fleet_audit.audit.model.identity import Digest, Platform

_INDEX = "index.json"
_MAX_MANIFESTS = 200
"""How many documents are asked for on the way to one image."""


class Pulls(Protocol):
    """What a registry gives of one image, by digests. It can be pickled, for processes that read layers."""

    def named(self) -> bytes:
        """Return the manifest or index that the reference names; raises ImageError."""
        ...

    def manifest(self, digest: Digest) -> bytes:
        """Return a manifest or index; raises ImageError."""
        ...

    def document(self, digest: Digest, *, limit: int) -> bytes:
        """Return a small blob whole; raises ImageError."""
        ...

    def blob(self, digest: Digest, size: int) -> Iterator[bytes]:
        """Yield a blob as it arrives, from its beginning; raises LayerUnreadable, also later."""
        ...

    def blob_file(self, digest: Digest, size: int) -> Path:
        """Return a file that holds a blob; raises LayerUnreadable."""
        ...


Registry = Callable[[Question], Pulls]
"""Connects to nothing yet; raises UsageError where the question's place names no image of a registry."""


def find_pulled_image(pulls: Pulls, question: Question) -> FoundImage:
    """Return the image that a registry's reference means; raises as `find_oci_image` does."""
    return find_oci_image(_Pulled(pulls, question), question)


class _Pulled:
    """A registry as a `Container`: an index with one entry, and the documents below it.

    What is stated to be for another platform counts as not there: it is not asked for.
    """

    def __init__(self, pulls: Pulls, question: Question) -> None:
        self._pulls = pulls
        self._question = question
        self._manifests: dict[str, bytes | None] = {}
        self._documents: dict[str, bytes] = {}
        self._sizes: dict[str, int] = {}
        self._absent: set[str] = set()
        self._count = 0

    def has(self, name: str) -> bool:
        return name not in self._absent

    def blob(self, name: str) -> Blob | None:
        return Blob("", 0, self._sizes[name]) if name in self._sizes else None

    def document(self, name: str) -> bytes:
        if name == _INDEX:
            return self._top()
        digest = Digest("sha256:" + name.rpartition("/")[2])
        if name not in self._manifests:
            if name not in self._documents:
                limit = self._question.limits.document_bytes
                self._documents[name] = self._pulls.document(digest, limit=limit)
            return self._documents[name]
        data = self._manifests[name]
        if data is None:
            data = self._manifests[name] = self._asked(digest)
        self._note(data, f"manifest {digest}")
        return data

    def _asked(self, digest: Digest) -> bytes:
        self._count += 1
        if self._count > _MAX_MANIFESTS:
            raise ImageError(self._question.ref, f"leads through more than {_MAX_MANIFESTS} manifests")
        return self._pulls.manifest(digest)

    def _top(self) -> bytes:
        data = self._pulls.named()
        digest = _digest_of(data)
        self._manifests[blob_name(digest)] = data
        return msgspec.json.encode({"manifests": [{"digest": digest, "size": len(data)}]})

    def _note(self, data: bytes, what: str) -> None:
        manifest = parse_document(data, Manifest, ref=self._question.ref, what=what)
        for layer in manifest.layers or ():
            self._sizes[_name(layer)] = layer.size
        children = manifest.manifests or ()
        for child in children:
            self._manifests.setdefault(_name(child), None)
        self._absent.update(_name(child) for child in self._unfit(children))

    def _unfit(self, children: tuple[Descriptor, ...]) -> Iterator[Descriptor]:
        wanted = self._question.platform or Platform()
        stated = {child.digest: _stated(child) for child in children}
        unfit = [child for child in children if (p := stated[child.digest]) and not fits(p, wanted)]
        if children and len(unfit) == len(children):
            offered = ", ".join(sorted({str(p) for p in stated.values() if p and p.os != "unknown"}))
            remedy = f"there is {offered}: choose with --platform"
            raise ImageError(self._question.ref, f"has no image for {wanted}", remedy)
        yield from unfit


def _digest_of(data: bytes) -> Digest:
    found = Sha256()
    found.update(data)
    return found.digest


def _name(descriptor: Descriptor) -> str:
    return "blobs/sha256/" + descriptor.digest.removeprefix("sha256:")


def _stated(child: Descriptor) -> Platform | None:
    platform = child.platform
    if platform is None or not platform.os or not platform.architecture:
        return None
    return Platform(platform.os, platform.architecture, platform.variant)


def arriving(pulls: Pulls, found: FoundLayer) -> tuple[Read, Callable[[], None]]:
    """Return how to read a layer while it arrives, once, and how to stop; reading raises LayerUnreadable."""
    chunks = _chunks(pulls, found)
    rest = b""

    def read(size: int) -> bytes:
        nonlocal rest
        if not rest:
            rest = next(chunks, b"")
        data, rest = rest[:size], rest[size:]
        return data

    return read, chunks.close


def _chunks(pulls: Pulls, found: FoundLayer) -> Generator[bytes, None, None]:
    # A generator of our own can be closed, whatever kind of iterator it draws from.
    yield from pulls.blob(*_wanted(found))


def from_copy(pulls: Pulls, found: FoundLayer) -> OpenLayer:
    """Return how to open a layer that was read before: from a copy, made when it is first needed."""

    def reopen() -> tuple[Read, Callable[[], None]]:
        digest, size = _wanted(found)
        blob = OpenBlob(Blob(str(pulls.blob_file(digest, size)), 0, size))
        return blob.read, blob.close

    return reopen


def _wanted(found: FoundLayer) -> tuple[Digest, int]:
    digest, size = found.layer.digest, found.blob.size if found.blob else -1
    if digest is None or size < 0:
        raise LayerUnreadable("is listed without its size")
    return digest, size
