"""Lays layers over one another: whiteouts, opaque folders, replacements and hard links.

Rules: OCI image specification, layer.md ("Applying Changesets"); what it leaves open is done as containerd
does it (archive/tar.go): the folders of an entry's path are followed through links of the tree so far,
the entry itself replaces whatever stands there unless both are folders.
"""

from collections.abc import Sequence

from fleet_audit.audit.images.facts import Change, LayerEntry
from fleet_audit.audit.images.failure import LayerUnreadable
from fleet_audit.audit.images.tree import (
    MAX_LINK_HOPS,
    Entry,
    FileKind,
    basename,
    join,
    normalise,
    parent,
    resolve_links,
)
from fleet_audit.audit.model.identity import ROOT, ImagePath

MAX_IMPLIED_FOLDERS = 1_000_000
"""Folders that only the names of files imply: deep names make thousands each."""

MAX_STEPS = 50_000_000
"""Parts of names that are looked up while merging: long links through one another take millions per file."""

_KIND = {
    Change.FILE: FileKind.FILE,
    Change.FOLDER: FileKind.FOLDER,
    Change.SYMLINK: FileKind.SYMLINK,
    Change.OTHER: FileKind.OTHER,
}
_HIDING = frozenset({Change.WHITEOUT, Change.OPAQUE})


class MergedLayers:
    """The tree of the layers laid so far.

    `folders` is what `MemoryTree` takes. `aliases` are paths whose file stands in its layer under another
    path: hard links, and names that led through a link. `dangling` are hard links to nothing.
    """

    def __init__(self) -> None:
        """Start with an empty root."""
        self.folders: dict[ImagePath, dict[str, Entry]] = {ROOT: {}}
        self.aliases: list[ImagePath] = []
        self.dangling: list[ImagePath] = []
        self._canonical: dict[str, ImagePath] = {}
        self._implied = 0
        self._steps = 0

    def lay(self, index: int, entries: Sequence[LayerEntry]) -> None:
        """Lay the layer with this index over the tree; raise LayerUnreadable where it is a bomb."""
        # Whiteouts come first, because they hide lower layers only, whatever their place in the tar.
        for entry in entries:
            if entry.change in _HIDING:
                self._hide(entry)
        self._canonical.clear()
        pending = [entry for entry in entries if not self._add(index, entry)]
        self.dangling += [entry.path for entry in pending if not self._add(index, entry)]

    def standing_at(self, path: ImagePath) -> Entry | None:
        """Return the entry whose canonical path is `path`."""
        return self.folders.get(parent(path), {}).get(basename(path))

    def is_from(self, path: ImagePath, layer: int) -> bool:
        """Say whether the file that is seen at `path` is the one that this layer holds under that path."""
        entry = self.standing_at(path)
        if entry is None or entry.kind is not FileKind.FILE:
            return False
        return entry.layer == layer and entry.origin == path

    def _look(self, folder: ImagePath, name: str) -> Entry | None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise LayerUnreadable(f"has names and links that take over {MAX_STEPS} steps to follow")
        entries = self.folders.get(folder)
        return None if entries is None else entries.get(name)

    def _hide(self, entry: LayerEntry) -> None:
        if entry.change is Change.OPAQUE:
            folder = resolve_links(entry.path, self._look)
            if folder in self.folders:
                for name in list(self.folders[folder]):
                    self._remove(folder, name)
            return
        folder = resolve_links(parent(entry.path), self._look)
        if folder is not None:
            self._remove(folder, basename(entry.path))

    def _remove(self, folder: ImagePath, name: str) -> None:
        gone = self.folders.get(folder, {}).pop(name, None)
        pending = [join(folder, name)] if gone is not None and gone.kind is FileKind.FOLDER else []
        while pending:
            at = pending.pop()
            children = self.folders.pop(at)
            pending += [join(at, child) for child, e in children.items() if e.kind is FileKind.FOLDER]

    def _add(self, index: int, entry: LayerEntry) -> bool:
        change = entry.change
        if change in _HIDING or entry.path == ROOT:
            return True
        if change is Change.HARD_LINK:
            made = self._linked(entry)
            if made is None:
                return False
        else:
            made = Entry(_KIND[change], entry.size, entry.mode, entry.link, index, entry.path)
        folder_text, _, name = entry.path.rpartition("/")
        folder = self._canonical.get(folder_text)
        if folder is None:
            folder = self._canonical[folder_text] = self._ensure(folder_text)
        siblings = self.folders[folder]
        old = siblings.get(name)
        path = entry.path if folder == folder_text else join(folder, name)
        if made.kind is FileKind.FOLDER:
            self._add_folder(path, siblings, old, made)
            return True
        if old is not None and old.kind in _LEADING:
            self._remove(folder, name)
            self._canonical.clear()
        siblings[name] = made
        if made.kind is FileKind.FILE and made.origin != path:
            self.aliases.append(path)
        return True

    def _add_folder(
        self, path: ImagePath, siblings: dict[str, Entry], old: Entry | None, made: Entry
    ) -> None:
        if old is not None and old.kind is FileKind.SYMLINK:
            self._canonical.clear()
        siblings[basename(path)] = made
        self.folders.setdefault(path, {})

    def _linked(self, entry: LayerEntry) -> Entry | None:
        target = normalise(entry.link)
        folder = resolve_links(parent(target), self._look)
        found = None if folder is None else self._look(folder, basename(target))
        return None if found is None or found.kind is FileKind.FOLDER else found

    def _ensure(self, path: str) -> ImagePath:
        """Return the canonical folder at `path`; what is missing or no folder on the way becomes one."""
        at = ROOT
        pending = _parts(path)
        hops = 0
        while pending:
            part = pending.pop()
            if part == "..":
                at = parent(at)
                continue
            found = self._look(at, part)
            if found is not None and found.kind is FileKind.SYMLINK and hops < MAX_LINK_HOPS:
                hops += 1
                at = ROOT if found.link.startswith("/") else at
                pending += _parts(found.link)
                continue
            if found is None or found.kind is not FileKind.FOLDER:
                self._imply(at, part)
            at = join(at, part)
        return at

    def _imply(self, folder: ImagePath, name: str) -> None:
        self._implied += 1
        if self._implied > MAX_IMPLIED_FOLDERS:
            raise LayerUnreadable(f"names files in over {MAX_IMPLIED_FOLDERS} folders that it does not hold")
        self.folders[folder][name] = Entry(FileKind.FOLDER, mode=0o755)
        self.folders[join(folder, name)] = {}


def _parts(path: str) -> list[str]:
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


_LEADING = frozenset({FileKind.FOLDER, FileKind.SYMLINK})
