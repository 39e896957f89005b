"""Patterns of paths as Docker reads them: those of .dockerignore, and the wildcards of COPY and ADD.

Rules: Go's ``path/filepath.Match``; for ``**``, moby/patternmatcher. All ways to read a pattern are followed
at once, and what they lead to is remembered, so that no pattern is slow for its form.
"""

import posixpath
from collections.abc import Iterator, Sequence
from enum import Enum
from functools import lru_cache

import msgspec

from fleet_audit.audit.errors import FleetAuditError

MAX_PATTERN = 1000
MAX_STATES = 5000
"""How many sets of positions one pattern remembers before it forgets them all."""

_WILDCARDS = frozenset("*?[")


class PatternInvalid(FleetAuditError):
    """A pattern that Docker refuses, or that is too long to be read here."""

    def __init__(self, pattern: str, why: str) -> None:
        """Keep the pattern and the reason."""
        super().__init__(pattern, why)
        self.pattern = pattern
        self.why = why

    def __str__(self) -> str:
        """Return one sentence."""
        return f"the pattern {self.pattern[:80]!r} {self.why}"


class _Sign(Enum):
    ONE = "one character other than a slash"
    STAR = "any text without a slash"
    ANY = "any text"
    FOLDERS = "nothing, or any text that ends in a slash"


class _Set(msgspec.Struct, frozen=True):
    """A ``[…]``: the ranges of characters, and whether it means all others."""

    ranges: tuple[tuple[str, str], ...]
    is_negated: bool

    def has(self, character: str) -> bool:
        return any(low <= character <= high for low, high in self.ranges) != self.is_negated


_Part = str | _Sign | _Set


def has_wildcard(path: str) -> bool:
    """Say whether a path holds ``*``, ``?`` or ``[`` without a backslash before it."""
    is_escaped = False
    for character in path:
        if is_escaped:
            is_escaped = False
        elif character == "\\":
            is_escaped = True
        elif character in _WILDCARDS:
            return True
    return False


def clean_path(path: str) -> str:
    """Return a path of a context from its root, ``..`` stopped there; empty for the context itself."""
    return posixpath.normpath(f"/{path}").strip("/")


@lru_cache(maxsize=256)
def path_pattern(pattern: str, *, crosses_folders: bool) -> "PathPattern":
    """Return a pattern to be compared with paths; raise PatternInvalid.

    Many contexts of a repository leave out the same files, and share the patterns for it.
    """
    return PathPattern(pattern, crosses_folders=crosses_folders)


class PathPattern:
    """One pattern, ready to be compared with many paths. `crosses_folders` gives ``**`` its meaning."""

    def __init__(self, pattern: str, *, crosses_folders: bool) -> None:
        """Read a pattern; raise PatternInvalid."""
        if len(pattern) > MAX_PATTERN:
            raise PatternInvalid(pattern, f"has more than {MAX_PATTERN} characters")
        self._parts: Sequence[_Part] = tuple(_parts(pattern, crosses_folders=crosses_folders))
        self._prefix = _literal_prefix(self._parts)
        self._is_literal = len(self._prefix) == len(self._parts)
        self._entries = _entries(self._parts)
        self._end = 1 << len(self._parts)
        self._moves: dict[tuple[int, str], int] = {}

    def matches(self, path: str) -> bool:
        """Say whether the pattern stands for the whole of `path`."""
        if self._is_literal:
            return path == self._prefix
        if not path.startswith(self._prefix):
            return False
        state = self._entries[len(self._prefix)]
        for character in path[len(self._prefix) :]:
            ahead = self._moves.get((state, character))
            state = self._move(state, character) if ahead is None else ahead
            if not state:
                return False
        return bool(state & self._end)

    def covers(self, path: str) -> bool:
        """Say whether the pattern stands for a path or a folder above it."""
        ends = (at for at, character in enumerate(path) if character == "/")
        return self.matches(path) or any(self.matches(path[:end]) for end in ends)

    def _move(self, state: int, character: str) -> int:
        ahead = 0
        for at, part in enumerate(self._parts):
            if state >> at & 1:
                ahead |= self._step(at, part, character)
        if len(self._moves) >= MAX_STATES:
            self._moves.clear()
        self._moves[state, character] = ahead
        return ahead

    def _step(self, at: int, part: _Part, character: str) -> int:
        match part:
            case str():
                return self._entries[at + 1] if part == character else 0
            case _Set():
                return self._entries[at + 1] if part.has(character) else 0
            case _Sign.ONE:
                return self._entries[at + 1] if character != "/" else 0
            case _Sign.STAR:
                return self._entries[at] if character != "/" else 0
            case _Sign.ANY:
                return self._entries[at]
            case _Sign.FOLDERS:
                return 1 << at | (self._entries[at + 1] if character == "/" else 0)


def _literal_prefix(parts: Sequence[_Part]) -> str:
    prefix = ""
    for part in parts:
        if not isinstance(part, str):
            break
        prefix += part
    return prefix


def _entries(parts: Sequence[_Part]) -> Sequence[int]:
    """Return, for each position, the set of those that are reached with it: signs may stand for nothing."""
    entries = [0] * (len(parts) + 1)
    entries[len(parts)] = 1 << len(parts)
    for at in reversed(range(len(parts))):
        may_be_empty = parts[at] in (_Sign.STAR, _Sign.ANY, _Sign.FOLDERS)
        entries[at] = 1 << at | (entries[at + 1] if may_be_empty else 0)
    return entries


def _parts(pattern: str, *, crosses_folders: bool) -> Iterator[_Part]:
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == "*" and crosses_folders and pattern.startswith("**", at):
            at += 3 if pattern.startswith("**/", at) else 2
            yield _crossing(pattern, at)
        elif character == "[":
            characters, at = _characters(pattern, at + 1)
            yield characters
        elif character == "\\":
            yield _escaped(pattern, at)
            at += 2
        else:
            at += 1
            yield {"*": _Sign.STAR, "?": _Sign.ONE}.get(character, character)


def _crossing(pattern: str, end: int) -> _Sign:
    """Return what a ``**`` that ends at `end` stands for.

    At the start of a pattern without other wildcards it is compared with the end of the path as text, so that
    ``**foo`` takes in ``a/xfoo``; elsewhere it stands for whole folders.
    """
    if end >= len(pattern):
        return _Sign.ANY
    is_first = pattern.startswith("**") and end in (2, 3)
    is_plain = not any(sign in pattern[end:] for sign in "*?[]\\")
    return _Sign.ANY if is_first and is_plain and end == 2 else _Sign.FOLDERS


def _characters(pattern: str, at: int) -> tuple[_Set, int]:
    is_negated = pattern.startswith("^", at)
    at += is_negated
    ranges: list[tuple[str, str]] = []
    while not pattern.startswith("]", at) or not ranges:
        low, at = _bound(pattern, at)
        high = low
        if pattern.startswith("-", at):
            high, at = _bound(pattern, at + 1)
        ranges.append((low, high))
    return _Set(tuple(ranges), is_negated), at + 1


def _bound(pattern: str, at: int) -> tuple[str, int]:
    if at >= len(pattern):
        raise PatternInvalid(pattern, "has a '[' that is never closed")
    if pattern[at] in "-]":
        raise PatternInvalid(pattern, "has a '[…]' with an empty or half range")
    if pattern[at] == "\\":
        return _escaped(pattern, at), at + 2
    return pattern[at], at + 1


def _escaped(pattern: str, at: int) -> str:
    if at + 1 >= len(pattern):
        raise PatternInvalid(pattern, "ends in a backslash")
    return pattern[at + 1]
