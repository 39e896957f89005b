"""Where the stored bytes of an image lie: a layout's folder, or members of an archive."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from fleet_audit.audit.images.failure import ImageError, LayerUnreadable
from fleet_audit.audit.images.inflate import Read
from fleet_audit.audit.images.layer import member_path
from fleet_audit.audit.images.limits import Limits
from fleet_audit.audit.images.tar import Header, TarStream, walk
from fleet_audit.audit.images.tree import MAX_LINK_HOPS, normalise, parent
from fleet_audit.audit.model.identity import ImagePath

_OUTER_CHUNK = 64 << 10


class Blob(msgspec.Struct, frozen=True):
    """A stretch of a file on this machine, or of a stream where `file` is empty."""

    file: str
    offset: int
    size: int


class OpenBlob:
    """A blob being read; a context manager."""

    def __init__(self, blob: Blob) -> None:
        """Open the file; raises LayerUnreadable."""
        self._blob = blob
        try:
            self._file = os.open(blob.file, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as e:
            raise LayerUnreadable(f"cannot be opened ({e.strerror})") from e
        self._at = 0

    def read(self, size: int) -> bytes:
        """Return up to `size` further bytes, none at the end; raises LayerUnreadable."""
        wanted = min(size, self._blob.size - self._at)
        if wanted <= 0:
            return b""
        try:
            data = os.pread(self._file, wanted, self._blob.offset + self._at)
        except OSError as e:
            raise LayerUnreadable(f"cannot be read ({e.strerror})") from e
        if not data:
            raise LayerUnreadable(f"is truncated: {self._at} bytes instead of {self._blob.size}")
        self._at += len(data)
        return data

    def seek(self, at: int) -> None:
        """Read on from byte `at` of the blob."""
        self._at = at

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def __enter__(self) -> "OpenBlob":
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()


class Container(Protocol):
    """Named blobs, as a layout's folder or an archive holds them."""

    def has(self, name: str) -> bool:
        """Say whether there is a blob with this name."""
        ...

    def document(self, name: str) -> bytes:
        """Return a small blob whole; raises ImageError where it is missing or over the limit."""
        ...

    def blob(self, name: str) -> Blob | None:
        """Return where a blob lies; None where it is missing."""
        ...


class FolderContainer:
    """The folder of an OCI layout."""

    def __init__(self, folder: Path, *, ref: str, limits: Limits) -> None:
        """Read below `folder`; `ref` is what errors call the image."""
        self._folder = folder
        self._ref = ref
        self._limits = limits

    def has(self, name: str) -> bool:
        """See `Container.has`."""
        return os.path.isfile(self._folder / name)

    def document(self, name: str) -> bytes:
        """See `Container.document`."""
        blob = self.blob(name)
        if blob is None:
            raise _missing(self._ref, name)
        return _document(blob, name, self._ref, self._limits)

    def blob(self, name: str) -> Blob | None:
        """See `Container.blob`."""
        path = self._folder / name
        try:
            return Blob(str(path), 0, path.stat().st_size) if os.path.isfile(path) else None
        except OSError:
            return None


class ArchiveContainer:
    """An uncompressed tar in a file that can be sought in."""

    def __init__(self, file: Path, *, ref: str, limits: Limits) -> None:
        """List the archive's members; raises ImageError where it is no whole tar."""
        self._ref = ref
        self._limits = limits
        try:
            whole = Blob(str(file), 0, file.stat().st_size)
            self._members = _members(whole, limits)
        except OSError as e:
            raise ImageError(ref, f"cannot be read ({e.strerror})") from e
        except LayerUnreadable as e:
            raise ImageError(ref, f"the archive {e.why}", "save the image again") from e

    def has(self, name: str) -> bool:
        """See `Container.has`."""
        return self.blob(name) is not None

    def document(self, name: str) -> bytes:
        """See `Container.document`."""
        blob = self.blob(name)
        if blob is None:
            raise _missing(self._ref, name)
        return _document(blob, name, self._ref, self._limits)

    def blob(self, name: str) -> Blob | None:
        """See `Container.blob`; links between members are followed."""
        found = follow(name, self._members)
        return found if isinstance(found, Blob) else None


MemberT = Blob | str


def follow(name: str, members: Mapping[str, MemberT]) -> MemberT | None:
    """Return what stands at `name`, links (text) followed; None where they lead to nothing or in circles."""
    path = str(normalise(name))
    for _ in range(MAX_LINK_HOPS):
        found = members.get(path)
        if not isinstance(found, str):
            return found
        path = found
    return None


def link_target(path: ImagePath, header: Header) -> str | None:
    """Return the member that a link of an archive stands for; None where the member is no link."""
    match chr(header.type):
        case "1":
            return normalise(header.link)
        case "2":
            return normalise(f"{parent(path)}/{header.link}")
        case _:
            return None


def _members(whole: Blob, limits: Limits) -> dict[str, MemberT]:
    members: dict[str, MemberT] = {}
    with OpenBlob(whole) as file:
        stream = _SeekingStream(file, whole.size)
        bounded = msgspec.structs.replace(limits, entries=limits.archive_members)
        for header in walk(stream, bounded):
            path = member_path(header.name)
            target = link_target(path, header)
            if target is not None:
                members[path] = target
            elif chr(header.type) == "0":
                members[path] = Blob(whole.file, header.offset, header.size)
    return members


class _SeekingStream(TarStream):
    """A tar in a file: bodies are stepped over, not read."""

    def __init__(self, file: OpenBlob, size: int) -> None:
        super().__init__(iter(()))
        self._open = file
        self._size = size

    def take(self, count: int) -> bytes:
        self._open.seek(self.offset)
        pieces = []
        left = min(count, self._size - self.offset)
        while left > 0:
            piece = self._open.read(left)
            pieces.append(piece)
            left -= len(piece)
        data = b"".join(pieces)
        self.offset += len(data)
        return data

    def skip(self, count: int) -> None:
        if self.offset + count > self._size:
            raise LayerUnreadable("is truncated inside a file's body")
        self.offset += count

    def drain(self) -> None:
        self.offset = self._size


def _document(blob: Blob, name: str, ref: str, limits: Limits) -> bytes:
    if blob.size > limits.document_bytes:
        raise ImageError(ref, f"its {name} has {blob.size} bytes, over the limit of {limits.document_bytes}")
    try:
        with OpenBlob(blob) as file:
            return b"".join(_all(file.read))
    except LayerUnreadable as e:
        raise ImageError(ref, f"its {name} {e.why}") from e


def _all(read: Read) -> Iterator[bytes]:
    while chunk := read(_OUTER_CHUNK):
        yield chunk


def _missing(ref: str, name: str) -> ImageError:
    return ImageError(ref, f"{name} is missing", "save the image again")
