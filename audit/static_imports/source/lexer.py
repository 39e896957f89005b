"""Where statements begin and end in Python text that need not parse.

The lexer blanks strings and comments and joins continued lines, so that what follows can look for
statements with plain patterns. It promises an answer for any bytes, in linear time.
"""

import bisect
import codecs
import functools
import itertools
import operator
import re
from collections.abc import Iterable, Iterator, Sequence

_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_ENCODINGS = re.compile(
    r"(?:iso-?8859|latin|l1|cp12|cp8|cp437|koi8|gb|big5|euc|shift|sjis|mac|us-?ascii|ascii|utf-?8)"
)

# What follows each loop may be absent, so that no match ever fails and goes back: the time is linear.
# (Possessive loops would say the same, and early versions of Python 3.11 get them wrong.)
_TOKEN = re.compile(
    rb"#[^\n]*"
    rb'|"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*(?P<closed1>""")?'
    rb"|'''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*(?P<closed2>''')?"
    rb'|"[^"\\\n]*(?:\\.[^"\\\n]*)*"?'
    rb"|'[^'\\\n]*(?:\\.[^'\\\n]*)*'?",
    re.DOTALL,
)
_PLAIN_TOKEN = re.compile(
    rb"#[^\n]*|\"[^\"\\\n]*(?:\\.[^\"\\\n]*)*\"?|'[^'\\\n]*(?:\\.[^'\\\n]*)*'?", re.DOTALL
)
_NOT_STRUCTURE = bytes(set(range(256)) - set(b"()[]{}\n"))
_OPENING = frozenset(b"([{")
_HASH = ord("#")

# No bracket can be open where one of these begins a line: the text before is damaged.
_RECOVERY = re.compile(
    rb"[ \t\f]*(?:import[ \t]+[A-Za-z_]|from[ \t]+[\w.]+[ \t]+import\b|(?:async[ \t]+)?def[ \t]+\w+[ \t]*\("
    rb"|class[ \t]+\w+[ \t]*[:(])"
)

JOINED = b"\x01"
"""Stands for a line end inside a statement."""


class Text:
    """A file's text and its shadow, both of one length.

    `source` is UTF-8 with plain line ends; in `shadow` strings are quotes, comments are blanks, and
    line ends remain only where a logical line ends. `deepest` is the deepest nesting of brackets.
    `is_beginning` holds where the file goes on.
    """

    def __init__(self, source: bytes, shadow: bytes, deepest: int, *, is_beginning: bool = False) -> None:
        """Take both texts; see `lex`."""
        self.is_beginning = is_beginning
        self.source = source
        self.shadow = shadow
        self.deepest = deepest
        self._line_ends: list[int] = []

    def line(self, offset: int) -> int:
        """Return the line, from 1, that `offset` stands on."""
        if not self._line_ends:
            lengths = itertools.accumulate(map(len, self.source.split(b"\n")))
            self._line_ends.extend(map(operator.add, lengths, itertools.count()))
        return bisect.bisect_left(self._line_ends, offset) + 1

    def line_end(self, offset: int) -> int:
        """Return the offset at which the logical line around `offset` ends."""
        end = self.shadow.find(b"\n", offset)
        return len(self.shadow) if end < 0 else end


def decode(body: bytes) -> bytes:
    """Return a file's text as UTF-8 with plain line ends and no byte-order mark (PEP 263).

    Bytes that the declared encoding cannot read are replaced: the lexer must see the rest. NUL bytes, which
    no Python source may hold, are left out: what is plain text in UTF-16 or UTF-32 can be read then.
    """
    text = body.removeprefix(codecs.BOM_UTF8)
    if b"\0" in text:
        text = text.removeprefix(codecs.BOM_UTF16_LE).removeprefix(codecs.BOM_UTF16_BE).replace(b"\0", b"")
    encoding = _declared_encoding(text)
    if encoding not in ("", "utf-8", "utf8"):
        text = text.decode(encoding, errors="replace").encode(errors="replace")
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return text


