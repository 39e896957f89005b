"""Writes an image for scanners: whole, or skinny, with the same layers and only what scanners look at.

A skinny layer has entries of the layer in its order: folders, links and whiteouts as they are, the files that
scanners open with their bodies, and empty ones for those that packages own, whose being there scanners note,
and for those that may hide something of another layer. What a scanner finds is the same then, in the same
layers.
The form is a docker-archive (``docker save``) of uncompressed layers: one file, in which no name of the
image is a name on this machine.
"""

import hashlib
import os
import struct
import tarfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from typing import BinaryIO

import msgspec

from fleet_audit.audit.images.bodies import LayerBodies
from fleet_audit.audit.images.collector import BodyTooLarge, Member
from fleet_audit.audit.images.facts import Change, LayerEntry
from fleet_audit.audit.images.folder import FolderBody, FolderTree
from fleet_audit.audit.images.kept import KEEP_VERSION, is_kept_for_content
from fleet_audit.audit.images.open import Image
from fleet_audit.audit.images.scanned import MAX_SCANNED, holds_build_record, is_scanned
from fleet_audit.audit.images.tree import (
    MAX_LINK_HOPS,
    Entry,
    FileKind,
    FileUnreadable,
    basename,
    join,
    normalise,
    parent,
)
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import ROOT, DiffID, ImagePath
from fleet_audit.audit.model.image import ImageIdentity

SKINNY_VERSION = f"4.{KEEP_VERSION}"
"""Another one for every change of what is written for the same image."""

BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)
_WHITEOUT = ".wh."
_DPKG_INFO = "/var/lib/dpkg/info/"
_MERGED = ("/bin/", "/sbin/", "/lib")
_OTHER_DATABASES = ("/dpkg/status.d/", "/rpm/", "/apk/db/", "/opkg/", "/pacman/local/", "/var/db/pkg/")
_OPAQUE = ".wh..wh..opq"


LookedAt = Callable[[ImagePath], bool]


class Written(msgspec.Struct, frozen=True):
    """What was written: each layer's diffID there with the one it stands for, and files that lack a body."""

    layers: tuple[tuple[str, DiffID], ...]
    gaps: tuple[Gap, ...] = ()


def write_image(
    image: Image,
    out: BinaryIO,
    *,
    full: bool = False,
    is_looked_at: LookedAt = is_scanned,
    above: Mapping[ImagePath, bytes] = {},
) -> Written:
    """Write an image to `out`, a file that can be sought in; skinny unless `full`.

    `is_looked_at` says by its path whether a scanner opens a file; those that carry word of what they were
    built from are written besides.

    The full one has the very layers of the image. A layer that could not be read when the image was opened
    is an empty one, so that indexes agree; a file whose body cannot be had is a gap. A folder is written as
    one layer, always skinny, since nobody would read its other files. The files `above` stand in one more
    layer, which stands for none of the image. Raises LayerUnreadable where a layer has changed since it was
    read, and OSError where `out` cannot be written.
    """
    archive = ArchiveWriter(out)
    gaps: list[Gap] = []
    if isinstance(image.tree, FolderTree):
        made = archive.add_layer(_FolderWriter(image.tree, is_looked_at, gaps).chunks())
        written = [(made, DiffID(""))]
    else:
        written = list(_layers(image, archive, gaps, full=full, is_looked_at=is_looked_at))
    if above:
        written.append((archive.add_layer(_plain_files(above)), DiffID("")))
    archive.finish(image.identity, [diff_id for diff_id, _ in written])
    return Written(tuple(written), tuple(gaps))


def _layers(
    image: Image, archive: "ArchiveWriter", gaps: list[Gap], *, full: bool, is_looked_at: LookedAt
) -> Iterator[tuple[str, DiffID]]:
    selection = _Selection(() if full else image.bodies.values(), is_looked_at)
    for index, layer in enumerate(image.identity.layers):
        bodies = image.bodies.get(index)
        if bodies is None:
            chunks: Iterable[bytes] = (END,)
        elif full:
            chunks = bodies.tar()
        else:
            chunks = _LayerWriter(bodies, selection, gaps).chunks(layer.diff_id)
        yield archive.add_layer(chunks), layer.diff_id
        if bodies is not None:
            bodies.forget()


