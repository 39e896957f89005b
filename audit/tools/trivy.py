"""What trivy knows against an image, a root file system or an SBOM: it is run, and its JSON read strictly."""

import os
import sys
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from fleet_audit.audit.tools.bolt import BoltDamaged, bucket_names
from fleet_audit.audit.tools.folder_store import FolderStore
from fleet_audit.audit.tools.process import ToolError, ToolFailed, run
from fleet_audit.audit.tools.scanner import (
    VERSION_SECONDS,
    Scanner,
    find_scanner,
    named_program,
    on_path,
    sole_scanner,
    unreadable,
    without_colours,
)
from fleet_audit.audit.tools.working_folder import working_folder

NAME = "trivy"
ADVICE = (
    'install trivy from its releases or its package archive (its documentation, "Installation"), '
    "put it on PATH or name it (--trivy, FLEET_AUDIT_TRIVY)"
)
DATABASE_ADVICE = "fetch it with vulns --update-db, or with trivy image --download-db-only"
JAVA_ADVICE = "fetch the database that knows them with trivy image --download-java-db-only"
VARIABLE = "FLEET_AUDIT_TRIVY"
SCAN_SECONDS = 1800.0
UPDATE_SECONDS = 900.0

IMAGE_ARTIFACT = "container_image"
"""What its reports call an image."""

_SCHEMA = 2
_DATABASE_SCHEMA = 2
_MAX_ANSWER = 1 << 30
_MAX_METADATA = 1 << 16
_OUTPUT_LIMIT = 1 << 20
_ANSWER = "trivy.json"
_ECOSYSTEMS = {
    "python-pkg": "pip",
    "node-pkg": "npm",
    "npm": "npm",
    "gobinary": "go",
    "gomod": "go",
    "rustbinary": "cargo",
    "cargo": "cargo",
    "jar": "maven",
    "gemspec": "rubygems",
    "composer-vendor": "composer",
    "dotnet-core": "nuget",
}
"""By type of result, how the names of its sources begin in the database; those of SBOMs go by the URL."""

_RELEASE_PARTS = {"debian": 1, "ubuntu": 2, "alpine": 2}
"""By distribution, how many numbers of its release its source is named for."""

_JAVA_DATABASE_ABSENT = "first run cannot skip downloading Java DB"
_JAVA_ARCHIVES = ("ear", "jar", "par", "war")

_PASSED_TO_UPDATES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "DOCKER_CONFIG",
    "HOME",
    "TRIVY_DB_REPOSITORY",
    "TRIVY_INSECURE",
    "TRIVY_PASSWORD",
    "TRIVY_REGISTRY_TOKEN",
    "TRIVY_USERNAME",
)


class DatabaseUnusable(ToolError):
    """There is no vulnerability database in `folder`, or it is damaged: nothing can be said of anything."""

    def __init__(self, folder: Path, why: str) -> None:
        """Keep where it was looked for, and what is wrong with it."""
        super().__init__((NAME,), f"its vulnerability database in {folder} {why}; {DATABASE_ADVICE}")
        self.folder = folder


class TrivyKind(StrEnum):
    """What trivy is given: an image (docker-archive file or OCI folder), an unpacked root, an SBOM file."""

    IMAGE = "image"
    ROOTFS = "rootfs"
    SBOM = "sbom"


class TrivyTarget(msgspec.Struct, frozen=True):
    """What is to be scanned, and what it is."""

    kind: TrivyKind
    path: Path


class TrivyDatabase(msgspec.Struct, frozen=True):
    """The vulnerability database of a cache folder: when it was made, and when the next one is due.

    `sources` names what it has advisories of: ``debian 12``, ``pip::GitHub Security Advisory Pip``.
    `identity` is another one for another database.
    """

    folder: Path
    version: int
    updated_at: datetime
    next_update: datetime | None
    downloaded_at: datetime | None
    sources: tuple[str, ...]
    identity: str


class TrivyLayer(msgspec.Struct, frozen=True, gc=False):
    """The layer that a package lies in."""

    digest: str = msgspec.field(default="", name="Digest")
    diff_id: str = msgspec.field(default="", name="DiffID")


class TrivyIdentifier(msgspec.Struct, frozen=True, gc=False):
    """A package's names; `bom_ref` is that of the SBOM which was scanned."""

    purl: str = msgspec.field(default="", name="PURL")
    uid: str = msgspec.field(default="", name="UID")
    bom_ref: str = msgspec.field(default="", name="BOMRef")


