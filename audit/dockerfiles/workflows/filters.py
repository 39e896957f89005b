"""The patterns by which a workflow's triggers choose paths.

Rules: docs.github.com, "Workflow syntax for GitHub Actions", "Filter pattern cheat sheet": ``*`` stands for
any text without a slash, ``**`` for any text, ``?`` and ``+`` repeat the character before, ``[]`` lists
characters, and a later ``!pattern`` takes away what earlier ones chose.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

import msgspec

MAX_PATTERN = 400


class _Piece(msgspec.Struct, frozen=True):
    """One step of a pattern: which characters it takes, and whether it may take none, or several."""

    takes: Callable[[str], bool]
    may_be_absent: bool = False
    may_repeat: bool = False


def chosen(path: str, patterns: Sequence[str]) -> bool:
    """Say whether a list of patterns chooses a path: the last one that matches decides."""
    result = False
    for pattern in patterns:
        is_negative = pattern.startswith("!")
        if matches(path, pattern[1:] if is_negative else pattern):
            result = not is_negative
    return result


def matches(path: str, pattern: str) -> bool:
    """Say whether a pattern matches the whole of a path, in time proportional to both."""
    if len(pattern) > MAX_PATTERN:
        return True
    pieces = _compiled(pattern)
    states = _closed(pieces, {0})
    for character in path:
        moved = {state + 1 for state in states if state < len(pieces) and pieces[state].takes(character)}
        moved |= {
            state
            for state in states
            if state < len(pieces) and pieces[state].may_repeat and pieces[state].takes(character)
        }
        states = _closed(pieces, moved)
        if not states:
            return False
    return len(pieces) in states


def _closed(pieces: Sequence[_Piece], states: Iterable[int]) -> set[int]:
    """Return states with those that are reached without a character."""
    found: set[int] = set()
    for first in states:
        state = first
        while state not in found:
            found.add(state)
            if state == len(pieces) or not pieces[state].may_be_absent:
                break
            state += 1
    return found


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> tuple[_Piece, ...]:
    found: list[_Piece] = []
    for sign in _signs(pattern):
        if sign in ("?", "+") and found:
            found[-1] = _Piece(found[-1].takes, may_be_absent=sign == "?", may_repeat=sign == "+")
        elif sign == "**/":
            found += [_Piece(_anything, may_be_absent=True, may_repeat=True)]
        else:
            found.append(_piece(sign))
    return tuple(found)


def _piece(sign: str) -> _Piece:
    if sign == "**":
        return _Piece(_anything, may_be_absent=True, may_repeat=True)
    if sign == "*":
        return _Piece(_no_slash, may_be_absent=True, may_repeat=True)
    if len(sign) > 1 and sign[0] == "[":
        return _Piece(_one_of(sign[1:-1]).__contains__)
    return _Piece(sign[-1].__eq__)


def _anything(character: str) -> bool:
    return bool(character)


def _no_slash(character: str) -> bool:
    return character != "/"


def _one_of(body: str) -> frozenset[str]:
    found: set[str] = set()
    at = 0
    while at < len(body):
        if (
            body[at + 1 : at + 2] == "-"
            and at + 2 < len(body)
            and body[at].isascii()
            and body[at + 2].isascii()
        ):
            found |= {chr(code) for code in range(ord(body[at]), ord(body[at + 2]) + 1)}
            at += 3
        else:
            found.add(body[at])
            at += 1
    return frozenset(found)


def _signs(pattern: str) -> Iterator[str]:
    at = 0
    while at < len(pattern):
        end = at + 1
        if pattern.startswith("**", at):
            # `**/` also stands for no folder at all.
            end = (
                at + 3
                if pattern.startswith("**/", at) and at in (0, pattern.rfind("/", 0, at) + 1)
                else at + 2
            )
        elif pattern[at] == "[" and "]" in pattern[at + 1 :]:
            end = pattern.index("]", at + 1) + 1
        elif pattern[at] == "\\" and at + 1 < len(pattern):
            end = at + 2
        yield pattern[at:end]
        at = end
