"""Hashes that no file can have: invented ones let nothing be installed, or were never looked at.

Rules: pip's documentation, "Secure installs"; FIPS 180-4 for the lengths of digests.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from fleet_audit.audit.model.location import SourceLocation

LENGTHS: Mapping[str, int] = {"sha256": 64, "sha384": 96, "sha512": 128}
"""The algorithms that pip takes, and how many hexadecimal digits their digests have."""

_HEX = re.compile(r"[0-9a-fA-F]*")
_LONGEST_PATTERN = 16
_FEWEST_DIGITS = 4
_OF_NOTHING = frozenset(
    (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b",
        (
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
            "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
        ),
    )
)


class StatedHash(msgspec.Struct, frozen=True):
    """A hash that a file states for `requirement` (``name==version``, normalised), and where."""

    requirement: str
    algorithm: str
    digest: str
    location: SourceLocation


def impossible(algorithm: str, digest: str) -> str:
    """Say why no file of a package can have a hash: see `HashClaim.problem`; empty where one can."""
    length = LENGTHS.get(algorithm.lower())
    if length is None:
        return "algorithm"
    if _HEX.fullmatch(digest) is None:
        return "digits"
    if len(digest) != length:
        return "length"
    if digest.lower() in _OF_NOTHING:
        return "empty"
    return "repetition" if _is_repeated(digest.lower()) else ""


def _is_repeated(digest: str) -> bool:
    """Say whether a digest is a pattern: by chance that happens less than once in 10**35 digests."""
    if len(set(digest)) <= _FEWEST_DIGITS:
        return True
    return any(digest.startswith(digest[size:]) for size in range(1, _LONGEST_PATTERN + 1))


class SharedHash(msgspec.Struct, frozen=True):
    """A hash that is stated of several requirements, and the first place that does."""

    stated: StatedHash
    others: tuple[str, ...]
    first: SourceLocation


def shared_hashes(stated: Iterable[StatedHash]) -> Iterator[SharedHash]:
    """Yield the hashes that an earlier place states of another requirement, in order of places."""
    places: defaultdict[tuple[str, str], list[StatedHash]] = defaultdict(list)
    for each in sorted(stated, key=lambda each: each.location):
        if not impossible(each.algorithm, each.digest):
            places[each.algorithm.lower(), each.digest.lower()].append(each)
    for group in places.values():
        first = group[0]
        names = {each.requirement for each in group}
        if len(names) == 1:
            continue
        for each in group:
            if each.requirement != first.requirement:
                others = tuple(sorted(names - {each.requirement}))
                yield SharedHash(each, others, first.location)
