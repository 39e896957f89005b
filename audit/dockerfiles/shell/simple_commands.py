"""Reads simple commands: assignments, words, redirects and here-documents, up to the operator that ends them.

Rules: POSIX.1-2017, "Shell Command Language", 2.7 Redirection and 2.9.1 Simple Commands; bash reference
manual for arrays, ``[[ … ]]``, ``&>`` and ``<<<``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from fleet_audit.audit.dockerfiles.shell.options import with_arguments
from fleet_audit.audit.dockerfiles.shell.positions import Positions
from fleet_audit.audit.dockerfiles.shell.script import (
    Assignment,
    Command,
    Heredoc,
    Operator,
    Options,
    Part,
    PartKind,
    Problem,
    Redirect,
    Word,
)
from fleet_audit.audit.dockerfiles.shell.words import WordReader

NO_OPTIONS = Options()
_BLANKS = re.compile(r"(?:[ \t\r]|\\\r?\n)*(?:(?<![^ \t\r\n;&|()`])#[^\n]*)?")
_TEST = re.compile(r"\[\[(?=[ \t\r\n])")
OPERATOR = re.compile(r"&&|\|\||\|&|\||;;&|;;|;&|;|&(?!>)|\n")
_OPERATORS = {
    "&&": Operator.AND,
    "||": Operator.OR,
    "|": Operator.PIPE,
    "|&": Operator.PIPE,
    ";": Operator.THEN,
    "&": Operator.BACKGROUND,
    "\n": Operator.LINE,
}
ARM_ENDS = (";;&", ";;", ";&")
"""What ends one arm of ``case``; the longest stands first."""

_REDIRECT = re.compile(
    r"(?P<number>\d+|\{\w+\})?(?P<operator>&>>|&>|<<<|<<-|<<|<>|<&|>&|>>|>\||<(?!\()|>(?!\())", re.ASCII
)
_TARGET = re.compile(r"[^\n;&|()<>]|[<>]\(")
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_]\w*)(?:\[[^\]\s]*\])?\+?=", re.ASCII)
FUNCTION_END = re.compile(r"\([ \t]*\)")


@dataclass
class Gathered:
    """A simple command as far as it is read; `is_function` where it turns out to be a function's name."""

    start: int
    words: list[Word] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)
    is_function: bool = False


