"""What quotes, escapes and variables make of a word, as BuildKit's shell lexer reads it.

Rules: Dockerfile reference, "Environment replacement", and BuildKit's package frontend/dockerfile/shell.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

import msgspec

from fleet_audit.audit.dockerfiles.language.patterns import (
    Effort,
    PatternInvalid,
    PatternTooCostly,
    replaced,
    trimmed,
)
from fleet_audit.audit.errors import FleetAuditError

MAX_VALUE = 1 << 16
MAX_DEPTH = 40
LIMITS = ("value-too-long", "too-deep")
"""Kinds of what is refused here only: BuildKit goes on."""

SPACES = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""What Go, and so BuildKit, takes for white space (unicode.IsSpace); Python's own set is larger."""

_WORD = re.compile(f"[^{SPACES}]+")
_NAME = re.compile(r"\d+|[@*#?\-$!]|\w*")
_PLAIN = frozenset("$'\"\\`<")


class SubstitutionInvalid(FleetAuditError):
    """A word cannot be read; `at` is the offset where the part begins that is at fault."""

    def __init__(self, kind: str, why: str, at: int) -> None:
        """Keep the kind of rejection, the reason and the offset."""
        super().__init__(kind, why, at)
        self.kind = kind
        self.why = why
        self.at = at

    def __str__(self) -> str:
        """Return one sentence."""
        return self.why


class Read(msgspec.Struct, frozen=True):
    """What became of a text: as one value, and as words; the variables that it names.

    `used` have a value; `unset` have none, and nothing is given to stand in for it.
    """

    value: str
    words: tuple[str, ...]
    used: frozenset[str] = frozenset()
    unset: frozenset[str] = frozenset()


class Manner(msgspec.Struct, frozen=True):
    """How a text is read: whether quotes and escapes stay, and whether variables without a value do."""

    escape: str = "\\"
    keeps_quotes: bool = False
    keeps_escapes: bool = False
    keeps_unset: bool = False
    reads_quotes: bool = True
    reads_heredocs: bool = False


Lookup = Callable[[str], str | None]
PLAIN = Manner()


def read_words(
    text: str, lookup: Lookup | Mapping[str, str], manner: Manner = PLAIN, effort: Effort | None = None
) -> Read:
    """Return what `text` becomes with the variables that `lookup` knows; raise SubstitutionInvalid.

    What patterns may cost is taken from `effort`, which many texts may share.
    """
    if _PLAIN.isdisjoint(text):
        return Read(text, tuple(_WORD.findall(text)))
    reader = _Reader(text, lookup if callable(lookup) else lookup.get, manner, effort or Effort())
    value, words = reader.until(None, keeps_escapes=manner.keeps_escapes)
    return Read(value, tuple(words), frozenset(reader.used), frozenset(reader.unset))


@lru_cache(maxsize=64)
def _other_than(characters: str) -> re.Pattern[str]:
    return re.compile(f"[^{re.escape(characters)}]+")


