"""From which archives packages may come: an image's, a machine's or a manifest's (sources.list(5))."""

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from fleet_audit.audit.apt.debian.control import fields
from fleet_audit.audit.images.tree import FileKind, FileTree, FileUnreadable, join
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import Distro, ImagePath
from fleet_audit.audit.tools.connections import without_credentials

ENVIRONMENT_VARIABLE = "FLEET_AUDIT_ARCHIVE"
"""Names one or more base addresses of archives, separated by blanks or commas."""

SNAPSHOT_DATE = "20261101T000000Z"
"""The state of Debian that is planned with where nothing else says what to plan with."""

_SNAPSHOT_DATE = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_SNAPSHOT_SERVICE = "https://snapshot.debian.org/archive"

_DEFAULT_COMPONENTS = {"debian": ("main",), "ubuntu": ("main", "restricted", "universe", "multiverse")}

_VERSIONS = {
    "debian": {
        "10": "buster",
        "11": "bullseye",
        "12": "bookworm",
        "13": "trixie",
        "14": "forky",
        "15": "duke",
    },
    "ubuntu": {
        "18.04": "bionic",
        "20.04": "focal",
        "22.04": "jammy",
        "24.04": "noble",
        "24.10": "oracular",
        "25.04": "plucky",
        "25.10": "questing",
        "26.04": "resolute",
    },
}
"""Codenames by distribution and version (distro-info-data)."""

_DISTRIBUTION = {name: id_ for id_, versions in _VERSIONS.items() for name in versions.values()}

_LISTS = ImagePath("/etc/apt/sources.list")
_PARTS = ImagePath("/etc/apt/sources.list.d")
# apt reads no other names in sources.list.d (apt.conf(5), "Dir").
_PART_NAME = re.compile(r"[A-Za-z0-9_.-]+\.(?:list|sources)")
_OPTIONS = re.compile(r"\[([^\]]*)\]")
_LIMIT = 1 << 20
_MAX_SOURCES = 500


class ArchiveSource(msgspec.Struct, frozen=True):
    """One suite of one archive. A `suite` that ends in ``/`` is a flat archive without components.

    `architectures` is empty for "whatever is asked for". `is_optional` marks a suite that was guessed: it
    may be absent. `signed_by` is a key file or an embedded key, empty for the default keyring.
    """

    uri: str
    suite: str
    components: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    signed_by: str = ""
    is_trusted: bool = False
    checks_valid_until: bool = True
    is_optional: bool = False

    @property
    def is_flat(self) -> bool:
        """Say whether the packages stand beside one Packages file, without suites."""
        return self.suite.endswith("/")

    @property
    def release_name(self) -> str:
        """Return the suite without what marks it as updates: ``bookworm`` for ``bookworm-security``."""
        return re.split("[-/]", self.suite, maxsplit=1)[0]

    @property
    def place(self) -> str:
        """Return which suite of which archive it is, for people: without the credentials of its address."""
        return f"{self.suite} at {without_credentials(self.uri)}"

    def __str__(self) -> str:
        """Return the source as one line of a sources.list."""
        return " ".join(("deb", self.uri, self.suite, *self.components))


class Sources(msgspec.Struct, frozen=True):
    """The sources that a tree configures, in apt's order, and what of them could not be read."""

    sources: tuple[ArchiveSource, ...] = ()
    gaps: tuple[Gap, ...] = ()


class SourceOffers(msgspec.Struct, frozen=True):
    """Everything that may say what to plan with, first come first.

    `asked_for` is a date of Debian's snapshot service that the user named for this run
    (``20261101T000000Z``); `environment` holds the base addresses that an option or ENVIRONMENT_VARIABLE
    gives; `manifest` base addresses or lines as in sources.list; `snapshot` another such date; `image` the
    image's own sources; `machine` this machine's, of which the addresses for the same distribution serve,
    with the image's release in place of the machine's.
    """

    asked_for: str = ""
    environment: str = ""
    manifest: tuple[str, ...] = ()
    snapshot: str = ""
    image: tuple[ArchiveSource, ...] = ()
    machine: tuple[ArchiveSource, ...] = ()


