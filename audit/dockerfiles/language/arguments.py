"""How the text behind an instruction's keyword falls into flags, words, pairs, JSON and here-documents.

Rules: BuildKit's package frontend/dockerfile/parser (split_command, line_parsers).
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import NoReturn

import msgspec

from fleet_audit.audit.dockerfiles.language.shell_words import SPACES, Manner, SubstitutionInvalid, read_words

_BLANKS = re.compile(r"[\t\v\f\r ]+")
_MARK = re.compile(r"(\d*)<<(-?)[ \t\f\v\r]*([^<]*)", re.DOTALL)
_SIMPLE_WORDS = re.compile(r"[^'\"\\`]*")
_HEREDOC_LINE = Manner(keeps_quotes=True, keeps_escapes=True, keeps_unset=True, reads_heredocs=True)
_HEREDOC_NAME = Manner(keeps_unset=True)
_HEREDOC_RAW = Manner(keeps_unset=True, keeps_quotes=True)


class Flag(msgspec.Struct, frozen=True):
    """A ``--name=value`` before an instruction's words; `value` is None where there is no ``=``."""

    name: str
    value: str | None = None


class HeredocMark(msgspec.Struct, frozen=True):
    """A ``<<NAME``: whether variables in the document are expanded, and leading tabs dropped."""

    name: str
    expands: bool
    drops_tabs: bool


class NotOnlyStrings(Exception):
    """A JSON array holds something that is no string."""


def split_keyword(text: str) -> tuple[str, str]:
    """Return the first word of an instruction, as it is written, and what follows it."""
    keyword, *rest = _BLANKS.split(text.strip(SPACES), maxsplit=1)
    return keyword, rest[0] if rest else ""


def split_flags(text: str) -> tuple[tuple[Flag, ...], str]:
    """Return the flags that `text` begins with, without quotes and escapes, and the rest."""
    flags: list[Flag] = []
    at = 0
    while True:
        while at < len(text) and text[at] in SPACES:
            at += 1
        if not text.startswith("--", at):
            return tuple(flags), text[at:].strip(SPACES)
        word, at = _flag_word(text, at)
        if word == "--":
            return tuple(flags), text[at:].strip(SPACES)
        name, equals, value = word.removeprefix("--").partition("=")
        flags.append(Flag(name, value if equals else None))


def _flag_word(text: str, at: int) -> tuple[str, int]:
    out: list[str] = []
    quote = ""
    while at < len(text):
        character = text[at]
        at += 1
        if character == "\\":
            out.append(text[at : at + 1])
            at += 1
        elif quote:
            quote, kept = ("", "") if character == quote else (quote, character)
            out.append(kept)
        elif character in "'\"":
            quote = character
        elif character in SPACES:
            break
        else:
            out.append(character)
    return "".join(out), at


def json_words(text: str) -> tuple[str, ...] | None:
    """Return the strings of a JSON array; None where `text` is none. Raises NotOnlyStrings."""
    if not text.startswith("["):
        return None
    try:
        listed = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(word, str) for word in listed):
        raise NotOnlyStrings
    # Half of a surrogate pair is no character; Go puts U+FFFD in its place.
    return tuple(word.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for word in listed)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def blank_words(text: str) -> tuple[str, ...]:
    """Return the words of `text` apart at blanks, whatever quotes it has."""
    return tuple(_BLANKS.split(text)) if text else ()


def quoted_words(text: str, escape: str) -> tuple[tuple[str, int], ...]:
    """Return the words of `text`, quotes and escapes kept, each with its offset.

    White space within quotes belongs to a word; a quote that is never closed reaches to the end.
    """
    if _SIMPLE_WORDS.fullmatch(text):
        return tuple((match[0], match.start()) for match in re.finditer(f"[^{SPACES}]+", text))
    return tuple(_quoted_words(text, escape))


def _quoted_words(text: str, escape: str) -> Iterator[tuple[str, int]]:
    word: list[str] = []
    start = at = 0
    quote = ""
    while at < len(text):
        character = text[at]
        if not quote and character in SPACES:
            if word:
                yield "".join(word), start
            word = []
            at += 1
            continue
        if not word:
            start = at
        if character == escape and quote != "'":
            if at + 1 < len(text):
                word.append(text[at : at + 2])
            at += 2
            continue
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        word.append(character)
        at += 1
    if word:
        yield "".join(word), start


def split_pairs(words: Sequence[str]) -> tuple[tuple[str, str | None], ...]:
    """Return words as name and value; None for the value where there is no ``=``."""
    pairs = []
    for word in words:
        name, equals, value = word.partition("=")
        pairs.append((name, value if equals else None))
    return tuple(pairs)


def old_pair(text: str) -> tuple[str, str] | None:
    """Return the name and the value of ``ENV name value``; None where there is no value."""
    parts = _BLANKS.split(text, maxsplit=1)
    return (parts[0], parts[1]) if len(parts) == 2 else None


def heredoc_marks(line: str) -> tuple[HeredocMark, ...]:
    """Return the here-documents that a RUN, COPY or ADD line announces, in their order.

    A line that cannot be split, for a quote that is never closed, announces none. Raises SubstitutionInvalid
    where the name itself cannot be read.
    """
    if "<<" not in line:
        return ()
    try:
        words = read_words(line, _no_value, _HEREDOC_LINE).words
    except SubstitutionInvalid:
        return ()
    return tuple(mark for word in words if (mark := heredoc_mark(word)) is not None)


def heredoc_mark(word: str) -> HeredocMark | None:
    """Return the here-document that a word announces, if it does. Raises SubstitutionInvalid."""
    match = _MARK.fullmatch(word)
    if match is None or not match[3]:
        return None
    plain = read_words(match[3], _no_value, _HEREDOC_NAME).words
    if len(plain) != 1:
        return None
    raw = "".join(read_words(match[3], _no_value, _HEREDOC_RAW).words)
    is_quoted = sum(map(raw.count, "'\"")) != sum(map(plain[0].count, "'\""))
    return HeredocMark(plain[0], not is_quoted, match[2] == "-")


def _no_value(_name: str) -> str | None:
    return None