def _declared_encoding(text: bytes) -> str:
    # Only character sets that Python ships are looked up: a codec's name comes from the file.
    for line in text[:400].splitlines()[:2]:
        if cookie := _COOKIE.match(line):
            name = cookie[1].decode("ascii", errors="replace").lower().replace("_", "-")
            return name if _ENCODINGS.match(name) and _is_known(name) else ""
    return ""


def _is_known(encoding: str) -> bool:
    try:
        codecs.lookup(encoding)  # decoding nothing does not look it up
    except LookupError:
        return False
    return True


def string_tokens(source: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each string starts and ends, from its first quote on; `source` is as for `lex`."""
    return (found.span() for found in _TOKEN.finditer(source) if found[0][0] != _HASH)


def lex(source: bytes) -> Text:
    """Return the text with its shadow; `source` is what `decode` returned."""
    torn: list[int] = []
    shadow = _TOKEN.sub(functools.partial(_blank, torn), source)
    if b"\\\n" in shadow:
        shadow = shadow.replace(b"\\\n", JOINED + JOINED)
    joined, deepest = _join_bracketed(shadow)
    return Text(source, joined, deepest)


def _blank(torn: list[int], token: re.Match[bytes]) -> bytes:
    text = token[0]
    if text[0] == _HASH:
        return b" " * len(text)
    if text[:3] in (b'"""', b"'''") and token["closed1"] is None and token["closed2"] is None:
        return _blank_torn(torn, token.start(), text)
    return b'"' * len(text)


def _blank_torn(torn: list[int], offset: int, text: bytes) -> bytes:
    # A string that never ends would hide the rest of the file: take its first line alone. The rest may
    # hold one of the other kind; after that, long strings are no longer believed in.
    torn.append(offset)
    end = text.find(b"\n")
    end = len(text) if end < 0 else end
    if len(torn) > 2:
        return b'"' * end + _PLAIN_TOKEN.sub(_blank_plain, text[end:])
    return b'"' * end + _TOKEN.sub(functools.partial(_blank, torn), text[end:])


def _blank_plain(token: re.Match[bytes]) -> bytes:
    return (b" " if token[0][0] == _HASH else b'"') * len(token[0])


def _join_bracketed(shadow: bytes) -> tuple[bytes, int]:
    """Return `shadow` with line ends in brackets joined, and the deepest nesting."""
    rows = shadow.translate(None, _NOT_STRUCTURE).split(b"\n")
    balances = {row: _balance(row) for row in set(rows)}
    flat = max(highest for _, _, highest in balances.values())
    uneven = frozenset(row for row, (net, lowest, _) in balances.items() if net or lowest < 0)
    if not uneven:
        return shadow, flat
    lines = shadow.split(b"\n")
    runs, deepest = _runs(lines, rows, (number for number, row in enumerate(rows) if row in uneven))
    joined: list[bytes] = []
    at = 0
    for first, end in runs:
        joined += lines[at:first]
        joined.append(JOINED.join(lines[first:end]))
        at = end
    return b"\n".join((*joined, *lines[at:])), max(flat, deepest)


def _runs(
    lines: Sequence[bytes], rows: Sequence[bytes], uneven: Iterable[int]
) -> tuple[list[tuple[int, int]], int]:
    """Return the runs of lines that brackets join, each up to its end, and the deepest nesting in them.

    `rows` are the brackets of each line; outside of runs only lines that are `uneven` can begin one.
    """
    runs: list[tuple[int, int]] = []
    number = deepest = 0
    for first in uneven:
        if first < number:
            continue
        start = number = first
        depth = 0
        while depth or number == first:
            if number == len(rows):
                break
            if depth and _RECOVERY.match(lines[number]):
                runs.append((start, number))
                start, depth = number, 0
            net, lowest, highest = _balance(rows[number])
            deepest = max(deepest, depth + highest)
            depth = net - lowest if depth + lowest < 0 else depth + net
            number += 1
        runs.append((start, number))
    return runs, deepest


@functools.lru_cache(maxsize=4096)
def _balance(brackets: bytes) -> tuple[int, int, int]:
    depth = lowest = highest = 0
    for bracket in brackets:
        depth += 1 if bracket in _OPENING else -1
        lowest = min(lowest, depth)
        highest = max(highest, depth)
    return depth, lowest, highest
