"""Which installed distribution a file of an image belongs to."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import NamedTuple

import msgspec

from fleet_audit.audit.images.tree import FileKind, FileTree, FileUnreadable, join, normalise, parent
from fleet_audit.audit.model.identity import ROOT, DistributionName, ImagePath, distribution_name

_RECORD_LIMIT = 64 << 20
_METADATA_LIMIT = 8 << 20
_INFO = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[-A-Za-z0-9._]*[A-Za-z0-9])?)-(?P<version>[^-]+)(?:-[^/]*)?\.(?:dist|egg)-info"
)
_PLAIN_INFO = re.compile(r"(?P<name>[A-Za-z0-9][-A-Za-z0-9._]*)\.egg-info")
_UNUSUAL = re.compile(r"^/|//|(?:^|/)\.\.?(?:/|$)|/$")
"""What a path may hold that `normalise` would change."""


class Distribution(msgspec.Struct, frozen=True):
    """One installed distribution; `info` is its metadata folder or file.

    `has_scripts` holds where it installs commands; `requirements` are its Requires-Dist fields as written.
    """

    name: DistributionName
    version: str
    info: ImagePath
    requirements: tuple[str, ...] = ()
    has_scripts: bool = False

    @property
    def requires(self) -> tuple[DistributionName, ...]:
        """Return the distributions that it requires whatever extras are chosen."""
        return _required(self.requirements)


class Distributions:
    """The distributions on a search path, and the files that their RECORD lists (PEP 376, PEP 427).

    A distribution without RECORD (Debian removes it) owns what its installed-files.txt lists, else its
    top-level modules.
    """

    def __init__(self, tree: FileTree, folders: Iterable[ImagePath]) -> None:
        """Take the folders of a search path; their metadata is read when it is first asked about."""
        self._tree = tree
        self._folders = tuple(folders)

    @cached_property
    def _read(self) -> "_Installed":
        found = _Installed({}, defaultdict(list), defaultdict(list))
        for folder in self._folders:
            for name, entry in sorted(self._tree.listing(folder).items()):
                if match := _INFO.fullmatch(name) or _PLAIN_INFO.fullmatch(name):
                    self._add(found, folder, match, is_folder=entry.kind is not FileKind.FILE)
        return found

    @property
    def installed(self) -> Mapping[DistributionName, Distribution]:
        """Return every distribution by its name."""
        return self._read.by_name

    def owners(self, path: ImagePath) -> tuple[DistributionName, ...]:
        """Return the distributions that a file belongs to, in order; several may claim the same file."""
        read = self._read
        if path in read.owners:
            return tuple(sorted(set(read.owners[path])))
        at = path
        while at != ROOT:
            if at in read.tops:
                return tuple(sorted(set(read.tops[at])))
            at = parent(at)
        return ()

    def owner(self, path: ImagePath) -> DistributionName | None:
        """Return the first of the owners; None where nobody owns the file."""
        return next(iter(self.owners(path)), None)

    def files(self) -> Iterator[tuple[ImagePath, tuple[DistributionName, ...]]]:
        """Yield every recorded file with its owners."""
        for path, owners in sorted(self._read.owners.items()):
            yield path, tuple(sorted(set(owners)))

    def _add(self, read: "_Installed", folder: ImagePath, info: re.Match[str], *, is_folder: bool) -> None:
        path = join(folder, info[0])
        fields = self._fields(path, is_folder=is_folder)
        name = distribution_name(_first(fields, "name") or info["name"])
        version = _first(fields, "version") or info.groupdict().get("version") or ""
        scripts = self._text(join(path, "entry_points.txt")) if is_folder else ""
        has_scripts = "console_scripts" in scripts or "gui_scripts" in scripts
        listed = list(self._recorded(folder, path)) if is_folder else []
        has_scripts = has_scripts or any("/bin/" in file for file in listed)
        requirements = tuple(fields.get("requires-dist", ()))
        # The first on the search path is the one that is imported.
        read.by_name.setdefault(name, Distribution(name, version, path, requirements, has_scripts))
        for file in listed:
            read.owners[file].append(name)
        if not listed:
            for top in self._top_level(path, name, is_folder=is_folder):
                for stem in (top, f"{top}.py"):
                    read.tops[join(folder, stem)].append(name)

    def _fields(self, path: ImagePath, *, is_folder: bool) -> dict[str, list[str]]:
        files = [join(path, "METADATA"), join(path, "PKG-INFO")] if is_folder else [path]
        return metadata_fields(next((text for file in files if (text := self._text(file))), ""))

    def _recorded(self, folder: ImagePath, info: ImagePath) -> Iterator[ImagePath]:
        text = self._text(join(info, "RECORD"), limit=_RECORD_LIMIT)
        if text:
            for name in _first_column(text):
                if _UNUSUAL.search(name):
                    yield normalise(name if name.startswith("/") else f"{folder}/{name}")
                else:
                    yield join(folder, name)
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


class _Installed(NamedTuple):
    by_name: dict[DistributionName, Distribution]
    owners: defaultdict[ImagePath, list[DistributionName]]
    tops: defaultdict[ImagePath, list[DistributionName]]


def metadata_fields(text: str) -> dict[str, list[str]]:
    """Return the values of each field at the head of a METADATA or PKG-INFO file, by lower-case name.

    The format is that of e-mail headers (core metadata specification): lines that begin with a blank go on
    with the field before, and the first line that is neither ends the head.
    """
    found: dict[str, list[str]] = defaultdict(list)
    values: list[str] = []
    for line in _head(text).split("\n"):
        name, colon, value = line.partition(":")
        if line.startswith((" ", "\t")):
            if values:
                values[-1] += f" {line.strip()}"
        elif colon and name.isascii() and name.isprintable() and " " not in name:
            values = found[name.lower()]
            values.append(value.strip(" \t"))
        else:
            break
    return dict(found)


def _first(fields: Mapping[str, list[str]], name: str) -> str:
    """Return the first value of a field; empty where there is none."""
    return next(iter(fields.get(name, ())), "")


def _head(text: str) -> str:
    """Return the lines up to the first empty one, ended as Unix ends them."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.partition("\n\n")[0]


def _first_column(record: str) -> Iterator[str]:
    """Yield the path in each row of a RECORD that names one; stop where it is no CSV."""
    lines = record.replace("\0", "").splitlines()
    if '"' not in record:
        # Nothing is quoted, and a reader of CSV takes three times as long.
        yield from filter(None, (line.partition(",")[0] for line in lines))
        return
    with suppress(csv.Error):
        for row in csv.reader(lines):
            if row and row[0]:
                yield row[0]


def _required(lines: Iterable[str]) -> tuple[DistributionName, ...]:
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415  (few ask; it loads slowly)

    names: list[DistributionName] = []
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or "extra" not in str(requirement.marker):
            names.append(distribution_name(requirement.name))
    return tuple(sorted(set(names)))
