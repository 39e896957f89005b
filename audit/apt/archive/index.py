"""What the archive offers an image: candidates, and who ships which soname and program.

An index is built from the suites' Release, Packages and Contents files, each verified against the digests
of its Release, and kept in a compact form under the digests of those Releases. What could not be proved of
the Releases' signatures is a gap of the index.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from fleet_audit.audit.apt.archive.contents import Shipped, known
from fleet_audit.audit.apt.archive.keyrings import Keyrings
from fleet_audit.audit.apt.archive.signatures import GpgvCheck, SignatureCheck
from fleet_audit.audit.apt.archive.snapshots import ArchiveState, Snapshots, key_of
from fleet_audit.audit.apt.archive.sources import ENVIRONMENT_VARIABLE, ArchiveSource, codename
from fleet_audit.audit.apt.archive.suites import Suite, SuiteReader, SuiteUnusable, open_suite
from fleet_audit.audit.apt.debian.architectures import triplet
from fleet_audit.audit.apt.debian.packages import ArchivePackage, PackageTable, candidates
from fleet_audit.audit.apt.debian.relations import parse_relations
from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.images.progress import Progress, silent
from fleet_audit.audit.model.archives import ArchiveSuite, KeptArchive
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import Distro
from fleet_audit.audit.tools.fetch import Fetcher, FetchError, FetchMismatch, NotFound, without_credentials

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
            check = GpgvCheck(self._gpgv, self._folder, keyrings)
            try:
                self._found[asked] = self._current(distro, architecture, sources, check)
            except IndexUnavailable as e:
                self._failed[asked] = e
                raise
        return self._found[asked]

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
        check: SignatureCheck,
    ) -> ArchiveIndex:
        _check_request(distro, architecture, sources)
        try:
            suites, left_out = self._open(distro, sources, check)
            key = key_of((architecture, *(repr(s.source) + s.release.digest for s in suites)))
            kept = self._snapshots.load(key)
            state, unlisted = self._read(distro, architecture, suites) if kept is None else (kept, ())
        except (FetchError, SuiteUnusable) as e:
            raise IndexUnavailable(distro, str(e), _advice(distro)) from e
        known = _known(key, distro, suites, state, self._now)
        if unlisted:
            # What the archive lacks today, it may have tomorrow, under the same Releases: that is not kept.
            return _index(state, known, self._now, before=(*left_out, *unlisted))
        if kept is None:
            self._snapshots.keep(key, state)
        self._snapshots.describe(known)
        self._snapshots.remember(_wanted(architecture, sources), key)
        return _index(state, self._snapshots.described(key) or known, self._now, before=left_out)

    def _open(
        self, distro: Distro, sources: Sequence[ArchiveSource], check: SignatureCheck
    ) -> tuple[list[Suite], tuple[Gap, ...]]:
        suites: list[Suite] = []
        gaps: list[Gap] = []
        for source in sources:
            try:
                suites.append(open_suite(source, self._fetcher, check))
            except (FetchError, SuiteUnusable) as e:
                if source.is_optional and isinstance(e, NotFound):
                    continue
                if source.release_name == codename(distro):
                    raise
                gaps.append(_left_out(source, e))
        if not any(suite.source.release_name == codename(distro) for suite in suites):
            raise IndexUnavailable(distro, "none of its suites is at the addresses given", _advice(distro))
        return suites, tuple(gaps)

    def _read(
        self, distro: Distro, architecture: str, suites: Sequence[Suite]
    ) -> tuple[ArchiveState, tuple[Gap, ...]]:
        reader = SuiteReader(architecture, self._fetcher, self._progress)
        packages = _merged(suites, reader)
        shipped = Shipped(triplet(architecture) or "")
        unlisted: list[Gap] = []
        for suite in suites:
            try:
                reader.contents(suite, shipped)
            except (FetchMismatch, NotFound) as e:
                # Updates ship what their release ships, under the same names; without the release's own
                # files nothing is known.
                if suite.source.suite == codename(distro):
                    raise
                unlisted.append(
                    _gap(
                        str(suite), f"names that are new in it are not known, and this state is not kept: {e}"
                    )
                )
        for package in packages.values():
            for name in _virtual_sonames(package):
                shipped.sonames[name].add(package.name)
        if not shipped.sonames:
            raise IndexUnavailable(distro, "its archive has no Contents files", _advice(distro))
        state = ArchiveState(
            label=", ".join(suite.release.label for suite in suites),
            architecture=architecture,
            repositories=tuple(suite.base for suite in suites),
            sonames=known(shipped.sonames, packages),
            programs=known(shipped.programs, packages),
            packages=[packages[name] for name in sorted(packages)],
        )
        return state, tuple(unlisted)


def _wanted(architecture: str, sources: Sequence[ArchiveSource]) -> str:
    return key_of((architecture, *map(repr, sources)))


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


def _known(
    key: str, distro: Distro, suites: Sequence[Suite], state: ArchiveState, now: datetime
) -> KeptArchive:
    return KeptArchive(
        key=key,
        distribution=distro.id,
        release=codename(distro),
        architecture=state.architecture,
        label=state.label,
        suites=tuple(map(_suite, suites)),
        asked=_utc(now),
        sonames=len(state.sonames),
        programs=len(state.programs),
        packages=len(state.packages),
    )


def _suite(suite: Suite) -> ArchiveSuite:
    release, source = suite.release, suite.source
    return ArchiveSuite(
        suite=source.suite,
        archive=without_credentials(source.uri),
        components=source.components,
        date=_utc(release.date),
        valid_until=_utc(release.valid_until) if source.checks_valid_until else "",
        digest=release.digest,
        signed_by=suite.signers,
        doubt=suite.doubt,
    )


def _utc(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _index(
    state: ArchiveState, known: KeptArchive | None, now: datetime, *, before: Iterable[Gap]
) -> ArchiveIndex:
    doubts = tuple(_doubts(known, now))
    return ArchiveIndex(
        packages=PackageTable({package.name: package for package in state.packages}),
        sonames=state.sonames,
        programs=state.programs,
        snapshot=state.label,
        architecture=state.architecture,
        repositories=state.repositories,
        gaps=(*before, *doubts),
        is_verified=not doubts,
        known=known,
    )


def _doubts(known: KeptArchive | None, now: datetime) -> Iterator[Gap]:
    """Yield what keeps a state from being believed for certain, each reason once for all of its suites."""
    if known is None:
        yield _gap("package archive", "what was known of its signatures is lost")
        return
    by_doubt: dict[str, list[str]] = {}
    for suite in known.suites:
        by_doubt.setdefault(suite.doubt, []).append(suite.suite)
    for doubt, names in by_doubt.items():
        if doubt:
            yield _gap(", ".join(names), doubt)
    for suite in known.suites:
        if suite.is_expired(now):
            day = suite.valid_until.partition("T")[0]
            why = f"its Release file has expired on {day}; newer versions may be withheld"
            yield _gap(f"{suite.suite} at {suite.archive}", why)


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
        f"{ENVIRONMENT_VARIABLE}, or apt.sources of the family in fleet.yaml; "
        f"`fleet-audit index update --suite {release} --archive ADDRESS` tries one"
    )