def _plain_files(files: Mapping[ImagePath, bytes]) -> Iterator[bytes]:
    for path, body in sorted(files.items()):
        yield from _member(path, body)
    yield END


def _member(path: ImagePath, body: bytes, *, mode: int = 0o644) -> Iterator[bytes]:
    yield member_header(path, tarfile.REGTYPE, mode=mode, size=len(body))
    yield body
    yield bytes(-len(body) % BLOCK)


class _Selection:
    """Which files of all layers are written with their bodies, and which empty.

    A file with a body is looked at under its own name or a hard link's. Under the last part of the name of
    whatever else is written a file may stand for that, however links lead there, and hide it.
    """

    def __init__(self, layers: Collection[LayerBodies], is_looked_at: LookedAt) -> None:
        self.is_looked_at = is_looked_at
        entries = [entry for bodies in layers for entry in bodies.entries]
        self._links = {e.path: normalise(e.link) for e in entries if e.change is Change.HARD_LINK}
        looked_at = (path for path in self._links if is_looked_at(path))
        self._targets = {target for path in looked_at for target in self._chain(path)}
        self._files = {e.path for e in entries if e.change is Change.FILE}
        self._owned = owned_files(layers)
        self._names: set[str] = set()
        for bodies in layers:
            folders = folders_of(bodies)
            for entry in bodies.entries:
                if entry.change is not Change.FILE or self.is_wanted(entry):
                    self._names.update(entry.path.split("/"))
                elif parent(entry.path) not in folders:
                    self._names.update(parent(entry.path).split("/"))
                if entry.change is Change.HARD_LINK:
                    self._names.add(basename(normalise(entry.link)))

    def is_wanted(self, entry: LayerEntry) -> bool:
        """Say whether a file's body is written."""
        if self.is_looked_at(entry.path) or entry.path in self._targets:
            return True
        return entry.block >= 0 and is_kept_for_content(entry.path, entry.size)

    def is_there(self, path: ImagePath) -> bool:
        """Say whether a file without a body is written."""
        return self._owned is None or path in self._owned or basename(path) in self._names

    def is_linked(self, path: ImagePath) -> bool:
        """Say whether the hard link at `path` leads to a file of some layer by the names of its entries."""
        return any(target in self._files for target in self._chain(path))

    def _chain(self, path: ImagePath) -> Iterator[ImagePath]:
        for _ in range(MAX_LINK_HOPS):
            if (target := self._links.get(path)) is None:
                return
            yield target
            path = target


def folders_of(bodies: LayerBodies) -> Set[ImagePath]:
    """Return the folders that have entries of their own in a layer, and the root; others are implied."""
    return {entry.path for entry in bodies.entries if entry.change is Change.FOLDER} | {ROOT}


def owned_files(layers: Collection[LayerBodies]) -> Set[str] | None:
    """Return the files that dpkg lists as packages' own; None where that is not known.

    Other databases of packages are not read here, so that with one of them every file counts as owned.
    """
    owned: set[str] = set()
    for bodies in layers:
        for entry in bodies.entries:
            if entry.change is Change.FILE and any(part in entry.path for part in _OTHER_DATABASES):
                return None
            if entry.change is Change.FILE and _is_list(entry.path):
                try:
                    listed = bodies.body(entry).decode(errors="replace").splitlines()
                except FileUnreadable:
                    return None
                owned.update(listed)
    # Of merged folders dpkg lists the names that packages gave (usrmerge).
    owned.update([f"/usr{path}" for path in owned if path.startswith(_MERGED)])
    return owned


def _is_list(path: ImagePath) -> bool:
    return path.startswith(_DPKG_INFO) and path.endswith(".list")


