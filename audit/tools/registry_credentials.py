"""Which credentials the user has for a registry: what ``docker login`` and ``podman login`` left.

Files (docker's config.json; containers-auth.json(5)) and credential helpers (docker-credential-helpers,
README). Nothing of what is found is ever part of an error, of a log or of a cache.
"""

import base64
import binascii
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from fleet_audit.audit.tools.process import ToolError, run

_MAX_FILE = 4 << 20
_HELPER_SECONDS = 60.0
_MAX_ANSWER = 1 << 20
_LOGGED_IN_AS = dict.fromkeys(
    ("docker.io", "index.docker.io", "registry-1.docker.io"), "https://index.docker.io/v1/"
)
"""What docker writes for the one registry that has other names as well (docker/cli, ``IndexServer``)."""

_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TOKEN_USER = "<token>"  # noqa: S105  (docker's mark for an identity token in place of a password)


class Credentials(msgspec.Struct, frozen=True):
    """A user with a password, or an identity token to be exchanged. `source` may be shown, the rest never."""

    source: str
    user: str = ""
    password: str = ""
    identity_token: str = ""

    def __repr__(self) -> str:
        """Return where they are from alone."""
        return f"Credentials({self.source!r})"

    @property
    def basic(self) -> str:
        """Return the value of an Authorization header (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


class _Entry(msgspec.Struct, frozen=True):
    auth: str = ""
    username: str = ""
    password: str = ""
    identitytoken: str = ""


class _File(msgspec.Struct, frozen=True, rename="camel"):
    auths: dict[str, _Entry] = {}
    creds_store: str = ""
    cred_helpers: dict[str, str] = {}


class _Answer(msgspec.Struct, frozen=True, rename="pascal"):
    username: str = ""
    secret: str = ""


class CredentialsSought(msgspec.Struct, frozen=True):
    """What a search came to; `problems` are sentences about files and helpers that could not be used."""

    found: Credentials | None = None
    problems: tuple[str, ...] = ()


def credential_files(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the places where credentials may be, the first to answer first; they need not exist."""
    home = environment.get("HOME", "")
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    configuration = environment.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else "")
    docker = environment.get("DOCKER_CONFIG") or (f"{home}/.docker" if home else "")
    places = (
        environment.get("REGISTRY_AUTH_FILE", ""),
        f"{runtime}/containers/auth.json" if runtime else "",
        f"{configuration}/containers/auth.json" if configuration else "",
        f"{docker}/config.json" if docker else "",
    )
    return tuple(Path(place) for place in places if place)


def find_credentials(host: str, repository: str, environment: Mapping[str, str]) -> CredentialsSought:
    """Return the credentials for an image's registry, of the first file that has some.

    In a file, a helper that is named for the host comes first, then the entry of the longest matching name
    (``HOST/PATH`` as podman writes it, ``HOST`` and ``https://HOST/v1/`` as docker does), then the store.
    docker keeps those of its own registry under another name than its images have: that is known.
    """
    problems: list[str] = []
    for path in credential_files(environment):
        read = _read(path, problems)
        if read is None:
            continue
        for found in _in_file(read, path, host, repository, environment, problems):
            return CredentialsSought(found, tuple(problems))
    return CredentialsSought(None, tuple(problems))


def _read(path: Path, problems: list[str]) -> _File | None:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as e:
        problems.append(f"{path} cannot be read ({getattr(e, 'strerror', None) or 'bad name'})")
        return None
    try:
        return msgspec.json.decode(data if len(data) <= _MAX_FILE else b"", type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # What the decoder says may quote what it read.
        problems.append(f"{path} is no file of credentials")
        return None


def _in_file(  # noqa: PLR0913, PLR0917  (one file's answer needs all of the question)
    read: _File,
    path: Path,
    host: str,
    repository: str,
    environment: Mapping[str, str],
    problems: list[str],
) -> Iterator[Credentials]:
    server = _LOGGED_IN_AS.get(host, host)
    for name in dict.fromkeys((host, server)):
        if name in read.cred_helpers:
            yield from _asked(read.cred_helpers[name], name, environment, problems)
    by_name = {_bare(name): entry for name, entry in sorted(read.auths.items(), reverse=True)}
    for name in (*_names(host, repository), _bare(server)):
        entry = by_name.get(name)
        if entry is not None:
            yield from _of_entry(entry, path, problems)
    if read.creds_store:
        yield from _asked(read.creds_store, server, environment, problems)


def _names(host: str, repository: str) -> Iterator[str]:
    parts = [host, *repository.split("/")]
    for count in range(len(parts), 0, -1):
        yield "/".join(parts[:count])


def _bare(name: str) -> str:
    """Return an entry's name without the scheme and the version that docker once wrote around hosts."""
    bare = re.sub(r"^https?://", "", name).rstrip("/")
    return re.sub(r"/v[12]$", "", bare)


def _of_entry(entry: _Entry, path: Path, problems: list[str]) -> Iterator[Credentials]:
    user, password = entry.username, entry.password
    if entry.auth:
        try:
            user, _, password = base64.b64decode(entry.auth, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            problems.append(f"{path} has an entry that is no base64 text")
    if entry.identitytoken:
        yield Credentials(str(path), identity_token=entry.identitytoken)
    elif user:
        # Docker pads what it encodes with NUL bytes.
        yield Credentials(str(path), user, password.strip("\0"))


def _asked(
    helper: str, host: str, environment: Mapping[str, str], problems: list[str]
) -> Iterator[Credentials]:
    name = f"docker-credential-{helper}"
    if _HELPER.fullmatch(helper) is None:
        problems.append("a credential helper has a name that is no program's")
        return
    try:
        answer = run(
            _started(name, environment),
            timeout=_HELPER_SECONDS,
            env=environment,
            stdin=host.encode(),
            output_limit=_MAX_ANSWER,
        )
        given = msgspec.json.decode(answer, type=_Answer)
    except (ToolError, msgspec.DecodeError, UnicodeDecodeError) as e:
        # Helpers say on their standard output that they know nothing of a host, which is no failure.
        if b"credentials not found" not in getattr(e, "stdout", b""):
            problems.append(f"{name} gave no credentials")
        return
    if given.username == _TOKEN_USER:
        yield Credentials(name, identity_token=given.secret)
    elif given.username:
        yield Credentials(name, given.username, given.secret)


def _started(name: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """Return the command line of a helper, found on the PATH of the given environment."""
    for folder in environment.get("PATH", os.defpath).split(os.pathsep):
        if folder and os.access(Path(folder) / name, os.X_OK):
            return str(Path(folder) / name), "get"
    return name, "get"
