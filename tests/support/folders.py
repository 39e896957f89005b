"""A folder of this machine as a file tree, and the ELF facts of its files."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from fleet_audit.audit.images.tree import Entry, FileKind, MemoryTree
from fleet_audit.audit.ldd.reader import read_elf
from fleet_audit.audit.model.elf import SharedObject
from fleet_audit.audit.model.identity import ImagePath

_LEFT_OUT = frozenset({"/proc", "/sys", "/dev"})


def folder_tree(root: Path) -> MemoryTree:
    """Return the tree below `root`, which becomes ``/``; what cannot be read is left out."""
    folders: dict[ImagePath, dict[str, Entry]] = {}
    pending = [""]
    while pending:
        at = pending.pop()
        entries: dict[str, Entry] = {}
        for name, entry in _entries(root, at):
            entries[name] = entry
            if entry.kind is FileKind.FOLDER and f"{at}/{name}" not in _LEFT_OUT:
                pending.append(f"{at}/{name}")
        folders[ImagePath(at or "/")] = entries
    return MemoryTree(folders, lambda entry: Path(f"{root}{entry.origin}").read_bytes())


def _entries(root: Path, at: str) -> Iterator[tuple[str, Entry]]:
    try:
        found = sorted(os.scandir(f"{root}{at}"), key=lambda entry: entry.name)
    except OSError:
        return
    for item in found:
        state = item.stat(follow_symlinks=False)
        if stat.S_ISLNK(state.st_mode):
            yield item.name, Entry(FileKind.SYMLINK, link=os.readlink(item.path), mode=0o777)
        elif stat.S_ISDIR(state.st_mode):
            yield item.name, Entry(FileKind.FOLDER, mode=0o755)
        elif stat.S_ISREG(state.st_mode):
            origin = ImagePath(f"{at}/{item.name}")
            yield item.name, Entry(FileKind.FILE, state.st_size, state.st_mode & 0o7777, origin=origin)


def facts_of(path: Path) -> SharedObject | None:
    """Return the ELF facts of a file of this machine, read piece by piece; None where it is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return read_elf(lambda offset, length: os.pread(handle, length, offset), os.fstat(handle).st_size)
    finally:
        os.close(handle)


def elf_facts(root: Path, tree: MemoryTree) -> dict[ImagePath, SharedObject]:
    """Return the facts of every ELF file of a tree made by `folder_tree`."""
    found: dict[ImagePath, SharedObject] = {}
    for path, entry in tree.files():
        if entry.size >= 4 and (facts := facts_of(Path(f"{root}{path}"))) is not None:
            found[path] = facts
    return found
