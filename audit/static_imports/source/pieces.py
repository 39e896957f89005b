"""Which pieces of a file that does not parse are sound: its blocks, parsed each for itself.

A string or bracket that is never closed damages all that follows it for a parser, and turns strings into
code for a lexer. Here text is lexed anew from the first block that is sound again, so that damage ends with
the block that it is in; within that block the same is done for each statement of its suite.
"""

import ast
import itertools
import re
import warnings
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import libcst as cst

from fleet_audit.audit.static_imports.source import islands
from fleet_audit.audit.static_imports.source.lexer import Text, lex
from fleet_audit.audit.static_imports.source.syntax import is_harmless, signs

MAX_WORK = 500_000
"""Signs of text that are parsed for one file; what is left then is not looked at in pieces."""

LARGEST = 512 << 10
"""Larger pieces are not parsed in one go."""

MAX_DEPTH = 20
MAX_CANDIDATES = 200
_LEXING = 64
"""Lexing so many bytes costs about as much as parsing one sign does."""

_WINDOW = 64 << 10
_AHEAD = 3
"""As many blocks must be sound where text is taken up again."""

_CONFLICT = re.compile(rb"(?m)^(?:(?:<{7}|>{7}|\|{7})(?: .*)?|={7})$")
"""The lines that an unfinished merge leaves (git-merge(1))."""