class _LayerWriter:
    """Makes the members of one skinny layer; `gaps` grows by what could not be written."""

    def __init__(self, bodies: LayerBodies, selection: _Selection, gaps: list[Gap]) -> None:
        self._bodies = bodies
        self._folders = folders_of(bodies)
        self._selection = selection
        self._gaps = gaps

    def chunks(self, diff_id: DiffID) -> Iterator[bytes]:
        for entry in self._bodies.entries:
            match entry.change:
                case Change.FILE:
                    yield from self._file(entry)
                case Change.HARD_LINK:
                    yield from self._hard_link(entry)
                case _:
                    yield from _plain(entry)
        # Behind its end a tar may hold anything: layers that differ in what is left out differ there.
        yield END + diff_id.encode(errors="backslashreplace")[:BLOCK].ljust(BLOCK, b"\0")

    def _file(self, entry: LayerEntry) -> Iterator[bytes]:
        if not self._selection.is_wanted(entry):
            # A folder that only names of files imply hides as one that has its own entry does.
            if parent(entry.path) not in self._folders or self._selection.is_there(entry.path):
                yield member_header(entry.path, tarfile.REGTYPE, mode=entry.mode)
            return
        try:
            body = self._bodies.body(entry)
        except FileUnreadable as e:
            self._miss(e.path, e.why)
            body = b""
        yield from _member(entry.path, body, mode=entry.mode)

    def _hard_link(self, entry: LayerEntry) -> Iterator[bytes]:
        if not self._selection.is_linked(entry.path) and self._selection.is_looked_at(entry.path):
            self._miss(entry.path, "is a hard link to what is not in the image under that path")
        yield member_header(entry.path, tarfile.LNKTYPE, mode=entry.mode, link=normalise(entry.link)[1:])

    def _miss(self, path: ImagePath, why: str) -> None:
        self._gaps.append(missed(path, why))


class _FolderWriter:
    """Makes the members of a layer that is a folder of this machine; `gaps` grows by what cannot be read."""

    def __init__(self, tree: FolderTree, is_looked_at: LookedAt, gaps: list[Gap]) -> None:
        self._tree = tree
        self._is_looked_at = is_looked_at
        self._gaps = gaps

    def chunks(self) -> Iterator[bytes]:
        pending = [ROOT]
        while pending:
            folder = pending.pop()
            listed = sorted(self._tree.listing(folder).items())
            for name, entry in listed:
                yield from self._entry(join(folder, name), entry)
            inner = [join(folder, name) for name, entry in listed if entry.kind is FileKind.FOLDER]
            pending.extend(reversed(inner))
        yield END

    def _entry(self, path: ImagePath, entry: Entry) -> Iterator[bytes]:
        match entry.kind:
            case FileKind.FILE:
                yield from self._file(path, entry)
            case FileKind.FOLDER:
                yield member_header(path, tarfile.DIRTYPE, mode=entry.mode)
            case FileKind.SYMLINK:
                yield member_header(path, tarfile.SYMTYPE, mode=entry.mode, link=entry.link)
            case _:
                yield member_header(path, tarfile.FIFOTYPE, mode=entry.mode)

    def _file(self, path: ImagePath, entry: Entry) -> Iterator[bytes]:
        try:
            body = self._body(path, entry)
        except (FileUnreadable, BodyTooLarge, OSError) as e:
            why = e.why if isinstance(e, FileUnreadable) else f"cannot be read ({e})"
            self._gaps.append(missed(path, why))
            body = b""
        yield from _member(path, body, mode=entry.mode)

    def _body(self, path: ImagePath, entry: Entry) -> bytes:
        descriptor = self._tree.open(path)
        try:
            body = FolderBody(descriptor, most=MAX_SCANNED)
            member = Member(path, body.size, entry.mode)
            if not self._is_looked_at(path) and not holds_build_record(member, body):
                return b""
            return bytes(body.upto(body.size))
        finally:
            os.close(descriptor)


def missed(path: ImagePath, why: str) -> Gap:
    """Return the gap of a file that scanners are not shown."""
    return Gap("images", GapKind.UNREADABLE_FILE, path, f"{why}, so scanners do not see it")


