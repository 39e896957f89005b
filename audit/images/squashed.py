"""Writes the tree of an image for scanners that look at nothing else: one layer, and only what they look at.

A scanner that lays layers over one another itself holds a tree for each; the tree is known here, and which
layer each of its files is from. Files that it does not open are left out: in one layer they hide nothing.
"""

import tarfile
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from fleet_audit.audit.images.kept import is_kept_for_content
from fleet_audit.audit.images.open import Image
from fleet_audit.audit.images.scanned import is_scanned
from fleet_audit.audit.images.skinny import (
    BLOCK,
    END,
    ArchiveWriter,
    LookedAt,
    member_header,
    missed,
)
from fleet_audit.audit.images.tree import Entry, FileKind, FileUnreadable, basename, join, parent
from fleet_audit.audit.model.finding import Gap
from fleet_audit.audit.model.identity import ROOT, ImagePath


def write_squashed(image: Image, out: BinaryIO, *, is_looked_at: LookedAt = is_scanned) -> tuple[Gap, ...]:
    """Write an image that has layers as one of a single layer to `out`, a file that can be sought in.

    Return a gap for each file that scanners look at and whose body cannot be had. Raises OSError where `out`
    cannot be written.
    """
    archive = ArchiveWriter(out)
    writer = _TreeWriter(image, is_looked_at)
    archive.finish(image.identity, [archive.add_layer(writer.chunks())])
    for bodies in image.bodies.values():
        bodies.forget()
    return tuple(writer.gaps)


class _TreeWriter:
    def __init__(self, image: Image, is_looked_at: LookedAt) -> None:
        self._image = image
        self._is_looked_at = is_looked_at
        self.gaps: list[Gap] = []

    def chunks(self) -> Iterator[bytes]:
        files: dict[ImagePath, Entry] = {}
        linked: set[ImagePath | None] = set()
        pending = [ROOT]
        while pending:
            folder = pending.pop()
            for name, entry in sorted(self._image.tree.listing(folder).items()):
                path = join(folder, name)
                if entry.kind is FileKind.FILE:
                    files[path] = entry
                else:
                    yield _plain(path, entry)
                if entry.kind is FileKind.FOLDER:
                    pending.append(path)
                elif entry.kind is FileKind.SYMLINK and self._is_looked_at(path):
                    # Opened under the name of the link, as /usr/bin/node that leads to another name.
                    linked.add(self._image.tree.realpath(path))
        links = {path: target for path in files if (target := self._target(path, files)) is not None}
        wanted = {path for path, entry in files.items() if path in linked or self._is_wanted(path, entry)}
        yield from self._files(files, wanted, links)
        yield END

    def _files(
        self,
        files: Mapping[ImagePath, Entry],
        wanted: set[ImagePath],
        links: Mapping[ImagePath, ImagePath],
    ) -> Iterator[bytes]:
        wanted.update([links[path] for path in wanted if path in links])
        # In the order of their layers, what was not kept costs one more pass at most.
        for path in sorted(wanted - links.keys(), key=lambda path: self._place(files[path])):
            yield from self._file(path, files[path])
        for path in sorted(wanted & links.keys()):
            yield member_header(path, tarfile.LNKTYPE, mode=files[path].mode, link=links[path][1:])

    def _target(self, path: ImagePath, files: Mapping[ImagePath, Entry]) -> ImagePath | None:
        """Return the file that a hard link leads to; None for the file itself, or where that is gone."""
        entry = files[path]
        if entry.origin == path:
            return None
        folder = self._image.tree.realpath(parent(entry.origin))
        itself = None if folder is None else join(folder, basename(entry.origin))
        if itself is None or itself == path or itself not in files:
            return None
        return itself if _source(files[itself]) == _source(entry) else None

    def _is_wanted(self, path: ImagePath, entry: Entry) -> bool:
        if self._is_looked_at(path):
            return True
        found = self._image.bodies[entry.layer].of(entry)
        return found is not None and found.block >= 0 and is_kept_for_content(found.path, found.size)

    def _place(self, entry: Entry) -> tuple[int, int, ImagePath]:
        found = self._image.bodies[entry.layer].of(entry)
        return entry.layer, -1 if found is None else found.offset, entry.origin

    def _file(self, path: ImagePath, entry: Entry) -> Iterator[bytes]:
        try:
            body = self._image.bodies[entry.layer].read(entry)
        except FileUnreadable as e:
            self.gaps.append(missed(path, e.why))
            body = b""
        yield member_header(path, tarfile.REGTYPE, mode=entry.mode, size=len(body))
        yield body
        yield bytes(-len(body) % BLOCK)


def _source(entry: Entry) -> tuple[int, ImagePath]:
    return entry.layer, entry.origin


def _plain(path: ImagePath, entry: Entry) -> bytes:
    match entry.kind:
        case FileKind.FOLDER:
            return member_header(path, tarfile.DIRTYPE, mode=entry.mode)
        case FileKind.SYMLINK:
            return member_header(path, tarfile.SYMTYPE, mode=entry.mode, link=entry.link)
        case _:
            return member_header(path, tarfile.FIFOTYPE, mode=entry.mode)
