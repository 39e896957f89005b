"""A folder of this machine as a tree: looked at only when asked, and never left."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
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
# A file that became a link or a pipe since it was listed is not followed, and cannot block.
_UNFOLLOWED = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_FILE, _FOLDER = FileKind.FILE, FileKind.FOLDER
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
        self._root = os.path.realpath(root)
        self._kinds: dict[ImagePath, dict[str, FileKind]] = {}
        """What each folder holds, by the folder's canonical path; only folders are in here."""
        self._listings: dict[ImagePath, _Listing] = {}
        self._raw_names: dict[ImagePath, str] = {}
        self._canonical: dict[ImagePath, ImagePath | None] = {}
        self._host_folders: dict[ImagePath, str] = {ROOT: self._root}
        self._first_seen: dict[tuple[int, int], ImagePath] = {}
        """Of hard links the one that was looked at first."""
        self.unlisted: dict[ImagePath, str] = {}

    def host_path(self, path: ImagePath) -> bytes:
        """Return where a canonical path stands on this machine."""
        return os.fsencode(self._host(path))

    def _host(self, path: ImagePath) -> str:
        if path == ROOT:
            return self._root
        folder, _, name = path.rpartition("/")
        return f"{self._host_folder(ImagePath(folder or '/'))}/{self._raw_names.get(path, name)}"

    def _host_folder(self, folder: ImagePath) -> str:
        if folder not in self._host_folders:
            self._host_folders[folder] = self._host(folder)
        return self._host_folders[folder]

    def _list(self, folder: ImagePath) -> dict[str, FileKind]:
        kinds = self._kinds.get(folder)
        if kinds is None:
            kinds = self._kinds[folder] = self._scan(folder)
        return kinds

    def _scan(self, folder: ImagePath) -> dict[str, FileKind]:
        found: dict[str, FileKind] = {}
        try:
            if folder in _KERNELS and self._is_mounted(folder):
                return found
            with os.scandir(self._host_folder(folder)) as entries:
                for item in islice(entries, _MAX_LISTED):
                    name = item.name
                    if not name.isascii():
                        name = self._decoded(folder, name)
                    found[name] = _FILE if item.is_file(follow_symlinks=False) else _other_kind(item)
                if next(entries, None) is not None:
                    self.unlisted[folder] = f"holds more than {_MAX_LISTED} entries"
        except OSError as e:
            self.unlisted[folder] = f"cannot be listed ({e.strerror})"
        return found

    def _is_mounted(self, folder: ImagePath) -> bool:
        return os.stat(self._host(folder)).st_dev != os.stat(self._root).st_dev

    def _decoded(self, folder: ImagePath, raw: str) -> str:
        """Return a name as it stands in an ImagePath, and remember how the system calls it."""
        name = os.fsencode(raw).decode("utf-8", "backslashreplace")
        if name != raw:
            self._raw_names[join(folder, name)] = raw
        return name

    def _entry(self, path: ImagePath) -> Entry | None:
        """Look at what was listed; what is gone by now is as if it had never been there."""
        host = self._host(path)
        try:
            status = os.lstat(host)
            link = os.fsencode(os.readlink(host)) if stat.S_ISLNK(status.st_mode) else b""
        except OSError:
            return None
        origin = path
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            origin = self._first_seen.setdefault((status.st_dev, status.st_ino), path)
        return Entry(
            _kind(status.st_mode),
            size=status.st_size,
            mode=stat.S_IMODE(status.st_mode),
            link=link.decode("utf-8", "backslashreplace"),
            origin=origin,
        )

    def _listing(self, folder: ImagePath) -> "_Listing":
        if folder not in self._listings:
            self._listings[folder] = _Listing(
                self._list(folder), lambda name: self._entry(join(folder, name))
            )
        return self._listings[folder]

    def _look(self, folder: ImagePath, name: str) -> Entry | None:
        return self._listing(folder).look(name)

    def entry(self, path: ImagePath) -> Entry | None:
        """See `FileTree.entry`."""
        if path == ROOT:
            return Entry(FileKind.FOLDER, mode=0o755)
        folder = self.realpath(parent(path))
        return None if folder is None or not self._is_folder(folder) else self._look(folder, basename(path))

    def _is_folder(self, canonical: ImagePath) -> bool:
        if canonical == ROOT or canonical in self._kinds:
            return True
        return self._list(parent(canonical)).get(basename(canonical)) is FileKind.FOLDER

    def realpath(self, path: ImagePath) -> ImagePath | None:
        """See `FileTree.realpath`."""
        if path not in self._canonical:
            self._canonical[path] = self._resolved(path)
        return self._canonical[path]

    def _resolved(self, path: ImagePath) -> ImagePath | None:
        above, _, name = path.rpartition("/")
        if name in ("", ".", "..") or not above:
            return resolve_links(path, self._look)
        # What lies in one folder shares the way there.
        folder = self._folder_at(ImagePath(above))
        kinds = {} if folder is None else self._list(folder)
        if folder is None or name not in kinds:
            return None
        if kinds[name] is not FileKind.SYMLINK:
            return join(folder, name)
        entry = self._look(folder, name)
        # Most links lead to a file beside them.
        if entry is not None and kinds.get(entry.link) is _FILE:
            return join(folder, entry.link)
        return resolve_links(path, self._look)

    def _folder_at(self, path: ImagePath) -> ImagePath | None:
        """Return the canonical path of a folder; None where it is none."""
        if path in self._kinds:
            return path
        if path not in self._canonical:
            self._canonical[path] = resolve_links(path, self._look)
        found = self._canonical[path]
        return None if found is None or not self._is_folder(found) else found

    def listing(self, folder: ImagePath) -> Mapping[str, Entry]:
        """See `FileTree.listing`."""
        canonical = self.realpath(folder)
        return self._listing(canonical) if canonical is not None and self._is_folder(canonical) else {}

    def kinds(self, folder: ImagePath) -> Mapping[str, FileKind]:
        """See `SearchedTree.kinds`; no entry is looked at."""
        canonical = self.realpath(folder)
        return self._list(canonical) if canonical is not None and self._is_folder(canonical) else {}

    def read(self, path: ImagePath, *, limit: int = DEFAULT_READ_LIMIT) -> bytes:
        """See `FileTree.read`."""
        canonical = self.realpath(path)
        if canonical is None:
            raise FileUnreadable(path, "no such file")
        descriptor = self.open(canonical)
        try:
            body = FolderBody(descriptor)
            if body.size > limit:
                raise FileUnreadable(path, f"has {body.size} bytes, over the limit of {limit}")
            return bytes(body.upto(body.size))
        finally:
            os.close(descriptor)

    def open(self, canonical: ImagePath) -> int:
        """Return a descriptor of a regular file; raises FileUnreadable."""
        entry = self.entry(canonical)
        if entry is None or entry.kind is not FileKind.FILE:
            raise FileUnreadable(canonical, "is no regular file")
        try:
            return os.open(self._host(canonical), _UNFOLLOWED)
        except OSError as e:
            raise _not_opened(canonical, e) from e

    def files(self, under: ImagePath = ROOT) -> Iterator[tuple[ImagePath, Entry]]:
        """See `FileTree.files`."""
        for folder, kinds in self._folders(under):
            for name in sorted(name for name, kind in kinds.items() if kind is _FILE):
                entry = self._look(folder, name)
                if entry is not None and entry.kind is _FILE:
                    yield join(folder, name), entry

    def list_all(self) -> int:
        """List every folder; return how many entries they have together."""
        return sum(len(kinds) for _, kinds in self._folders(ROOT))

    def bodies(
        self, begins: tuple[bytes, ...], *, most: int, share: int = 0, shares: int = 1
    ) -> Iterator[tuple[ImagePath, "FolderBody | FileUnreadable"]]:
        """Yield every regular file that begins with one of `begins`, or why that is not known; in no order.

        A body is open until the next one is asked for, and holds no more than `most` bytes. Of several
        `shares` only one is looked at, from 0 on.
        """
        length = max(map(len, begins), default=0)
        seen = 0
        for folder, kinds in self._folders(ROOT):
            host = self._host_folder(folder)
            files = [name for name, kind in kinds.items() if kind is _FILE]
            mine = files[(share - seen) % shares :: shares]
            seen += len(files)
            for name in mine:
                raw = name if name.isascii() else self._raw_names.get(join(folder, name), name)
                try:
                    descriptor = os.open(f"{host}/{raw}", _UNFOLLOWED)
                except OSError as e:
                    yield join(folder, name), _not_opened(join(folder, name), e)
                    continue
                try:
                    if os.pread(descriptor, length, 0).startswith(begins):
                        yield join(folder, name), FolderBody(descriptor, most=most)
                except OSError as e:
                    yield join(folder, name), FileUnreadable(join(folder, name), f"cannot be read ({e})")
                finally:
                    os.close(descriptor)

    def _folders(self, under: ImagePath) -> Iterator[tuple[ImagePath, Mapping[str, FileKind]]]:
        """Yield a folder and those below it, in order, with what each holds."""
        start = self.realpath(under)
        pending = [start] if start is not None and self._is_folder(start) else []
        while pending:
            folder = pending.pop()
            kinds = self._list(folder)
            yield folder, kinds
            subfolders = [name for name, kind in kinds.items() if kind is _FOLDER]
            pending.extend(join(folder, name) for name in sorted(subfolders, reverse=True))


