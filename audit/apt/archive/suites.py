"""Opens the suites of an archive and reads the index files that their Releases promise."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from fleet_audit.audit.apt.archive.compressed import SUFFIXES, Damaged, unpacked
from fleet_audit.audit.apt.archive.contents import Shipped
from fleet_audit.audit.apt.archive.release import IndexFile, Release, parse_release
from fleet_audit.audit.apt.archive.signatures import BadSignature, Lack, SignatureCheck, Signed, unchecked
from fleet_audit.audit.apt.archive.sources import ArchiveSource
from fleet_audit.audit.apt.debian.control import StanzaTooLong
from fleet_audit.audit.apt.debian.packages import ArchivePackage, parse_packages
from fleet_audit.audit.images.progress import Progress
from fleet_audit.audit.tools.fetch import Fetcher, NotFound

_RELEASE_LIMIT = 16 << 20
_STORED_LIMIT = 512 << 20
_RAW_LIMIT = 4 << 30
_RELEASE_SECONDS = 60.0
_INDEX_SECONDS = 900.0


class SuiteUnusable(Exception):
    """A suite cannot be read: `source` names it, `why` says what is wrong with it."""

    def __init__(self, source: ArchiveSource, why: str) -> None:
        """Keep the source and the reason."""
        super().__init__(source, why)
        self.source = source
        self.why = why

    def __str__(self) -> str:
        """Return one clause."""
        return f"{self.source.place}: {self.why}"


class SuiteDistrusted(SuiteUnusable):
    """A suite is there and must not be read: its signature is bad, or it proves less than it did before."""


class Suite(msgspec.Struct, frozen=True):
    """A suite whose Release has been read: who signed it, or what makes that doubtful (`Signed`)."""

    source: ArchiveSource
    release: Release
    signers: tuple[str, ...] = ()
    doubt: str = ""
    keys: str = ""
    lack: Lack = Lack.NOTHING

    def __str__(self) -> str:
        """Return which suite of which archive it is."""
        return self.source.place

    @property
    def folder(self) -> str:
        """Return the address to which the paths of the Release are relative."""
        return _folder(self.source)

    @property
    def base(self) -> str:
        """Return the address to which the file names of packages are relative (apt's debReleaseIndex)."""
        if self.source.is_flat and self.source.suite.strip("/"):
            return self.folder
        return self.source.uri


def open_suite(source: ArchiveSource, fetcher: Fetcher, check: SignatureCheck = unchecked) -> Suite:
    """Fetch the Release of `source`, and read of it what `check` lets stand.

    Raises FetchError, and SuiteUnusable, which is SuiteDistrusted for a Release with a bad signature.
    """
    try:
        signed = _signed_release(source, fetcher, check)
    except BadSignature as e:
        raise SuiteDistrusted(source, f"its Release file is not to be believed: {e}") from e
    release = parse_release(signed.text)
    if release is None:
        raise SuiteUnusable(source, "its Release file is damaged or lists no SHA256 sums")
    if not source.is_flat and not release.is_named(source.suite):
        raise SuiteUnusable(
            source, f"its Release file is that of {release.codename or release.suite}, another suite"
        )
    return Suite(source, release, signed.signers, signed.doubt, signed.keys, signed.lack)


class SuiteReader:
    """Reads the verified index files of suites for one architecture."""

    def __init__(self, architecture: str, fetcher: Fetcher, progress: Progress) -> None:
        """Download with `fetcher`; tell `progress` how many unpacked bytes have been read."""
        self._architecture = architecture
        self._fetcher = fetcher
        self._progress = progress

    def packages(self, suite: Suite, repository: int) -> Iterator[ArchivePackage]:
        """Yield the packages that `suite` offers; raises FetchError and SuiteUnusable.

        A component that is not there is passed over, as apt does, unless no other one is.
        """
        names = _package_indexes(suite, self._architecture)
        files = [file for name in names if (file := _offered(suite, name)) is not None]
        if not (files or suite.source.is_optional):
            raise SuiteUnusable(suite.source, f"it has no {names[0]}")
        for file in files:
            yield from _guarded(suite, file, parse_packages(self._chunks(suite, file), repository=repository))

    def contents(self, suite: Suite, shipped: Shipped) -> None:
        """Add to `shipped` what the suite's Contents files say, where it has some."""
        for file in self._contents_files(suite):
            try:
                shipped.read(self._chunks(suite, file))
            except Damaged as e:
                raise SuiteUnusable(suite.source, f"{file.path} {e}") from e

    def fetch_contents(self, suite: Suite) -> None:
        """Have the suite's Contents files in the cache of downloads; raises FetchError and SuiteUnusable."""
        for file in self._contents_files(suite):
            self._download(suite, file)

    def _contents_files(self, suite: Suite) -> list[IndexFile]:
        names = [f"Contents-{self._architecture}", "Contents-all"]
        # Debian keeps Contents for each component, Ubuntu for a whole suite.
        folders = [f"{component}/" for component in suite.source.components]
        by_component = [_offered(suite, folder + name) for folder in folders for name in names]
        by_suite = [_offered(suite, name) for name in names]
        files = [file for file in by_component if file] or [file for file in by_suite if file]
        return [file for file in files if not _is_empty(suite, file)]

    def _chunks(self, suite: Suite, file: IndexFile) -> Iterator[bytes]:
        name, suffix = _split(file.path)
        raw = suite.release.files.get(name)
        limit = min(raw.size if raw else _RAW_LIMIT, _RAW_LIMIT)
        path = self._download(suite, file)
        label = f"{suite.source.suite} {name}"
        self._progress.start(label, raw.size if raw else 0)
        try:
            for chunk in unpacked(path, suffix, limit=limit):
                self._progress.advance(label, len(chunk))
                yield chunk
        finally:
            self._progress.finish(label)

    def _download(self, suite: Suite, file: IndexFile) -> Path:
        if file.size > _STORED_LIMIT:
            raise SuiteUnusable(suite.source, f"{file.path} has {file.size} bytes, more than is ever read")
        plain = f"{suite.folder}/{file.path}"
        folder = plain.rpartition("/")[0]
        # By hash first: the plain name changes under us while an archive is updated.
        hashed = [f"{folder}/by-hash/SHA256/{file.sha256}"] if suite.release.has_by_hash else []
        for url in hashed:
            try:
                return self._get(url, file)
            except NotFound:
                continue
        return self._get(plain, file)

    def _get(self, url: str, file: IndexFile) -> Path:
        return self._fetcher.get_file(url, size_limit=file.size, deadline=_INDEX_SECONDS, sha256=file.sha256)


def absent_indexes(suite: Suite, architecture: str) -> tuple[str, ...]:
    """Return the index files of packages that a suite's source asks for and its Release does not list."""
    if suite.source.is_optional:
        return ()
    return tuple(name for name in _package_indexes(suite, architecture) if _offered(suite, name) is None)


def _package_indexes(suite: Suite, architecture: str) -> list[str]:
    if suite.source.is_flat or not suite.source.components:
        return ["Packages"]
    kinds = [architecture, *(["all"] if suite.release.packages_of_all_apart else [])]
    return [f"{component}/binary-{kind}/Packages" for component in suite.source.components for kind in kinds]


def _signed_release(source: ArchiveSource, fetcher: Fetcher, check: SignatureCheck) -> Signed:
    folder = _folder(source)
    try:
        return check(source, _text(fetcher, f"{folder}/InRelease"), None)
    except NotFound:
        body = _text(fetcher, f"{folder}/Release")
    try:
        detached = _text(fetcher, f"{folder}/Release.gpg")
    except NotFound:
        detached = None
    return check(source, body, detached)


def _text(fetcher: Fetcher, url: str) -> bytes:
    return fetcher.get(url, size_limit=_RELEASE_LIMIT, deadline=_RELEASE_SECONDS)


def _folder(source: ArchiveSource) -> str:
    if source.is_flat:
        return "/".join(part for part in (source.uri, source.suite.strip("/")) if part)
    return f"{source.uri}/dists/{source.suite}"


def _offered(suite: Suite, name: str) -> IndexFile | None:
    files = suite.release.files
    return next((files[name + suffix] for suffix in SUFFIXES if name + suffix in files), None)


def _split(path: str) -> tuple[str, str]:
    suffix = next(suffix for suffix in SUFFIXES if path.endswith(suffix))
    return path.removesuffix(suffix), suffix


def _is_empty(suite: Suite, file: IndexFile) -> bool:
    raw = suite.release.files.get(_split(file.path)[0])
    return raw is not None and raw.size == 0


def _guarded(suite: Suite, file: IndexFile, packages: Iterator[ArchivePackage]) -> Iterator[ArchivePackage]:
    try:
        yield from packages
    except (Damaged, StanzaTooLong) as e:
        raise SuiteUnusable(suite.source, f"{file.path} {e}") from e
