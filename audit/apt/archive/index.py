"""What the archive offers an image: candidates, and who ships which soname and program.

An index is built from the suites' Release, Packages and Contents files, each verified against the digests
of its Release, and kept in a compact form under the digests of those Releases. What could not be proved of
the Releases' signatures is a gap of the index.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from fleet_audit.audit.apt.archive.contents import Shipped, known
from fleet_audit.audit.apt.archive.keyrings import Keyrings
from fleet_audit.audit.apt.archive.provenance import (
    distrusted,
    doubts,
    facts,
    refuse_downgrade,
    refuse_rollback,
    unverified,
)
from fleet_audit.audit.apt.archive.signatures import GpgvCheck
from fleet_audit.audit.apt.archive.snapshots import ArchiveState, Snapshots, key_of
from fleet_audit.audit.apt.archive.sources import ENVIRONMENT_VARIABLE, ArchiveSource, codename
from fleet_audit.audit.apt.archive.suites import (
    Suite,
    SuiteDistrusted,
    SuiteReader,
    SuiteUnusable,
    absent_indexes,
    open_suite,
)
from fleet_audit.audit.apt.debian.architectures import triplet
from fleet_audit.audit.apt.debian.packages import ArchivePackage, PackageTable, candidates
from fleet_audit.audit.apt.debian.relations import parse_relations
from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.images.progress import Progress, silent
from fleet_audit.audit.model.archives import KeptArchive
from fleet_audit.audit.model.finding import Gap
from fleet_audit.audit.model.identity import Distro
from fleet_audit.audit.tools.fetch import Fetcher, FetchError, FetchMismatch, FetchRefused, NotFound

_SHOW = "`fleet-audit index show` lists what is kept"
_SONAME_SHAPED = re.compile(r"[^\s/]+\.so\.[0-9][^\s/]*")


class IndexUnavailable(FleetAuditError):
    """No index of the archive could be had; `remedy` says what to do.

    `may_be_had` holds where another address or another day can help.
    """

    exit_code = 3

    def __init__(
        self, distro: Distro, why: str, remedy: str, *, may_be_had: bool = True, is_distrusted: bool = False
    ) -> None:
        """Keep the distribution, the reason and the advice, and whether an archive must not be believed."""
        super().__init__(distro, why, remedy)
        self.distro = distro
        self.why = why
        self.remedy = remedy
        self.may_be_had = may_be_had
        self.is_distrusted = is_distrusted

    def __str__(self) -> str:
        """Return one sentence and the advice."""
        name = " ".join(filter(None, (self.distro.id, self.distro.version))) or "an unknown distribution"
        return f"no package index for {name}: {self.why}; {self.remedy}"


class ArchiveIndex(msgspec.Struct, frozen=True):
    """One state of an archive, for one Debian `architecture`.

    `sonames` and `programs` lead from a name to the packages that ship it, in order of names; sonames that
    are provided as virtual packages (``libblas.so.3``) are among them. `snapshot` names the suites and
    the dates of their Releases. `repositories` are the base addresses to which the packages' file names
    are relative. `is_verified` holds where every Release has a good signature and has not expired; `known` is
    what is kept about the state.
    """

    packages: PackageTable
    sonames: dict[str, tuple[str, ...]]
    programs: dict[str, tuple[str, ...]]
    snapshot: str
    architecture: str
    repositories: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    is_verified: bool = False
    known: KeptArchive | None = None

    def address(self, package: ArchivePackage) -> str:
        """Return where the package's file is downloaded from."""
        return f"{self.repositories[package.repository]}/{package.filename.removeprefix('./')}"