class _Words:
    """Collects characters into words, apart at white space that is not quoted."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._word: list[str] = []

    def add(self, text: str) -> None:
        at = 0
        for part in _WORD.finditer(text):
            if part.start() > at:
                self.end()
            self._word.append(part[0])
            at = part.end()
        if at < len(text):
            self.end()

    def add_whole(self, text: str) -> None:
        self._word.append(text)

    def end(self) -> None:
        if word := "".join(self._word):
            self.found.append(word)
        self._word = []


class _Reader:
    def __init__(self, text: str, lookup: Lookup, manner: Manner, effort: Effort) -> None:
        self.used: set[str] = set()
        self.unset: set[str] = set()
        self._text = text
        self._lookup = lookup
        self._manner = manner
        self._effort = effort
        self._at = 0
        self._depth = 0
        self._size = 0

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        character = self._peek()
        self._at += len(character)
        return character

    def _bounded(self, text: str, at: int) -> str:
        self._size += len(text)
        if self._size > MAX_VALUE:
            raise SubstitutionInvalid(
                "value-too-long", f"a value grows to more than {MAX_VALUE} characters", at
            )
        return text

    def _run(self, ends: str) -> str:
        """Read as far as none of these characters stands."""
        start = self._at
        found = _other_than(ends).match(self._text, start)
        self._at = start if found is None else found.end()
        return self._text[start : self._at]

    def until(self, stop: str | None, *, keeps_escapes: bool) -> tuple[str, list[str]]:
        """Read to the end of the text, or behind the character `stop`."""
        start = self._at
        out: list[str] = []
        words = _Words()
        quotes = "'\"" if self._manner.reads_quotes else ""
        special = f"${quotes}<" if self._manner.reads_heredocs else f"${quotes}"
        ends = f"{special}{self._manner.escape}{stop or ''}"
        while character := self._peek():
            if plain := self._run(ends):
                out.append(plain)
                words.add(plain)
            elif character == stop:
                self._at += 1
                words.end()
                return "".join(out), words.found
            elif character in special:
                piece = self._special(character, keeps_escapes=keeps_escapes)
                out.append(piece)
                (words.add if character == "$" else words.add_whole)(piece)
            else:
                piece = self._escaped(keeps_escapes=keeps_escapes)
                out.append(piece)
                words.add_whole(piece)
        if stop is not None:
            raise SubstitutionInvalid("unterminated-substitution", f"a {stop!r} is missing", start)
        words.end()
        return "".join(out), words.found

    def _special(self, character: str, *, keeps_escapes: bool) -> str:
        match character:
            case "$":
                return self._variable()
            case "'":
                return self._single()
            case '"':
                return self._double(keeps_escapes=keeps_escapes)
            case _:
                return self._heredoc_mark()

    def _escaped(self, *, keeps_escapes: bool) -> str:
        escape = self._next()
        return (escape if keeps_escapes else "") + self._next()

    def _heredoc_mark(self) -> str:
        mark = self._next()
        if self._peek() != "<":
            return mark
        mark += self._next()
        if self._peek() == "-":
            mark += self._next()
        while (character := self._peek()) and character in SPACES:
            mark += self._next()
        return mark

    def _single(self) -> str:
        start = self._at
        end = self._text.find("'", start + 1)
        if end < 0:
            raise SubstitutionInvalid("unterminated-quote", "a single quote is never closed", start)
        self._at = end + 1
        quoted = self._text[start + 1 : end]
        return f"'{quoted}'" if self._manner.keeps_quotes else quoted

    def _double(self, *, keeps_escapes: bool) -> str:
        start = self._at
        quote = self._next() if self._manner.keeps_quotes else self._next()[:0]
        out = [quote]
        ends = f'"${self._manner.escape}'
        while character := self._peek():
            if plain := self._run(ends):
                out.append(plain)
            elif character == '"':
                self._at += 1
                out.append(quote)
                return "".join(out)
            else:
                out.append(
                    self._variable() if character == "$" else self._quoted(keeps_escapes=keeps_escapes)
                )
        raise SubstitutionInvalid("unterminated-quote", "a double quote is never closed", start)

    def _quoted(self, *, keeps_escapes: bool) -> str:
        character = self._next()
        kept = character if keeps_escapes else ""
        following = self._peek()
        if not following:
            return kept
        # Inside double quotes only these can be escaped; before all others the escape character stays.
        return kept + (self._next() if following in ('"', "$", self._manner.escape) else character)

    def _variable(self) -> str:
        start = self._at
        self._at += 1
        if self._peek() != "{":
            name = self._name()
            if not name:
                return "$"
            value = self._value(name)
            if value is None:
                return f"${name}" if self._manner.keeps_unset else ""
            return self._bounded(value, start)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise SubstitutionInvalid(
                "too-deep", f"substitutions are nested more than {MAX_DEPTH} deep", start
            )
        try:
            return self._bounded(self._braced(start), start)
        finally:
            self._depth -= 1

    def _name(self) -> str:
        start = self._at
        found = _NAME.match(self._text, start)
        self._at = start if found is None else found.end()
        return self._text[start : self._at]

    def _value(self, name: str, *, is_optional: bool = False) -> str | None:
        value = self._lookup(name)
        if value is not None:
            self.used.add(name)
        elif not is_optional:
            self.unset.add(name)
        return value

    def _braced(self, start: int) -> str:
        self._at += 1
        if not self._peek():
            raise SubstitutionInvalid("unterminated-substitution", "a '}' is missing", start)
        if self._peek() in ("{", "}", ":"):
            raise SubstitutionInvalid("bad-substitution", "a substitution names no variable", start)
        name = self._name()
        sign = self._next()
        if sign == "}":
            value = self._value(name)
            return (f"${{{name}}}" if self._manner.keeps_unset else "") if value is None else value
        if sign == "/":
            return self._replacement(name, start)
        if not sign:
            raise SubstitutionInvalid("unterminated-substitution", "a '}' is missing", start)
        treats_empty_as_unset = sign == ":"
        sign = self._next() if treats_empty_as_unset else sign
        colon = ":" if treats_empty_as_unset else ""
        if sign not in ("+", "-", "?", "#", "%") and not treats_empty_as_unset:
            raise SubstitutionInvalid(
                "bad-modifier", f"${{{name}{sign}…}} uses a modifier that does not exist", start
            )
        word = self._inner("}", start, keeps_escapes=sign in ("#", "%"))
        value = self._value(name, is_optional=sign in ("-", "+"))
        if value is None and self._manner.keeps_unset:
            return f"${{{name}{colon}{sign}{word}}}"
        return self._modified(name, value, f"{colon}{sign}", word, start)

    def _inner(self, stop: str, start: int, *, keeps_escapes: bool) -> str:
        try:
            return self.until(stop, keeps_escapes=keeps_escapes)[0]
        except SubstitutionInvalid as error:
            if error.kind == "unterminated-substitution":
                raise SubstitutionInvalid(error.kind, f"a {stop!r} is missing", start) from None
            raise

    def _modified(self, name: str, value: str | None, modifier: str, word: str, start: int) -> str:
        is_missing = value is None or (modifier[0] == ":" and not value)
        match modifier[-1]:
            case "-":
                return word if is_missing else value or ""
            case "+":
                return "" if is_missing else word
            case "?":
                if is_missing:
                    why = word or f"is not allowed to be {'unset' if value is None else 'empty'}"
                    raise SubstitutionInvalid("variable-required", f"{name}: {why}", start)
                return value or ""
            case "#" | "%" as sign:
                is_longest = word.startswith(sign)
                pattern = word[1:] if is_longest else word
                return self._matched(
                    lambda: trimmed(
                        value or "", pattern, at_end=sign == "%", longest=is_longest, effort=self._effort
                    ),
                    start,
                )
        raise SubstitutionInvalid(
            "bad-modifier", f"${{{name}{modifier}…}} uses a modifier that does not exist", start
        )

    def _replacement(self, name: str, start: int) -> str:
        is_everywhere = self._peek() == "/"
        self._at += is_everywhere
        pattern = self._inner("/", start, keeps_escapes=True)
        new = self._inner("}", start, keeps_escapes=True)
        value = self._value(name)
        if value is None and self._manner.keeps_unset:
            return f"${{{name}/{pattern}/{new}}}"
        return self._matched(
            lambda: replaced(value or "", pattern, new, everywhere=is_everywhere, effort=self._effort), start
        )

    def _matched(self, act: Callable[[], str], start: int) -> str:
        try:
            return act()
        except PatternInvalid as error:
            raise SubstitutionInvalid("bad-pattern", str(error), start) from error
        except PatternTooCostly as error:
            raise SubstitutionInvalid("value-too-long", str(error), start) from error


def _unknown_modifier(name: str, modifier: str, at: int) -> SubstitutionInvalid:
    return SubstitutionInvalid(
        "bad-modifier", f"${{{name}{modifier}…}} uses a modifier that does not exist", at
    )
