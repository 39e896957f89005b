"""Where the Debian packages come from: the archive's index, verified, and each package by its digest."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from examples.fleet.builder.failure import BuildError
from fleet_audit.audit.apt.archive.sources import (
    ENVIRONMENT_VARIABLE,
    ArchiveSource,
    SourceOffers,
    choose_sources,
    parse_deb822,
    parse_one_line,
)
from fleet_audit.audit.apt.archive.suites import Suite, SuiteReader, SuiteUnusable, open_suite
from fleet_audit.audit.apt.debian.packages import ArchivePackage, PackageTable, candidates
from fleet_audit.audit.apt.planning.closure import Described, closure
from fleet_audit.audit.images.progress import silent
from fleet_audit.audit.model.identity import Distro, PackageName
from fleet_audit.audit.tools.connections import without_credentials
from fleet_audit.audit.tools.fetch import Fetcher, NotFound

BOOKWORM = Distro(id="debian", version="12", codename="bookworm")
ARCHITECTURE = "amd64"

_PACKAGE_LIMIT = 1 << 30
_SECONDS = 300.0
_DOWNLOADS_AT_ONCE = 8


class Archive:
    """The packages that the chosen sources offer, newest versions first of all."""

    def __init__(self, sources: Sequence[ArchiveSource], fetcher: Fetcher) -> None:
        """Read the index of every source; one that is only guessed may be absent.

        Raises FetchError, or BuildError where an index cannot be trusted or offers nothing.
        """
        self._fetcher = fetcher
        self._suites = [suite for source in sources if (suite := _open(source, fetcher)) is not None]
        reader = SuiteReader(ARCHITECTURE, fetcher, silent)
        try:
            packages = [
                p for number, suite in enumerate(self._suites) for p in reader.packages(suite, number)
            ]
        except SuiteUnusable as e:
            raise BuildError("the Debian archive", str(e)) from e
        if not packages:
            asked = sorted({without_credentials(source.uri) for source in sources})
            raise BuildError(", ".join(asked), "offers no Debian 12 packages")
        self._versions: dict[tuple[str, str], ArchivePackage] = {(p.name, p.version): p for p in packages}
        self._newest = candidates(packages)

    @property
    def sources(self) -> list[ArchiveSource]:
        """Return the sources that are really there."""
        return [suite.source for suite in self._suites]

    def closure(
        self, wanted: Sequence[str], installed: Iterable[Described]
    ) -> tuple[list[ArchivePackage], frozenset[str]]:
        """Return `wanted` (``name`` or ``name=version``) with everything they depend on, sorted by name.

        The second value names the ones that came as dependencies. Recommends are not followed. Raises
        BuildError where the archive has not got something, or not in that version.
        """
        newest = dict(self._newest)
        for request in wanted:
            name, _, version = request.partition("=")
            if version:
                newest[name] = self._version(name, version)
        roots = [PackageName(request.partition("=")[0]) for request in wanted]
        found = closure(PackageTable(newest), roots, installed=installed)
        if found.unmet:
            unmet = "; ".join(f"{missing.package}: {missing.why}" for missing in found.unmet)
            raise BuildError("the Debian archive", f"cannot supply everything: {unmet}")
        packages = sorted((choice.package for choice in found.chosen), key=lambda package: package.name)
        return packages, found.names - set(roots)

    def required(self) -> list[str]:
        """Return what every Debian system has: Essential packages, and those of priority required."""
        wanted = (p for p in self._newest.values() if p.is_essential or p.priority == "required")
        return sorted(package.name for package in wanted)

    def download(self, packages: Sequence[ArchivePackage]) -> list[Path]:
        """Return the package files, in order, each with the digest that the index promises."""
        with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
            return list(pool.map(self._download, packages))

    def _download(self, package: ArchivePackage) -> Path:
        url = f"{self._suites[package.repository].base}/{package.filename}"
        return self._fetcher.get_file(
            url, size_limit=_PACKAGE_LIMIT, deadline=_SECONDS, sha256=package.sha256
        )

    def _version(self, name: str, version: str) -> ArchivePackage:
        package = self._versions.get((name, version))
        if package is None:
            newest = self._newest.get(name)
            has = f"it has {newest.version}" if newest else "it has no such package"
            raise BuildError(f"{name}={version}", f"is not in the archive; {has}")
        return package


def _open(source: ArchiveSource, fetcher: Fetcher) -> Suite | None:
    try:
        return open_suite(source, fetcher)
    except NotFound:
        if source.is_optional:
            return None
        raise
    except SuiteUnusable as e:
        raise BuildError("the Debian archive", str(e)) from e


def sources_for(
    address: str, machine: Path = Path("/etc/apt"), *, distro: Distro = BOOKWORM
) -> tuple[ArchiveSource, ...]:
    """Return the sources to build from, for one release.

    `address` counts first, then the environment (FLEET_AUDIT_ARCHIVE), then the sources of this machine
    where it is a Debian, then Debian's snapshot service at a pinned date.
    """
    environment = address or os.environ.get(ENVIRONMENT_VARIABLE, "")
    offers = SourceOffers(environment=environment, machine=tuple(_machine_sources(machine)))
    return choose_sources(distro, ARCHITECTURE, offers)


def _machine_sources(folder: Path) -> list[ArchiveSource]:
    found: list[ArchiveSource] = []
    for path in (folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))):
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            found += parse_deb822(text) if path.suffix == ".sources" else parse_one_line(text)
    return found


def sources_file(sources: Sequence[ArchiveSource]) -> bytes:
    """Return ``debian.sources`` (deb822) for an image that was built from `sources`, without passwords."""
    return "\n".join(map(_stanza, sources)).encode()


def _stanza(source: ArchiveSource) -> str:
    lines = [
        "Types: deb",
        f"URIs: {without_credentials(source.uri)}",
        f"Suites: {source.suite}",
        f"Components: {' '.join(source.components)}",
        *([] if source.checks_valid_until else ["Check-Valid-Until: no"]),
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg",
    ]
    return "".join(f"{line}\n" for line in lines)