def _plain(entry: LayerEntry) -> Iterator[bytes]:
    path = entry.path
    match entry.change:
        case Change.SYMLINK:
            yield member_header(path, tarfile.SYMTYPE, mode=entry.mode, link=entry.link)
        case Change.WHITEOUT:
            yield member_header(join(parent(path), f"{_WHITEOUT}{basename(path)}"), tarfile.REGTYPE)
        case Change.OPAQUE:
            yield member_header(join(path, _OPAQUE), tarfile.REGTYPE)
        case Change.OTHER:
            yield member_header(path, tarfile.FIFOTYPE, mode=entry.mode)
        case _ if path != ROOT:
            yield member_header(path, tarfile.DIRTYPE, mode=entry.mode)


def member_header(path: ImagePath, kind: bytes, *, mode: int = 0o644, size: int = 0, link: str = "") -> bytes:
    """Return the header of a member of a layer; a long or odd name takes one of its own (PAX)."""
    name = f"{path[1:]}/" if kind == tarfile.DIRTYPE else path[1:]
    if name.isascii() and link.isascii() and max(len(name), len(link)) <= _SHORT and size < _SMALL:
        return _short_header(name, kind, mode, size, link)
    member = tarfile.TarInfo(path[1:])
    member.type, member.mode, member.size, member.linkname = kind, mode, size, link
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "backslashreplace")


def _short_header(name: str, kind: bytes, mode: int, size: int, link: str) -> bytes:
    """Return a header of one block (POSIX.1-2001, pax, "ustar Interchange Format"); faster than `tarfile`."""
    block = _USTAR.pack(
        *(name.encode(), b"%07o\0" % (mode & 0o7777), _NOBODY, _NOBODY, b"%011o\0" % size, _NEVER),
        *(_SPACES, kind, link.encode(), b"ustar\00000"),
    )
    return b"%b%06o\0 %b" % (block[:148], sum(block), block[156:])


_USTAR = struct.Struct("100s8s8s8s12s12s8sc100s8s247x")
_SHORT, _SMALL = 100, 8 << 30
_NOBODY, _NEVER, _SPACES = b"0000000\0", b"00000000000\0", b" " * 8


class ArchiveWriter:
    """A docker-archive (its ``manifest.json``: moby, image/tarexport) that is written front to back."""

    def __init__(self, out: BinaryIO) -> None:
        """Write to `out`, a file that can be sought in."""
        self._out = out
        self._names: list[str] = []

    def add_layer(self, chunks: Iterable[bytes]) -> str:
        """Write a layer, whose size is known only afterwards; return its diffID."""
        name = f"{len(self._names)}/layer.tar"
        self._names.append(name)
        begin = self._out.tell()
        self._out.write(bytes(BLOCK))
        digest = hashlib.sha256()
        size = 0
        for chunk in chunks:
            digest.update(chunk)
            size += self._out.write(chunk)
        self._out.write(bytes(-size % BLOCK))
        end = self._out.tell()
        self._out.seek(begin)
        self._out.write(_outer_header(name, size))
        self._out.seek(end)
        return f"sha256:{digest.hexdigest()}"

    def finish(self, identity: ImageIdentity, diff_ids: Sequence[str]) -> None:
        """Write the configuration, the manifest and the end."""
        config = msgspec.json.encode(_configuration(identity, diff_ids))
        name = f"{hashlib.sha256(config).hexdigest()}.json"
        self._add(name, config)
        manifest = [{"Config": name, "RepoTags": [], "Layers": self._names}]
        self._add("manifest.json", msgspec.json.encode(manifest))
        self._out.write(END)

    def _add(self, name: str, body: bytes) -> None:
        self._out.write(_outer_header(name, len(body)))
        self._out.write(body + bytes(-len(body) % BLOCK))


def _outer_header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    # GNU's form keeps to one block for layers of any size.
    return member.tobuf(tarfile.GNU_FORMAT)


def _configuration(identity: ImageIdentity, diff_ids: Sequence[str]) -> dict[str, object]:
    """Return what the OCI image specification (config.md) asks for, and what scanners read beside it."""
    platform, config = identity.ref.platform, identity.config
    return {
        "architecture": platform.architecture,
        "os": platform.os,
        **({"variant": platform.variant} if platform.variant else {}),
        "config": {
            "Env": [f"{name}={value}" for name, value in config.env.items()],
            "Labels": config.labels,
        },
        "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
        "history": [{"created_by": layer.created_by} for layer in identity.layers],
    }
