"""Which installed distribution a file of an image belongs to."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from email.message import Message
from email.parser import HeaderParser

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from fleet_audit.audit.images.tree import FileKind, FileTree, FileUnreadable, join, normalise, parent
from fleet_audit.audit.model.identity import ROOT, DistributionName, ImagePath

_RECORD_LIMIT = 64 << 20
_METADATA_LIMIT = 8 << 20
_INFO = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[-A-Za-z0-9._]*[A-Za-z0-9])?)-(?P<version>[^-]+)(?:-[^/]*)?\.(?:dist|egg)-info"
)
_PLAIN_INFO = re.compile(r"(?P<name>[A-Za-z0-9][-A-Za-z0-9._]*)\.egg-info")


class Distribution(msgspec.Struct, frozen=True):
    """One installed distribution; `info` is its metadata folder or file, `requires` are normalised names.

    `has_scripts` holds where it installs commands.
    """

    name: DistributionName
    version: str
    info: ImagePath
    requires: tuple[DistributionName, ...] = ()
    has_scripts: bool = False


class Distributions:
    """The distributions on a search path, and the files that their RECORD lists (PEP 376, PEP 427).

    A distribution without RECORD (Debian removes it) owns what its installed-files.txt lists, else its
    top-level modules.
    """

    def __init__(self, tree: FileTree, folders: Iterable[ImagePath]) -> None:
        """Read the metadata of every distribution in `folders`."""
        self._tree = tree
        self._owners: defaultdict[ImagePath, list[DistributionName]] = defaultdict(list)
        self._tops: defaultdict[ImagePath, list[DistributionName]] = defaultdict(list)
        self.installed: dict[DistributionName, Distribution] = {}
        for folder in folders:
            for name, entry in sorted(tree.listing(folder).items()):
                if found := _INFO.fullmatch(name) or _PLAIN_INFO.fullmatch(name):
                    self._add(folder, name, found, is_folder=entry.kind is not FileKind.FILE)

    def owners(self, path: ImagePath) -> tuple[DistributionName, ...]:
        """Return the distributions that a file belongs to, in order; several may claim the same file."""
        if path in self._owners:
            return tuple(sorted(set(self._owners[path])))
        at = path
        while at != ROOT:
            if at in self._tops:
                return tuple(sorted(set(self._tops[at])))
            at = parent(at)
        return ()

    def owner(self, path: ImagePath) -> DistributionName | None:
        """Return the first of the owners; None where nobody owns the file."""
        return next(iter(self.owners(path)), None)

    def files(self) -> Iterator[tuple[ImagePath, tuple[DistributionName, ...]]]:
        """Yield every recorded file with its owners."""
        for path, owners in sorted(self._owners.items()):
            yield path, tuple(sorted(set(owners)))

    def _add(self, folder: ImagePath, info: str, found: re.Match[str], *, is_folder: bool) -> None:
        path = join(folder, info)
        headers = self._headers(path, is_folder=is_folder)
        name = DistributionName(canonicalize_name(headers.get("Name", "") or found["name"]))
        version = headers.get("Version", "") or found.groupdict().get("version") or ""
        requires = _required(headers.get_all("Requires-Dist", []))
        scripts = self._text(join(path, "entry_points.txt")) if is_folder else ""
        has_scripts = "console_scripts" in scripts or "gui_scripts" in scripts
        listed = list(self._recorded(folder, path)) if is_folder else []
        has_scripts = has_scripts or any("/bin/" in file for file in listed)
        # The first on the search path is the one that is imported.
        self.installed.setdefault(name, Distribution(name, version, path, requires, has_scripts))
        for file in listed:
            self._owners[file].append(name)
        if not listed:
            for top in self._top_level(path, name, is_folder=is_folder):
                for stem in (top, f"{top}.py"):
                    self._tops[join(folder, stem)].append(name)

    def _headers(self, path: ImagePath, *, is_folder: bool) -> "Message[str, str]":
        files = [join(path, "METADATA"), join(path, "PKG-INFO")] if is_folder else [path]
        for file in files:
            if text := self._text(file):
                return HeaderParser().parsestr(text.partition("\n\n")[0])
        return HeaderParser().parsestr("")

    def _recorded(self, folder: ImagePath, info: ImagePath) -> Iterator[ImagePath]:
        text = self._text(join(info, "RECORD"), limit=_RECORD_LIMIT)
        if text:
            for row in csv.reader(text.replace("\0", "").splitlines()):
                if row and row[0]:
                    yield normalise(row[0] if row[0].startswith("/") else f"{folder}/{row[0]}")
            return
        for line in self._text(join(info, "installed-files.txt"), limit=_RECORD_LIMIT).splitlines():
            if line.strip():
                yield normalise(f"{info}/{line.strip()}")

    def _top_level(self, info: ImagePath, name: DistributionName, *, is_folder: bool) -> list[str]:
        text = self._text(join(info, "top_level.txt")) if is_folder else ""
        tops = [line.strip() for line in text.splitlines() if line.strip().isidentifier()]
        return tops or [name.replace("-", "_")]

    def _text(self, path: ImagePath, *, limit: int = _METADATA_LIMIT) -> str:
        try:
            return self._tree.read(path, limit=limit).decode(errors="replace")
        except FileUnreadable:
            return ""


def _required(lines: list[str]) -> tuple[DistributionName, ...]:
    names: list[DistributionName] = []
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or "extra" not in str(requirement.marker):
            names.append(DistributionName(canonicalize_name(requirement.name)))
    return tuple(sorted(set(names)))
