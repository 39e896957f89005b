"""What dpkg says is installed in an image: packages, their relations, and who owns which file."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import msgspec

from fleet_audit.audit.apt.debian.control import StanzaTooLong, fields, stanzas
from fleet_audit.audit.apt.debian.packages import ArchivePackage, kibibytes, source_of
from fleet_audit.audit.apt.debian.versions import compare_versions
from fleet_audit.audit.apt.installed.ownership import INFO, STATUS_PARTS, Ownership, read_ownership
from fleet_audit.audit.images.tree import FileKind, FileTree, FileUnreadable, basename, join, parent
from fleet_audit.audit.model.apt import InstalledPackage
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import ImagePath, PackageName

STATUS = ImagePath("/var/lib/dpkg/status")
_EXTENDED_STATES = ImagePath("/var/lib/apt/extended_states")
_APT_GET = ImagePath("/usr/bin/apt-get")

_LIMIT = 64 << 20
_MAX_PACKAGES = 50_000

# dpkg(1), "Package states": in these the package's files are in place and configured.
_WORKING = frozenset({"installed", "triggers-awaited", "triggers-pending"})
_ABSENT = frozenset({"not-installed", "config-files"})

_FIELDS = frozenset(
    {
        "Package",
        "Status",
        "Version",
        "Architecture",
        "Source",
        "Pre-Depends",
        "Depends",
        "Recommends",
        "Provides",
        "Conflicts",
        "Breaks",
        "Installed-Size",
        "Essential",
        "Protected",
        "Priority",
        "Section",
        "Multi-Arch",
    }
)


class InstalledRecord(msgspec.Struct, frozen=True):
    """An installed package with its relationship fields as written.

    `is_held` means that it stays in its version (dpkg(1), selection state "hold"); `is_protected` that dpkg
    does not remove it unless it is forced to (deb-control(5), Protected). `section` and `priority` are those
    of deb-control(5).
    """

    package: InstalledPackage
    pre_depends: str = ""
    depends: str = ""
    provides: str = ""
    conflicts: str = ""
    breaks: str = ""
    multi_arch: str = ""
    is_held: bool = False
    recommends: str = ""
    section: str = ""
    priority: str = ""
    is_protected: bool = False

    @property
    def name(self) -> PackageName:
        """Return the package's name."""
        return self.package.name

    @property
    def version(self) -> str:
        """Return the installed version."""
        return self.package.version


class InstalledState:
    """The packages of one image, sorted by name and architecture.

    `gaps` tells what of the state could not be read or contradicts itself. `has_apt` is false for images
    that have packages and nothing to install more with (distroless).
    """

    def __init__(
        self,
        records: tuple[InstalledRecord, ...],
        tree: FileTree,
        gaps: tuple[Gap, ...] = (),
    ) -> None:
        """Take what is installed in `tree`."""
        self.records = records
        self.gaps = gaps
        self._tree = tree

    @classmethod
    def read(cls, tree: FileTree) -> "InstalledState | None":
        """Read dpkg's state from an image's files; None where the image has none.

        ``/var/lib/dpkg/status`` is read, and ``status.d`` of distroless images, whose stanzas have no Status.
        A stanza that is broken, half installed or contradicts another is a Gap, and the rest is read. So is a
        list of a package's files where no stanza names the package: dpkg deletes both or neither.
        """
        if tree.entry(STATUS) is None and not tree.listing(STATUS_PARTS):
            return None
        reader = _Reader(tree)
        records = reader.records()
        return cls(tuple(records[key] for key in sorted(records)), tree, tuple(reader.gaps))

    def with_packages(self, packages: Iterable[ArchivePackage]) -> "InstalledState":
        """Return the state as it is once `packages` are installed as well, at least in these versions."""
        new = {package.name: package for package in packages}
        kept: list[InstalledRecord] = []
        for record in self.records:
            package = new.get(record.name)
            if package is None or not _is_same(record, package):
                kept.append(record)
            elif compare_versions(record.version, package.version) >= 0:
                kept.append(record)
                del new[record.name]
        records = (*kept, *map(_unpacked, new.values()))
        in_order = sorted(records, key=lambda record: (record.name, record.package.architecture))
        return InstalledState(tuple(in_order), self._tree, self.gaps)

    @property
    def packages(self) -> tuple[InstalledPackage, ...]:
        """Return what is installed."""
        return tuple(record.package for record in self.records)

    @property
    def has_apt(self) -> bool:
        """Say whether the image can install packages itself."""
        return self._tree.realpath(_APT_GET) is not None

    @cached_property
    def ownership(self) -> Ownership:
        """Return the owners of all files, and what of the lists could not be read; read when first asked."""
        return read_ownership(self._tree, (record.name for record in self.records))

    def owner(self, path: ImagePath) -> PackageName | None:
        """Return the package that brought the file or link at `path`; None where no package did."""
        folder = self._tree.realpath(parent(path))
        return None if folder is None else self.ownership.owners.get(join(folder, basename(path)))


def _is_same(record: InstalledRecord, package: ArchivePackage) -> bool:
    """Say whether a package takes the place of an installed one of its name, not a place beside it."""
    architectures = {record.package.architecture, package.architecture}
    return len(architectures) == 1 or not architectures.isdisjoint(("all", ""))


