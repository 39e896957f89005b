"""What may be in an image afterwards: each package as it is installed, and the version that may come instead.

What is installed is never removed, and never replaced by an older version. A package of the archive may come
where none of its name is installed, or an older version that is not held; never one that is forbidden, and
never without its siblings of other architectures (``Multi-Arch: same`` packages share files, so dpkg wants
them in one version; those that are not ``same`` exclude each other).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import msgspec

from fleet_audit.audit.apt.debian.packages import ArchivePackage, PackageTable, is_provided
from fleet_audit.audit.apt.debian.relations import Relation, parse_relations
from fleet_audit.audit.apt.debian.versions import compare_versions
from fleet_audit.audit.apt.installed.state import InstalledRecord

Offer = tuple["Version", Relation]
"""What offers a name, and the entry with which it does."""


class Version(msgspec.Struct, frozen=True, eq=False):
    """One version of a package; `literal` says that it is there, 0 where it is there in any case."""

    package: ArchivePackage | InstalledRecord
    architecture: str
    literal: int

    @property
    def name(self) -> str:
        """Return the package's name."""
        return self.package.name

    @property
    def is_installed(self) -> bool:
        """Say whether it is there before anything is done."""
        return self.literal <= 0


def refuses_nothing(name: str, version: str) -> str:
    """Say of every version that it may come."""
    del name, version
    return ""


class Universe:
    """The packages of one image and of the archive that it is planned with.

    Variables are numbered from 1 as candidates are first asked for: a variable is true where the candidate
    is in the image afterwards.
    """

    def __init__(
        self,
        table: PackageTable,
        installed: Iterable[InstalledRecord],
        architecture: str,
        refuses: Callable[[str, str], str] = refuses_nothing,
    ) -> None:
        """Take what the archive offers for `architecture`, and what is installed, of all architectures.

        `refuses` says why a version of a package must not come.
        """
        self.architecture = architecture
        self._table = table
        self._refuses = refuses
        self._records: defaultdict[str, list[InstalledRecord]] = defaultdict(list)
        for record in installed:
            self._records[record.name].append(record)
        self._candidates: dict[str, Version | None] = {}
        self._names: list[str] = []
        self.installed = tuple(
            self._as_installed(record) for name in sorted(self._records) for record in self._records[name]
        )
        self._provided: defaultdict[str, list[Offer]] = defaultdict(list)
        for version in self.installed:
            for offer in offers(version):
                self._provided[offer.name].append((version, offer))

    def name(self, variable: int) -> str:
        """Return the package that a variable is about."""
        return self._names[variable - 1]

    def candidate(self, name: str) -> Version | None:
        """Return the version of a package that may come; None where none may."""
        if name not in self._candidates:
            package = self._table.get(name)
            self._candidates[name] = None
            if package is not None and not self.refusal(name):
                self._names.append(name)
                self._candidates[name] = Version(package, self.architecture, len(self._names))
        return self._candidates[name]

    def package(self, variable: int) -> ArchivePackage:
        """Return the candidate that a variable is about."""
        package = self._table.get(self.name(variable))
        assert package is not None  # noqa: S101  (a variable is only made for what the table has)
        return package

    def replaced(self, name: str) -> InstalledRecord | None:
        """Return what is installed of a package for the image's own architecture."""
        return next((r for r in self._records.get(name, ()) if self._is_native(r)), None)

    def growth(self, name: str) -> int:
        """Return by how many bytes the image grows by the archive's version: an upgrade by the difference."""
        package, replaced = self._table.get(name), self.replaced(name)
        before = 0 if replaced is None else replaced.package.installed_bytes
        return 0 if package is None else package.installed_bytes - before

    def refusal(self, name: str) -> str:
        """Return why the archive's version of a package may not come; empty where it may."""
        package = self._table.get(name)
        if package is None:
            return "is not in the archive"
        why = self._refuses(name, package.version)
        if why:
            return why
        for record in self._records.get(name, ()):
            why = self._installed_refusal(package, record)
            if why:
                return why
        return ""

    def answering(self, relation: Relation, asker: str) -> Iterator[Version]:
        """Yield every version that answers a relation of a package of architecture `asker`.

        What is installed comes first, then candidates as apt prefers them.
        """
        for version, offer in self._provided.get(relation.name, ()):
            if is_provided(relation, offer) and self._suits(relation, version, asker):
                yield version
        for package in self._table.satisfying(relation):
            version_ = self.candidate(package.name)
            if version_ is not None and self._suits(relation, version_, asker):
                yield version_

    def installed_refused(self, refusal: Relation) -> Iterator[Version]:
        """Yield what is installed and meant by a Conflicts or Breaks entry."""
        for version, offer in self._provided.get(refusal.name, ()):
            if is_refused(refusal, offer, version):
                yield version

    def known_as(self, version: Version) -> str:
        """Return how apt names a package: with its architecture where that is not the image's own."""
        if version.architecture in (self.architecture, "all", ""):
            return version.name
        return f"{version.name}:{version.architecture}"

    def _as_installed(self, record: InstalledRecord) -> Version:
        candidate = self.candidate(record.name) if self._is_native(record) else None
        return Version(record, record.package.architecture, 0 if candidate is None else -candidate.literal)

    def _is_native(self, record: InstalledRecord) -> bool:
        return record.package.architecture in (self.architecture, "all", "")

    def _installed_refusal(self, package: ArchivePackage, record: InstalledRecord) -> str:
        version = record.version
        if not self._is_native(record):
            is_sibling = record.multi_arch == "same" and package.multi_arch == "same"
            if is_sibling and version == package.version:
                return ""
            return f"cannot stand beside {record.name}:{record.package.architecture} {version}"
        if compare_versions(version, package.version) >= 0:
            return f"is installed as {version}"
        if record.is_held:
            return f"is held at {version}, so {package.version} cannot come"
        return ""

    def _suits(self, relation: Relation, version: Version, asker: str) -> bool:
        """Say whether a package of this architecture may answer (dpkg: deparchsatisfied)."""
        own = self.architecture if version.architecture in ("all", "") else version.architecture
        if relation.architecture in ("", "native"):
            wanted = self.architecture if asker in ("all", "") or relation.architecture else asker
            return own == wanted or version.package.multi_arch == "foreign"
        if relation.architecture == "any":
            return version.package.multi_arch == "allowed"
        return own == relation.architecture


def offers(version: Version) -> Iterator[Relation]:
    """Yield the names that a version answers to: its own, and those that it provides."""
    package = version.package
    yield Relation(package.name, "=", package.version)
    if package.provides:
        for clause in parse_relations(package.provides):
            if clause[0].name != package.name:
                yield clause[0]


def is_refused(refusal: Relation, offer: Relation, version: Version) -> bool:
    """Say whether a Conflicts or Breaks entry means `version` by this name of it; of all architectures."""
    is_meant = refusal.architecture in ("", "any", version.architecture)
    return is_meant and is_provided(refusal, offer)
