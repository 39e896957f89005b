"""What a tree answered, noted down: later it can be told whether it would answer all of that again.

An answer that was worked out from a tree holds for as long as the tree answers every question that was put to
it as it did then. Of what it says only as much is handed on as is noted: of an entry that is its kind.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import TypeVar

import msgspec

from fleet_audit.audit.images.tree import (
    DEFAULT_READ_LIMIT,
    Entry,
    FileKind,
    FileTree,
    FileUnreadable,
    join,
)
from fleet_audit.audit.model.identity import ROOT, ImagePath

K = TypeVar("K")
V = TypeVar("V")

_OF_KIND = {kind: Entry(kind) for kind in FileKind}


class Notes(msgspec.Struct, frozen=True, array_like=True):
    """The questions that were put to a tree, each with its answer: bodies and listings by their digests.

    A body is asked for with a limit.
    """

    entries: tuple[tuple[ImagePath, FileKind | None], ...] = ()
    canonical: tuple[tuple[ImagePath, ImagePath | None], ...] = ()
    listings: tuple[tuple[ImagePath, bytes], ...] = ()
    bodies: tuple[tuple[tuple[ImagePath, int], bytes], ...] = ()

    def hold_for(self, tree: FileTree) -> bool:
        """Say whether `tree` gives every answer again."""
        return (
            all(_kind(tree.entry(path)) is kind for path, kind in self.entries)
            and all(tree.realpath(path) == canonical for path, canonical in self.canonical)
            and all(_listed(_kinds(tree.listing(path))) == digest for path, digest in self.listings)
            and all(_body(tree, path, limit)[0] == digest for (path, limit), digest in self.bodies)
        )


class NotedTree:
    """A tree that notes what it is asked; see `FileTree`. Entries say of what kind they are, and no more."""

    def __init__(self, tree: FileTree) -> None:
        """Take the tree that answers."""
        self._tree = tree
        self._entries: dict[ImagePath, FileKind | None] = {}
        self._canonical: dict[ImagePath, ImagePath | None] = {}
        self._listings: dict[ImagePath, dict[str, Entry]] = {}
        self._bodies: dict[tuple[ImagePath, int], bytes] = {}
        self._is_steady = True

    def notes(self) -> Notes | None:
        """Return what was answered so far; None where the tree changed meanwhile."""
        if not self._is_steady:
            return None
        listings = {path: _listed(_kinds(entries)) for path, entries in self._listings.items()}
        return Notes(
            entries=tuple(sorted(self._entries.items())),
            canonical=tuple(sorted(self._canonical.items())),
            listings=tuple(sorted(listings.items())),
            bodies=tuple(sorted(self._bodies.items())),
        )

    def entry(self, path: ImagePath) -> Entry | None:
        """See `FileTree.entry`."""
        if path not in self._entries:
            self._entries[path] = _kind(self._tree.entry(path))
        kind = self._entries[path]
        return None if kind is None else _OF_KIND[kind]

    def realpath(self, path: ImagePath) -> ImagePath | None:
        """See `FileTree.realpath`."""
        if path not in self._canonical:
            self._canonical[path] = self._tree.realpath(path)
        return self._canonical[path]

    def listing(self, folder: ImagePath) -> Mapping[str, Entry]:
        """See `FileTree.listing`."""
        if folder not in self._listings:
            kinds = _kinds(self._tree.listing(folder))
            self._listings[folder] = {name: _OF_KIND[kind] for name, kind in kinds.items()}
        return self._listings[folder]

    def read(self, path: ImagePath, *, limit: int = DEFAULT_READ_LIMIT) -> bytes:
        """See `FileTree.read`."""
        digest, body = _body(self._tree, path, limit)
        # Bodies are not held here, so a file that is read twice may have changed in between.
        self._is_steady &= self._bodies.setdefault((path, limit), digest) == digest
        if isinstance(body, FileUnreadable):
            raise body
        return body

    def files(self, under: ImagePath = ROOT) -> Iterator[tuple[ImagePath, Entry]]:
        """See `FileTree.files`."""
        start = self.realpath(under)
        pending = [] if start is None else [start]
        while pending:
            folder = pending.pop()
            listed = sorted(self.listing(folder).items())
            yield from ((join(folder, name), entry) for name, entry in listed if entry.kind is FileKind.FILE)
            inner = [join(folder, name) for name, entry in listed if entry.kind is FileKind.FOLDER]
            pending.extend(reversed(inner))


def _kind(entry: Entry | None) -> FileKind | None:
    return None if entry is None else entry.kind


def _kinds(entries: Mapping[str, Entry]) -> dict[str, FileKind]:
    """Return what a folder lists; what is gone by now was never there."""
    looked_at = ((name, entries.get(name)) for name in entries)
    return {name: entry.kind for name, entry in looked_at if entry is not None}


def _listed(kinds: Mapping[str, FileKind]) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode(sorted(kinds.items()))).digest()


def _body(tree: FileTree, path: ImagePath, limit: int) -> tuple[bytes, bytes | FileUnreadable]:
    """Return a digest of a file's body with the body, or of why it cannot be read with the error."""
    try:
        body = tree.read(path, limit=limit)
    except FileUnreadable as e:
        # Longer than the digest of any body.
        return b"!" + hashlib.sha256(e.why.encode(errors="backslashreplace")).digest(), e
    return hashlib.sha256(body).digest(), body
