"""Which binary packages an archive offers, and which of them answer a dependency."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from fleet_audit.audit.apt.debian.control import fields, stanzas
from fleet_audit.audit.apt.debian.relations import Relation, parse_relations
from fleet_audit.audit.apt.debian.versions import satisfies, version_key
from fleet_audit.audit.model.identity import PackageName

_FIELDS = frozenset(
    {
        "Package",
        "Version",
        "Architecture",
        "Source",
        "Pre-Depends",
        "Depends",
        "Provides",
        "Conflicts",
        "Breaks",
        "Replaces",
        "Installed-Size",
        "Size",
        "Multi-Arch",
        "Essential",
        "Priority",
        "Filename",
        "SHA256",
    }
)

# Debian policy 5.6.1 and 5.6.12; archives of third parties hold a few names that it forbids.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*")
_VERSION = re.compile(r"[A-Za-z0-9.+:~-]+")

_PROVIDED_NAME = re.compile(r"(?:^|[,|])\s*([A-Za-z0-9][A-Za-z0-9+._-]*)")

_PRIORITIES = ("required", "important", "standard", "optional", "extra")


class ArchivePackage(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, array_like=True):
    """One binary package as a Packages file describes it.

    Relationship fields are kept as written (`parse_relations` reads them). `filename` is relative to the
    base URI of the archive that offers it, which is number `repository` of the index's `repositories`.
    `source` and `source_version` are empty where they equal the package's own.
    """

    name: PackageName
    version: str
    architecture: str
    source: str = ""
    source_version: str = ""
    pre_depends: str = ""
    depends: str = ""
    provides: str = ""
    conflicts: str = ""
    breaks: str = ""
    replaces: str = ""
    installed_bytes: int = 0
    download_bytes: int = 0
    multi_arch: str = ""
    is_essential: bool = False
    priority: str = ""
    filename: str = ""
    sha256: str = ""
    repository: int = 0

    @property
    def pin(self) -> str:
        """Return what ``apt-get install`` is told: ``name=version``."""
        return f"{self.name}={self.version}"

    @property
    def built_from(self) -> tuple[str, str]:
        """Return the name and version of its source package."""
        return (self.source or self.name, self.source_version or self.version)


def parse_packages(chunks: Iterable[bytes], *, repository: int = 0) -> Iterator[ArchivePackage]:
    """Yield the packages of an uncompressed Packages file that arrives in `chunks`.

    A stanza without a well-formed Package and Version is passed over: what stands there may be typed into a
    command line. Raises `control.StanzaTooLong`.
    """
    for stanza in stanzas(chunks):
        found = fields(stanza, _FIELDS)
        if _NAME.fullmatch(found.get("Package", "")) and _VERSION.fullmatch(found.get("Version", "")):
            yield _package(found, repository)


def candidates(packages: Iterable[ArchivePackage]) -> dict[str, ArchivePackage]:
    """Return the newest version of each package by name: what apt installs where no pin says otherwise.

    Of equal versions the first counts, as the first source in a list does for apt.
    """
    newest: dict[str, ArchivePackage] = {}
    for package in packages:
        known = newest.get(package.name)
        if known is None or version_key(package.version) > version_key(known.version):
            newest[package.name] = package
    return newest


def source_of(found: Mapping[str, str]) -> tuple[str, str]:
    """Return the source package's name and version of a stanza (``Source: name (version)``)."""
    name, _, version = found.get("Source", "").partition(" ")
    return name or found.get("Package", ""), version.strip(" ()") or found.get("Version", "")


def kibibytes(text: str) -> int:
    """Return the bytes of a size in KiB (Installed-Size); 0 where it is no plausible number."""
    return bytes_of(text) * 1024


def bytes_of(text: str) -> int:
    """Return a size in bytes; 0 where it is no plausible number."""
    is_plausible = text.isascii() and text.isdigit() and len(text) < 16
    return int(text) if is_plausible else 0


