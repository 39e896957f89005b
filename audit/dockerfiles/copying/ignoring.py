"""Which files of a build context are left behind: .dockerignore (docs.docker.com, ".dockerignore files")."""

import posixpath
from collections.abc import Sequence
from fnmatch import fnmatchcase

import msgspec

MAX_PATTERNS = 2000
MAX_PARTS = 100


class IgnoreRules(msgspec.Struct, frozen=True):
    """The patterns of a .dockerignore in their order, each with whether it takes files back in."""

    patterns: tuple[tuple[tuple[str, ...], bool], ...] = ()

    def leaves_out(self, path: str) -> bool:
        """Say whether a file of the context is left out: the last pattern that matches decides."""
        parts = path.split("/")
        is_out = False
        for pattern, takes_in in self.patterns:
            if is_out is takes_in and matches_above(pattern, parts):
                is_out = not takes_in
        return is_out


def ignore_rules(text: str) -> IgnoreRules:
    """Return the rules of a .dockerignore with this text; absurdly many or long ones are passed over."""
    patterns = []
    for line in text.removeprefix("\ufeff").splitlines()[:MAX_PATTERNS]:
        word = "" if line.startswith("#") else line.strip()
        takes_in = word.startswith("!")
        parts = path_parts(word.removeprefix("!").strip())
        if 0 < len(parts) <= MAX_PARTS:
            patterns.append((parts, takes_in))
    return IgnoreRules(tuple(patterns))


def path_parts(word: str) -> tuple[str, ...]:
    """Return the components of a path in the context; none for the context itself."""
    cleaned = posixpath.normpath("/" + word).strip("/")
    return tuple(cleaned.split("/")) if cleaned and word else ()


def matches_above(pattern: Sequence[str], path: Sequence[str]) -> bool:
    """Say whether a pattern matches a path or a folder above it.

    ``*`` and ``?`` stay within one component, ``**`` stands for any number of them. The time is linear in the
    product of both lengths.
    """
    reached = _closed({0}, pattern)
    for part in path:
        ahead = {at if pattern[at] == "**" else at + 1 for at in reached if _fits(pattern, at, part)}
        reached = _closed(ahead, pattern)
        if len(pattern) in reached:
            return True
    return False


def _fits(pattern: Sequence[str], at: int, part: str) -> bool:
    return at < len(pattern) and (pattern[at] == "**" or fnmatchcase(part, pattern[at]))


def _closed(states: set[int], pattern: Sequence[str]) -> set[int]:
    """Return the states with those behind each ``**`` that stands for nothing."""
    closed = set(states)
    for at in sorted(states):
        while at < len(pattern) and pattern[at] == "**":
            at += 1  # noqa: PLW2901  (walks from the state onwards)
            closed.add(at)
    return closed
