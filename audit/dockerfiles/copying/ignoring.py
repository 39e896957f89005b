"""Which files of a build context are left behind: .dockerignore.

Rules: docs.docker.com, "Build context", ".dockerignore files"; moby/patternmatcher, which BuildKit asks.
"""

import posixpath
from collections.abc import Iterator

import msgspec

from fleet_audit.audit.dockerfiles.contexts.matching import (
    PathPattern,
    PatternInvalid,
    has_wildcard,
    path_pattern,
)

MAX_PATTERNS = 2000
MAX_COMPARISONS = 2_000_000
_NOTHING: tuple[int, int] = (0, -1)


class IgnorePattern(msgspec.Struct, frozen=True):
    """One pattern: its line, its text without ``!``, and whether it takes files back in."""

    line: int
    text: str
    takes_in: bool
    pattern: PathPattern


class IgnoreRules:
    """The patterns of a .dockerignore in their order. `refusals` are lines that Docker refuses, and why.

    What was asked of a folder is remembered, so that the files in it cost one comparison each.
    """

    def __init__(
        self,
        patterns: tuple[IgnorePattern, ...] = (),
        *,
        path: str = "",
        refusals: dict[int, str] | None = None,
    ) -> None:
        """Take the patterns; `path` is where they stand."""
        self.patterns = patterns
        self.path = path
        self.refusals = refusals or {}
        self.comparisons = 0
        """How many were made; beyond MAX_COMPARISONS nothing more is left out."""
        self._folders: dict[str, tuple[int, int]] = {}

    def leaves_out(self, path: str) -> bool:
        """Say whether a file or folder of the context is left out; `path` is clean and relative to it.

        A folder that is left out is there all the same where a file below it is taken back in.
        """
        return self.deciding(path) is not None

    def deciding(self, path: str) -> IgnorePattern | None:
        """Return the pattern that leaves a file out; None where it stays: the last that matches decides."""
        _, decided = self._judged(path)
        return self.patterns[decided] if decided >= 0 and not self.patterns[decided].takes_in else None

    @property
    def takes_in(self) -> bool:
        """Say whether some pattern takes files back in."""
        return any(pattern.takes_in for pattern in self.patterns)

    def may_take_in(self, folder: str) -> bool:
        """Say whether a pattern could take in something below `folder`; False is certain."""
        below = f"{folder}/"
        return any(
            each.takes_in and (has_wildcard(each.text) or f"{each.text}/".startswith(below))
            for each in self.patterns
        )

    def _judged(self, path: str) -> tuple[int, int]:
        """Return the patterns that match a path or a folder above it, as bits, and the one that decides.

        As BuildKit walks a context, a pattern that could not change the answer for a folder is not compared
        with it, and so is not known to match what is below (MatchesUsingParentResults).
        """
        if not path or not self.patterns:
            return _NOTHING
        known, pending = path, []
        while known and known not in self._folders:
            pending.append(known)
            known = known.rpartition("/")[0]
        found = self._folders.get(known, _NOTHING)
        for each in reversed(pending):
            found = self._folders[each] = self._matched(each, found[0])
        return found

    def _matched(self, path: str, above: int) -> tuple[int, int]:
        self.comparisons += len(self.patterns)
        if self.comparisons > MAX_COMPARISONS:
            return _NOTHING
        found = 0
        decided = -1
        is_out = False
        for index, each in enumerate(self.patterns):
            is_match = bool(above >> index & 1)
            if not is_match and each.takes_in is is_out:
                is_match = each.pattern.matches(path)
            if is_match:
                found |= 1 << index
                decided = index
                is_out = not each.takes_in
        return found, decided


def ignore_rules(text: str, *, path: str = "") -> IgnoreRules:
    """Return the rules of a .dockerignore with this text; what is behind the first 2000 is passed over."""
    patterns = []
    refusals: dict[int, str] = {}
    for line, word in _words(text):
        takes_in = word.startswith("!")
        cleaned = _cleaned(word.removeprefix("!").strip())
        if not cleaned:
            refusals[line] = "has nothing behind its '!'"
            continue
        try:
            compiled = path_pattern(cleaned, crosses_folders=True)
        except PatternInvalid as error:
            refusals[line] = error.why
            continue
        patterns.append(IgnorePattern(line, cleaned, takes_in, compiled))
        if len(patterns) == MAX_PATTERNS:
            refusals[line] = f"is followed by more than {MAX_PATTERNS} patterns can be"
            break
    return IgnoreRules(tuple(patterns), path=path, refusals=refusals)


def _words(text: str) -> Iterator[tuple[int, str]]:
    # A '#' makes a comment at the very start of a line only: white space is taken off afterwards.
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        word = line.strip()
        if word and not line.startswith("#"):
            yield number, word


def _cleaned(word: str) -> str:
    """Return a pattern's shortest form, a leading slash taken off (Go's filepath.Clean)."""
    if not word:
        return ""
    cleaned = posixpath.normpath(word)
    cleaned = cleaned[1:] if cleaned.startswith("//") else cleaned
    return cleaned[1:] if len(cleaned) > 1 and cleaned.startswith("/") else cleaned
