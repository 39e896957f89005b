"""Debian as its archive has it: the index, a minimal installation, and apt-get told to simulate.

Where no release is named, it is Debian 12.
"""

import os
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import msgspec
import pytest
from platformdirs import user_cache_path

from fleet_audit.audit.apt.archive.compressed import unpacked
from fleet_audit.audit.apt.archive.index import Archive, ArchiveIndex, IndexUnavailable
from fleet_audit.audit.apt.archive.keyrings import Keyrings
from fleet_audit.audit.apt.archive.sources import (
    ENVIRONMENT_VARIABLE,
    ArchiveSource,
    SourceOffers,
    choose_sources,
    configured_sources,
)
from fleet_audit.audit.apt.archive.suites import open_suite
from fleet_audit.audit.apt.debian.packages import ArchivePackage
from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.apt.planning.closure import closure
from fleet_audit.audit.apt.planning.wants import Wanted
from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.model.identity import Distro
from fleet_audit.audit.model.need import NeedKind
from fleet_audit.audit.tools.fetch import Fetcher, FetchError
from fleet_audit.audit.tools.gpgv import find_gpgv
from fleet_audit.audit.tools.process import run
from tests.support.status import status_of
from tests.support.trees import tree

BULLSEYE = Distro(id="debian", version="11", codename="bullseye")
BOOKWORM = Distro(id="debian", version="12", codename="bookworm")
TRIXIE = Distro(id="debian", version="13", codename="trixie")
RELEASES = {release.codename: release for release in (BULLSEYE, BOOKWORM, TRIXIE)}
ARCHITECTURE = "amd64"
_CACHE = user_cache_path("fleet-audit")
_INSTALLED_LINE = re.compile(r"^Inst (\S+) (?:\[\S+\] )?\((\S+)", re.MULTILINE)
_BASE_ROOTS = ("apt", "debian-archive-keyring", "usr-is-merged")


def fetcher() -> Fetcher:
    """Return a fetcher that shares the downloads of the program itself."""
    return Fetcher(_CACHE / "downloads")


@cache
def sources(release: Distro = BOOKWORM) -> tuple[ArchiveSource, ...]:
    """Return the archives of a release that this machine can use."""
    offers = SourceOffers(
        environment=os.environ.get(ENVIRONMENT_VARIABLE, ""),
        machine=configured_sources(open_folder(Path("/"))).sources,
    )
    return choose_sources(release, ARCHITECTURE, offers)


def archive() -> Archive:
    """Return what reads archives and keeps their indexes where the program itself keeps them."""
    return Archive(fetcher(), _CACHE / "archives", now=datetime.now(UTC), gpgv=find_gpgv(os.environ))


@cache
def index(release: Distro = BOOKWORM) -> ArchiveIndex:
    """Return the index of a release; skips the test where no archive can be reached."""
    try:
        return archive().index(release, ARCHITECTURE, sources(release), _keyrings())
    except IndexUnavailable as e:
        pytest.skip(f"no archive of Debian {release.version} can be reached: {e.why}")


def _keyrings() -> Keyrings:
    return Keyrings([("this machine", open_folder(Path("/")))], "debian")


def minimal(release: Distro = BOOKWORM, *further: str) -> list[ArchivePackage]:
    """Return the packages of a minimal installation: Essential and required ones, apt, and `further` ones."""
    table = index(release).packages
    required = [package.name for package in table if package.is_essential or package.priority == "required"]
    named = {*_BASE_ROOTS, *further}
    roots = [*required, *(package.name for package in table if package.name in named)]
    return [choice.package for choice in closure(table, roots).chosen]


def older(packages: Iterable[ArchivePackage], source: str, version: str) -> list[ArchivePackage]:
    """Return `packages` as if those of one source were still installed in an older version."""
    moved = [package for package in packages if package.built_from[0] == source]
    newer = {package.version for package in moved} | {package.built_from[1] for package in moved}

    def with_old_versions(text: str) -> str:
        for each in newer:
            text = re.sub(rf"(?<= ){re.escape(each)}(?=\))", version, text)
        return text

    return [
        msgspec.structs.replace(
            package,
            version=version if package in moved else package.version,
            source_version="" if package in moved else package.source_version,
            depends=with_old_versions(package.depends),
            pre_depends=with_old_versions(package.pre_depends),
        )
        for package in packages
    ]


