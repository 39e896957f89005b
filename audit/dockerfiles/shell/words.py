"""Reads one word: quotes, escapes, variables, substitutions, up to the blank or operator that ends it.

Rules: POSIX.1-2017, "Shell Command Language", 2.2 Quoting, 2.6 Word Expansions; bash reference manual for
``$'…'``, ``<(…)`` and braces.
"""

import re
from abc import ABC, abstractmethod

from fleet_audit.audit.dockerfiles.shell.positions import Positions
from fleet_audit.audit.dockerfiles.shell.script import Part, PartKind, Problem, Script, Word

MAX_DEPTH = 40
MAX_PROBLEMS = 100

_PLAIN = re.compile(r"[^ \t\r\n'\"\\$`|&;()<>*?\[{~]+")
_IN_QUOTES = re.compile(r"[^\"\\$`]+")
_IN_BRACES = re.compile(r"[^}'\"\\$`]+")
_PARENTHESIS = re.compile(r"[()]")
_SIMPLE_END = frozenset(" \t\r\n|&;)<>")
_END = frozenset(" \t\r\n|&;()<>")
_NAME = re.compile(r"[A-Za-z_]\w*|[0-9@*#?$!-]", re.ASCII)
_BRACED = re.compile(
    r"(?P<sign>[#!]?)(?P<name>[A-Za-z_]\w*|[0-9]+|[@*#?$!-])(?P<modifier>:?[-=?+]|[^}]?)", re.ASCII
)
_BACKTICKS = re.compile(r"`((?:[^`\\]|\\.)*)`?", re.DOTALL)
_C_QUOTED = re.compile(r"\$'((?:[^'\\]|\\.)*)'?", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_TEMPLATE = re.compile(r"\$\{\{([^{}\n]*)\}\}")
_C_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", "'": "'", '"': '"', "r": "\r", "?": "?"}


class Pieces:
    """Gathers the parts of one word; literal neighbours become one."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.parts: list[Part] = []
        self.is_quoted = False
        self.is_pattern = False
        self._literal: list[str] = []
        self._literal_is_quoted = False

    def add_text(self, text: str, *, is_quoted: bool) -> None:
        """Add literal text."""
        if self._literal and self._literal_is_quoted != is_quoted:
            self._close()
        self._literal_is_quoted = is_quoted
        self._literal.append(text)
        self.is_quoted = self.is_quoted or is_quoted

    def add(self, part: Part) -> None:
        """Add what is no literal text."""
        self._close()
        self.parts.append(part)
        self.is_quoted = self.is_quoted or part.is_quoted

    def _close(self) -> None:
        if self._literal:
            text = "".join(self._literal)
            self.parts.append(Part(PartKind.LITERAL, text, is_quoted=self._literal_is_quoted))
            self._literal = []

    def close(self) -> tuple[tuple[Part, ...], str | None]:
        """Return the parts, and the value of a word all of whose parts are literal (without parts then)."""
        self._close()
        if all(part.kind is PartKind.LITERAL for part in self.parts):
            return (), "".join(part.text for part in self.parts)
        return tuple(self.parts), None


class WordReader(ABC):
    """A text, how far it is read, and how its words are read; what commands are is for those that derive."""

    def __init__(self, text: str, positions: Positions, *, depth: int, problems: list[Problem]) -> None:
        """Take the text, where its characters stand, and how deep it lies in another."""
        self.text = text
        self.at = 0
        self.positions = positions
        self.depth = depth
        self.problems = problems

    @abstractmethod
    def substituted(self) -> Script:
        """Read commands to the closing parenthesis, and behind it."""

    @abstractmethod
    def nested(self, text: str, start: int, *, is_verbatim: bool) -> Script:
        """Read a text that stands at `start`; where not `is_verbatim`, its columns are those of the start."""

    def report(self, kind: str, message: str, at: int) -> None:
        """Note what the shell would refuse."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(kind, self.positions.place(at)[0], message))

    def word(self) -> Word:
        """Read the word that begins here; it has one character at least."""
        start = self.at
        plain = _PLAIN.match(self.text, start)
        if plain is not None and self.text[plain.end() : plain.end() + 1] in _SIMPLE_END:
            return self._plain_word(start, plain.end())
        pieces = Pieces()
        self._read_open(pieces)
        if self.at == start:
            # An operator where only a word can stand: taken as text, so that reading goes on.
            self.at += 1
            pieces.add_text(self.text[start], is_quoted=False)
        return self._made(pieces, start)

    def _plain_word(self, start: int, end: int) -> Word:
        self.at = end
        text = self.text[start:end]
        line, column = self.positions.place(start)
        return Word(text, text, start, end, line, column, is_broken=self._is_broken(line, start, end))

    def _is_broken(self, line: int, start: int, end: int) -> bool:
        return end > start and self.positions.place(end - 1)[0] != line

    def _made(self, pieces: Pieces, start: int) -> Word:
        text = self.text[start : self.at]
        parts, value = pieces.close()
        line, column = self.positions.place(start)
        return Word(
            text,
            value,
            start,
            self.at,
            line,
            column,
            parts,
            is_quoted=pieces.is_quoted,
            is_pattern=pieces.is_pattern,
            is_broken=self._is_broken(line, start, self.at),
        )

    def _read_open(self, pieces: Pieces) -> None:
        """Read to the blank or operator that ends a word."""
        start = self.at
        while self.at < len(self.text):
            plain = _PLAIN.match(self.text, self.at)
            if plain is not None:
                pieces.add_text(plain[0], is_quoted=False)
                self.at = plain.end()
                continue
            character = self.text[self.at]
            if character in _END and not self._read_process(character, pieces):
                return
            if character not in _END and not self._read_special(character, pieces):
                is_first = self.at == start
                pieces.is_pattern |= character != "~" or is_first
                pieces.add_text(character, is_quoted=False)
                self.at += 1

    def _read_process(self, character: str, pieces: Pieces) -> bool:
        """Read ``<(…)``, ``>(…)`` or the parenthesis of an extended pattern; say whether one stood here."""
        if character in "<>" and self.text.startswith("(", self.at + 1):
            start = self.at
            self.at += 2
            pieces.add(self._script_part(start, is_quoted=False))
            return True
        if character == "(" and self.at and self.text[self.at - 1] in "?*+@!":
            self._read_parentheses(pieces)
            return True
        return False

    def _read_parentheses(self, pieces: Pieces) -> None:
        """Read to the end of balanced parentheses, as something whose value is not followed."""
        start = self.at
        depth = 0
        while self.at < len(self.text):
            depth += {"(": 1, ")": -1}.get(self.text[self.at], 0)
            self.at += 1
            if depth == 0:
                break
        pieces.add(Part(PartKind.OTHER, self.text[start : self.at]))

    def _read_special(self, character: str, pieces: Pieces) -> bool:
        """Read a quote, an escape or an expansion that begins here; say whether one does."""
        match character:
            case "\\":
                self._read_escape(pieces)
            case "'":
                self._read_single(pieces)
            case '"':
                self._read_double(pieces)
            case "$" | "`":
                self._read_expansion(pieces, is_quoted=False)
            case _:
                return False
        return True

    def _read_escape(self, pieces: Pieces) -> None:
        following = self.text[self.at + 1 : self.at + 2]
        self.at += 1 + len(following)
        if following != "\n":
            pieces.add_text(following or "\\", is_quoted=True)

    def _read_single(self, pieces: Pieces) -> None:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            self.report("unterminated-quote", "a single quote is never closed", self.at)
            end = len(self.text)
        pieces.add_text(self.text[self.at + 1 : end], is_quoted=True)
        self.at = min(end + 1, len(self.text))

    def _read_double(self, pieces: Pieces) -> None:
        start = self.at
        self.at += 1
        pieces.add_text("", is_quoted=True)
        while self.at < len(self.text):
            plain = _IN_QUOTES.match(self.text, self.at)
            if plain is not None:
                pieces.add_text(plain[0], is_quoted=True)
                self.at = plain.end()
                continue
            character = self.text[self.at]
            if character == '"':
                self.at += 1
                return
            if character == "\\":
                self._read_quoted_escape(pieces)
            else:
                self._read_expansion(pieces, is_quoted=True)
        self.report("unterminated-quote", "a double quote is never closed", start)

    def _read_quoted_escape(self, pieces: Pieces) -> None:
        following = self.text[self.at + 1 : self.at + 2]
        self.at += 1 + len(following)
        if following != "\n":
            # POSIX 2.2.3: before all other characters the backslash stays.
            kept = "" if following and following in '$`"\\' else "\\"
            pieces.add_text(kept + following, is_quoted=True)

    def _read_expansion(self, pieces: Pieces, *, is_quoted: bool) -> None:
        text, at = self.text, self.at
        if text[at] == "`":
            pieces.add(self._backticks(is_quoted=is_quoted))
        elif text.startswith("$((", at) and (part := self._arithmetic(is_quoted=is_quoted)) is not None:
            pieces.add(part)
        elif text.startswith("$(", at):
            self.at += 2
            pieces.add(self._script_part(at, is_quoted=is_quoted))
        elif text.startswith("${", at):
            pieces.add(self._braced(is_quoted=is_quoted))
        elif text.startswith("$'", at) and not is_quoted:
            self._read_c_quoted(pieces)
        elif text.startswith('$"', at) and not is_quoted:
            self.at += 1
        else:
            self._read_plain_variable(pieces, is_quoted=is_quoted)

    def _read_plain_variable(self, pieces: Pieces, *, is_quoted: bool) -> None:
        name = _NAME.match(self.text, self.at + 1)
        if name is None:
            pieces.add_text("$", is_quoted=is_quoted)
            self.at += 1
            return
        text = self.text[self.at : name.end()]
        self.at = name.end()
        pieces.add(Part(PartKind.VARIABLE, text, name[0], is_quoted=is_quoted))

    def _script_part(self, start: int, *, is_quoted: bool) -> Part:
        """Read a substitution behind its opening parenthesis; `start` is where it begins."""
        if self.depth >= MAX_DEPTH:
            self.give_up(start)
            return Part(PartKind.OTHER, self.text[start : self.at], is_quoted=is_quoted)
        self.depth += 1
        script = self.substituted()
        self.depth -= 1
        return Part(PartKind.SCRIPT, self.text[start : self.at], script=script, is_quoted=is_quoted)

    def give_up(self, start: int) -> None:
        """Read nothing more, and say that it is nested too deep."""
        self.report("too-deep", f"the script is nested more than {MAX_DEPTH} deep", start)
        self.at = len(self.text)

    def _backticks(self, *, is_quoted: bool) -> Part:
        found = _BACKTICKS.match(self.text, self.at)
        if found is None or not found[0].endswith("`") or len(found[0]) < 2:
            self.report("unterminated-substitution", "a backtick is never closed", self.at)
            start, self.at = self.at, len(self.text)
            return Part(PartKind.OTHER, self.text[start:], is_quoted=is_quoted)
        start, self.at = self.at, found.end()
        if self.depth >= MAX_DEPTH:
            self.give_up(start)
            return Part(PartKind.OTHER, found[0], is_quoted=is_quoted)
        # POSIX 2.6.3: within backquotes a backslash is special before these, and in quotes before ".
        escapable = '$`\\"' if is_quoted else "$`\\"
        inner = _ESCAPED.sub(lambda match: match[1] if match[1] in escapable else match[0], found[1])
        script = self.nested(inner, start + 1, is_verbatim=inner == found[1])
        return Part(PartKind.SCRIPT, found[0], script=script, is_quoted=is_quoted)

    def _arithmetic(self, *, is_quoted: bool) -> Part | None:
        """Read ``$((…))``; None, with nothing read, where it is a subshell in a substitution."""
        end = balanced_end(self.text, self.at + 1)
        if end is None or self.text[end - 2 : end] != "))":
            return None
        start, self.at = self.at, end
        return Part(PartKind.OTHER, self.text[start:end], is_quoted=is_quoted)

    def _read_c_quoted(self, pieces: Pieces) -> None:
        found = _C_QUOTED.match(self.text, self.at)
        inner = found[1] if found is not None else ""
        end = found.end() if found is not None else len(self.text)
        known = all(escape[1] in _C_ESCAPES for escape in _ESCAPED.finditer(inner))
        if known:
            text = _ESCAPED.sub(lambda match: _C_ESCAPES[match[1]], inner)
            pieces.add_text(text, is_quoted=True)
        else:
            pieces.add(Part(PartKind.OTHER, self.text[self.at : end], is_quoted=True))
        self.at = end

    def _braced(self, *, is_quoted: bool) -> Part:
        template = _TEMPLATE.match(self.text, self.at)
        if template is not None:
            self.at = template.end()
            name = f"{{{{{template[1]}}}}}"
            return Part(PartKind.VARIABLE, template[0], name, is_quoted=is_quoted)
        start = self.at
        found = _BRACED.match(self.text, start + 2)
        if found is None or self.depth >= MAX_DEPTH:
            self.at = start + 2
            self._until_brace(start, is_quoted=is_quoted)
            return Part(PartKind.OTHER, self.text[start : self.at], is_quoted=is_quoted)
        self.at = found.end()
        word = self._until_brace(start, is_quoted=is_quoted)
        text = self.text[start : self.at]
        modifier = found["modifier"]
        if found["sign"] or modifier not in ("", "-", ":-", "+", ":+", "?", ":?", "=", ":="):
            return Part(PartKind.OTHER, text, found["name"], is_quoted=is_quoted)
        modifier = modifier.replace("=", "-")
        fallback = word if modifier in ("-", ":-") else None
        return Part(PartKind.VARIABLE, text, found["name"], modifier, fallback, is_quoted=is_quoted)

    def _until_brace(self, start: int, *, is_quoted: bool) -> Word:
        """Read to the closing brace, and behind it; return what stands before it as a word."""
        first = self.at
        pieces = Pieces()
        self.depth += 1
        while self.at < len(self.text) and self.text[self.at] != "}":
            plain = _IN_BRACES.match(self.text, self.at)
            if plain is not None:
                pieces.add_text(plain[0], is_quoted=False)
                self.at = plain.end()
            elif self.depth > MAX_DEPTH:
                self.give_up(start)
            elif is_quoted and self.text[self.at] == "'":
                # POSIX 2.6.2: within double quotes a single quote in braces is text.
                pieces.add_text("'", is_quoted=True)
                self.at += 1
            else:
                self._read_special(self.text[self.at], pieces)
        self.depth -= 1
        word = self._made(pieces, first)
        if self.at >= len(self.text):
            self.report("unterminated-substitution", "a closing brace is missing", start)
        self.at = min(self.at + 1, len(self.text))
        return word


def balanced_end(text: str, at: int) -> int | None:
    """Return the offset behind the parenthesis that closes the one at `at`; None where none does."""
    depth = 0
    for match in _PARENTHESIS.finditer(text, at):
        depth += 1 if match[0] == "(" else -1
        if depth == 0:
            return match.end()
    return None
