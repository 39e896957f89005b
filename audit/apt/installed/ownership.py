"""Which installed package a file of the image belongs to, from dpkg's file lists (dpkg-query(1))."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from fleet_audit.audit.images.tree import (
    FileTree,
    FileUnreadable,
    join,
    normalise,
)
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import ImagePath, PackageName

INFO = ImagePath("/var/lib/dpkg/info")
STATUS_PARTS = ImagePath("/var/lib/dpkg/status.d")
_DIVERSIONS = ImagePath("/var/lib/dpkg/diversions")

_LIST_LIMIT = 16 << 20
_MAX_PATHS = 4_000_000
_MD5SUM = re.compile(r"[0-9a-f]{32}\s+(\S.*)")


class Ownership(msgspec.Struct, frozen=True):
    """The owner of each file that a package brought, by the file's canonical path in the image."""

    owners: dict[ImagePath, PackageName]
    gaps: tuple[Gap, ...] = ()


def read_ownership(tree: FileTree, packages: Iterable[PackageName]) -> Ownership:
    """Read the file lists of `packages`; a list that cannot be read is a Gap, one that is absent is none.

    Paths are normalised through the links of their folders, so that ``/lib/x`` of a package built before
    the merge of ``/usr`` is found as ``/usr/lib/x``. Of several owners of a folder the first
    by name counts.
    """
    reader = _Reader(tree)
    wanted = sorted(set(packages))
    for name, path in _lists(tree, wanted):
        reader.read(name, path)
        if len(reader.owners) > _MAX_PATHS:
            reader.gaps.append(
                Gap(
                    stage="apt",
                    kind=GapKind.LIMIT_REACHED,
                    what=INFO,
                    why=f"the packages list more than {_MAX_PATHS} files; the owners of the rest are unknown",
                )
            )
            break
    return Ownership(reader.owners, tuple(reader.gaps))


class _Reader:
    def __init__(self, tree: FileTree) -> None:
        self.owners: dict[ImagePath, PackageName] = {}
        self.gaps: list[Gap] = []
        self._tree = tree
        self._folders: dict[str, ImagePath | None] = {}
        self._diversions = dict(_diversions(self._text(_DIVERSIONS)))

    def read(self, name: PackageName, path: ImagePath) -> None:
        for listed in _listed(self._text(path), is_md5sums=path.endswith(".md5sums")):
            diverted_to, diverter = self._diversions.get(listed, (listed, name))
            canonical = self._canonical(listed if diverter == name else diverted_to)
            if canonical is not None:
                self.owners.setdefault(canonical, name)

    def _canonical(self, path: str) -> ImagePath | None:
        # Only the folder's links are followed: a link belongs to the package that brought the link.
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:
            self._folders[folder] = self._tree.realpath(normalise(folder))
        canonical = self._folders[folder]
        return None if canonical is None or name in ("", ".", "..") else join(canonical, name)

    def _text(self, path: ImagePath) -> str:
        if self._tree.entry(path) is None:
            return ""
        try:
            return self._tree.read(path, limit=_LIST_LIMIT).decode("utf-8", "backslashreplace")
        except FileUnreadable as e:
            self.gaps.append(Gap(stage="apt", kind=GapKind.UNREADABLE_FILE, what=path, why=e.why))
            return ""


def _lists(tree: FileTree, packages: Iterable[PackageName]) -> Iterator[tuple[PackageName, ImagePath]]:
    info = tree.listing(INFO)
    parts = tree.listing(STATUS_PARTS)
    lists: defaultdict[str, list[str]] = defaultdict(list)
    for file in sorted(info):
        if file.endswith(".list"):
            # Packages that may be installed for several architectures carry theirs in the name of the list.
            lists[file.removesuffix(".list").partition(":")[0]].append(file)
    for name in packages:
        yield from ((name, join(INFO, file)) for file in lists.get(name, ()))
        if f"{name}.md5sums" in parts:
            yield name, join(STATUS_PARTS, f"{name}.md5sums")


def _listed(text: str, *, is_md5sums: bool) -> Iterator[str]:
    for line in text.split("\n"):
        if not is_md5sums:
            yield line
        elif match := _MD5SUM.fullmatch(line):
            yield "/" + match[1].removeprefix("./")


def _diversions(text: str) -> Iterator[tuple[str, tuple[str, str]]]:
    # Three lines each: the path, what it becomes, and the package whose own file keeps the path (":" for
    # the administrator's); dpkg-divert(1).
    lines = text.split("\n")
    for original, renamed, package in zip(lines[::3], lines[1::3], lines[2::3], strict=False):
        yield original, (renamed, package)