class Archive:
    """Reads archives over a fetcher, and keeps what it has read."""

    def __init__(
        self,
        fetcher: Fetcher,
        folder: Path,
        *,
        now: datetime,
        progress: Progress = silent,
        gpgv: Path | None = None,
    ) -> None:
        """Keep states of archives under `folder`; `now` judges what has expired, `gpgv` signatures."""
        self._fetcher = fetcher
        self._folder = folder
        self._snapshots = Snapshots(folder)
        self._now = now
        self._progress = progress
        self._gpgv = gpgv
        self._found: dict[str, ArchiveIndex] = {}
        self._failed: dict[str, IndexUnavailable] = {}

    def index(
        self,
        distro: Distro,
        architecture: str,
        sources: Sequence[ArchiveSource],
        keyrings: Keyrings | None = None,
    ) -> ArchiveIndex:
        """Return the index of `sources` for a Debian architecture; `keyrings` say who may sign for them.

        When the archive cannot be asked, not be read to its end, or not be believed, the state that was last
        read from the same sources serves, and a gap says so. Each archive is asked once in a run. Raises
        IndexUnavailable where there is no state at all.
        """
        try:
            return self.update(distro, architecture, sources, keyrings)
        except IndexUnavailable as e:
            last = self._last(_wanted(architecture, sources), e)
            if last is None:
                raise
            return last

    def update(
        self,
        distro: Distro,
        architecture: str,
        sources: Sequence[ArchiveSource],
        keyrings: Keyrings | None = None,
    ) -> ArchiveIndex:
        """Return the index of `sources` as the archive has it now; raises IndexUnavailable, each time.

        What was kept of another state stays, whatever happens.
        """
        keyrings = keyrings or Keyrings()
        digests = [keys.digest for source in sources for keys in keyrings.of(source)]
        asked = key_of((architecture, *map(repr, sources), *digests))
        if asked in self._failed:
            raise self._failed[asked]
        if asked not in self._found:
            try:
                self._found[asked] = self._current(distro, architecture, sources, keyrings)
            except IndexUnavailable as e:
                self._failed[asked] = e
                raise
        return self._found[asked]

    def repeated(self, distro: Distro, architecture: str, key: str) -> ArchiveIndex:
        """Return the index of a state that is kept, whose key begins with `key`; nobody is asked.

        That its Releases have expired since is no doubt: the past was asked for. Raises IndexUnavailable
        where no state, or more than one, is meant, and where it is another release's.
        """
        found = self._snapshots.matching(key)
        if len(found) != 1:
            what = f"{len(found)} states of archives have" if found else "no state of an archive has"
            raise IndexUnavailable(distro, f"{what} a key that begins with {key}", _SHOW, may_be_had=False)
        known = found[0]
        state = self._snapshots.load(known.key)
        if state is None:
            raise IndexUnavailable(distro, f"the state {key} is damaged", _SHOW, may_be_had=False)
        if (known.distribution, known.release, known.architecture) != (
            distro.id,
            codename(distro),
            architecture,
        ):
            why = f"the state {key} is of {known.distribution} {known.release} {known.architecture}"
            raise IndexUnavailable(distro, why, _SHOW, may_be_had=False)
        return _index(state, known, None, before=())

    def kept(self) -> list[KeptArchive]:
        """Return what is known of each state that is kept."""
        return self._snapshots.every()

    def last(self, architecture: str, sources: Sequence[ArchiveSource]) -> KeptArchive | None:
        """Return what is known of the state that was last read from `sources`."""
        key = self._snapshots.latest(_wanted(architecture, sources))
        return None if key is None else self._snapshots.described(key)

    def _last(self, wanted: str, error: IndexUnavailable) -> ArchiveIndex | None:
        if wanted not in self._found:
            key = self._snapshots.latest(wanted)
            state = None if key is None else self._snapshots.load(key)
            if key is None or state is None:
                return None
            known = self._snapshots.described(key)
            self._found[wanted] = _index(state, known, self._now, before=(_stale(state, error),))
        return self._found[wanted]

    def _current(
        self,
        distro: Distro,
        architecture: str,
        sources: Sequence[ArchiveSource],
        keyrings: Keyrings,
    ) -> ArchiveIndex:
        _check_request(distro, architecture, sources)
        try:
            suites, left_out = self._open(distro, sources, keyrings)
            state, found = self._kept_or_read(distro, architecture, suites)
        except (FetchError, SuiteUnusable) as e:
            is_distrusted = isinstance(e, SuiteDistrusted)
            raise IndexUnavailable(distro, str(e), _advice(distro, e), is_distrusted=is_distrusted) from e
        wanted = _wanted(architecture, sources)
        # A state without some Contents does not take the place of a whole one.
        if not found.lacking or self._snapshots.latest(wanted) is None:
            self._snapshots.remember(wanted, found.key)
        described = self._snapshots.described(found.key)
        absent = _absent(suites, architecture)
        return _index(state, described or found, self._now, before=(*left_out, *absent))

    def _open(
        self, distro: Distro, sources: Sequence[ArchiveSource], keyrings: Keyrings
    ) -> tuple[list[Suite], tuple[Gap, ...]]:
        check = GpgvCheck(self._gpgv, self._folder, keyrings)
        before = self._snapshots.every()
        suites: list[Suite] = []
        gaps: list[Gap] = []
        for source in sources:
            try:
                suite = open_suite(source, self._fetcher, check)
                refuse_downgrade(suite, [keys.digest for keys in keyrings.of(source)], before)
                refuse_rollback(suite, before)
                suites.append(suite)
            except (FetchError, SuiteUnusable) as e:
                if source.is_optional and isinstance(e, NotFound):
                    continue
                if source.release_name == codename(distro):
                    raise
                gaps.append(_left_out(source, e))
        if not any(suite.source.release_name == codename(distro) for suite in suites):
            raise IndexUnavailable(distro, "none of its suites is at the addresses given", _advice(distro))
        return suites, tuple(gaps)

    def _kept_or_read(
        self, distro: Distro, architecture: str, suites: Sequence[Suite]
    ) -> tuple[ArchiveState, KeptArchive]:
        key = key_of((architecture, *(repr(s.source) + s.release.digest for s in suites)))
        state = self._snapshots.load(key)
        reader = SuiteReader(architecture, self._fetcher, self._progress)
        lacking: tuple[Suite, ...] = ()
        if state is None and (lacking := tuple(_without_contents(distro, suites, reader))):
            # What the archive lacks today, it may have tomorrow, under the same Releases.
            key = key_of((key, *map(str, lacking)))
            state = self._snapshots.load(key)
        is_new = state is None
        state = state or _read(distro, architecture, suites, reader, lacking)
        found = facts(key, distro, suites, state, self._now)
        found = msgspec.structs.replace(found, lacking=tuple(map(str, lacking)))
        if is_new:
            self._snapshots.keep(found, state)
        else:
            self._snapshots.describe(found)
        return state, found