class CommandReader(WordReader):
    """Reads simple commands, and keeps what the lines so far have announced: options and here-documents."""

    def __init__(self, text: str, positions: Positions, *, depth: int, problems: list[Problem]) -> None:
        """Take the text, where its characters stand, and how deep it lies in another."""
        super().__init__(text, positions, depth=depth, problems=problems)
        self.options = NO_OPTIONS
        self.given_heredocs: list[Heredoc] = []
        self._line_end = -1
        self._behind_bodies: dict[int, int] = {}

    def skip_blanks(self) -> None:
        """Pass over blanks, and a comment behind them."""
        found = _BLANKS.match(self.text, self.at)
        if found is not None:
            self.at = found.end()

    def skip_lines(self) -> None:
        """Pass over blanks, comments and ends of lines."""
        self.skip_blanks()
        while self.text.startswith("\n", self.at):
            self.end_line()
            self.skip_blanks()

    def end_line(self) -> None:
        """Go behind a line feed, and behind the here-documents that follow its line."""
        self.at = self._behind_bodies.pop(self.at, self.at + 1)

    def operator(self) -> Operator:
        """Read the operator behind a command; none before what closes a list, and at the end."""
        self.skip_blanks()
        found = OPERATOR.match(self.text, self.at)
        if found is None or found[0] in ARM_ENDS:
            return Operator.NONE
        if found[0] == "\n":
            self.end_line()
        else:
            self.at = found.end()
        return _OPERATORS[found[0]]

    def redirects(self) -> Iterator[Redirect]:
        """Read the redirects of a compound command."""
        self.skip_blanks()
        while (redirect := self._redirect()) is not None:
            yield redirect
            self.skip_blanks()

    def gathered(self) -> Gathered:
        """Read the words of a simple command, up to the operator behind it."""
        found = Gathered(self.at)
        self.skip_blanks()
        while not found.is_function and self.at < len(self.text) and self.text[self.at] not in "\n;|)":
            if (redirect := self._redirect()) is not None:
                found.redirects.append(redirect)
            elif self.text[self.at] == "&":
                break
            elif self.text[self.at] == "(":
                self._read_parenthesis(found)
            else:
                self._add_word(found)
            self.skip_blanks()
        return found

    def command(self, found: Gathered, before: Operator, *, is_negated: bool) -> Command:
        """Return the command, with the operator behind it; what ``set`` does holds from the next one on."""
        options = self.options
        if found.words and found.words[0].value == "set":
            self.options = with_arguments(options, [word.value for word in found.words[1:]])
        line, column = self.positions.place(found.start)
        end = self.at
        return Command(
            tuple(found.words),
            tuple(found.assignments),
            tuple(found.redirects),
            before,
            self.operator(),
            found.start,
            end,
            line,
            column,
            options,
            is_negated,
        )

    def _read_parenthesis(self, found: Gathered) -> None:
        end = FUNCTION_END.match(self.text, self.at)
        if len(found.words) == 1 and end is not None:
            found.is_function = True
            self.at = end.end()
            return
        last = found.words[-1] if found.words else None
        if last is not None and last.end == self.at and last.text.endswith("="):
            found.words[-1] = self._with_array(last)
            return
        self.report("unexpected-operator", "'(' stands where a word is due", self.at)
        self.at += 1

    def _with_array(self, word: Word) -> Word:
        """Read the array that an argument is set to (``declare -a NAME=(…)``)."""
        start = self.at
        self.at += 1
        tuple(self._array())
        value = self.text[start : self.at]
        parts = (*word.parts, Part(PartKind.OTHER, value))
        return msgspec.structs.replace(
            word, text=word.text + value, value=None, end=self.at, parts=parts, is_broken="\n" in value
        )

    def _add_word(self, found: Gathered) -> None:
        if not found.words:
            if _TEST.match(self.text, self.at) is not None:
                found.words += self._test_words()
                return
            if (name := _ASSIGNMENT.match(self.text, self.at)) is not None:
                found.assignments.append(self._assignment(name["name"], name.end()))
                return
        found.words.append(self.word())

    def _assignment(self, name: str, start: int) -> Assignment:
        self.at = start
        if self.text.startswith("(", start):
            self.at += 1
            items = tuple(self._array())
            return Assignment(name, self._empty(start), items)
        if start >= len(self.text) or self.text[start] in " \t\r\n|&;()":
            return Assignment(name, self._empty(start))
        return Assignment(name, self.word())

    def _empty(self, at: int) -> Word:
        line, column = self.positions.place(at)
        return Word("", "", at, at, line, column)

    def _array(self) -> Iterator[Word]:
        self.skip_lines()
        while self.at < len(self.text) and self.text[self.at] != ")":
            yield self.word()
            self.skip_lines()
        self.at = min(self.at + 1, len(self.text))

    def _test_words(self) -> Iterator[Word]:
        """Read ``[[ … ]]``, within which no operator ends a command."""
        start = self.at
        while self.at < len(self.text):
            word = self.word()
            yield word
            if word.text == "]]":
                return
            self.skip_lines()
        self.report("unterminated-block", "']]' is missing", start)

    def _redirect(self) -> Redirect | None:
        found = _REDIRECT.match(self.text, self.at)
        if found is None:
            return None
        start = self.at
        self.at = found.end()
        self.skip_blanks()
        has_target = _TARGET.match(self.text, self.at) is not None
        if not has_target:
            self.report("bad-redirect", f"{found['operator']!r} names no file", start)
        target = self.word() if has_target else self._empty(self.at)
        operator = found["operator"]
        heredoc = self._heredoc(target, operator) if operator in ("<<", "<<-") and has_target else None
        line = self.positions.place(start)[0]
        return Redirect(operator, target, start, line, found["number"] or "", heredoc)

    def _heredoc(self, mark: Word, operator: str) -> Heredoc:
        """Return the here-document that a mark announces; reading goes on behind it once its line ends."""
        if self.given_heredocs:
            return self.given_heredocs.pop()
        if self._line_end < self.at:
            end = self.text.find("\n", self.at)
            self._line_end = len(self.text) if end < 0 else end
        start = self._behind_bodies.get(self._line_end, self._line_end + 1)
        name = mark.text if mark.value is None else mark.value
        at = end = min(start, len(self.text))
        while at < len(self.text):
            feed = self.text.find("\n", at)
            end = len(self.text) if feed < 0 else feed
            line = self.text[at:end].rstrip("\r")
            if (line.lstrip("\t") if operator == "<<-" else line) == name:
                break
            at = end + 1
        else:
            self.report("unterminated-heredoc", f"the line {name!r} that ends a text is missing", self.at)
            at = end = len(self.text)
        self._behind_bodies[self._line_end] = min(end + 1, len(self.text))
        body = self.text[start:at]
        return Heredoc(body, self.positions.place(start)[0], expands=not mark.is_quoted)
