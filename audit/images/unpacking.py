"""Writes the files of an image into a folder of this machine, for a copy that programs may be run in.

Nothing in the image decides where anything is written: folders are made first, bodies are written below
folders that were made here, and links come last, when nothing is written through them any more. What makes
a file more than its bytes is left out: devices, sockets, capabilities, setuid and setgid.
"""

import os
import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.images.failure import LayerUnreadable
from fleet_audit.audit.images.folder import FolderTree
from fleet_audit.audit.images.layer import member_path
from fleet_audit.audit.images.open import Image
from fleet_audit.audit.images.tar import Header, TarStream, owner_of
from fleet_audit.audit.images.tree import Entry, FileKind, FileTree, FileUnreadable, join
from fleet_audit.audit.model.identity import ROOT, ImagePath

KERNELS = ("/dev", "/proc", "/sys")
"""Folders that whoever runs programs mounts upon: empty in the copy, whatever the image has there."""

_KEPT_MODE = 0o1777
_OPEN_FOLDER = 0o755
_SPARE_BYTES = 1 << 30
"""What is left of the disk for what programs write in the copy, and for others."""

_PIECE = 1 << 20
_BLOCK = 4096


class NotUnpacked(FleetAuditError):
    """The files of an image could not be written into a folder; `why` says what went wrong."""

    def __init__(self, place: Path, why: str) -> None:
        """Keep the place and the reason."""
        super().__init__(place, why)
        self.place = place
        self.why = why

    def __str__(self) -> str:
        """Return one sentence."""
        return f"the image cannot be copied to {self.place}: {self.why}"


class Owned(msgspec.Struct, frozen=True, gc=False):
    """Whose a file or folder of the image is."""

    path: ImagePath
    uid: int = 0
    gid: int = 0


def unpack(image: Image, place: Path) -> tuple[Owned, ...]:
    """Write the merged files of an image below `place`, an empty folder, and return whose they are.

    All belong to the caller until somebody gives them to their owners. Raises NotUnpacked where the disk is
    too small or cannot be written, and where the image, or a layer of it, cannot be read.
    """
    writer = _Writer(image, place)
    try:
        return writer.write()
    except LayerUnreadable as e:
        raise NotUnpacked(place, f"a layer {e.why}") from e
    except FileUnreadable as e:
        raise NotUnpacked(place, str(e)) from e
    except OSError as e:
        raise NotUnpacked(place, e.strerror or str(e)) from e


