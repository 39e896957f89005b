"""Which of two Debian package versions is the newer one, and whether a version meets a relation.

The order is that of deb-version(7): epoch, upstream version, revision; in each, runs of other characters
and runs of digits alternate, ``~`` sorts before the end of a run and letters before all other characters.
"""

import re
from functools import lru_cache

VersionKey = tuple[tuple[int, str], tuple[object, ...], tuple[object, ...]]
"""Sorts as the version does. Opaque."""

_RUN = re.compile(r"([^0-9]*)([0-9]*)")
_AFTER_LETTERS = 256

_ORDERS = {"<<": (-1,), "<=": (-1, 0), "<": (-1, 0), "=": (0,), ">=": (0, 1), ">": (0, 1), ">>": (1,)}


@lru_cache(maxsize=65536)
def version_key(version: str) -> VersionKey:
    """Return a key that sorts as dpkg sorts `version`; equal versions (``1.0``, ``0:1.0-0``) have equal keys.

    Any text has a key: what dpkg would reject (a non-numeric epoch) is taken as part of the upstream version.
    """
    epoch, colon, rest = version.partition(":")
    if not colon or not (epoch.isascii() and epoch.isdigit()):
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, ""
    return (_number(epoch), _runs(upstream), _runs(revision))


def compare_versions(left: str, right: str) -> int:
    """Return -1, 0 or 1 as `left` is older than, equal to or newer than `right`."""
    if left == right:
        return 0
    a, b = version_key(left), version_key(right)
    return (a > b) - (a < b)


def satisfies(version: str, operator: str, wanted: str) -> bool:
    """Say whether `version` stands in the relation `operator` (deb-control(5)) to `wanted`.

    An empty operator is satisfied by every version; the deprecated ``<`` and ``>`` mean ``<=`` and ``>=``.
    """
    return not operator or compare_versions(version, wanted) in _ORDERS.get(operator, ())


def _runs(text: str) -> tuple[object, ...]:
    key: list[object] = []
    for match in _RUN.finditer(text):
        # An empty text still has one (empty) run, so that no revision equals revision 0.
        if match[0] or not key:
            key += (_weights(match[1]), _number(match[2]))
    # The end is itself an empty run: "1~" must sort before "1".
    key.append(_weights(""))
    return tuple(key)


def _weights(run: str) -> tuple[int, ...]:
    return (*map(_weight, run), 0)


def _weight(character: str) -> int:
    if character == "~":
        return -1
    if character.isascii() and character.isalpha():
        return ord(character)
    return ord(character) + _AFTER_LETTERS


def _number(digits: str) -> tuple[int, str]:
    # Compared by length, then text: int() refuses very long numbers, and a version may hold one.
    significant = digits.lstrip("0")
    return (len(significant), significant)
