"""Builds a file tree from a mapping of paths to bodies, links and folders."""

from collections.abc import Mapping

from fleet_audit.audit.images.tree import Entry, FileKind, MemoryTree, basename, normalise, parent
from fleet_audit.audit.model.identity import ROOT, ImagePath


class Link(str):
    """A symbolic link's target."""

    __slots__ = ()


FOLDER = None
"""Stands for an empty folder."""


def tree(files: Mapping[str, bytes | str | Link | None]) -> MemoryTree:
    """Return a tree with these files; text is UTF-8, `Link` a symlink, `FOLDER` an empty folder."""
    folders: dict[ImagePath, dict[str, Entry]] = {ROOT: {}}
    bodies: dict[ImagePath, bytes] = {}

    def ensure(folder: ImagePath) -> None:
        if folder in folders:
            return
        ensure(parent(folder))
        folders[parent(folder)][basename(folder)] = Entry(FileKind.FOLDER, mode=0o755)
        folders[folder] = {}

    for name, content in files.items():
        path = normalise(name)
        if content is None:
            ensure(path)
            continue
        ensure(parent(path))
        if isinstance(content, Link):
            entry = Entry(FileKind.SYMLINK, link=str(content), mode=0o777)
        else:
            body = content.encode() if isinstance(content, str) else content
            bodies[path] = body
            entry = Entry(FileKind.FILE, size=len(body), origin=path)
        folders[parent(path)][basename(path)] = entry
    return MemoryTree(folders, lambda entry: bodies[entry.origin])
