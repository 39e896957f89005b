"""Reads shell text, and goes on where a shell would give up.

Rules: POSIX.1-2017, "Shell Command Language", 2.3 Token Recognition, 2.7 Redirection, 2.9 Shell Commands and
2.10 Shell Grammar; bash reference manual for ``[[ … ]]``, ``(( … ))``, arrays and ``function``. Nothing is
expanded or run, and the time is linear in the length of the text.
"""

import re
from collections.abc import Callable, Iterator, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.shell.positions import Positions, line_positions, text_positions
from fleet_audit.audit.dockerfiles.shell.script import (
    Block,
    BlockKind,
    Heredoc,
    Item,
    Operator,
    Options,
    Problem,
    Script,
    Word,
)
from fleet_audit.audit.dockerfiles.shell.simple_commands import (
    ARM_ENDS,
    FUNCTION_END,
    NO_OPTIONS,
    OPERATOR,
    CommandReader,
)
from fleet_audit.audit.dockerfiles.shell.words import MAX_DEPTH, balanced_end

MAX_TEXT = 1 << 18
"""Characters beyond which a script is not read on."""

_RESERVED = re.compile(
    r"(?:if|then|elif|else|fi|while|until|for|select|do|done|case|esac|function|[{}!])"
    r"(?=(?:\\\r?\n)*(?:[ \t\r\n;&|()<>]|$))"
)
_CLOSERS = frozenset({"then", "elif", "else", "fi", "do", "done", "esac", "}"})
_CLOSERS_BEGIN = frozenset(word[0] for word in _CLOSERS)
_GOES_ON = frozenset({Operator.AND, Operator.OR, Operator.PIPE})
_NO_WORD = frozenset("\n;&|()")
_FOR_NAME = re.compile(r"[ \t]*([A-Za-z_]\w*)", re.ASCII)
_IN = re.compile(r"in(?=[ \t\r\n;]|$)")


def read_script(
    text: str,
    *,
    line: int = 1,
    options: Options = NO_OPTIONS,
    positions: Positions | None = None,
    heredocs: Sequence[Heredoc] = (),
) -> Script:
    """Return what a script with this text says. Never raises, whatever the text is.

    Its first line is `line` of its file, where `positions` do not say more. `options` hold at its start.
    Where the texts of here-documents do not follow in the text itself, they are `heredocs`, in order.
    """
    problems: list[Problem] = []
    if len(text) > MAX_TEXT:
        problems.append(Problem("too-long", line, f"the script has more than {MAX_TEXT} characters"))
        text = text[:MAX_TEXT]
    reader = _Reader(text, positions or text_positions(text, line), depth=0, problems=problems)
    reader.options = options
    reader.given_heredocs = [*reversed(heredocs)]
    items = reader.script()
    return Script(items, tuple(sorted(problems, key=lambda problem: problem.line)))


