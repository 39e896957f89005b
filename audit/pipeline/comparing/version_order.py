"""Whether versions went up or down, in the order of the ecosystem that numbers them."""

from collections.abc import Iterable
from typing import Any

from packaging.version import Version

from fleet_audit.audit.apt.debian.versions import version_key
from fleet_audit.audit.model.difference import Change

_DEBIAN, _PYTHON = "deb", "pypi"
_LONGEST = 200


def moved(ecosystem: str, before: Iterable[str], after: Iterable[str]) -> Change:
    """Return `UP` where every version after is newer than every one before, `DOWN` where all are older.

    Debian's order is deb-version(7), Python's PEP 440; of any other ecosystem, and of what its order has no
    place for, it is only known that they changed.
    """
    try:
        old = [_key(ecosystem, version) for version in before]
        new = [_key(ecosystem, version) for version in after]
    except ValueError:
        return Change.CHANGED
    if not old or not new:
        return Change.CHANGED
    if min(new) > max(old):
        return Change.UP
    return Change.DOWN if max(new) < min(old) else Change.CHANGED


class _Unordered(ValueError):
    """A version that stands in no order."""


def _key(ecosystem: str, version: str) -> tuple[Any, ...]:
    if not version or len(version) > _LONGEST:
        raise _Unordered(version)
    if ecosystem == _DEBIAN:
        return version_key(version)
    if ecosystem == _PYTHON:
        return (Version(version),)
    raise _Unordered(version)
