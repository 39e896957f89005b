"""Which formatted strings a Python before 3.12 refuses: their expressions were no free text then."""

import re
from collections.abc import Iterator

from fleet_audit.audit.static_imports.source.lexer import string_tokens

_PREFIX = re.compile(rb"(?<![A-Za-z0-9_\x80-\xff])([fF][rR]?|[rR][fF])\Z")
_LONGEST_PREFIX = 3
_MARK = re.compile(rb"[\\#'\"(\[{)\]}:!=<>\n]")
_NEXT = re.compile(rb"[{}\\]")
_CONVERSION = re.compile(rb"![A-Za-z]")
_OPENING = {b")": b"(", b"]": b"[", b"}": b"{"}
_MOST_BRACKETS = 200
_DEEPEST_FIELD = 2


class _RefusedError(Exception):
    """An expression is not as it had to be."""


def free_format_line(source: bytes) -> int:
    """Return the line of the first formatted string that Python 3.11 and older refuse; 0 where there is none.

    `source` is what `decode` returned, and valid for some newer version. Before PEP 701 a formatted string
    ended where a plain one would, and its expressions held no backslash and no comment
    (Language Reference, 2.4.3, of Python 3.11).
    """
    for start, body in _formatted_strings(source):
        if not _is_accepted(body):
            return source.count(b"\n", 0, start) + 1
    return 0


def _formatted_strings(source: bytes) -> Iterator[tuple[int, bytes | None]]:
    """Yield where each formatted string starts, and what is between its quotes; None where it has no end."""
    for start, end in string_tokens(source):
        if _PREFIX.search(source, max(0, start - _LONGEST_PREFIX), start) is None:
            continue
        quote = _quote(source, start)
        is_closed = end - start >= 2 * len(quote) and source.endswith(quote, start, end)
        yield start, source[start + len(quote) : end - len(quote)] if is_closed else None


def _is_accepted(body: bytes | None) -> bool:
    if body is None:
        return False
    try:
        _read_text(body, 0, 0)
    except _RefusedError:
        return False
    return True


def _read_text(body: bytes, at: int, depth: int) -> int:
    """Read what is not an expression; return where it ends: with the text, or at the brace of a format."""
    while at < len(body):
        sign = body[at : at + 1]
        if sign == b"{" and body[at + 1 : at + 2] == b"{" and depth == 0:
            at += 2
        elif sign == b"{":
            at = _read_field(body, at + 1, depth + 1)
        elif sign == b"}" and depth > 0:
            return at
        elif sign == b"\\" and body[at + 1 : at + 3] == b"N{":
            at = body.find(b"}", at) + 1 or len(body)
        else:
            found = _NEXT.search(body, at + 1)
            at = found.start() if found else len(body)
    if depth:
        raise _RefusedError
    return at


def _read_field(body: bytes, at: int, depth: int) -> int:
    """Read a field from behind its brace; return where the text goes on."""
    if depth > _DEEPEST_FIELD:
        raise _RefusedError
    at = _read_expression(body, at)
    if body[at : at + 1] == b"!":
        found = _CONVERSION.match(body, at)
        at = len(body) if found is None else found.end()
    if body[at : at + 1] == b":":
        at = _read_text(body, at + 1, depth)
    if body[at : at + 1] != b"}":
        raise _RefusedError
    return at + 1


def _read_expression(body: bytes, at: int) -> int:
    """Return where an expression ends: at its closing brace, a conversion, or a format."""
    opened: list[bytes] = []
    while (found := _MARK.search(body, at)) is not None:
        sign, at = found[0], found.end()
        if sign in b"\\#":
            break
        if sign in b"'\"":
            at = _behind_string(body, found.start())
        elif sign in b"!=<>" and body[at : at + 1] == b"=":
            at += 1
        elif not opened and sign in b"}:!":
            return found.start()
        elif sign in b"([{)]}":
            _count(opened, sign)
    raise _RefusedError


def _count(opened: list[bytes], bracket: bytes) -> None:
    if bracket in b"([{":
        opened.append(bracket)
    elif not opened or opened.pop() != _OPENING[bracket]:
        raise _RefusedError
    if len(opened) > _MOST_BRACKETS:
        raise _RefusedError


def _behind_string(body: bytes, start: int) -> int:
    quote = _quote(body, start)
    end = body.find(quote, start + len(quote))
    if end < 0 or b"\\" in body[start:end]:
        raise _RefusedError
    return end + len(quote)


def _quote(text: bytes, start: int) -> bytes:
    """Return the quotes that open the string at `start`."""
    return text[start : start + 3] if text[start : start + 3] in (b'"""', b"'''") else text[start : start + 1]
