"""The files of this machine as a file tree that is looked at only where it is asked."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

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
from fleet_audit.audit.ldd.reader import read_elf
from fleet_audit.audit.model.elf import SharedObject
from fleet_audit.audit.model.identity import ROOT, ImagePath

_LEFT_OUT = frozenset({"/proc", "/sys", "/dev"})


class MachineTree:
    """This machine's files from its own root; what cannot be read is not there."""

    def __init__(self) -> None:
        self._listings: dict[ImagePath, Mapping[str, Entry]] = {}
        self._canonical: dict[ImagePath, ImagePath | None] = {}

    def entry(self, path: ImagePath) -> Entry | None:
        if path == ROOT:
            return Entry(FileKind.FOLDER, mode=0o755)
        folder = self.realpath(parent(path))
        return None if folder is None else self._look(folder, basename(path))

    def realpath(self, path: ImagePath) -> ImagePath | None:
        if path not in self._canonical:
            self._canonical[path] = resolve_links(path, self._look)
        return self._canonical[path]

    def listing(self, folder: ImagePath) -> Mapping[str, Entry]:
        canonical = self.realpath(folder)
        if canonical is None:
            return {}
        if canonical not in self._listings:
            self._listings[canonical] = dict(_entries(canonical))
        return self._listings[canonical]

    def read(self, path: ImagePath, *, limit: int = DEFAULT_READ_LIMIT) -> bytes:
        try:
            return Path(path).read_bytes()[:limit]
        except OSError as e:
            raise FileUnreadable(path, str(e)) from e

    def files(self, under: ImagePath = ROOT) -> Iterator[tuple[ImagePath, Entry]]:
        start = self.realpath(under)
        pending = [] if start is None else [start]
        while pending:
            folder = pending.pop()
            for name, entry in sorted(self.listing(folder).items()):
                if entry.kind is FileKind.FILE:
                    yield join(folder, name), entry
                elif entry.kind is FileKind.FOLDER and join(folder, name) not in _LEFT_OUT:
                    pending.append(join(folder, name))

    def _look(self, folder: ImagePath, name: str) -> Entry | None:
        if folder in self._listings:
            return self._listings[folder].get(name)
        path = f"{folder.rstrip('/')}/{name}"
        try:
            return _entry(path, os.lstat(path))
        except OSError:
            return None


def _entries(folder: str) -> Iterator[tuple[str, Entry]]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        path = f"{folder.rstrip('/')}/{name}"
        try:
            yield name, _entry(path, os.lstat(path))
        except OSError:
            continue


def _entry(path: str, state: os.stat_result) -> Entry:
    mode = state.st_mode
    if stat.S_ISLNK(mode):
        return Entry(FileKind.SYMLINK, link=os.readlink(path), mode=0o777)
    if stat.S_ISDIR(mode):
        return Entry(FileKind.FOLDER, mode=0o755)
    kind = FileKind.FILE if stat.S_ISREG(mode) else FileKind.OTHER
    return Entry(kind, state.st_size, mode & 0o7777, origin=ImagePath(path))


class MachineFacts(Mapping[ImagePath, SharedObject]):
    """The ELF facts of this machine's files, each read when it is asked for."""

    def __init__(self) -> None:
        self._found: dict[ImagePath, SharedObject | None] = {}

    def __getitem__(self, path: ImagePath) -> SharedObject:
        if path not in self._found:
            self._found[path] = facts_of(Path(path))
        found = self._found[path]
        if found is None:
            raise KeyError(path)
        return found

    def __iter__(self) -> Iterator[ImagePath]:
        return iter([path for path, found in self._found.items() if found is not None])

    def __len__(self) -> int:
        return sum(found is not None for found in self._found.values())


def facts_of(path: Path) -> SharedObject | None:
    """Return the ELF facts of a file of this machine, read piece by piece; None where it is none."""
    if not path.is_file():
        return None
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return read_elf(lambda offset, length: os.pread(handle, length, offset), os.fstat(handle).st_size)
    finally:
        os.close(handle)
