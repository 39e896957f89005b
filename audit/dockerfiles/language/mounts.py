"""The options of ``RUN --mount``, and what BuildKit refuses of them.

Rules: Dockerfile reference, "RUN --mount"; BuildKit's frontend/dockerfile/instructions (commands_runmount).
"""

import posixpath
import re
from collections.abc import Callable

import msgspec

from fleet_audit.audit.errors import FleetAuditError

TYPES = ("bind", "cache", "secret", "ssh", "tmpfs")
SHARINGS = ("locked", "private", "shared")
_TRUTHS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}
_SIZE = re.compile(r"\d+(?:\.\d+)* ?[kKmMgGtTpP]?[iI]?[bB]?")
_OCTAL = re.compile(r"[0-7]{1,11}")
_DECIMAL = re.compile(r"\d{1,10}")
_READ_ONLY = ("readonly", "ro")
_WRITABLE = ("readwrite", "rw")
_PLACES = {"source": "source", "src": "source", "target": "target", "dst": "target", "destination": "target"}


class MountInvalid(FleetAuditError):
    """A mount that BuildKit refuses."""

    def __init__(self, why: str) -> None:
        """Keep the reason."""
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        """Return one sentence."""
        return self.why


class Mount(msgspec.Struct):
    """One ``--mount``, with the values that matter to checks."""

    type: str = "bind"
    origin: str = ""
    source: str = ""
    target: str = ""
    id: str = ""
    sharing: str = ""
    env: str = ""
    is_owned: str = ""


def fields(value: str) -> list[str]:
    """Return the comma-separated fields of a mount (encoding/csv of Go); raise MountInvalid."""
    if not value:
        raise MountInvalid("--mount is empty")
    if '"' not in value:
        return value.split(",")
    found = []
    rest = value
    while True:
        if rest.startswith('"'):
            field, rest = _quoted(rest[1:])
        else:
            field, comma, behind = rest.partition(",")
            rest = comma + behind
            if '"' in field:
                raise MountInvalid("--mount has a quote within a field")
        found.append(field)
        if not rest:
            return found
        rest = rest[1:]


def _quoted(text: str) -> tuple[str, str]:
    out = []
    while True:
        part, quote, text = text.partition('"')
        if not quote:
            raise MountInvalid("--mount has a quote that is never closed")
        out.append(part)
        if text.startswith('"'):
            out.append('"')
            text = text[1:]
        elif not text or text.startswith(","):
            return "".join(out), text
        else:
            raise MountInvalid("--mount has text behind a quoted field")


def refuse_variable_origin(value: str) -> None:
    """Raise MountInvalid for what is refused before variables have values."""
    for field in fields(value):
        key, _, given = field.partition("=")
        if key.lower() == "from" and re.search(r"\$.", given):
            raise MountInvalid("'from' of a mount takes no variable: name a stage for it (FROM … AS …)")


def parse_mount(value: str, expand: Callable[[str], str]) -> Mount:
    """Return what a ``--mount`` says, variables expanded by `expand`; raise MountInvalid."""
    mount = Mount()
    for field in fields(value):
        key, equals, given = field.partition("=")
        if equals:
            _set(mount, key.lower(), expand(given), field)
        else:
            _set_bare(mount, key.lower(), field)
    _refuse_combination(mount)
    return mount


def _set_bare(mount: Mount, key: str, field: str) -> None:
    if key in _READ_ONLY or key in _WRITABLE:
        return
    if key != "required":
        raise MountInvalid(f"the mount field {field!r} must be key=value")
    _refuse_type(mount, key, ("secret", "ssh"))


def _set(mount: Mount, key: str, value: str, field: str) -> None:
    if key in _PLACES:
        setattr(mount, _PLACES[key], value)
    elif key == "from":
        mount.origin = value
    elif key in ("id", "env"):
        setattr(mount, key, value)
    elif key == "type":
        mount.type = _one_of(value.lower(), TYPES, "mount type")
    elif key == "sharing":
        mount.sharing = _one_of(value.lower(), SHARINGS, "sharing")
    else:
        _set_checked(mount, key, value, field)


def _set_checked(mount: Mount, key: str, value: str, field: str) -> None:
    if key in (*_READ_ONLY, *_WRITABLE, "required"):
        is_good = value in _TRUTHS
    elif key == "size":
        _refuse_type(mount, key, ("tmpfs",))
        is_good = _SIZE.fullmatch(value) is not None
    elif key in ("mode", "uid", "gid"):
        is_good = _is_number(value, octal=key == "mode")
        mount.is_owned = mount.is_owned or key
    else:
        raise MountInvalid(f"{key!r} in {field!r} is no option of a mount")
    if not is_good:
        raise MountInvalid(f"{value!r} is no value for {key} of a mount")
    if key == "required":
        _refuse_type(mount, key, ("secret", "ssh"))


def _is_number(value: str, *, octal: bool) -> bool:
    match = (_OCTAL if octal else _DECIMAL).fullmatch(value)
    return match is not None and int(value, 8 if octal else 10) < 1 << 32


def _one_of(value: str, known: tuple[str, ...], what: str) -> str:
    if value not in known:
        raise MountInvalid(f"{value!r} is no {what}; there are {', '.join(known)}")
    return value


def _refuse_type(mount: Mount, key: str, types: tuple[str, ...]) -> None:
    if mount.type not in types:
        raise MountInvalid(f"{key!r} is no option of a {mount.type} mount (its type comes first)")


def _refuse_combination(mount: Mount) -> None:
    if mount.is_owned and mount.type not in ("secret", "ssh", "cache"):
        raise MountInvalid(f"{mount.is_owned!r} is no option of a {mount.type} mount")
    if mount.type == "secret":
        _refuse_secret(mount)
    if mount.sharing and mount.type != "cache":
        raise MountInvalid(f"'sharing' is no option of a {mount.type} mount")
    has_target = mount.type in ("bind", "cache", "tmpfs") and mount.target.startswith("/")
    if has_target and posixpath.normpath(mount.target).strip("/") == "":
        raise MountInvalid(f"{mount.target!r} is no target for a mount")


def _refuse_secret(mount: Mount) -> None:
    if mount.origin:
        raise MountInvalid("a secret mount has no 'from'")
    if not (mount.source or mount.target or mount.id):
        raise MountInvalid("a secret mount needs an id, a source or a target")
    if mount.source and mount.id:
        raise MountInvalid("a secret mount has either an id or a source")