def _without_contents(distro: Distro, suites: Iterable[Suite], reader: SuiteReader) -> Iterator[Suite]:
    """Yield the suites whose Contents the archive does not have as their Releases promise.

    Updates ship what their release ships, under the same names; without the release's own files nothing is
    known, so those are left to be missed when they are read.
    """
    for suite in suites:
        if suite.source.suite == codename(distro):
            continue
        try:
            reader.fetch_contents(suite)
        except (FetchMismatch, FetchRefused, NotFound):
            yield suite


def _read(
    distro: Distro, architecture: str, suites: Sequence[Suite], reader: SuiteReader, lacking: Sequence[Suite]
) -> ArchiveState:
    packages = _merged(suites, reader)
    if not packages:
        raise IndexUnavailable(distro, f"none of its suites has packages for {architecture}", _advice(distro))
    shipped = Shipped(triplet(architecture) or "")
    for suite in suites:
        if suite not in lacking:
            reader.contents(suite, shipped)
    for package in packages.values():
        for name in _virtual_sonames(package):
            shipped.sonames[name].add(package.name)
    if not shipped.sonames:
        raise IndexUnavailable(distro, "its archive has no Contents files", _advice(distro))
    return ArchiveState(
        label=", ".join(suite.release.label for suite in suites),
        architecture=architecture,
        repositories=tuple(suite.base for suite in suites),
        sonames=known(shipped.sonames, packages),
        programs=known(shipped.programs, packages),
        packages=[packages[name] for name in sorted(packages)],
    )


def _wanted(architecture: str, sources: Sequence[ArchiveSource]) -> str:
    return key_of((architecture, *map(repr, sources)))


def _check_request(distro: Distro, architecture: str, sources: Sequence[ArchiveSource]) -> None:
    if triplet(architecture) is None:
        why = f"{architecture} is no architecture that is known here"
        raise IndexUnavailable(distro, why, "choose another", may_be_had=False)
    if not codename(distro):
        why = "only the releases of Debian and Ubuntu are known here"
        raise IndexUnavailable(distro, why, "its packages have to be chosen by hand", may_be_had=False)
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


def _index(
    state: ArchiveState, known: KeptArchive | None, now: datetime | None, *, before: Iterable[Gap]
) -> ArchiveIndex:
    found = tuple(doubts(known, now))
    return ArchiveIndex(
        packages=PackageTable({package.name: package for package in state.packages}),
        sonames=state.sonames,
        programs=state.programs,
        snapshot=state.label,
        architecture=state.architecture,
        repositories=state.repositories,
        gaps=(*before, *_lacking(known), *found),
        is_verified=not found,
        known=known,
    )


def _lacking(known: KeptArchive | None) -> Iterator[Gap]:
    for place in known.lacking if known else ():
        yield unverified(place, "names that are new in it are not known: its Contents are not as it promises")


def _absent(suites: Iterable[Suite], architecture: str) -> Iterator[Gap]:
    for suite in suites:
        for name in absent_indexes(suite, architecture):
            yield unverified(str(suite), f"it has no {name}, which the source asks for")


def _stale(state: ArchiveState, error: IndexUnavailable) -> Gap:
    gap = distrusted if error.is_distrusted else unverified
    return gap("package archive", f"could not be read ({error.why}), so its state of {state.label} was used")


def _left_out(source: ArchiveSource, error: Exception) -> Gap:
    gap = distrusted if isinstance(error, SuiteDistrusted) else unverified
    return gap(source.place, f"its packages were left out of account: {error}")


def _advice(distro: Distro, error: Exception | None = None) -> str:
    if isinstance(error, FetchRefused):
        return "read it while the network may be used"
    release = codename(distro) or distro.version or "its release"
    return (
        f"name an archive that has {release}: --archive ADDRESS, the environment variable "
        f"{ENVIRONMENT_VARIABLE}, or apt.sources of the family in fleet.yaml"
    )
