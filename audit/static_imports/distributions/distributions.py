"""Which installed distribution a file of an image belongs to."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import NamedTuple
from urllib.parse import unquote

import msgspec

from fleet_audit.audit.images.tree import FileKind, FileTree, FileUnreadable, join, normalise, parent
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import ROOT, DistributionName, ImagePath, distribution_name
from fleet_audit.audit.model.imports import SharedFiles
from fleet_audit.audit.static_imports.distributions.entry_points import NamedEntry, parse_entry_points

_STAGE = "static_imports"
_DPKG_INFO = ImagePath("/var/lib/dpkg/info")
_EGG_INFO = "EGG-INFO"
_RECORD_LIMIT = 64 << 20
_METADATA_LIMIT = 8 << 20
_INFO = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[-A-Za-z0-9._]*[A-Za-z0-9])?)-(?P<version>[^-]+)(?:-[^/]*)?\.(?:dist|egg)-info"
)
_PLAIN_INFO = re.compile(r"(?P<name>[A-Za-z0-9][-A-Za-z0-9._]*)\.egg-info")
_REQUIREMENT = re.compile(r"[ \t]*([A-Za-z0-9](?:[-A-Za-z0-9._]*[A-Za-z0-9])?)")
_UNUSUAL = re.compile(r"^/|//|(?:^|/)\.\.?(?:/|$)|/$")
"""What a path may hold that `normalise` would change."""

_FOLD = re.compile(r"\n[ \t]+")
"""Where a field of metadata goes on in the next line."""


class Distribution(msgspec.Struct, frozen=True):
    """One installed distribution; `info` is its metadata folder or file.

    `requirements` are its Requires-Dist fields as written, `programs` the names of the files that it puts
    where commands are.
    """

    name: DistributionName
    version: str
    info: ImagePath
    requirements: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()

    @property
    def requires(self) -> tuple[DistributionName, ...]:
        """Return the distributions that it requires whatever extras are chosen."""
        return _required(self.requirements)


class Distributions:
    """The distributions on a search path, and the files that their RECORD lists (PEP 376, PEP 427).

    A distribution without RECORD owns what its installed-files.txt lists, or the Debian package that brought
    it (Debian removes RECORD), else its top-level modules; one that is installed editable owns the folder
    that its direct_url.json names (PEP 610).
    """

    def __init__(self, tree: FileTree, folders: Iterable[ImagePath]) -> None:
        """Take the folders of a search path; their metadata is read when it is first asked about."""
        self._tree = tree
        self._folders = tuple(folders)
        self._unread: dict[ImagePath, Gap] = {}

    @cached_property
    def _read(self) -> "_Installed":
        found = _Installed({}, defaultdict(list), defaultdict(list), [])
        for folder in self._folders:
            listing = self._tree.listing(folder)
            for name, entry in sorted(listing.items()):
                if match := _INFO.fullmatch(name) or _PLAIN_INFO.fullmatch(name):
                    self._add(found, folder, match, is_folder=entry.kind is not FileKind.FILE)
            if folder.endswith(".egg") and _EGG_INFO in listing:
                self._add_egg(found, folder)
        return found

    @property
    def installed(self) -> Mapping[DistributionName, Distribution]:
        """Return every distribution by its name."""
        return self._read.by_name

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Return the metadata that could not be read so far, or not to its end."""
        return tuple(dict.fromkeys((*self._read.gaps, *self._unread.values())))

    def entry_points(self, name: DistributionName) -> tuple[NamedEntry, ...]:
        """Return what an installed distribution offers by name; empty for one that is not installed."""
        found = self.installed.get(name)
        return () if found is None else parse_entry_points(self._text(join(found.info, "entry_points.txt")))

    def plugins(self, group: str) -> tuple[NamedEntry, ...]:
        """Return what all installed distributions offer in a group, in the order of their names."""
        return self._plugins.get(group, ())

    @cached_property
    def _plugins(self) -> dict[str, tuple[NamedEntry, ...]]:
        offered: defaultdict[str, list[NamedEntry]] = defaultdict(list)
        for name in sorted(self.installed):
            for entry in self.entry_points(name):
                offered[entry.group].append(entry)
        return {group: tuple(entries) for group, entries in offered.items()}

    def commands(self, name: DistributionName) -> frozenset[str]:
        """Return the commands that an installed distribution brings."""
        found = self.installed.get(name)
        if found is None:
            return frozenset()
        return frozenset({*found.programs, *(e.name for e in self.entry_points(name) if e.is_command)})

    def is_from_folder(self, name: DistributionName) -> bool:
        """Say whether an installed distribution was built from a folder, editable or not (PEP 610)."""
        found = self.installed.get(name)
        origin = None if found is None else _origin(self._text(join(found.info, "direct_url.json")))
        return origin is not None and origin.dir_info is not None

    def shared_files(self) -> tuple[SharedFiles, ...]:
        """Return the files with several owners, gathered by their owners; byte code is left out."""
        claimed: defaultdict[tuple[DistributionName, ...], list[ImagePath]] = defaultdict(list)
        for path, owners in self._read.owners.items():
            if len(owners) > 1 and len(set(owners)) > 1 and not path.endswith(".pyc"):
                claimed[tuple(sorted(set(owners)))].append(path)
        return tuple(self._shared(owners, sorted(claimed[owners])) for owners in sorted(claimed))

    def _shared(self, owners: tuple[DistributionName, ...], files: list[ImagePath]) -> SharedFiles:
        recorded = [self._digests(name) for name in owners]
        # Packages of one namespace often ship the same ``__init__``: no harm is done by equal contents.
        differing = [path for path in files if len({d.get(path, "") for d in recorded} - {""}) > 1]
        return SharedFiles(owners, len(files), len(differing), (differing or files)[0])

    def _digests(self, name: DistributionName) -> dict[ImagePath, str]:
        found = self.installed[name]
        rows = _rows(self._text(join(found.info, "RECORD"), limit=_RECORD_LIMIT))
        folder = parent(found.info)
        return {_recorded_path(folder, row[0]): row[1] for row in rows if len(row) > 1}

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
        listed = list(self._recorded(read, folder, path)) if is_folder else []
        programs = tuple(file.rpartition("/")[2] for file in listed if "/bin/" in file)
        requirements = tuple(fields.get("requires-dist", ()))
        # The first on the search path is the one that is imported.
        read.by_name.setdefault(name, Distribution(name, version, path, requirements, programs))
        for file in listed or self._debian_files.get(path, []):
            read.owners[file].append(name)
        if not listed and path not in self._debian_files:
            for top in self._top_level(path, name, is_folder=is_folder):
                for stem in (top, f"{top}.py"):
                    read.tops[join(folder, stem)].append(name)
        if is_folder and (sources := editable_folder(self._text(join(path, "direct_url.json")))):
            read.tops[sources].append(name)

    def _add_egg(self, read: "_Installed", egg: ImagePath) -> None:
        info = join(egg, _EGG_INFO)
        fields = metadata_fields(self._text(join(info, "PKG-INFO")))
        name = distribution_name(_first(fields, "name") or egg.rpartition("/")[2].partition("-")[0])
        requirements = tuple(fields.get("requires-dist", ()))
        read.by_name.setdefault(name, Distribution(name, _first(fields, "version"), info, requirements))
        read.tops[egg].append(name)

    @cached_property
    def _debian_files(self) -> dict[ImagePath, list[ImagePath]]:
        """Return, by the metadata that it installs, the files of every Debian package of one distribution."""
        found: dict[ImagePath, list[ImagePath]] = {}
        for name in sorted(self._tree.listing(_DPKG_INFO)):
            if not (name.startswith("python3") and name.endswith(".list")):
                continue
            listed = [normalise(line) for line in self._text(join(_DPKG_INFO, name)).splitlines()]
            folders = {parent(path) for path in listed}
            files = [path for path in listed if path not in folders]
            infos = [path for path in listed if path.startswith("/usr/") and _is_info(path)]
            # Where a package brings several distributions, nothing says which file is whose.
            if len(infos) == 1:
                found[infos[0]] = files
        return found

    def _fields(self, path: ImagePath, *, is_folder: bool) -> dict[str, list[str]]:
        files = [join(path, "METADATA"), join(path, "PKG-INFO")] if is_folder else [path]
        return metadata_fields(next((text for file in files if (text := self._text(file))), ""))

    def _recorded(self, read: "_Installed", folder: ImagePath, info: ImagePath) -> Iterator[ImagePath]:
        record = join(info, "RECORD")
        try:
            body = self._tree.read(record, limit=_RECORD_LIMIT)
        except FileUnreadable as e:
            body = b""
            if self._tree.realpath(record) is not None:
                read.gaps.append(Gap(_STAGE, GapKind.UNREADABLE_FILE, record, e.why))
        if body:
            if why := _damage(body):
                read.gaps.append(Gap(_STAGE, GapKind.UNREADABLE_FILE, record, why))
            yield from (
                _recorded_path(folder, name) for name in _first_column(body.decode(errors="backslashreplace"))
            )
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
        except FileUnreadable as e:
            if self._tree.realpath(path) is not None:
                self._unread[path] = Gap(_STAGE, GapKind.UNREADABLE_FILE, path, e.why)
            return ""


