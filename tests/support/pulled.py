"""An image as a registry gives it, from memory: the port at which `images` meets registries."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fleet_audit.audit.images.failure import ImageError, LayerUnreadable
from fleet_audit.audit.images.found import Question
from fleet_audit.audit.images.pulled import Registry
from fleet_audit.audit.model.identity import Digest
from tests.support.registries import Pushed


@dataclass
class MemoryPulls:
    """Gives what was pushed, and notes what was asked for; copies of blobs are written below `folder`.

    `piece` is how much of a blob arrives at a time.
    """

    pushed: Pushed
    folder: Path
    piece: int = 1000
    asked: list[str] = field(default_factory=list)

    def named(self) -> bytes:
        """See `Pulls.named`."""
        return self.manifest(Digest(self.pushed.digest))

    def manifest(self, digest: Digest) -> bytes:
        """See `Pulls.manifest`."""
        self.asked.append(digest)
        if digest not in self.pushed.manifests:
            raise ImageError("registry", f"has no manifest {digest}")
        return self.pushed.manifests[digest][1]

    def document(self, digest: Digest, *, limit: int) -> bytes:
        """See `Pulls.document`."""
        self.asked.append(digest)
        return self.pushed.blobs[digest][:limit]

    def blob(self, digest: Digest, size: int) -> Iterator[bytes]:
        """See `Pulls.blob`."""
        self.asked.append(digest)
        if digest not in self.pushed.blobs:
            raise LayerUnreadable("is gone")
        body = self.pushed.blobs[digest][:size]
        yield from (body[at : at + self.piece] for at in range(0, len(body), self.piece))

    def blob_file(self, digest: Digest, size: int) -> Path:
        """See `Pulls.blob_file`."""
        copy = self.folder / digest.replace(":", "-")
        copy.write_bytes(b"".join(self.blob(digest, size)))
        return copy

    def registry(self) -> Registry:
        """Return what connects to this, whatever image is asked for."""

        def connect(_question: Question) -> MemoryPulls:
            return self

        return connect
