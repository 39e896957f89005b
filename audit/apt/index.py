"""What the archive offers an image: candidates, and who ships which soname and program.

An index is built from the suites' Release, Packages and Contents files, each verified against the digests
of its Release, and kept in a compact form under the digests of those Releases. The signatures of the
Releases are not checked: the index says so in its gaps.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from fleet_audit.audit.apt.architectures import triplet
from fleet_audit.audit.apt.contents import Shipped, known
from fleet_audit.audit.apt.packages import ArchivePackage, PackageTable, candidates
from fleet_audit.audit.apt.relations import parse_relations
from fleet_audit.audit.apt.snapshots import ArchiveState, Snapshots, key_of
from fleet_audit.audit.apt.sources import ENVIRONMENT_VARIABLE, ArchiveSource, codename
from fleet_audit.audit.apt.suites import Suite, SuiteReader, SuiteUnusable, open_suite
from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.images.progress import Progress, silent
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import Distro
from fleet_audit.audit.tools.fetch import Fetcher, FetchError, NotFound

_SONAME_SHAPED = re.compile(r"[^\s/]+\.so\.[0-9][^\s/]*")


class IndexUnavailable(FleetAuditError):
    """No index of the archive could be had; `remedy` says what to do."""

    exit_code = 3

    def __init__(self, distro: Distro, why: str, remedy: str) -> None:
        """Keep the distribution, the reason and the advice."""
        super().__init__(distro, why, remedy)
        self.distro = distro
        self.why = why
        self.remedy = remedy

    def __str__(self) -> str:
        """Return one sentence and the advice."""
        name = " ".join(filter(None, (self.distro.id, self.distro.version))) or "an unknown distribution"
        return f"no package index for {name}: {self.why}; {self.remedy}"


class ArchiveIndex(msgspec.Struct, frozen=True):
    """One state of an archive, for one Debian `architecture`.

    `sonames` and `programs` lead from a name to the packages that ship it, in order of names; sonames that
    are provided as virtual packages (``libblas.so.3``) are among them. `snapshot` names the suites and
    the dates of their Releases. `repositories` are the base addresses to which the packages' file names
    are relative.
    """

    packages: PackageTable
    sonames: dict[str, tuple[str, ...]]
    programs: dict[str, tuple[str, ...]]
    snapshot: str
    architecture: str
    repositories: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    is_verified: bool = False

    def address(self, package: ArchivePackage) -> str:
        """Return where the package's file is downloaded from."""
        return f"{self.repositories[package.repository]}/{package.filename.removeprefix('./')}"


class Archive:
    """Reads archives over a fetcher, and keeps what it has read."""

    def __init__(self, fetcher: Fetcher, folder: Path, *, now: datetime, progress: Progress = silent) -> None:
        """Keep states of archives under `folder`; `now` judges what has expired."""
        self._fetcher = fetcher
        self._snapshots = Snapshots(folder)
        self._now = now
        self._progress = progress
        self._found: dict[str, ArchiveIndex] = {}

    def index(self, distro: Distro, architecture: str, sources: Sequence[ArchiveSource]) -> ArchiveIndex:
        """Return the index of `sources` for a Debian architecture.

        When the archive cannot be asked, or not be read to its end, the state that was last read from the
        same sources serves, and a gap says so. Each archive is asked once in a run. Raises IndexUnavailable
        where there is no state at all.
        """
        wanted = key_of((architecture, *map(repr, sources)))
        if wanted not in self._found:
            self._found[wanted] = self._current_or_last(distro, architecture, sources, wanted)
        return self._found[wanted]

    def _current_or_last(
        self, distro: Distro, architecture: str, sources: Sequence[ArchiveSource], wanted: str
    ) -> ArchiveIndex:
        try:
            return self._current(distro, architecture, sources, wanted)
        except IndexUnavailable as e:
            state = self._snapshots.latest(wanted)
            if state is None:
                raise
            return _index(state, architecture, (_stale(state, e),))

    def _current(
        self, distro: Distro, architecture: str, sources: Sequence[ArchiveSource], wanted: str
    ) -> ArchiveIndex:
        _check_request(distro, architecture, sources)
        try:
            suites, gaps = self._open(distro, sources)
            key = key_of((architecture, *(repr(s.source) + s.release.digest for s in suites)))
            state = self._snapshots.load(key)
            if state is None:
                state = self._read(distro, architecture, suites)
                self._snapshots.keep(key, state)
        except (FetchError, SuiteUnusable) as e:
            raise IndexUnavailable(distro, str(e), _advice(distro)) from e
        self._snapshots.remember(wanted, key)
        return _index(state, architecture, gaps)

    def _open(self, distro: Distro, sources: Sequence[ArchiveSource]) -> tuple[list[Suite], tuple[Gap, ...]]:
        suites: list[Suite] = []
        gaps: list[Gap] = []
        for source in sources:
            try:
                suites.append(open_suite(source, self._fetcher))
            except (FetchError, SuiteUnusable) as e:
                if source.is_optional and isinstance(e, NotFound):
                    continue
                if source.release_name == codename(distro):
                    raise
                gaps.append(_left_out(source, e))
        if not any(suite.source.release_name == codename(distro) for suite in suites):
            raise IndexUnavailable(distro, "none of its suites is at the addresses given", _advice(distro))
        return suites, (*gaps, *_doubts(suites, self._now))

    def _read(self, distro: Distro, architecture: str, suites: Sequence[Suite]) -> ArchiveState:
        reader = SuiteReader(architecture, self._fetcher, self._progress)
        packages = _merged(suites, reader)
        shipped = Shipped(triplet(architecture) or "")
        for suite in suites:
            reader.contents(suite, shipped)
        for package in packages.values():
            for name in _virtual_sonames(package):
                shipped.sonames[name].add(package.name)
        if not shipped.sonames:
            raise IndexUnavailable(distro, "its archive has no Contents files", _advice(distro))
        return ArchiveState(
            label=", ".join(suite.release.label for suite in suites),
            repositories=tuple(suite.base for suite in suites),
            sonames=known(shipped.sonames, packages),
            programs=known(shipped.programs, packages),
            packages=[packages[name] for name in sorted(packages)],
        )