class _Listing(Mapping[str, Entry]):
    """The entries of a folder, each looked at when it is first asked for."""

    def __init__(self, kinds: Mapping[str, FileKind], look: Callable[[str], Entry | None]) -> None:
        self._kinds = kinds
        self._look = look
        self._seen: dict[str, Entry | None] = {}

    def look(self, name: str) -> Entry | None:
        if name not in self._kinds:
            return None
        if name not in self._seen:
            self._seen[name] = self._look(name)
        return self._seen[name]

    def __getitem__(self, name: str) -> Entry:
        entry = self.look(name)
        if entry is None:
            raise KeyError(name)
        return entry

    def __contains__(self, name: object) -> bool:
        return name in self._kinds

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._kinds if self.look(name) is not None)

    def __len__(self) -> int:
        return len(self._kinds)


def _not_opened(path: ImagePath, error: OSError) -> FileUnreadable:
    return FileUnreadable(path, f"cannot be opened ({error.strerror})")


def _other_kind(item: "os.DirEntry[str]") -> FileKind:
    if item.is_dir(follow_symlinks=False):
        return FileKind.FOLDER
    return FileKind.SYMLINK if item.is_symlink() else FileKind.OTHER


def _kind(mode: int) -> FileKind:
    if stat.S_ISREG(mode):
        return FileKind.FILE
    if stat.S_ISDIR(mode):
        return FileKind.FOLDER
    return FileKind.SYMLINK if stat.S_ISLNK(mode) else FileKind.OTHER


class FolderBody:
    """A `MemberBody` over a file that somebody else opened and closes; `mode` is its permissions."""

    def __init__(self, descriptor: int, *, most: int = 1 << 30) -> None:
        """Take the descriptor; never hold more than `most` bytes."""
        status = os.fstat(descriptor)
        self._descriptor = descriptor
        self._most = most
        self.size = status.st_size
        self.mode = stat.S_IMODE(status.st_mode)
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
        end = max(offset, min(offset + length, self.size))
        if end <= len(self._held):
            return self._held[offset:end]
        if length > self._most:
            raise BodyTooLarge(f"{length} bytes of one body, over the limit of {self._most}")
        return self._read(offset, end - offset)

    def _read(self, offset: int, length: int) -> bytes:
        # Most reads are answered at once.
        piece = os.pread(self._descriptor, length, offset)
        return piece if len(piece) == length else self._in_pieces(offset, length)

    def _in_pieces(self, offset: int, length: int) -> bytes:
        pieces: list[bytes] = []
        while length > 0:
            piece = os.pread(self._descriptor, length, offset)
            if not piece:
                raise OSError(0, "it became shorter while it was read")
            pieces.append(piece)
            offset += len(piece)
            length -= len(piece)
        return b"".join(pieces)