def configured_sources(tree: FileTree) -> Sources:
    """Return the enabled binary sources of ``/etc/apt`` in `tree`, an image's or a machine's.

    Both the one-line style and deb822 (``.sources``) are read; sources of packages' source code are not.
    A file that cannot be read is a Gap.
    """
    found: list[ArchiveSource] = []
    gaps: list[Gap] = []
    for path in _source_files(tree):
        try:
            text = tree.read(path, limit=_LIMIT).decode("utf-8", "backslashreplace")
        except FileUnreadable as e:
            gaps.append(Gap(stage="apt", kind=GapKind.UNREADABLE_FILE, what=path, why=e.why))
        else:
            found += parse_deb822(text) if path.endswith(".sources") else parse_one_line(text)
    return Sources(tuple(dict.fromkeys(found))[:_MAX_SOURCES], tuple(gaps))


def parse_one_line(text: str) -> list[ArchiveSource]:
    """Return the binary sources of a file in the one-line style (sources.list(5))."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [source for line in lines if (source := _one_line(line)) is not None]


def parse_deb822(text: str) -> list[ArchiveSource]:
    """Return the enabled binary sources of a file in deb822 style (sources.list(5))."""
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return [source for stanza in re.split(r"\n\s*\n", "\n".join(lines)) for source in _deb822(stanza)]


def choose_sources(distro: Distro, architecture: str, offers: SourceOffers) -> tuple[ArchiveSource, ...]:
    """Return the sources to plan with; empty where nobody names an archive of this distribution.

    The first offer that serves the image's release counts, in the order of `SourceOffers`; after them all
    comes Debian's snapshot service at SNAPSHOT_DATE. An Ubuntu image is never planned for with Debian's
    packages.
    """
    release = codename(distro)
    if not release:
        return ()
    if is_snapshot_date(offers.asked_for):
        return _snapshot(distro.id, release, offers.asked_for)
    stages = (
        _at_addresses(re.split(r"[\s,]+", offers.environment), distro.id, release),
        _named(offers.manifest, distro.id, release),
        _snapshot(distro.id, release, offers.snapshot) if offers.snapshot else (),
        _serving(offers.image, release),
        _moved(offers.machine, distro.id, release),
        _snapshot(distro.id, release, SNAPSHOT_DATE),
    )
    for stage in stages:
        usable = tuple(s for s in stage if not s.architectures or architecture in s.architectures)
        if usable:
            return usable
    return ()


def is_snapshot_date(text: str) -> bool:
    """Say whether a text is a date as Debian's snapshot service writes it (``20261101T000000Z``)."""
    return _SNAPSHOT_DATE.fullmatch(text) is not None


def released(name: str) -> Distro | None:
    """Return the release of Debian or Ubuntu with this codename; None where none is known by it."""
    for distribution, versions in _VERSIONS.items():
        for version, codename_ in versions.items():
            if codename_ == name:
                return Distro(id=distribution, version=version, codename=name)
    return None


def release_names() -> tuple[str, ...]:
    """Return the codenames of the releases that are known, by distribution and age."""
    return tuple(_DISTRIBUTION)


def codename(distro: Distro) -> str:
    """Return the codename of a release of Debian or Ubuntu; empty for another distribution."""
    known = _VERSIONS.get(distro.id, {})
    return distro.codename if distro.id in _VERSIONS and distro.codename else known.get(distro.version, "")


def _source_files(tree: FileTree) -> Iterator[ImagePath]:
    if tree.entry(_LISTS) is not None:
        yield _LISTS
    for name, entry in sorted(tree.listing(_PARTS).items()):
        if entry.kind is not FileKind.FOLDER and _PART_NAME.fullmatch(name):
            yield join(_PARTS, name)


