"""A comment in source by which someone waives a rule at one line."""

import re

import msgspec

from fleet_audit.audit.model.location import SourceLocation


class Pragma(msgspec.Struct, frozen=True, order=True):
    """One ``# fleet-audit: ignore[RULE] reason``, at `location`.

    It speaks of the lines `first` to `last` of the same file. `problem` says why it waives nothing; it is
    empty where the comment is as it must be, whatever rules there are.
    """

    location: SourceLocation
    first: int = 0
    last: int = 0
    rules: tuple[str, ...] = ()
    reason: str = ""
    problem: str = ""

    def covers(self, place: SourceLocation) -> bool:
        """Say whether `place` is a line that the comment speaks of."""
        return place.path == self.location.path and self.first <= place.line <= self.last


MAX_REASON = 300

_VERB = re.compile(r"[A-Za-z_-]*")
_RULES = re.compile(r"ignore[ \t]*\[([^\]]*)\]")


class PragmaWords(msgspec.Struct, frozen=True):
    """What a comment says; `problem` as in `Pragma`."""

    rules: tuple[str, ...] = ()
    reason: str = ""
    problem: str = ""


def pragma_words(words: str) -> PragmaWords:
    """Return what the words behind ``fleet-audit:`` mean."""
    verb = _VERB.match(words)
    if verb is None or verb[0] != "ignore":
        return PragmaWords(problem="only ignore[RULE] and a reason can follow `fleet-audit:`")
    found = _RULES.match(words)
    rules = tuple(name for name in map(str.strip, found[1].split(",")) if name) if found else ()
    # Another comment, for another tool, may follow on the same line.
    reason = words[found.end() :].partition(" #")[0].strip(" \t:-") if found else ""
    problem = "it names no rule in brackets" if not rules else "" if reason else "it gives no reason"
    return PragmaWords(rules, reason[:MAX_REASON], problem)
