"""Zip archives on a search path, seen as folders of their tree: what ``zipimport`` would find in them.

An archive is looked into when something asks for its listing, as an entry of ``sys.path`` is; other zip files
are files like any other. From the ZIP specification (APPNOTE 6.3) and Lib/zipimport.py.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping

import msgspec

from fleet_audit.audit.images.tree import (
    DEFAULT_READ_LIMIT,
    Entry,
    FileKind,
    FileTree,
    FileUnreadable,
    normalise,
    parent,
)
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import ROOT, ImagePath

MAX_ARCHIVE_BYTES = 256 << 20
MAX_HELD_BYTES = 512 << 20
"""How many bytes of all archives of one tree are held together."""

MAX_MEMBERS = 65_535
"""As many as an archive without ZIP64 can say that it has."""

MAX_FOLDERS = 100_000

MAX_INFLATED = 1 << 30
"""How much is inflated of one archive in all, however its members overlap."""

_END = b"PK\5\6"
_MEMBER = b"PK\1\2"
_HEADER = b"PK\3\4"
_MAX_COMMENT = 65_535
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 1
_UTF8 = 0x800
_MAX_DEPTH = 64
_ENDINGS = frozenset({"zip", "egg", "whl", "pex", "pyz"})
_INITS = frozenset({"__init__.py", "__init__.pyc"})


class _Member(msgspec.Struct, frozen=True, gc=False):
    start: int
    packed: int
    size: int
    method: int
    flags: int


class _Archive:
    """The members of one archive as folders, and their bodies."""

    def __init__(self, place: ImagePath, body: bytes, *, has_implied_folders: bool) -> None:
        """Read the central directory.

        Raises ValueError where this is no archive that Python would open, and FileUnreadable where it has
        too many members.
        """
        self._place = place
        self._body = body
        self._inflated = 0
        self._members: dict[ImagePath, _Member] = {}
        self._listed_folders = {ROOT}
        self.folders: dict[ImagePath, dict[str, Entry]] = {ROOT: {}}
        for count, (name, member) in enumerate(_members(body)):
            if count == MAX_MEMBERS:
                raise FileUnreadable(place, f"has more than {MAX_MEMBERS} members")
            self._add(name, member)
            if len(self.folders) > MAX_FOLDERS:
                raise FileUnreadable(place, f"has more than {MAX_FOLDERS} folders")
        if not has_implied_folders:
            self._forget_implied()

    def _add(self, name: str, member: _Member) -> None:
        path = normalise(name)
        # zipimport looks names up as they are written: one with ``..`` or a doubled slash is never asked for.
        if path.count("/") > _MAX_DEPTH or path[1:] != name.rstrip("/"):
            return
        if name.endswith("/"):
            self._listed_folders.add(path)
            self._ensure(path)
            return
        self._ensure(parent(path))
        self._members[path] = member
        entry = Entry(FileKind.FILE, size=member.size, origin=path)
        self.folders[parent(path)].setdefault(path.rpartition("/")[2], entry)

    def _ensure(self, folder: ImagePath) -> None:
        missing = []
        while folder not in self.folders:
            missing.append(folder)
            folder = parent(folder)
        for path in reversed(missing):
            self.folders[path] = {}
            self.folders[parent(path)][path.rpartition("/")[2]] = Entry(FileKind.FOLDER, mode=0o755)

    def _forget_implied(self) -> None:
        for path, entries in self.folders.items():
            if path not in self._listed_folders and entries.keys().isdisjoint(_INITS):
                self.folders[parent(path)].pop(path.rpartition("/")[2], None)

    def entry(self, inner: ImagePath) -> Entry | None:
        if inner == ROOT:
            return Entry(FileKind.FOLDER, mode=0o755)
        return self.folders.get(parent(inner), {}).get(inner.rpartition("/")[2])

    def read(self, inner: ImagePath, limit: int) -> bytes:
        member = self._members.get(inner)
        if member is None:
            raise FileUnreadable(self._shown(inner), "no such file in the archive")
        if member.size > limit or member.packed > limit:
            raise FileUnreadable(self._shown(inner), f"has {member.size} bytes, over the limit of {limit}")
        try:
            return self._inflate(member)
        except (ValueError, zlib.error, struct.error) as e:
            raise FileUnreadable(self._shown(inner), f"cannot be unpacked: {e}") from e

    def _shown(self, inner: ImagePath) -> ImagePath:
        return ImagePath(f"{self._place}{inner}")

    def _inflate(self, member: _Member) -> bytes:
        if member.flags & _ENCRYPTED:
            raise ValueError("it is encrypted")
        name, extra = struct.unpack_from("<HH", self._body, member.start + 26)
        if self._body[member.start : member.start + 4] != _HEADER:
            raise ValueError("its header is not where the directory says")
        start = member.start + 30 + name + extra
        packed = self._body[start : start + member.packed]
        self._inflated += member.size
        if self._inflated > MAX_INFLATED:
            raise ValueError(f"the members of this archive have more than {MAX_INFLATED} bytes")
        if member.method == _STORED:
            return packed
        if member.method != _DEFLATED:
            raise ValueError(f"compression method {member.method} is none that Python imports from")
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        body = inflater.decompress(packed, member.size + 1)
        if len(body) != member.size:
            raise ValueError("it has another size than the directory says")
        return body


def _members(body: bytes) -> Iterator[tuple[str, _Member]]:
    """Yield name and place of every member; raises ValueError where the directory is damaged."""
    end = body.rfind(_END, max(0, len(body) - 22 - _MAX_COMMENT))
    if end < 0 or end + 22 > len(body):
        raise ValueError("it is no zip archive")
    size, offset = struct.unpack_from("<II", body, end + 12)
    at = end - size
    # What stands in front of an archive (a ``#!`` line) shifts every offset in it.
    shift = at - offset
    if at < 0 or shift < 0:
        raise ValueError("its directory is not where its end says")
    # Python believes the entries, not their count.
    while body[at : at + 4] == _MEMBER:
        if at + 46 > len(body):
            raise ValueError("its directory is cut off")
        flags, method = struct.unpack_from("<HH", body, at + 8)
        packed, unpacked, name, extra, comment = struct.unpack_from("<IIHHH", body, at + 20)
        (start,) = struct.unpack_from("<I", body, at + 42)
        raw = body[at + 46 : at + 46 + name]
        codec = "utf-8" if flags & _UTF8 or raw.isascii() else "cp437"
        yield (
            raw.decode(codec, errors="backslashreplace"),
            _Member(start + shift, packed, unpacked, method, flags),
        )
        at += 46 + name + extra + comment


class WithArchives:
    """A tree in which a zip archive lists what it holds; everything else is as `tree` has it.

    `gaps` are archives that were asked for and could not be looked into.
    """

    def __init__(self, tree: FileTree, version: tuple[int, ...]) -> None:
        """Take the tree and the Python version; no archive is read before its listing is asked for."""
        self._tree = tree
        # Before, a package without ``__init__`` had to have a member of its own for its folder.
        self._has_implied_folders = version >= (3, 14)
        self._archives: dict[ImagePath, _Archive] = {}
        self._others: set[ImagePath] = set()
        self._held = 0
        self.gaps: list[Gap] = []

    def is_in_archive(self, path: ImagePath) -> bool:
        """Say whether a path leads into an archive that was looked into."""
        return self._inside(path) is not None

    def entry(self, path: ImagePath) -> Entry | None:
        """See `FileTree.entry`."""
        found = self._inside(path)
        return self._tree.entry(path) if found is None else found[0].entry(found[1])

    def realpath(self, path: ImagePath) -> ImagePath | None:
        """See `FileTree.realpath`; nothing in an archive is a link."""
        found = self._inside(path)
        if found is None:
            return self._tree.realpath(path)
        return path if found[0].entry(found[1]) is not None else None

    def listing(self, folder: ImagePath) -> Mapping[str, Entry]:
        """See `FileTree.listing`; an archive lists its top."""
        found = self._inside(folder)
        if found is not None:
            return found[0].folders.get(found[1], {})
        entries = self._tree.listing(folder)
        if entries or folder in self._others:
            return entries
        self._others.add(folder)
        if not self._opens_above(folder):
            return entries
        return self.listing(folder)

    def _opens_above(self, folder: ImagePath) -> bool:
        """Look into the file at `folder`, or that its path leads into; say whether it is an archive."""
        at = folder
        while at != ROOT and self._tree.realpath(at) is None:
            at = parent(at)
        archive = None if at in self._archives else self._open(at)
        if archive is not None:
            self._archives[at] = archive
        return archive is not None

    def read(self, path: ImagePath, *, limit: int = DEFAULT_READ_LIMIT) -> bytes:
        """See `FileTree.read`."""
        found = self._inside(path)
        if found is None or found[1] == ROOT:
            return self._tree.read(path, limit=limit)
        return found[0].read(found[1], limit)

    def files(self, under: ImagePath = ROOT) -> Iterator[tuple[ImagePath, Entry]]:
        """See `FileTree.files`; those in archives are not among them."""
        return self._tree.files(under)

    def _inside(self, path: ImagePath) -> tuple[_Archive, ImagePath] | None:
        for place, archive in self._archives.items():
            if path == place or path.startswith(f"{place}/"):
                return archive, ImagePath(path[len(place) :] or "/")
        return None

    def _open(self, path: ImagePath) -> _Archive | None:
        canonical = self._tree.realpath(path)
        entry = None if canonical is None else self._tree.entry(canonical)
        if canonical is None or entry is None or entry.kind is not FileKind.FILE:
            return None
        try:
            body = self._tree.read(canonical, limit=min(MAX_ARCHIVE_BYTES, MAX_HELD_BYTES - self._held))
            self._held += len(body)
            return _Archive(path, body, has_implied_folders=self._has_implied_folders)
        except FileUnreadable as e:
            self.gaps.append(Gap("static_imports", GapKind.UNREADABLE_FILE, path, e.why))
        except ValueError as e:
            # Python passes over such an entry of the path without a word; what is named for an archive was
            # meant to be one.
            if path.rpartition(".")[2] not in _ENDINGS:
                return None
            why = f"stands on sys.path, and {e}, so Python finds nothing in it"
            self.gaps.append(Gap("static_imports", GapKind.NOT_EXAMINED, path, why))
        return None