class PackageTable:
    """The candidates of an archive by name, and by the virtual names that they provide."""

    def __init__(self, packages: Mapping[str, ArchivePackage]) -> None:
        """Take one candidate for each name."""
        self._packages = packages
        self._providers: dict[str, list[ArchivePackage]] | None = None

    def __len__(self) -> int:
        """Return the number of candidates."""
        return len(self._packages)

    def __iter__(self) -> Iterator[ArchivePackage]:
        """Yield every candidate, in order of names."""
        return (self._packages[name] for name in sorted(self._packages))

    def get(self, name: str) -> ArchivePackage | None:
        """Return the candidate of this name."""
        return self._packages.get(name)

    def satisfying(self, relation: Relation) -> tuple[ArchivePackage, ...]:
        """Return every candidate that answers `relation`: the package of that name first, then providers.

        Providers come in apt's order of preference (essential ones, then by priority), ties by name.
        A versioned relation is answered only by a versioned Provides (Debian policy 7.5).
        """
        own = self._packages.get(relation.name)
        found = [own] if own is not None and is_answered_by(relation, own.version) else []
        provided = {
            package.name: package
            for package, provision in self._provisions(relation.name)
            if package.name != relation.name and is_provided(relation, provision)
        }
        return (*found, *sorted(provided.values(), key=_preference))

    def providers(self, name: str) -> tuple[ArchivePackage, ...]:
        """Return the candidates that provide the virtual package `name`, in order of preference."""
        distinct = {package.name: package for package, _ in self._provisions(name)}
        return tuple(sorted(distinct.values(), key=_preference))

    def _provisions(self, name: str) -> list[tuple[ArchivePackage, Relation]]:
        if self._providers is None:
            self._providers = _by_provided_name(self._packages.values())
        return [
            (package, clause[0])
            for package in self._providers.get(name, ())
            for clause in parse_relations(package.provides)
            if clause[0].name == name
        ]


def is_answered_by(relation: Relation, version: str) -> bool:
    """Say whether a package of the relation's name in this `version` answers it."""
    return satisfies(version, relation.operator, relation.version)


def is_provided(relation: Relation, provision: Relation) -> bool:
    """Say whether a Provides entry for the relation's name answers it."""
    if not relation.operator:
        return True
    return bool(provision.version) and satisfies(provision.version, relation.operator, relation.version)


def _by_provided_name(packages: Iterable[ArchivePackage]) -> dict[str, list[ArchivePackage]]:
    """Return the packages by all names that their Provides may hold; what they hold is read when asked."""
    found: defaultdict[str, list[ArchivePackage]] = defaultdict(list)
    for package in packages:
        if package.provides:
            for name in dict.fromkeys(_PROVIDED_NAME.findall(package.provides)):
                found[name].append(package)
    return dict(found)


def _preference(package: ArchivePackage) -> tuple[bool, int, str]:
    rank = _PRIORITIES.index(package.priority) if package.priority in _PRIORITIES else len(_PRIORITIES)
    return (not package.is_essential, rank, package.name)


def _package(found: Mapping[str, str], repository: int) -> ArchivePackage:
    source, source_version = source_of(found)
    name, version = found["Package"], found["Version"]
    return ArchivePackage(
        name=PackageName(name),
        version=version,
        architecture=found.get("Architecture", ""),
        source=source if source != name else "",
        source_version=source_version if source_version != version else "",
        pre_depends=found.get("Pre-Depends", ""),
        depends=found.get("Depends", ""),
        provides=found.get("Provides", ""),
        conflicts=found.get("Conflicts", ""),
        breaks=found.get("Breaks", ""),
        replaces=found.get("Replaces", ""),
        installed_bytes=kibibytes(found.get("Installed-Size", "")),
        download_bytes=bytes_of(found.get("Size", "")),
        multi_arch=found.get("Multi-Arch", ""),
        is_essential=found.get("Essential") == "yes",
        priority=found.get("Priority", ""),
        filename=found.get("Filename", ""),
        sha256=found.get("SHA256", "").lower(),
        repository=repository,
    )