def state_of(packages: Iterable[ArchivePackage]) -> InstalledState:
    """Return the state of an image in which `packages` are installed."""
    state = InstalledState.read(tree({"/var/lib/dpkg/status": status_of(packages)}))
    assert state is not None
    return state


def wanted(*needs: str) -> list[Wanted]:
    """Return needs that are named as people type them: ``so:libGL.so.1``, ``bin:ffmpeg``."""
    kinds = {"so": NeedKind.SONAME, "bin": NeedKind.PROGRAM}
    return [Wanted(need, kinds[need.partition(":")[0]], need.partition(":")[2]) for need in needs]


class Simulation:
    """apt-get with a state, lists and sources of its own, which installs nothing (``--simulate``)."""

    def __init__(self, folder: Path, release: Distro = BOOKWORM, *, keeps_cache: bool = True) -> None:
        """Write the archive's package lists, as apt would have fetched them, below `folder`.

        Where apt-get `keeps_cache`, the lists are read by its first run alone.
        """
        self._folder = folder
        self._keeps_cache = keeps_cache
        for name in ("cache/archives/partial", "etc"):
            (folder / name).mkdir(parents=True)
        lines = write_lists(folder / "lists", "http://archive.example", release)
        (folder / "etc" / "sources.list").write_text("".join(lines))

    def install(
        self,
        roots: Sequence[str],
        installed: Iterable[ArchivePackage],
        *,
        with_recommended: bool = False,
    ) -> set[str]:
        """Return what apt-get would install (``name=version``) upon `installed`, told to install `roots`."""
        (self._folder / "status").write_text(status_of(installed))
        recommended = f"APT::Install-Recommends={'true' if with_recommended else 'false'}"
        said = run(
            ["apt-get", "--simulate", *self.options(), "-o", recommended, "install", *roots],
            timeout=120,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "APT_CONFIG": "/dev/null"},
        )
        return {f"{name}={version}" for name, version in _INSTALLED_LINE.findall(said.decode())}

    def options(self) -> list[str]:
        """Return the words that make apt's programs use this state, lists and sources."""
        at = self._folder
        options = {
            "APT::Architecture": ARCHITECTURE,
            "Dir::Cache": str(at / "cache"),
            # Said in any case: settings of containers often take both away.
            "Dir::Cache::pkgcache": "pkgcache.bin" if self._keeps_cache else "",
            "Dir::Cache::srcpkgcache": "srcpkgcache.bin" if self._keeps_cache else "",
            "Dir::Etc": str(at / "etc"),
            "Dir::State": str(at),
            "Dir::State::lists": str(at / "lists"),
            "Dir::State::status": str(at / "status"),
        }
        return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def write_lists(folder: Path, address: str, release: Distro = BOOKWORM) -> list[str]:
    """Write a release's package lists into `folder`, as apt would have fetched them from `address`.

    Returns the lines of ``sources.list`` for them: repository N of the index is at ``address/N``.
    """
    (folder / "partial").mkdir(parents=True)
    lines: list[str] = []
    for source in sources(release):
        base = f"{address}/{len(lines)}"
        if _write_list(folder, source, base):
            lines.append(f"deb [trusted=yes] {base} {source.suite} main\n")
    return lines


def _write_list(folder: Path, source: ArchiveSource, base: str) -> bool:
    try:
        suite = open_suite(source, fetcher())
    except FetchError:
        return False
    listed = suite.release.files[f"main/binary-{ARCHITECTURE}/Packages.xz"]
    path = fetcher().get_file(
        f"{suite.folder}/{listed.path}", size_limit=listed.size, deadline=300, sha256=listed.sha256
    )
    # sources.list(5) names the file by its address without the scheme (apt's URItoFileName).
    address = base.partition(":")[2].removeprefix("//")
    name = f"{address}/dists/{source.suite}/main/binary-{ARCHITECTURE}/Packages".replace("/", "_")
    with (folder / name).open("wb") as raw:
        raw.writelines(unpacked(path, ".xz", limit=1 << 30))
    return True
