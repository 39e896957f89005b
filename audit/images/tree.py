"""The files of an image or folder as one tree: lookups that never leave it, and bounded reads."""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Protocol

import msgspec

from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.model.identity import ROOT, ImagePath

MAX_LINK_HOPS = 40
"""As many symbolic links as Linux follows in one lookup (MAXSYMLINKS, include/linux/namei.h)."""

DEFAULT_READ_LIMIT = 16 << 20


class FileKind(StrEnum):
    """What a directory entry is; hard links appear as the files they are."""

    FILE = "file"
    FOLDER = "folder"
    SYMLINK = "symlink"
    OTHER = "other"


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One directory entry. `link` is a symlink's target as written.

    `layer` is the index of the layer that holds the body, and `origin` the path under which that layer
    holds it, which differs from the entry's own path for hard links: those of one file have one `origin`.
    """

    kind: FileKind
    size: int = 0
    mode: int = 0o644
    link: str = ""
    layer: int = 0
    origin: ImagePath = ROOT


class FileUnreadable(FleetAuditError):
    """A file of a tree could not be read."""

    def __init__(self, path: ImagePath, why: str) -> None:
        """Keep the path and the reason."""
        super().__init__(path, why)
        self.path = path
        self.why = why

    def __str__(self) -> str:
        """Return one sentence."""
        return f"{self.path}: {self.why}"


class FileTree(Protocol):
    """What every stage may ask of an image's files or of a repository's.

    Paths are absolute within the tree; ``..`` and absolute links stop at its root. No method raises for
    a path that is not there; only `read` raises, and only `FileUnreadable`.
    """

    def entry(self, path: ImagePath) -> Entry | None:
        """Return what stands at `path`; links are followed in its folders, not in its last part."""
        ...

    def realpath(self, path: ImagePath) -> ImagePath | None:
        """Return the canonical path of an existing file or folder; None if dangling or looping."""
        ...

    def listing(self, folder: ImagePath) -> Mapping[str, Entry]:
        """Return the entries of a folder (links to it followed); empty where it is none."""
        ...

    def read(self, path: ImagePath, *, limit: int = DEFAULT_READ_LIMIT) -> bytes:
        """Return a file's whole body, links followed; raise FileUnreadable if absent or over `limit`."""
        ...

    def files(self, under: ImagePath = ROOT) -> Iterator[tuple[ImagePath, Entry]]:
        """Yield every regular file below a folder under its canonical path, in order of paths."""
        ...


class SearchedTree(FileTree, Protocol):
    """A tree whose folders can be gone through without a look at every file in them."""

    @property
    def unlisted(self) -> Mapping[ImagePath, str]:
        """Return the folders that were asked for and could not be listed as a whole, and why."""
        ...

    def kinds(self, folder: ImagePath) -> Mapping[str, FileKind]:
        """Return what each entry of a folder is (links to the folder followed); empty where it is none."""
        ...


def normalise(path: str) -> ImagePath:
    """Return `path` as an ImagePath: rooted, with ``..`` stopped at the root; links are not looked at."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if parts:
                parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return ImagePath("/" + "/".join(parts))


def join(folder: ImagePath, name: str) -> ImagePath:
    """Return the path of `name`, a single component, in `folder`."""
    return ImagePath(f"/{name}" if folder == ROOT else f"{folder}/{name}")


def parent(path: ImagePath) -> ImagePath:
    """Return the folder of `path`; the root is its own parent."""
    return ImagePath(path.rpartition("/")[0] or "/")


def basename(path: ImagePath) -> str:
    """Return the last component; empty for the root."""
    return path.rpartition("/")[2]


def resolve_links(
    path: str,
    look: Callable[[ImagePath, str], Entry | None],
    *,
    follow_last: bool = True,
) -> ImagePath | None:
    """Walk `path` from the root as the kernel would, asking `look(folder, name)` at each step.

    Returns the canonical path, or None where a step is missing, a file stands where a folder should,
    or more than MAX_LINK_HOPS links were followed (path_resolution(7)).
    """
    pending = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    at = ROOT
    is_folder = True
    hops = 0
    while pending:
        part = pending.pop()
        if not is_folder:
            return None
        if part == "..":
            at = parent(at)
            continue
        entry = look(at, part)
        if entry is None:
            return None
        if entry.kind is FileKind.SYMLINK and (pending or follow_last):
            hops += 1
            if hops > MAX_LINK_HOPS:
                return None
            if entry.link.startswith("/"):
                at = ROOT
            pending.extend(p for p in reversed(entry.link.split("/")) if p not in ("", "."))
            continue
        at = join(at, part)
        is_folder = entry.kind is FileKind.FOLDER
    return at


class MemoryTree:
    """A tree whose entries are all known; bodies come from `body`, which may have to fetch them.

    `body(entry, limit)` is called for regular files no longer than `limit`.
    """

    def __init__(
        self,
        folders: Mapping[ImagePath, Mapping[str, Entry]],
        body: Callable[[Entry], bytes],
    ) -> None:
        """Take every folder's entries by the folder's canonical path."""
        self._folders = folders
        self._body = body
        self.unlisted: Mapping[ImagePath, str] = {}
        self._canonical: dict[ImagePath, ImagePath | None] = {}

    def _look(self, folder: ImagePath, name: str) -> Entry | None:
        entries = self._folders.get(folder)
        return None if entries is None else entries.get(name)

    def entry(self, path: ImagePath) -> Entry | None:
        """See `FileTree.entry`."""
        if path == ROOT:
            return Entry(FileKind.FOLDER, mode=0o755)
        folder = self.realpath(parent(path))
        return None if folder is None else self._look(folder, basename(path))

    def realpath(self, path: ImagePath) -> ImagePath | None:
        """See `FileTree.realpath`."""
        if path not in self._canonical:
            self._canonical[path] = resolve_links(path, self._look)
        return self._canonical[path]

    def listing(self, folder: ImagePath) -> Mapping[str, Entry]:
        """See `FileTree.listing`."""
        canonical = self.realpath(folder)
        return {} if canonical is None else self._folders.get(canonical, {})

    def kinds(self, folder: ImagePath) -> Mapping[str, FileKind]:
        """See `SearchedTree.kinds`."""
        return {name: entry.kind for name, entry in self.listing(folder).items()}

    def read(self, path: ImagePath, *, limit: int = DEFAULT_READ_LIMIT) -> bytes:
        """See `FileTree.read`."""
        canonical = self.realpath(path)
        entry = None if canonical is None else self.entry(canonical)
        if entry is None:
            raise FileUnreadable(path, "no such file in the image")
        if entry.kind is not FileKind.FILE:
            raise FileUnreadable(path, f"is a {entry.kind}, not a file")
        if entry.size > limit:
            raise FileUnreadable(path, f"has {entry.size} bytes, over the limit of {limit}")
        return self._body(entry)

    def files(self, under: ImagePath = ROOT) -> Iterator[tuple[ImagePath, Entry]]:
        """See `FileTree.files`."""
        start = self.realpath(under)
        pending = [] if start is None else [start]
        while pending:
            folder = pending.pop()
            subfolders = []
            for name, entry in sorted(self._folders.get(folder, {}).items()):
                if entry.kind is FileKind.FILE:
                    yield join(folder, name), entry
                elif entry.kind is FileKind.FOLDER:
                    subfolders.append(join(folder, name))
            pending.extend(reversed(subfolders))
