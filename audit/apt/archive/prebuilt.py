"""Which package ships which library and program, by the indexes that come with fleet-audit.

They answer where no archive can be asked. Each is one file for one release with all its architectures, and
says from which Releases it was made and who had signed them. Versions, sizes and dependencies are not in it.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec
import zstandard

from fleet_audit.audit.apt.archive.sources import codename
from fleet_audit.audit.apt.debian.versions import version_key
from fleet_audit.audit.model.archives import ArchiveSuite, KeptArchive
from fleet_audit.audit.model.identity import Distro

FORMAT = 1
"""Raise whenever a file would be read differently."""

_SUFFIX = ".json.zst"
_LIMIT = 64 << 20
# The architectures of a release ship nearly the same: the second one is found in the window of the first.
_LEVEL, _WINDOW_LOG = 22, 25

Names = dict[str, tuple[str, ...]]
"""Packages by the name of what they ship, both in order."""


class PrebuiltNames(msgspec.Struct, frozen=True):
    """Who ships which soname and program on one architecture, by the Releases of these suites.

    `lacking` names those of the suites whose own Contents were not to be had.
    """

    suites: tuple[ArchiveSuite, ...]
    sonames: Names
    programs: Names
    lacking: tuple[str, ...] = ()


class PrebuiltIndex(msgspec.Struct, frozen=True):
    """The index of one release for one Debian `architecture`; `made` is the day on which it was made."""

    distribution: str
    version: str
    release: str
    architecture: str
    made: str
    names: PrebuiltNames

    @property
    def label(self) -> str:
        """Return which release this is, and of when, for people."""
        return f"{self.distribution.capitalize()} {self.version} as of {self.made}"


class _Stored(msgspec.Struct, frozen=True):
    """A file: the names of each architecture are read only for who asks for them."""

    format: int
    distribution: str
    version: str
    release: str
    made: str
    architectures: dict[str, msgspec.Raw]


def prebuilt_index(distro: Distro, architecture: str) -> PrebuiltIndex | None:
    """Return the index of a distribution's release for a Debian architecture; None where none comes along."""
    return _index(distro.id, codename(distro), architecture)


def suites_that_ship(soname: str, architecture: str = "amd64") -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the codename of each release that ships a library of this name, oldest first, and its packages.

    Only the releases count whose indexes come along.
    """
    found = (_index(stored.distribution, stored.release, architecture) for stored, _ in _every())
    shipping = ((each.release, each.names.sonames.get(soname, ())) for each in found if each is not None)
    return tuple((release, packages) for release, packages in shipping if packages)


def prebuilt_archives() -> tuple[KeptArchive, ...]:
    """Return what is known of each index that comes along; `bytes` is its file's, for all architectures.

    It was asked on the day it was made. Nothing is known of how many packages there were.
    """
    return tuple(
        KeptArchive(
            key=f"{stored.distribution}-{stored.release}",
            distribution=stored.distribution,
            release=stored.release,
            architecture=architecture,
            label=f"{stored.distribution.capitalize()} {stored.version} as of {stored.made}",
            suites=names.suites,
            asked=stored.made,
            sonames=len(names.sonames),
            programs=len(names.programs),
            bytes=size,
            lacking=names.lacking,
        )
        for stored, size in _every()
        for architecture in sorted(stored.architectures)
        for names in (_names(stored.architectures[architecture]),)
    )


def file_name(release: Distro) -> str:
    """Return how the file of a release is called."""
    return f"{release.id}-{release.codename}{_SUFFIX}"


def packed(release: Distro, made: str, architectures: Mapping[str, PrebuiltNames]) -> bytes:
    """Return the file of a release; the same names and Releases of the same day give the same bytes."""
    stored = _Stored(
        format=FORMAT,
        distribution=release.id,
        version=release.version,
        release=release.codename,
        made=made,
        architectures={
            name: msgspec.Raw(msgspec.json.encode(names)) for name, names in sorted(architectures.items())
        },
    )
    parameters = zstandard.ZstdCompressionParameters.from_level(_LEVEL, window_log=_WINDOW_LOG)
    return zstandard.ZstdCompressor(compression_params=parameters).compress(msgspec.json.encode(stored))


def unpacked_index(body: bytes, architecture: str) -> PrebuiltIndex | None:
    """Return the index of an architecture from the bytes of a file; None where the file does not have it."""
    stored = _stored(body)
    names = stored.architectures.get(architecture)
    return None if names is None else _of(stored, architecture, _names(names))


def packaged_indexes() -> Traversable:
    """Return the folder of the indexes that come along."""
    return files("fleet_audit") / "rules" / "indexes"


@cache
def _index(distribution: str, release: str, architecture: str) -> PrebuiltIndex | None:
    for stored, _ in _every():
        if (stored.distribution, stored.release) == (distribution, release):
            names = stored.architectures.get(architecture)
            return None if names is None else _of(stored, architecture, _names(names))
    return None


@cache
def _every() -> tuple[tuple[_Stored, int], ...]:
    """Return the files that come along by distribution and version, with their sizes."""
    found = ((_stored(body), len(body)) for body in _bodies(packaged_indexes()))
    return tuple(sorted(found, key=lambda each: (each[0].distribution, version_key(each[0].version))))


def _bodies(folder: Traversable) -> Iterator[bytes]:
    for entry in folder.iterdir():
        if entry.name.endswith(_SUFFIX):
            yield entry.read_bytes()


def _stored(body: bytes) -> _Stored:
    raw = zstandard.ZstdDecompressor(max_window_size=1 << _WINDOW_LOG).decompress(
        body, max_output_size=_LIMIT
    )
    stored = msgspec.json.decode(raw, type=_Stored)
    if stored.format != FORMAT:
        raise ValueError(f"an index of format {stored.format}, where {FORMAT} is read")
    return stored


def _names(raw: msgspec.Raw) -> PrebuiltNames:
    return msgspec.json.decode(raw, type=PrebuiltNames)


def _of(stored: _Stored, architecture: str, names: PrebuiltNames) -> PrebuiltIndex:
    return PrebuiltIndex(
        stored.distribution, stored.version, stored.release, architecture, stored.made, names
    )
