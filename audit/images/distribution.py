"""Which Linux distribution an image is, from its os-release (os-release(5))."""

import shlex

from fleet_audit.audit.images.tree import FileTree, FileUnreadable, normalise
from fleet_audit.audit.model.identity import Distro

_PLACES = (normalise("/etc/os-release"), normalise("/usr/lib/os-release"))
_LIMIT = 64 << 10


def parse_os_release(text: str) -> Distro:
    """Return what an os-release says; lines that are no assignments are passed over."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        name, sign, value = line.strip().partition("=")
        if sign and not name.startswith("#"):
            values[name] = _unquoted(value)
    return Distro(
        id=values.get("ID", ""),
        version=values.get("VERSION_ID", ""),
        codename=values.get("VERSION_CODENAME", ""),
        pretty_name=values.get("PRETTY_NAME", ""),
    )


def _unquoted(value: str) -> str:
    try:
        return "".join(shlex.split(value)) if value[:1] not in "\"'" else (shlex.split(value) or [""])[0]
    except ValueError:
        return value.strip("\"'")


def distro_of(tree: FileTree) -> Distro:
    """Return the distribution of a tree; empty where it does not say, as in images made from scratch."""
    for place in _PLACES:
        try:
            return parse_os_release(tree.read(place, limit=_LIMIT).decode("utf-8", "replace"))
        except FileUnreadable:
            continue
    return Distro()