def _unpacked(package: ArchivePackage) -> InstalledRecord:
    return InstalledRecord(
        package=InstalledPackage(
            name=package.name,
            version=package.version,
            architecture=package.architecture,
            source=package.built_from[0],
            source_version=package.built_from[1],
            installed_bytes=package.installed_bytes,
            is_essential=package.is_essential,
        ),
        pre_depends=package.pre_depends,
        depends=package.depends,
        provides=package.provides,
        conflicts=package.conflicts,
        breaks=package.breaks,
        multi_arch=package.multi_arch,
    )


class _Reader:
    def __init__(self, tree: FileTree) -> None:
        self.gaps: list[Gap] = []
        self._tree = tree
        self._named: set[str] = set()

    def records(self) -> dict[tuple[str, str], InstalledRecord]:
        automatic = self._automatic()
        records: dict[tuple[str, str], InstalledRecord] = {}
        repeated: dict[ImagePath, list[str]] = {}
        for path, found in self._stanzas():
            record = self._record(path, found, automatic)
            if record is None:
                continue
            key = (record.name, record.package.architecture)
            if key in records:
                repeated.setdefault(path, []).append(record.name)
            records[key] = record
            if len(records) >= _MAX_PACKAGES:
                why = f"more than {_MAX_PACKAGES} packages are listed; the rest was not read"
                self.gaps.append(Gap(stage="apt", kind=GapKind.LIMIT_REACHED, what=path, why=why))
                break
        for path, names in repeated.items():
            self._note(
                path, f"lists {_first_of(sorted(set(names)))} twice; the last entry counts, as for dpkg"
            )
        if not self.gaps:
            self._note_unnamed()
        return records

    def _note_unnamed(self) -> None:
        lists = (name for name in self._tree.listing(INFO) if name.endswith(".list"))
        listed = {name.removesuffix(".list").partition(":")[0] for name in lists}
        unnamed = sorted(listed - self._named)
        if unnamed:
            why = f"does not name {_first_of(unnamed)}, whose files are listed in {INFO}; it may be cut off"
            self._note(STATUS, why)

    def _record(
        self, path: ImagePath, found: dict[str, str], automatic: frozenset[tuple[str, str]]
    ) -> InstalledRecord | None:
        name = found.get("Package", "")
        self._named.add(name)
        # The stanzas of distroless images have no Status: all of them are installed.
        status = found.get("Status", "install ok installed").split()
        state = status[-1] if status else ""
        if not name:
            self._note(path, "holds a stanza that names no package")
        elif state in _ABSENT:
            return None
        elif not found.get("Version"):
            self._note(path, f"gives no version for {name}")
        elif state not in _WORKING:
            self._note(
                path, f"says that {name} is {state or 'in no state'}, so it is not counted as installed"
            )
        else:
            return _installed(found, is_automatic=(name, found.get("Architecture", "")) in automatic)
        return None

    def _stanzas(self) -> Iterator[tuple[ImagePath, dict[str, str]]]:
        for path in self._files():
            try:
                for stanza in stanzas([self._tree.read(path, limit=_LIMIT)]):
                    yield path, fields(stanza, _FIELDS)
            except FileUnreadable as e:
                self._note(path, e.why)
            except StanzaTooLong as e:
                self._note(path, str(e))

    def _files(self) -> Iterator[ImagePath]:
        if self._tree.entry(STATUS) is not None:
            yield STATUS
        for name, entry in sorted(self._tree.listing(STATUS_PARTS).items()):
            if entry.kind is not FileKind.FOLDER and not name.endswith(".md5sums"):
                yield join(STATUS_PARTS, name)

    def _automatic(self) -> frozenset[tuple[str, str]]:
        if self._tree.entry(_EXTENDED_STATES) is None:
            return frozenset()
        try:
            found = map(fields, stanzas([self._tree.read(_EXTENDED_STATES, limit=_LIMIT)]))
            # apt notes a package for all architectures under its own (apt, depcache.cc, writeStateFile).
            return frozenset(
                (stanza.get("Package", ""), architecture)
                for stanza in found
                if stanza.get("Auto-Installed") == "1"
                for architecture in (stanza.get("Architecture", ""), "all")
            )
        except (FileUnreadable, StanzaTooLong) as e:
            self._note(_EXTENDED_STATES, str(e))
            return frozenset()

    def _note(self, path: ImagePath, why: str) -> None:
        self.gaps.append(Gap(stage="apt", kind=GapKind.UNREADABLE_FILE, what=path, why=why))


def _first_of(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _installed(found: dict[str, str], *, is_automatic: bool) -> InstalledRecord:
    source, source_version = source_of(found)
    return InstalledRecord(
        package=InstalledPackage(
            name=PackageName(found["Package"]),
            version=found["Version"],
            architecture=found.get("Architecture", ""),
            source=source,
            source_version=source_version,
            installed_bytes=kibibytes(found.get("Installed-Size", "")),
            is_essential=found.get("Essential") == "yes",
            is_automatic=is_automatic,
        ),
        pre_depends=found.get("Pre-Depends", ""),
        depends=found.get("Depends", ""),
        provides=found.get("Provides", ""),
        conflicts=found.get("Conflicts", ""),
        breaks=found.get("Breaks", ""),
        multi_arch=found.get("Multi-Arch", ""),
        is_held=found.get("Status", "").startswith("hold "),
        recommends=found.get("Recommends", ""),
        section=found.get("Section", ""),
        priority=found.get("Priority", ""),
        is_protected=found.get("Protected") == "yes",
    )