_BLANK = b" \t\f\n\x01"
_NOT_BLANK = re.compile(rb"[^ \t\f\n\x01]")
_WORD = re.compile(rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*|@")
_CONTINUING = frozenset((b"elif", b"else", b"except", b"finally"))
_COMPLETED = {
    b"elif": (b"if 1: pass\n", b" pass"),
    b"else": (b"if 1: pass\n", b" pass"),
    b"except": (b"try: pass\n", b" pass"),
    b"finally": (b"try: pass\n", b" pass"),
    b"try": (b"", b" pass\nfinally: pass"),
    b"match": (b"", b"\n case _: pass"),
    b"case": (b"match x:\n ", b" pass"),
    b"@": (b"", b"\ndef f(): pass"),
}
"""What makes a statement of a header, by the word that it begins with; mostly that is ``pass``."""


class Piece(NamedTuple):
    """A stretch of text from one line's start to another's; sound pieces parse for themselves."""

    start: int
    end: int
    is_sound: bool


def pieces(source: bytes, *, is_newer: bool = False) -> tuple[Piece, ...]:
    """Cut a text that `decode` returned into pieces that are sound, and others; neighbours differ.

    Where the text may be newer than the running Python (`is_newer`), libcst is asked as well. Only what is
    harmless is parsed, in this process, and no more of it than `MAX_WORK`: the rest is not sound.
    """
    cutter = _Cutter(source, is_newer=is_newer)
    cutter.cut(0, len(source), b"", MAX_DEPTH)
    return tuple(_joined(cutter.found))


def lexed_apart(whole: Text, cut: Iterable[Piece]) -> Text:
    """Return a text with each piece lexed for itself: no string or bracket leads out of it."""
    source = whole.source
    shadows: list[bytes] = []
    deepest = 0
    for piece in cut:
        body = source[piece.start : piece.end]
        # Between the lines of an unfinished merge the block around goes on.
        text = lex(body if piece.is_sound else _CONFLICT.sub(_blanked, body))
        # A piece that damage ends in the middle of a statement ends that statement.
        is_ended = source[piece.end - 1 : piece.end] == b"\n"
        shadows.append(text.shadow[:-1] + b"\n" if is_ended else text.shadow)
        deepest = max(deepest, text.deepest)
    return Text(source, b"".join(shadows), deepest, is_beginning=whole.is_beginning)


def _blanked(found: re.Match[bytes]) -> bytes:
    return b" " * len(found[0])


def _joined(found: Iterable[Piece]) -> Iterator[Piece]:
    last: Piece | None = None
    for piece in found:
        if last is not None and last.is_sound == piece.is_sound:
            last = Piece(last.start, piece.end, last.is_sound)
            continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last


class _Cutter:
    """Cuts one text; `found` are the pieces so far, in order and without gaps."""

    def __init__(self, source: bytes, *, is_newer: bool) -> None:
        self.found: list[Piece] = []
        self._source = source
        self._is_newer = is_newer
        self._left = MAX_WORK

    def cut(self, start: int, end: int, blanks: bytes, depth: int) -> None:
        """Cut a stretch whose statements are indented by `blanks`."""
        while start < end:
            start = self._cut_until_torn(start, end, blanks, depth)

    def _cut_until_torn(self, start: int, end: int, blanks: bytes, depth: int) -> int:
        """Cut from `start`; return where the text has to be lexed anew, or its end."""
        self._left -= (end - start) // _LEXING
        shadow = lex(self._source[start:end]).shadow if self._left > 0 else b""
        starts = [start + at for at in _block_starts(shadow, blanks)]
        bounds = [start, *(at for at in starts if at > start), end]
        pending = [(0, len(bounds) - 1)]
        while pending:
            first, last = pending.pop()
            low, high = bounds[first], bounds[last]
            if self._left <= 0:
                self._add(low, high, is_sound=False)
            elif self._is_sound(
                low, high, shadow[low - start : high - start], blanks, is_single=last - first == 1
            ):
                self._add(low, high, is_sound=True)
            elif last - first > 1:
                middle = (first + last) // 2
                pending += [(middle, last), (first, middle)]
            elif (again := self._resumed(low, high, end, blanks)) > 0:
                self._cut_block(low, again, lex(self._source[low:again]).shadow, blanks, depth)
                return again
            else:
                self._cut_block(low, high, shadow[low - start : high - start], blanks, depth)
        return end

    def _add(self, start: int, end: int, *, is_sound: bool) -> None:
        self.found += [Piece(start, end, is_sound)] if start < end else []

    def _cut_block(self, start: int, end: int, shadow: bytes, blanks: bytes, depth: int) -> None:
        """Cut one damaged block into its headers and what stands in their suites."""
        heads = [at for at in _line_starts(shadow, blanks) if at > 0]
        bounds = [0, *heads, len(shadow)]
        if depth == 0 or self._left <= 0:
            self._add(start, end, is_sound=False)
            return
        for low, high in itertools.pairwise(bounds):
            head_end = shadow.find(b"\n", low, high) + 1 or high
            head, inner = shadow[low:head_end], _first_blanks(shadow, head_end, high)
            has_suite = len(inner) > len(blanks) and inner.startswith(blanks)
            is_decorator = head.startswith(blanks + b"@")
            is_sound = (has_suite or is_decorator) and self._is_header(start + low, head)
            self._add(start + low, start + head_end, is_sound=is_sound or not head.strip(_BLANK))
            if has_suite:
                self.cut(start + head_end, start + high, inner, depth - 1)
            else:
                self._add(start + head_end, start + high, is_sound=not shadow[head_end:high].strip(_BLANK))

    def _is_header(self, start: int, shadow: bytes) -> bool:
        """Say whether a line, up to where its suite begins, is one that statements begin with."""
        begin, end = len(shadow) - len(shadow.lstrip(_BLANK)), len(shadow.rstrip(_BLANK))
        word = _WORD.match(shadow, begin)
        if word is None or not (shadow[:end].endswith(b":") or word[0] == b"@"):
            return False
        before, after = _COMPLETED.get(word[0], (b"", b" pass"))
        source = before + self._source[start + begin : start + end] + after + b"\n"
        return self._parses(source, start, shadow, may_be_newer=True)

    def _is_sound(self, start: int, end: int, shadow: bytes, blanks: bytes, *, is_single: bool) -> bool:
        if not shadow.strip(_BLANK):
            return True
        if end - start > LARGEST:
            return False
        source = _as_module(self._source[start:end], blanks)
        return self._parses(source, start, shadow, may_be_newer=is_single)

    def _parses(self, made: bytes, start: int, shadow: bytes, *, may_be_newer: bool) -> bool:
        """Say whether a text parses that was made of what stands at `start`, whose shadow is given."""
        self._left -= 1 + signs(shadow) + len(made) // _LEXING
        source = self._source[start : start + len(shadow)]
        if not is_harmless(Text(source, shadow, islands.depth(shadow))):
            return False
        text = made.decode(errors="replace")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return may_be_newer and self._is_newer and _is_known_to_libcst(text)
        return True

    def _resumed(self, start: int, end: int, limit: int, blanks: bytes) -> int:
        """Return where a block begins that the lexer takes for a part of the damaged one; 0 for nowhere."""
        candidates = _hidden_starts(self._source, start, end, blanks)
        return next((at for at in candidates if self._is_sound_from(at, limit, blanks)), 0)

    def _is_sound_from(self, start: int, limit: int, blanks: bytes) -> bool:
        """Say whether the next blocks from `start` are sound; examples in a string are not, at its end."""
        if self._left <= 0:
            return False
        stop = min(start + _WINDOW, limit)
        shadow = lex(self._source[start:stop]).shadow
        self._left -= len(shadow) // _LEXING
        ends = list(itertools.islice(_block_starts(shadow, blanks), _AHEAD + 1))[1:]
        if stop == limit and len(ends) < _AHEAD:
            ends.append(len(shadow))
        if not ends or shadow[ends[-1] + len(blanks) :].startswith(b'"'):
            return False
        return self._is_sound(start, start + ends[-1], shadow[: ends[-1]], blanks, is_single=False)


def _as_module(source: bytes, blanks: bytes) -> bytes:
    # In a block of its own, indented text is a module.
    return b"if 1:\n" + source + b"\n" + blanks + b"pass\n" if blanks else source + b"\n"


def _is_known_to_libcst(text: str) -> bool:
    try:
        cst.parse_module(text)
    except (cst.ParserSyntaxError, cst.CSTValidationError, RecursionError, UnicodeError, ValueError):
        return False
    return True


def _line_starts(shadow: bytes, blanks: bytes) -> Iterator[int]:
    """Yield where the logical lines begin that are indented by exactly `blanks`."""
    for found in re.finditer(rb"(?m)^" + blanks + rb"[^ \t\f\n\x01]", shadow):
        yield found.start()


def _block_starts(shadow: bytes, blanks: bytes) -> Iterator[int]:
    """Yield where statements begin; decorators belong to what they decorate, handlers to their ``try``."""
    is_decorated = False
    for start in _line_starts(shadow, blanks):
        word = _WORD.match(shadow, start + len(blanks))
        if not is_decorated and (word is None or word[0] not in _CONTINUING):
            yield start
        is_decorated = word is not None and word[0] == b"@"


def _hidden_starts(source: bytes, start: int, end: int, blanks: bytes) -> Iterator[int]:
    """Yield where a statement could begin by the look of its line alone, whatever stands before it."""
    lines = re.compile(rb"\n(" + blanks + rb")(?=[A-Za-z_@\x80-\xff])").finditer(source, start, end)
    starts = (found.start(1) for found in lines)
    words = ((at, _WORD.match(source, at + len(blanks))) for at in starts)
    named = (at for at, word in words if word is not None and word[0] not in _CONTINUING)
    return itertools.islice(named, MAX_CANDIDATES)


def _first_blanks(shadow: bytes, start: int, end: int) -> bytes:
    """Return what the first statement between two offsets, the first a line's start, is indented by."""
    found = _NOT_BLANK.search(shadow, start, end)
    if found is None:
        return b""
    line = shadow.rfind(b"\n", start, found.start()) + 1
    return shadow[max(line, start) : found.start()]