class _Writer:
    def __init__(self, image: Image, place: Path) -> None:
        self._image = image
        self._place = str(place)
        self._folders: list[tuple[ImagePath, Entry]] = []
        self._links: list[tuple[ImagePath, Entry]] = []
        self._bodies: defaultdict[tuple[int, ImagePath], list[tuple[ImagePath, Entry]]] = defaultdict(list)
        """The paths at which each body of each layer is seen: hard links share one."""

    def write(self) -> tuple[Owned, ...]:
        self._survey()
        self._check_room()
        for path in (*(path for path, _ in self._folders), *map(ImagePath, KERNELS)):
            os.mkdir(self._at(path), 0o700)
        tree = self._image.tree
        found = self._from_folder(tree) if isinstance(tree, FolderTree) else self._from_layers()
        owners = {owned.path: owned for owned in found}
        for path, entry in self._links:
            os.symlink(_raw(entry.link), self._at(path))
        # From the innermost outwards: a folder may forbid to look into it.
        for path, entry in reversed(self._folders):
            os.chmod(self._at(path), entry.mode & _KEPT_MODE)
        for path in (*map(ImagePath, KERNELS), ROOT):
            os.chmod(self._at(path), _OPEN_FOLDER)
        # What only the names of other members imply has no owner of its own, and is root's.
        return tuple(owners.get(path) or Owned(path) for path in self._paths())

    def _paths(self) -> Iterator[ImagePath]:
        yield from (ROOT, *map(ImagePath, KERNELS))
        yield from (path for path, _ in (*self._folders, *self._links))
        yield from (path for places in self._bodies.values() for path, _ in places)

    def _survey(self) -> None:
        for path, entry in _entries(self._image.tree):
            match entry.kind:
                case FileKind.FOLDER:
                    self._folders.append((path, entry))
                case FileKind.SYMLINK:
                    self._links.append((path, entry))
                case FileKind.FILE:
                    self._bodies[entry.layer, entry.origin].append((path, entry))
        tree = self._image.tree
        if isinstance(tree, FolderTree) and tree.unlisted:
            path, why = min(tree.unlisted.items())
            raise FileUnreadable(path, why)

    def _check_room(self) -> None:
        sizes = sum(-(-places[0][1].size // _BLOCK) * _BLOCK for places in self._bodies.values())
        needed = sizes + _BLOCK * (len(self._folders) + len(self._links))
        found = os.statvfs(self._place)
        free = found.f_bavail * found.f_frsize - _SPARE_BYTES
        if needed > free:
            raise OSError(0, f"it needs {needed >> 20} MiB there, and {max(0, free) >> 20} MiB can be had")

    def _at(self, path: ImagePath) -> bytes:
        return os.fsencode(self._place) + _raw(path)

    def _from_layers(self) -> Iterator[Owned]:
        named = (*self._folders, *self._links)
        plain = {(entry.layer, entry.origin): path for path, entry in named if entry.origin != ROOT}
        missing = set(self._bodies)
        for index, header, stream in self._image.members():
            key = index, member_path(header.name)
            places = self._bodies.get(key)
            if places is not None and chr(header.type) == "0":
                missing.discard(key)
                self._write_body(places, header, stream)
                yield from (_owned(path, header) for path, _ in places)
            elif key in plain:
                yield _owned(plain[key], header)
        if missing:
            _, path = min(missing)
            raise FileUnreadable(path, "its layer does not hold it any more")

    def _write_body(self, places: list[tuple[ImagePath, Entry]], header: Header, stream: TarStream) -> None:
        (first, entry), *others = places
        with open(self._fresh(first, entry), "wb", buffering=0) as file:
            # Of several members with one name the last counts.
            file.truncate(0)
            for offset, length in header.segments or ((0, header.size),):
                file.seek(offset)
                _copy(stream, length, file.fileno())
            file.truncate(header.size)
        self._link_others(first, others)

    def _from_folder(self, tree: FolderTree) -> Iterator[Owned]:
        for path, _ in (*self._folders, *self._links):
            yield _owned_here(tree, path)
        for (first, entry), *others in self._bodies.values():
            source = tree.open(first)
            try:
                with open(source, "rb", closefd=False) as body, open(self._fresh(first, entry), "wb") as file:
                    shutil.copyfileobj(body, file, _PIECE)
            finally:
                os.close(source)
            self._link_others(first, others)
            yield from (_owned_here(tree, path) for path, _ in ((first, entry), *others))

    def _fresh(self, path: ImagePath, entry: Entry) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._at(path), flags, 0o600)
        os.fchmod(descriptor, entry.mode & _KEPT_MODE)
        return descriptor

    def _link_others(self, first: ImagePath, others: list[tuple[ImagePath, Entry]]) -> None:
        for path, _ in others:
            with suppress(FileExistsError):
                os.link(self._at(first), self._at(path))


def _entries(tree: FileTree) -> Iterator[tuple[ImagePath, Entry]]:
    """Yield everything below the root but what is a kernel's, folders before what they hold."""
    pending = [ROOT]
    while pending:
        folder = pending.pop()
        for name, entry in sorted(tree.listing(folder).items()):
            path = join(folder, name)
            if path in KERNELS:
                continue
            yield path, entry
            if entry.kind is FileKind.FOLDER:
                pending.append(path)


def _copy(stream: TarStream, length: int, target: int) -> None:
    while length:
        piece = stream.piece(min(length, _PIECE))
        if not piece:
            raise LayerUnreadable("is truncated inside a file's body")
        length -= len(piece)
        while piece:
            piece = piece[os.write(target, piece) :]


def _owned(path: ImagePath, header: Header) -> Owned:
    uid, gid = owner_of(header)
    return Owned(path, uid, gid)


def _owned_here(tree: FolderTree, path: ImagePath) -> Owned:
    status = os.lstat(tree.host_path(path))
    return Owned(path, status.st_uid, status.st_gid)


def _raw(path: str) -> bytes:
    """Return a name or link as bytes; those of an image that are no UTF-8 stay as they are shown."""
    return path.encode(errors="backslashreplace")
