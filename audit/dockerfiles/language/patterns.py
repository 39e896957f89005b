"""The patterns of ``${name#pattern}`` and its kin: ``*`` for any text, ``?`` for one character.

Time is bounded by a count of steps, whatever the patterns and the values are: one `Effort` may be shared by
all that is compared for one file.
"""

from collections.abc import Sequence

from fleet_audit.audit.errors import FleetAuditError

MAX_STEPS = 1_000_000

_ANY = "*"
_ONE = "?"


class PatternInvalid(FleetAuditError):
    """A backslash in a pattern stands before something that needs none."""

    def __init__(self, pattern: str) -> None:
        """Keep the pattern."""
        super().__init__(pattern)
        self.pattern = pattern

    def __str__(self) -> str:
        """Return one sentence."""
        return f"the pattern {self.pattern!r} has a backslash before something other than *, ? or a backslash"


class PatternTooCostly(FleetAuditError):
    """A pattern and a value are so long that they are not compared."""

    def __str__(self) -> str:
        """Return one sentence."""
        return "a pattern and the value that it is compared with are too long"


class Effort:
    """How many steps are left."""

    def __init__(self, steps: int = MAX_STEPS) -> None:
        """Take as many steps as may be made."""
        self._left = steps

    def spend(self, steps: int) -> None:
        """Count steps; raise PatternTooCostly where none is left."""
        self._left -= steps
        if self._left < 0:
            raise PatternTooCostly


Token = tuple[str, bool]
"""A character of a pattern, and whether it stands for others."""


def tokens(pattern: str) -> list[Token]:
    """Return the parts of a pattern; raise PatternInvalid."""
    found: list[Token] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character != "\\":
            found.append((character, character in (_ANY, _ONE)))
            continue
        escaped = pattern[at : at + 1]
        if escaped not in ("*", "?", "\\", "}", "/") or not escaped:
            raise PatternInvalid(pattern)
        found.append((escaped, False))
        at += 1
    return found


def trimmed(value: str, pattern: str, *, at_end: bool, longest: bool, effort: Effort | None = None) -> str:
    """Return `value` without the shortest or longest match of `pattern` at its start, or at its end."""
    parts = tokens(pattern)
    effort = effort or Effort()
    if at_end:
        match = _Matcher(parts[::-1], effort).match(value[::-1], 0, longest=longest)
        return value if match is None else value[: len(value) - match]
    match = _Matcher(parts, effort).match(value, 0, longest=longest)
    return value if match is None else value[match:]


def replaced(value: str, pattern: str, new: str, *, everywhere: bool, effort: Effort | None = None) -> str:
    """Return `value` with the first match of `pattern`, or all, replaced: leftmost, then longest."""
    effort = effort or Effort()
    matcher = _Matcher(tokens(pattern), effort)
    out: list[str] = []
    at = 0
    while at <= len(value):
        end = matcher.match(value, at, longest=True)
        if end is None:
            out.append(value[at : at + 1])
            at += 1
            continue
        effort.spend(len(new))
        out.append(new)
        if not everywhere:
            return "".join(out) + value[end:]
        if end == at:
            out.append(value[at : at + 1])
        at = max(end, at + 1)
        if at == len(value) and end == at:
            break
    return "".join(out)


class _Matcher:
    """Follows all ways to read a pattern at once, so that no pattern is slow for its form."""

    def __init__(self, parts: Sequence[Token], effort: Effort) -> None:
        self._parts = parts
        self._effort = effort

    def match(self, value: str, start: int, *, longest: bool) -> int | None:
        """Return the end of the shortest or longest match that begins at `start`."""
        states = self._closed({0})
        end = start if len(self._parts) in states else None
        for at in range(start, len(value)):
            if not states or (end is not None and not longest):
                break
            self._effort.spend(len(states) + 1)
            states = self._closed({ahead for state in states for ahead in self._ahead(state, value[at])})
            end = at + 1 if len(self._parts) in states else end
        return end

    def _ahead(self, state: int, character: str) -> Sequence[int]:
        if state == len(self._parts):
            return ()
        part, stands_for_others = self._parts[state]
        if not stands_for_others:
            return (state + 1,) if part == character else ()
        if character == "\n":
            return ()
        return (state,) if part == _ANY else (state + 1,)

    def _closed(self, states: set[int]) -> set[int]:
        closed = set(states)
        for state in states:
            at = state
            while at < len(self._parts) and self._parts[at] == (_ANY, True):
                at += 1
                closed.add(at)
        return closed