def _one_line(line: str) -> ArchiveSource | None:
    kind, rest = (*line.split(maxsplit=1), "", "")[:2]
    options: dict[str, str] = {}
    if rest.startswith("[") and (match := _OPTIONS.match(rest)):
        options = dict(pair.partition("=")[::2] for pair in match[1].split())
        rest = rest[match.end() :]
    words = rest.split()
    if kind != "deb" or len(words) < 2:
        return None
    return ArchiveSource(
        uri=words[0].rstrip("/"),
        suite=words[1],
        components=tuple(words[2:]),
        architectures=tuple(filter(None, options.get("arch", "").split(","))),
        signed_by=options.get("signed-by", ""),
        is_trusted=_is_yes(options.get("trusted", "no")),
        checks_valid_until=_is_yes(options.get("check-valid-until", "yes")),
    )


def _deb822(stanza: str) -> Iterator[ArchiveSource]:
    found = {name.lower(): value for name, value in fields(stanza).items()}
    if "deb" not in found.get("types", "").split() or not _is_yes(found.get("enabled", "yes")):
        return
    for uri in found.get("uris", "").split():
        for suite in found.get("suites", "").split():
            yield ArchiveSource(
                uri=uri.rstrip("/"),
                suite=suite,
                components=tuple(found.get("components", "").split()),
                architectures=tuple(found.get("architectures", "").split()),
                signed_by=found.get("signed-by", ""),
                is_trusted=_is_yes(found.get("trusted", "no")),
                checks_valid_until=_is_yes(found.get("check-valid-until", "yes")),
            )


def _is_yes(text: str) -> bool:
    # As apt's StringToBool reads it (apt-pkg/contrib/strutl.cc).
    return text.lower() in ("yes", "true", "with", "on", "enable", "1")


def _at_addresses(addresses: Iterable[str], distribution: str, release: str) -> tuple[ArchiveSource, ...]:
    return tuple(
        ArchiveSource(
            uri=address.rstrip("/"),
            suite=suite,
            components=_DEFAULT_COMPONENTS[distribution],
            is_optional=True,
        )
        for address in addresses
        if address
        for suite in _suites(distribution, release)
    )


def _suites(distribution: str, release: str) -> tuple[str, ...]:
    security = "buster/updates" if (distribution, release) == ("debian", "buster") else f"{release}-security"
    return (release, f"{release}-updates", security)


def _named(manifest: Sequence[str], distribution: str, release: str) -> tuple[ArchiveSource, ...]:
    found: list[ArchiveSource] = []
    for text in manifest:
        found += parse_one_line(text) or _at_addresses(text.split(), distribution, release)
    return tuple(found)


def _serving(sources: Sequence[ArchiveSource], release: str) -> tuple[ArchiveSource, ...]:
    # A file: address of an image means the image's own files, never this machine's.
    remote = tuple(source for source in sources if source.uri.startswith(("http://", "https://")))
    # Third parties' sources alone do not make an archive: the libraries they build on are the distribution's.
    return remote if any(source.release_name == release for source in remote) else ()


def _moved(machine: Sequence[ArchiveSource], distribution: str, release: str) -> tuple[ArchiveSource, ...]:
    own = [source for source in machine if _DISTRIBUTION.get(source.release_name) == distribution]
    return tuple(
        msgspec.structs.replace(
            source, suite=release + source.suite[len(source.release_name) :], architectures=()
        )
        for source in own
    )


def _snapshot(distribution: str, release: str, date: str) -> tuple[ArchiveSource, ...]:
    if distribution != "debian":
        return ()
    main, updates, security = _suites(distribution, release)
    places = (("debian", main), ("debian", updates), ("debian-security", security))
    return tuple(
        ArchiveSource(
            uri=f"{_SNAPSHOT_SERVICE}/{archive}/{date}",
            suite=suite,
            components=_DEFAULT_COMPONENTS[distribution],
            checks_valid_until=False,  # the past has expired, as it should
            is_optional=suite != main,
        )
        for archive, suite in places
    )