class TrivyPackage(msgspec.Struct, frozen=True, rename="pascal"):
    """One package that was looked at; versions are in parts (`epoch`, `version`, `release`)."""

    name: str
    id: str = msgspec.field(default="", name="ID")
    identifier: TrivyIdentifier = TrivyIdentifier()
    version: str = ""
    release: str = ""
    epoch: int = 0
    arch: str = ""
    src_name: str = ""
    src_version: str = ""
    src_release: str = ""
    src_epoch: int = 0
    licenses: tuple[str, ...] | None = None
    layer: TrivyLayer = TrivyLayer()
    file_path: str = ""


class TrivyCvss(msgspec.Struct, frozen=True):
    """Scores of one source, by version of CVSS."""

    v2_vector: str = msgspec.field(default="", name="V2Vector")
    v3_vector: str = msgspec.field(default="", name="V3Vector")
    v4_vector: str = msgspec.field(default="", name="V40Vector")
    v2_score: float | None = msgspec.field(default=None, name="V2Score")
    v3_score: float | None = msgspec.field(default=None, name="V3Score")
    v4_score: float | None = msgspec.field(default=None, name="V40Score")


class TrivyDataSource(msgspec.Struct, frozen=True):
    """Where an advisory is from."""

    id: str = msgspec.field(default="", name="ID")
    name: str = msgspec.field(default="", name="Name")
    url: str = msgspec.field(default="", name="URL")


class TrivyVulnerability(msgspec.Struct, frozen=True, rename="pascal"):
    """One advisory on one package. Of the severities in `vendor_severity`, 0 is unknown and 4 critical."""

    vulnerability_id: str = msgspec.field(name="VulnerabilityID")
    pkg_name: str
    installed_version: str
    pkg_id: str = msgspec.field(default="", name="PkgID")
    pkg_path: str = ""
    pkg_identifier: TrivyIdentifier = TrivyIdentifier()
    vendor_ids: tuple[str, ...] | None = msgspec.field(default=None, name="VendorIDs")
    fixed_version: str | tuple[str, ...] | None = None
    status: str = ""
    layer: TrivyLayer = TrivyLayer()
    severity: str = ""
    severity_source: str = ""
    primary_url: str = msgspec.field(default="", name="PrimaryURL")
    data_source: TrivyDataSource | None = None
    title: str = ""
    description: str = ""
    cwe_ids: tuple[str, ...] | None = msgspec.field(default=None, name="CweIDs")
    vendor_severity: dict[str, int] | None = None
    cvss: dict[str, TrivyCvss] | None = msgspec.field(default=None, name="CVSS")
    references: tuple[str, ...] | None = None
    published_date: str = ""
    last_modified_date: str = ""


class TrivyResult(msgspec.Struct, frozen=True, rename="pascal"):
    """What was found of one kind; `class_` is ``os-pkgs`` or ``lang-pkgs``, `type` the ecosystem."""

    target: str
    class_: str = msgspec.field(default="", name="Class")
    type: str = ""
    packages: tuple[TrivyPackage, ...] | None = None
    vulnerabilities: tuple[TrivyVulnerability, ...] | None = None


class TrivyOS(msgspec.Struct, frozen=True):
    """The operating system. `is_end_of_life` says that its release gets no more security updates."""

    family: str = msgspec.field(default="", name="Family")
    name: str = msgspec.field(default="", name="Name")
    is_end_of_life: bool = msgspec.field(default=False, name="EOSL")


class TrivyMetadata(msgspec.Struct, frozen=True):
    """What trivy says of the image; without an operating system `os` is None."""

    os: TrivyOS | None = msgspec.field(default=None, name="OS")
    image_id: str = msgspec.field(default="", name="ImageID")
    diff_ids: tuple[str, ...] | None = msgspec.field(default=None, name="DiffIDs")


class TrivyReport(msgspec.Struct, frozen=True, rename="pascal"):
    """trivy's own JSON, as of schema 2.

    `has_unread_java` is ours: there are Java archives, and without its second database trivy cannot tell
    what they are.
    """

    schema_version: int
    artifact_name: str
    artifact_type: str
    metadata: TrivyMetadata = TrivyMetadata()
    results: tuple[TrivyResult, ...] | None = None
    has_unread_java: bool = False


class _Version(msgspec.Struct, frozen=True):
    version: str = msgspec.field(name="Version")


class _Envelope(msgspec.Struct, frozen=True):
    schema_version: int = msgspec.field(name="SchemaVersion")


_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class _DatabaseMetadata(msgspec.Struct, frozen=True, rename="pascal"):
    version: int
    updated_at: _Moment
    next_update: _Moment | None = None
    downloaded_at: _Moment | None = None


def find_trivy(
    environment: Mapping[str, str], *, named: str = "", versions: FolderStore | None = None
) -> Scanner | None:
    """Return the trivy to ask: the one that is named, else the newest beside this interpreter and on PATH.

    None where there is none. Raises ToolError where the named one is not there, and where what was found
    cannot be started.
    """
    return find_scanner(NAME, _candidates(environment, named), _asked_version, versions=versions)