def _check_request(distro: Distro, architecture: str, sources: Sequence[ArchiveSource]) -> None:
    if triplet(architecture) is None:
        raise IndexUnavailable(
            distro, f"{architecture} is no architecture that is known here", "choose another"
        )
    if not codename(distro):
        why = "only the releases of Debian and Ubuntu are known here"
        raise IndexUnavailable(distro, why, "its packages have to be chosen by hand")
    if not sources:
        raise IndexUnavailable(distro, "nothing names an archive for it", _advice(distro))


def _merged(suites: Sequence[Suite], reader: SuiteReader) -> dict[str, ArchivePackage]:
    offered: list[ArchivePackage] = []
    on_request: list[ArchivePackage] = []
    for number, suite in enumerate(suites):
        target = offered if suite.release.is_automatic else on_request
        target.extend(reader.packages(suite, number))
    # What is only offered on request (backports) is a candidate where nothing else is (apt_preferences(5)).
    return candidates(on_request) | candidates(offered)


def _virtual_sonames(package: ArchivePackage) -> Iterator[str]:
    if ".so." in package.provides:
        for clause in parse_relations(package.provides):
            if _SONAME_SHAPED.fullmatch(clause[0].name):
                yield clause[0].name


def _index(state: ArchiveState, architecture: str, gaps: Iterable[Gap]) -> ArchiveIndex:
    return ArchiveIndex(
        packages=PackageTable({package.name: package for package in state.packages}),
        sonames=state.sonames,
        programs=state.programs,
        snapshot=state.label,
        architecture=architecture,
        repositories=state.repositories,
        gaps=tuple(gaps),
    )


def _doubts(suites: Sequence[Suite], now: datetime) -> Iterator[Gap]:
    yield _gap(
        ", ".join(suite.source.suite for suite in suites),
        "the signatures of their Release files were not checked",
    )
    for suite in suites:
        if suite.is_expired(now):
            day = f"{suite.release.valid_until:%Y-%m-%d}"
            yield _gap(str(suite), f"its Release file has expired on {day}; newer versions may be withheld")


def _gap(what: str, why: str) -> Gap:
    return Gap(stage="apt", kind=GapKind.UNVERIFIED_ARCHIVE, what=what, why=why)


def _stale(state: ArchiveState, error: IndexUnavailable) -> Gap:
    return _gap("package archive", f"could not be read ({error.why}), so its state of {state.label} was used")


def _left_out(source: ArchiveSource, error: Exception) -> Gap:
    return _gap(source.place, f"its packages were left out of account: {error}")


def _advice(distro: Distro) -> str:
    release = codename(distro) or distro.version or "its release"
    return (
        f"name an archive that has {release}: --archive ADDRESS, the environment variable "
        f"{ENVIRONMENT_VARIABLE}, or apt.sources of the family in fleet.yaml"
    )
