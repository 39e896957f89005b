"""A folder of this machine as a tree: looked at only when asked, and never left."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from fleet_audit.audit.images.collector import BodyTooLarge
from fleet_audit.audit.images.tree import (
    DEFAULT_READ_LIMIT,
    Entry,
    FileKind,
    FileUnreadable,
    basename,
    join,
    parent,
    resolve_links,
)
from fleet_audit.audit.model.identity import ROOT, ImagePath

_MAX_LISTED = 1_000_000
_BLOCK = 4096
_KERNELS = frozenset({"/dev", "/proc", "/sys"})
"""In the root of a running system these are mounts that hold no files, and reading them may never end."""


def open_folder(root: Path) -> "FolderTree":
    """Return a lazy tree over `root`, whose own path may lead through links.

    Links inside are followed as if `root` were ``/``. Devices, sockets and pipes are `FileKind.OTHER` and
    never opened. What cannot be listed is listed as empty and noted in `FolderTree.unlisted`.
    """
    return FolderTree(root)


class FolderTree:
    """See `FileTree`; answers are remembered, so the folder should not change meanwhile."""

    def __init__(self, root: Path) -> None:
        """Take the folder that stands for ``/``."""
        self._root = os.fsencode(os.path.realpath(root))
        self._listings: dict[ImagePath, Mapping[str, Entry]] = {}
        self._raw_names: dict[ImagePath, bytes] = {}
        self._canonical: dict[ImagePath, ImagePath | None] = {}
        self._host_folders: dict[ImagePath, bytes] = {ROOT: self._root}
        self.unlisted: dict[ImagePath, str] = {}

    def host_path(self, path: ImagePath) -> bytes:
        """Return where a canonical path stands on this machine."""
        if path == ROOT:
            return self._root
        folder, _, name = path.rpartition("/")
        base = self._host_folder(ImagePath(folder or "/"))
        return base + b"/" + self._raw_names.get(path, name.encode("utf-8", "surrogateescape"))

    def _host_folder(self, folder: ImagePath) -> bytes:
        if folder not in self._host_folders:
            self._host_folders[folder] = self.host_path(folder)
        return self._host_folders[folder]

    def _list(self, folder: ImagePath) -> Mapping[str, Entry]:
        if folder not in self._listings:
            self._listings[folder] = self._scan(folder)
        return self._listings[folder]

    def _scan(self, folder: ImagePath) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        try:
            if folder in _KERNELS and self._is_mounted(folder):
                return found
            with os.scandir(self.host_path(folder)) as entries:
                for item in entries:
                    if len(found) >= _MAX_LISTED:
                        self.unlisted[folder] = f"holds more than {_MAX_LISTED} entries"
                        break
                    self._take(folder, item, found)
        except OSError as e:
            self.unlisted[folder] = f"cannot be listed ({e.strerror})"
        return found

    def _is_mounted(self, folder: ImagePath) -> bool:
        return os.stat(self.host_path(folder)).st_dev != os.stat(self._root).st_dev

    def _take(self, folder: ImagePath, item: "os.DirEntry[bytes]", found: dict[str, Entry]) -> None:
        name = item.name.decode("utf-8", "backslashreplace")
        path = join(folder, name)
        if name.encode() != item.name:
            self._raw_names[path] = item.name
        try:
            status = item.stat(follow_symlinks=False)
            link = os.readlink(item.path) if item.is_symlink() else b""
        except OSError:
            # Gone between the listing and the look: as if it had never been there.
            return
        found[name] = Entry(
            _kind(status.st_mode),
            size=status.st_size,
            mode=stat.S_IMODE(status.st_mode),
            link=link.decode("utf-8", "backslashreplace"),
            origin=path,
        )

    def _look(self, folder: ImagePath, name: str) -> Entry | None:
        return self._list(folder).get(name)

    def entry(self, path: ImagePath) -> Entry | None:
        """See `FileTree.entry`."""
        if path == ROOT:
            return Entry(FileKind.FOLDER, mode=0o755)
        folder = self.realpath(parent(path))
        return None if folder is None or not self._is_folder(folder) else self._look(folder, basename(path))

    def _is_folder(self, canonical: ImagePath) -> bool:
        if canonical == ROOT:
            return True
        entry = self._look(parent(canonical), basename(canonical))
        return entry is not None and entry.kind is FileKind.FOLDER

    def realpath(self, path: ImagePath) -> ImagePath | None:
        """See `FileTree.realpath`."""
        if path not in self._canonical:
            self._canonical[path] = self._resolved(path)
        return self._canonical[path]

    def _resolved(self, path: ImagePath) -> ImagePath | None:
        folder, _, name = path.rpartition("/")
        if name in ("", ".", "..") or not folder:
            return resolve_links(path, self._look)
        # What lies in one folder shares the way there.
        if folder not in self._canonical:
            self._canonical[ImagePath(folder)] = resolve_links(folder, self._look)
        base = self._canonical[ImagePath(folder)]
        entry = None if base is None or not self._is_folder(base) else self._look(base, name)
        if base is None or entry is None:
            return None
        return resolve_links(path, self._look) if entry.kind is FileKind.SYMLINK else join(base, name)

    def listing(self, folder: ImagePath) -> Mapping[str, Entry]:
        """See `FileTree.listing`."""
        canonical = self.realpath(folder)
        return self._list(canonical) if canonical is not None and self._is_folder(canonical) else {}

    def read(self, path: ImagePath, *, limit: int = DEFAULT_READ_LIMIT) -> bytes:
        """See `FileTree.read`."""
        canonical = self.realpath(path)
        if canonical is None:
            raise FileUnreadable(path, "no such file")
        with FolderBody(self.open(canonical)) as body:
            if body.size > limit:
                raise FileUnreadable(path, f"has {body.size} bytes, over the limit of {limit}")
            return bytes(body.upto(body.size))

    def open(self, canonical: ImagePath) -> int:
        """Return a descriptor of a regular file; raises FileUnreadable."""
        entry = self.entry(canonical)
        if entry is None or entry.kind is not FileKind.FILE:
            raise FileUnreadable(canonical, "is no regular file")
        return self.open_listed(canonical)

    def open_listed(self, path: ImagePath) -> int:
        """Return a descriptor of what `files` gave under this path; raises FileUnreadable."""
        try:
            # A file that became a link or a pipe since it was listed is not followed, and cannot block.
            return os.open(self.host_path(path), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as e:
            raise FileUnreadable(path, f"cannot be opened ({e.strerror})") from e

    def files(self, under: ImagePath = ROOT) -> Iterator[tuple[ImagePath, Entry]]:
        """See `FileTree.files`."""
        start = self.realpath(under)
        pending = [start] if start is not None and self._is_folder(start) else []
        while pending:
            folder = pending.pop()
            subfolders = []
            for name, entry in sorted(self._list(folder).items()):
                if entry.kind is FileKind.FILE:
                    yield join(folder, name), entry
                elif entry.kind is FileKind.FOLDER:
                    subfolders.append(join(folder, name))
            pending.extend(reversed(subfolders))


def _kind(mode: int) -> FileKind:
    if stat.S_ISREG(mode):
        return FileKind.FILE
    if stat.S_ISDIR(mode):
        return FileKind.FOLDER
    return FileKind.SYMLINK if stat.S_ISLNK(mode) else FileKind.OTHER


class FolderBody:
    """A `MemberBody` over an open file; a context manager that closes it."""

    def __init__(self, descriptor: int, *, most: int = 1 << 30) -> None:
        """Take over the descriptor; never hold more than `most` bytes."""
        self._descriptor = descriptor
        self._most = most
        self.size = os.fstat(descriptor).st_size
        self._held = b""

    def upto(self, end: int) -> memoryview:
        """See `MemberBody.upto`; raises OSError where the file shrank meanwhile or cannot be read."""
        end = min(end, self.size)
        if end > self._most:
            raise BodyTooLarge(f"{end} bytes of one body, over the limit of {self._most}")
        held = len(self._held)
        if held < end:
            # Whoever asks for a magic number asks for the header next.
            goal = max(end, min(_BLOCK, self.size))
            self._held += self._read(held, goal - held)
        return memoryview(self._held)[:end]

    def part(self, offset: int, length: int) -> bytes:
        """See `MemberBody.part`; raises OSError where the file shrank meanwhile or cannot be read."""
        end = min(offset + length, self.size)
        if end <= len(self._held):
            return self._held[offset:end]
        if length > self._most:
            raise BodyTooLarge(f"{length} bytes of one body, over the limit of {self._most}")
        return self._read(offset, end - offset)

    def _read(self, offset: int, length: int) -> bytes:
        pieces: list[bytes] = []
        while length > 0:
            piece = os.pread(self._descriptor, length, offset)
            if not piece:
                raise OSError(0, "it became shorter while it was read")
            pieces.append(piece)
            offset += len(piece)
            length -= len(piece)
        return b"".join(pieces)

    def __enter__(self) -> "FolderBody":
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        os.close(self._descriptor)