def sole_trivy(environment: Mapping[str, str], *, named: str = "") -> Scanner | None:
    """Return the trivy to ask where that is plain without starting any; see `find_trivy`, `sole_scanner`.

    Raises ToolError where the named one is not there.
    """
    return sole_scanner(NAME, _candidates(environment, named))


def _candidates(environment: Mapping[str, str], named: str) -> tuple[Path, ...]:
    chosen = named_program(NAME, environment, named=named, variable=VARIABLE)
    beside = Path(sys.executable).parent / NAME
    return (beside, *on_path(NAME, environment)) if chosen is None else (chosen,)


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder in which trivy keeps its databases for this user (its ``--cache-dir``)."""
    if stated := environment.get("TRIVY_CACHE_DIR"):
        return Path(stated)
    # os.UserCacheDir of Go
    base = environment.get("XDG_CACHE_HOME") or os.path.join(environment.get("HOME") or "/root", ".cache")
    return Path(base) / NAME


def database(folder: Path) -> TrivyDatabase:
    """Return what is known of the vulnerability database in a cache folder, without starting trivy.

    Raises DatabaseUnusable where there is none, or it is not whole, or its description cannot be read or says
    that it is of another form.
    """
    description, data = folder / "db" / "metadata.json", folder / "db" / "trivy.db"
    try:
        with description.open("rb") as file:
            body = file.read(_MAX_METADATA)
        status = data.stat()
        sources = bucket_names(data)
    except FileNotFoundError as e:
        raise DatabaseUnusable(folder, "is not there") from e
    except OSError as e:
        raise DatabaseUnusable(folder, f"cannot be read ({e.strerror})") from e
    except BoltDamaged as e:
        raise DatabaseUnusable(folder, f"is damaged: {e}") from e
    try:
        said = msgspec.json.decode(body, type=_DatabaseMetadata)
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise DatabaseUnusable(folder, f"has a description that cannot be read ({e})") from e
    if said.version != _DATABASE_SCHEMA:
        known = f"and {_DATABASE_SCHEMA} is the one that is known here"
        raise DatabaseUnusable(folder, f"is of version {said.version}, {known}")
    return TrivyDatabase(
        folder=folder,
        version=said.version,
        updated_at=said.updated_at,
        next_update=said.next_update,
        downloaded_at=said.downloaded_at,
        sources=sources,
        identity=f"{said.version}-{said.updated_at.isoformat()}-{status.st_size}-{status.st_mtime_ns}",
    )


def unknown_to(database: TrivyDatabase, report: TrivyReport) -> tuple[TrivyResult, ...]:
    """Return the results for whose packages the database has no advisories of any kind: silence says nothing.

    trivy takes the lack of a source for the lack of advisories, as for a release newer than its database.
    """
    return tuple(result for result in report.results or () if not _is_known(database, report, result))


def _is_known(database: TrivyDatabase, report: TrivyReport, result: TrivyResult) -> bool:
    if not result.packages:
        return True
    if result.class_ == "lang-pkgs":
        ecosystem = _ECOSYSTEMS.get(result.type)
        return ecosystem is None or any(source.startswith(f"{ecosystem}::") for source in database.sources)
    system = report.metadata.os
    if system is None or (parts := _RELEASE_PARTS.get(system.family)) is None:
        return True
    release = ".".join(system.name.split(".")[:parts])
    return f"{system.family} {release}" in database.sources


def scan(
    scanner: Scanner,
    target: TrivyTarget,
    *,
    caches: Path,
    folder: Path,
    timeout: float = SCAN_SECONDS,
) -> TrivyReport:
    """Return what trivy finds in `target`, with the vulnerability database of the cache folder `caches`.

    It makes no connection, reads no configuration and ignores nothing; several runs may share the database.
    Nothing but a temporary folder below `folder` is written. Raises ToolError where it cannot be run, or its
    answer cannot be used: DatabaseUnusable where that is the database's fault. Where only the database of
    Java archives is missing, those are left out, and the report says so.
    """
    database(caches)
    try:
        with working_folder(folder, ".trivy-") as place:
            answer = place / _ANSWER
            argv = _scan_command(scanner, target, caches=caches, answer=answer, timeout=timeout)
            environment = _environment(place)
            try:
                _run(argv, timeout=timeout, env=environment, cwd=place, caches=caches)
            except ToolFailed as e:
                if _JAVA_DATABASE_ABSENT not in e.stderr:
                    raise
                argv += [word for suffix in _JAVA_ARCHIVES for word in ("--skip-files", f"**/*.{suffix}")]
                _run(argv, timeout=timeout, env=environment, cwd=place, caches=caches)
                return msgspec.structs.replace(_read(argv, answer), has_unread_java=True)
            return _read(argv, answer)
    except OSError as e:
        raise ToolError((NAME,), f"cannot be used, as {folder} cannot be written: {e.strerror or e}") from e


def update_database(
    scanner: Scanner,
    caches: Path,
    environment: Mapping[str, str],
    *,
    folder: Path,
    timeout: float = UPDATE_SECONDS,
) -> TrivyDatabase:
    """Have trivy fetch its vulnerability database into `caches`, and return what it then is.

    The one thing here that uses the network, through the proxies and with the certificates and credentials
    that `environment` names. Raises ToolError where that fails.
    """
    argv = [str(scanner.path), "image", "--download-db-only", "--no-progress", "--cache-dir", str(caches)]
    passed = {name: environment[name] for name in _PASSED_TO_UPDATES if name in environment}
    try:
        with working_folder(folder, ".trivy-") as place:
            own = _environment(place)
            _run(argv, timeout=timeout, env={**own, **passed}, cwd=place, caches=caches)
    except OSError as e:
        raise ToolError((NAME,), f"cannot be used, as {folder} cannot be written: {e.strerror or e}") from e
    return database(caches)


def parse(body: bytes, argv: tuple[str, ...] = (NAME,)) -> TrivyReport:
    """Return a report of trivy's own JSON.

    Raises AnswerUnreadable where it is none, or of another version of the schema than 2.
    """
    try:
        version = msgspec.json.decode(body, type=_Envelope).schema_version
        if version != _SCHEMA:
            raise unreadable(argv, f"it has schema {version}, and {_SCHEMA} is the one that is known here")
        return msgspec.json.decode(body, type=TrivyReport)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise unreadable(argv, str(e)) from e


def _scan_command(
    scanner: Scanner, target: TrivyTarget, *, caches: Path, answer: Path, timeout: float
) -> list[str]:
    argv = [
        str(scanner.path),
        target.kind.value,
        "--skip-db-update",
        "--skip-java-db-update",
        "--offline-scan",
    ]
    argv += ["--scanners", "vuln", "--list-all-pkgs", "--exit-code", "0", "--no-progress"]
    # With its own cache in memory, runs do not wait for one another's lock.
    argv += ["--cache-backend", "memory", "--cache-dir", str(caches)]
    # Its own deadline is five minutes; ours is the one that holds.
    argv += ["--timeout", f"{int(timeout) + 60}s", "--format", "json", "--output", str(answer)]
    path = os.path.abspath(target.path)
    return [*argv, "--input", path] if target.kind is TrivyKind.IMAGE else [*argv, path]


def _asked_version(program: Path) -> str:
    argv = [str(program), "version", "--format", "json"]
    output = run(
        argv, timeout=VERSION_SECONDS, env=_environment(Path("/nonexistent")), output_limit=_OUTPUT_LIMIT
    )
    try:
        return msgspec.json.decode(output, type=_Version).version.removeprefix("v")
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise ToolError(argv[:1], f"does not say its version as trivy does; {ADVICE}") from e


def _environment(place: Path) -> dict[str, str]:
    """Return what trivy is told beside its options: builds that do not know one of these pass it over."""
    folders = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    return {
        # By its default Go's collector lets it take a fifth more memory, for hardly less time.
        "GOGC": "50",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "PATH": os.defpath,
        "TRIVY_DISABLE_TELEMETRY": "true",
        "TRIVY_SKIP_VERSION_CHECK": "true",
        **dict.fromkeys(folders, str(place)),
    }


def _run(argv: list[str], *, timeout: float, env: Mapping[str, str], cwd: Path, caches: Path) -> None:
    try:
        run(argv, timeout=timeout, env=env, cwd=cwd, output_limit=_OUTPUT_LIMIT)
    except ToolFailed as e:
        said = without_colours(e.stderr)
        if "first run cannot skip downloading DB" in said:
            raise DatabaseUnusable(caches, "is not there") from e
        if "schema version which is not supported" in said:
            raise DatabaseUnusable(caches, "is of another version than this trivy reads") from e
        # What it only mentions on its way is not the reason.
        reason = [line for line in said.splitlines(keepends=True) if "\tINFO\t" not in line]
        raise ToolFailed(argv[:1], e.status, "".join(reason), e.stdout) from e


def _read(argv: list[str], answer: Path) -> TrivyReport:
    if not answer.is_file() or not (size := answer.stat().st_size):
        raise unreadable(argv, "it is empty")
    if size > _MAX_ANSWER:
        raise unreadable(argv, f"it has {size} bytes")
    return parse(answer.read_bytes(), tuple(argv))