class _DirInfo(msgspec.Struct):
    editable: bool = False


class _DirectUrl(msgspec.Struct):
    url: str
    dir_info: _DirInfo | None = None


class _Installed(NamedTuple):
    by_name: dict[DistributionName, Distribution]
    owners: defaultdict[ImagePath, list[DistributionName]]
    tops: defaultdict[ImagePath, list[DistributionName]]
    gaps: list[Gap]


def metadata_fields(text: str) -> dict[str, list[str]]:
    """Return the values of each field at the head of a METADATA or PKG-INFO file, by lower-case name.

    The format is that of e-mail headers (core metadata specification): lines that begin with a blank go on
    with the field before, and the first line that is neither ends the head.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for line in _FOLD.sub(" ", f"\n{_head(text)}").split("\n")[1:]:
        name, colon, value = line.partition(":")
        if not (colon and name.isascii() and name.isprintable() and " " not in name):
            break
        found[name.lower()].append(value.strip(" \t"))
    return dict(found)


def editable_folder(direct_url: str) -> ImagePath | None:
    """Return the folder of an editable install, by its direct_url.json; None for any other install."""
    origin = _origin(direct_url)
    if origin is None or origin.dir_info is None or not origin.dir_info.editable:
        return None
    scheme, _, path = origin.url.partition("://")
    folder = normalise(unquote(path))
    return folder if scheme == "file" and folder != ROOT else None


def _origin(direct_url: str) -> "_DirectUrl | None":
    try:
        return msgspec.json.decode(direct_url.encode(errors="replace"), type=_DirectUrl)
    except (msgspec.DecodeError, RecursionError):
        return None


def _is_info(path: ImagePath) -> bool:
    name = path.rpartition("/")[2]
    return (_INFO.fullmatch(name) or _PLAIN_INFO.fullmatch(name)) is not None


def _recorded_path(folder: ImagePath, name: str) -> ImagePath:
    if _UNUSUAL.search(name):
        return normalise(name if name.startswith("/") else f"{folder}/{name}")
    return join(folder, name)


def _damage(record: bytes) -> str:
    """Return what shows that a RECORD is not as it was written; empty where nothing does."""
    if b"\0" in record:
        return "holds NUL bytes: it is damaged, and who owns which file is not surely known"
    try:
        text = record.decode()
    except UnicodeDecodeError:
        return "is no UTF-8: it is damaged, and who owns which file is not surely known"
    if '"' not in text:
        return ""
    try:
        for _ in csv.reader(text.splitlines(), strict=True):
            pass
    except csv.Error as e:
        return f"is no CSV ({e}): it is damaged, and who owns which file is not surely known"
    return ""


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
    if '"' not in record:
        # Nothing is quoted, and a reader of CSV takes three times as long.
        lines = record.replace("\0", "").splitlines()
        yield from filter(None, (line.partition(",")[0] for line in lines))
        return
    yield from (row[0] for row in _rows(record) if row[0])


def _rows(record: str) -> Iterator[list[str]]:
    with suppress(csv.Error):
        yield from filter(None, csv.reader(record.replace("\0", "").splitlines()))


def _required(lines: Iterable[str]) -> tuple[DistributionName, ...]:
    # All of PEP 508 is not needed for a name, and its parser is slow.
    named = (
        (found, line.partition(";")[2]) for line in lines if (found := _REQUIREMENT.match(line)) is not None
    )
    return tuple(sorted({distribution_name(found[1]) for found, marker in named if "extra" not in marker}))
