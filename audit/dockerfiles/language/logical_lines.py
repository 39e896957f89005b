"""The lines of a Dockerfile as BuildKit joins them: directives, comments, continuations, here-documents.

Rules: Dockerfile reference, "Format" and "Parser directives"; BuildKit's package frontend/dockerfile/parser.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence

import msgspec

from fleet_audit.audit.dockerfiles.language.shell_words import SPACES
from fleet_audit.audit.model.dockerfiles import Rejection

MAX_LINE = 65_535
"""Bytes in a line, beyond which BuildKit's scanner gives up (bufio.MaxScanTokenSize)."""

_DIRECTIVE = re.compile(r"([A-Za-z][A-Za-z0-9]*)[ \t\f\r\v]*=[ \t\f\r\v]*(\S.*)")
_DIRECTIVES = frozenset({"syntax", "escape", "check"})
_ESCAPES = ("\\", "`")


class Directive(msgspec.Struct, frozen=True):
    """A parser directive: its name in small letters, and its value."""

    name: str
    value: str
    line: int


class Piece(msgspec.Struct, frozen=True):
    """Where a part of a joined line, from `start` on, comes from: a line and a column, from 0."""

    start: int
    line: int
    column: int


class LogicalLine(msgspec.Struct, frozen=True):
    """An instruction's text with its continuations joined, from `line` to `last_line`."""

    text: str
    line: int
    last_line: int
    pieces: tuple[Piece, ...]


class SourceLines:
    """The physical lines of a Dockerfile, without their ends, and what its directives say."""

    def __init__(self, text: str) -> None:
        # Only a line feed ends a line, for BuildKit and editors alike; splitlines knows many more ends.
        self.lines = [line.rstrip("\r") for line in text.removeprefix("\ufeff").split("\n")]
        if self.lines[-1] == "":
            self.lines.pop()
        self.directives: tuple[Directive, ...] = ()
        self.escape = "\\"
        self.rejections: list[Rejection] = []
        self._indices: dict[str, dict[str, list[int]]] = {}
        self._read_directives()
        self._refuse_long_lines()

    def is_comment(self, at: int) -> bool:
        """Say whether the line at index `at` is a comment."""
        return self.lines[at].lstrip(SPACES).startswith("#")

    def is_empty(self, at: int) -> bool:
        """Say whether the line at index `at` holds white space only."""
        return not self.lines[at].strip(SPACES)

    def continues(self, at: int) -> bool:
        """Say whether the line at index `at` goes on in the next.

        The escape character may be followed by blanks and tabs; before it must not stand another.
        """
        line = self.lines[at].rstrip(" \t")
        return line.endswith(self.escape) and line[-2:-1] != self.escape

    def join(self, at: int) -> LogicalLine:
        """Return the logical line that begins at index `at`, which is no comment and not empty."""
        parts: list[str] = []
        pieces: list[Piece] = []
        start = at
        size = 0
        goes_on = True
        while goes_on and at < len(self.lines):
            if at > start and (self.is_comment(at) or self.is_empty(at)):
                at += 1
                continue
            line = self.lines[at]
            goes_on = self.continues(at)
            column = len(line) - len(line.lstrip(SPACES)) if at == start else 0
            part = (line.rstrip(" \t")[:-1] if goes_on else line)[column:]
            pieces.append(Piece(size, at + 1, column))
            parts.append(part)
            size += len(part)
            at += 1
        return LogicalLine("".join(parts), start + 1, at, tuple(pieces))

    def next_line(self, text: str, at: int, stripped: str = "") -> int | None:
        """Return the index, from `at` on, of the next line that is `text` without the characters `stripped`.

        A tab alone is taken off the start only, all others off both ends.
        """
        index = self._indices.get(stripped)
        if index is None:
            index = self._indices[stripped] = {}
            for number, line in enumerate(self.lines):
                index.setdefault(_bare(line, stripped), []).append(number)
        found = index.get(text, [])
        place = bisect_left(found, at)
        return found[place] if place < len(found) else None

    def _read_directives(self) -> None:
        found: dict[str, Directive] = {}
        for at, line in enumerate(self.lines):
            match = _DIRECTIVE.match(line.lstrip(SPACES).removeprefix("#").lstrip(SPACES))
            if not self.is_comment(at) or match is None or match[1].lower() not in _DIRECTIVES:
                break
            directive = Directive(match[1].lower(), match[2].rstrip(SPACES), at + 1)
            if directive.name in found:
                why = f"the directive {directive.name} may be given only once"
                first = found[directive.name].line
                self._refuse(at + 1, "duplicate-directive", why, first, "it is given here already")
                continue
            found[directive.name] = directive
            self._obey(directive)
        self.directives = tuple(found.values())

    def _obey(self, directive: Directive) -> None:
        if directive.name == "escape" and directive.value not in _ESCAPES:
            why = f"the escape character {directive.value!r} is neither a backslash nor a backtick"
            self._refuse(directive.line, "bad-escape-directive", why)
        elif directive.name == "escape":
            self.escape = directive.value

    def _refuse_long_lines(self) -> None:
        for at, line in enumerate(self.lines):
            # A character has four bytes at most, so most lines need no encoding.
            if len(line) * 4 > MAX_LINE and len(line.encode("utf-8", "replace")) > MAX_LINE:
                self._refuse(at + 1, "line-too-long", f"the line has more than {MAX_LINE} bytes")
                self.lines[at] = ""

    def _refuse(
        self, line: int, kind: str, why: str, cause_line: int | None = None, cause: str | None = None
    ) -> None:
        self.rejections.append(Rejection(line, kind, why, cause_line, cause))


def _bare(line: str, stripped: str) -> str:
    if not stripped:
        return line
    return line.lstrip(stripped) if stripped == "\t" else line.strip(stripped)


def position(pieces: Sequence[Piece], offset: int) -> tuple[int, int]:
    """Return the line and the column of a character of a joined line."""
    piece = next(piece for piece in reversed(pieces) if piece.start <= offset)
    return piece.line, piece.column + offset - piece.start