class _Reader(CommandReader):
    """Reads lists of commands, and compound commands."""

    def __init__(self, text: str, positions: Positions, *, depth: int, problems: list[Problem]) -> None:
        super().__init__(text, positions, depth=depth, problems=problems)
        self._open: list[frozenset[str]] = []
        self._compounds: dict[str, Callable[[int], Block]] = {
            "if": self._if,
            "while": self._loop,
            "until": self._loop,
            "for": self._for,
            "select": self._for,
            "case": self._case,
            "{": self._group,
            "function": self._function,
        }

    def script(self) -> tuple[Item, ...]:
        """Read to the end of the text."""
        return self._items(frozenset())

    def substituted(self) -> Script:
        """Read commands to the closing parenthesis, and behind it."""
        kept = self.options
        items = self._items(frozenset({")"}))
        self.options = kept
        self._close(")")
        return Script(items)

    def nested(self, text: str, start: int, *, is_verbatim: bool) -> Script:
        """Read the text of backticks."""
        line = self.positions.place(start)[0]
        positions = self.positions.within(start) if is_verbatim else line_positions(line)
        reader = _Reader(text, positions, depth=self.depth + 1, problems=self.problems)
        reader.options = self.options
        return Script(reader.script())

    def _items(self, closers: frozenset[str]) -> tuple[Item, ...]:
        """Read commands up to one of the closing words, or to what closes a construct further out."""
        items: list[Item] = []
        before = Operator.NONE
        self._open.append(closers)
        while not self._is_closed():
            if self._skip_operator():
                continue
            is_negated = self._negation()
            item = self._item(before, is_negated=is_negated)
            items.append(item)
            before = item.after
        if before in _GOES_ON:
            self.report("unexpected-end", f"no command follows {before.value!r}", self.at)
        self._open.pop()
        return tuple(items)

    def _is_closed(self) -> bool:
        """Go to the next command; say whether there is none here."""
        self.skip_lines()
        while self.at < len(self.text):
            closer = self._closer()
            if not closer:
                return False
            if any(closer in closers for closers in self._open):
                return True
            self.report("unexpected-word", f"nothing is open that {closer!r} could close", self.at)
            self.at += len(closer)
            self.skip_lines()
        return True

    def _closer(self) -> str:
        """Return the word or operator here that closes something; empty where none does."""
        first = self.text[self.at]
        if first == ")":
            return ")"
        if first == ";":
            return next((end for end in ARM_ENDS if self.text.startswith(end, self.at)), "")
        word = _RESERVED.match(self.text, self.at) if first in _CLOSERS_BEGIN else None
        return word[0] if word is not None and word[0] in _CLOSERS else ""

    def _skip_operator(self) -> bool:
        """Pass over an operator that stands where a command is due; say whether one did."""
        found = OPERATOR.match(self.text, self.at)
        if found is None:
            return False
        self.report("unexpected-operator", f"{found[0]!r} has no command before it", self.at)
        self.at = found.end()
        return True

    def _negation(self) -> bool:
        is_negated = False
        while (word := _RESERVED.match(self.text, self.at)) is not None and word[0] == "!":
            is_negated = not is_negated
            self.at = word.end()
            self.skip_blanks()
        return is_negated

    def _item(self, before: Operator, *, is_negated: bool) -> Item:
        block = self._compound()
        if block is None:
            gathered = self.gathered()
            if not gathered.is_function:
                return self.command(gathered, before, is_negated=is_negated)
            name = gathered.words[0]
            block = self._guarded(lambda line: self._body_of(name.text, line), name.line)
        redirects = tuple(self.redirects())
        after = self.operator()
        return msgspec.structs.replace(
            block, before=before, after=after, redirects=redirects, is_negated=is_negated
        )

    def _compound(self) -> Block | None:
        """Read a compound command that begins here; None where a simple one does."""
        line = self.positions.place(self.at)[0]
        if self.text.startswith("(", self.at):
            return self._guarded(self._parenthesis, line)
        word = _RESERVED.match(self.text, self.at)
        read = None if word is None else self._compounds.get(word[0])
        if word is None or read is None:
            return None
        self.at = word.end()
        return self._guarded(read, line)

    def _guarded(self, read: Callable[[int], Block], line: int) -> Block:
        if self.depth >= MAX_DEPTH:
            self.give_up(self.at)
            return Block(BlockKind.GROUP, (), line)
        self.depth += 1
        block = read(line)
        self.depth -= 1
        return block

    def _close(self, word: str) -> bool:
        """Go behind a closing word; say whether it stood here."""
        if self.at < len(self.text) and self._closer() == word:
            self.at += len(word)
            return True
        self.report("unterminated-block", f"{word!r} is missing", self.at)
        return False

    def _parenthesis(self, line: int) -> Block:
        if self.text.startswith("((", self.at):
            end = balanced_end(self.text, self.at)
            if end is not None and self.text[end - 2 : end] == "))":
                self.at = end
                return Block(BlockKind.GROUP, (), line)
        self.at += 1
        kept = self.options
        items = self._items(frozenset({")"}))
        self.options = kept
        self._close(")")
        return Block(BlockKind.SUBSHELL, items, line)

    def _group(self, line: int) -> Block:
        items = self._items(frozenset({"}"}))
        self._close("}")
        return Block(BlockKind.GROUP, items, line)

    def _part(self, kind: BlockKind, *closers: str) -> Block:
        line = self.positions.place(self.at)[0]
        return Block(kind, self._items(frozenset(closers)), line)

    def _if(self, line: int) -> Block:
        parts = [self._part(BlockKind.CONDITION, "then")]
        self._close("then")
        parts.append(self._part(BlockKind.BRANCH, "elif", "else", "fi"))
        while self.at < len(self.text) and self._closer() in ("elif", "else"):
            is_condition = self._closer() == "elif"
            self.at += 4
            if is_condition:
                parts.append(self._part(BlockKind.CONDITION, "then"))
                self._close("then")
            parts.append(self._part(BlockKind.BRANCH, "elif", "else", "fi"))
        self._close("fi")
        return Block(BlockKind.IF, tuple(parts), line)

    def _loop(self, line: int) -> Block:
        condition = self._part(BlockKind.CONDITION, "do")
        return Block(BlockKind.LOOP, (condition, self._do()), line)

    def _do(self) -> Block:
        self._close("do")
        body = self._part(BlockKind.BRANCH, "done")
        self._close("done")
        return body

    def _for(self, line: int) -> Block:
        self.skip_blanks()
        name = ""
        words: tuple[Word, ...] = ()
        if self.text.startswith("((", self.at):
            self.at = balanced_end(self.text, self.at) or len(self.text)
        elif (found := _FOR_NAME.match(self.text, self.at)) is not None:
            name = found[1]
            self.at = found.end()
            self.skip_lines()
            words = self._for_words()
        self.operator()
        self.skip_lines()
        return Block(BlockKind.FOR, (self._do(),), line, words=words, name=name)

    def _for_words(self) -> tuple[Word, ...]:
        if _IN.match(self.text, self.at) is None:
            return ()
        self.at += 2
        return tuple(self._words_here())

    def _words_here(self) -> Iterator[Word]:
        """Read words to the end of the command."""
        self.skip_blanks()
        while self.at < len(self.text) and self.text[self.at] not in _NO_WORD:
            yield self.word()
            self.skip_blanks()

    def _case(self, line: int) -> Block:
        self.skip_blanks()
        words = (self.word(),) if self.at < len(self.text) and self.text[self.at] not in _NO_WORD else ()
        self.skip_lines()
        if self.text.startswith("in", self.at):
            self.at += 2
        arms: list[Item] = []
        self.skip_lines()
        while self.at < len(self.text) and self._closer() != "esac":
            start = self.at
            arms.append(self._arm())
            self.skip_lines()
            if self.at == start:
                break
        self._close("esac")
        return Block(BlockKind.CASE, tuple(arms), line, words=words)

    def _arm(self) -> Block:
        if self.text.startswith("(", self.at):
            self.at += 1
        self.skip_blanks()
        while self.at < len(self.text) and self.text[self.at] not in ")\n;&":
            if self.text[self.at] == "|":
                self.at += 1
            else:
                self.word()
            self.skip_blanks()
        if self.text.startswith(")", self.at):
            self.at += 1
        else:
            self.report("bad-case", "a pattern of 'case' does not end in ')'", self.at)
        arm = self._part(BlockKind.BRANCH, "esac", *ARM_ENDS)
        if self.at < len(self.text) and (end := self._closer()) in ARM_ENDS:
            self.at += len(end)
        return arm

    def _function(self, line: int) -> Block:
        """Read a function behind the word ``function``."""
        self.skip_blanks()
        name = self.word().text if self.at < len(self.text) and self.text[self.at] not in _NO_WORD else ""
        self.skip_blanks()
        if (parentheses := FUNCTION_END.match(self.text, self.at)) is not None:
            self.at = parentheses.end()
        return self._body_of(name, line)

    def _body_of(self, name: str, line: int) -> Block:
        self.skip_lines()
        kept = self.options
        body = self._compound() if self.at < len(self.text) and not self._closer() else None
        self.options = kept
        if body is None:
            self.report("bad-function", f"the function {name!r} has no body", self.at)
            return Block(BlockKind.FUNCTION, (), line, name=name)
        return Block(BlockKind.FUNCTION, body.items, line, name=name)
