"""What a shell script consists of: commands with their words, redirects and operators, and blocks of them.

Terms: POSIX.1-2017, "Shell Command Language"; what goes beyond it is bash's (bash reference manual).
"""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

import msgspec

Lookup = Callable[[str], str | None]


class Operator(StrEnum):
    """What stands between two commands; empty at the ends of a script or block."""

    NONE = ""
    AND = "&&"
    OR = "||"
    PIPE = "|"
    THEN = ";"
    BACKGROUND = "&"
    LINE = "\n"


class PartKind(StrEnum):
    """What a part of a word is."""

    LITERAL = "literal"
    VARIABLE = "variable"
    SCRIPT = "script"
    OTHER = "other"


class Part(msgspec.Struct, frozen=True):
    """A part of a word: text, a variable, the output of a script, or something whose value is not followed.

    `name` is the variable's, also where only a piece of it is taken, and `fallback` what stands in for it
    (``${NAME:-word}``). An expression of another program (``${{ github.sha }}``) is a variable whose name is
    ``{{ github.sha }}``. `script` is what a substitution runs (``$(…)``, backticks, ``<(…)``).
    """

    kind: PartKind
    text: str = ""
    name: str = ""
    modifier: str = ""
    fallback: "Word | None" = None
    script: "Script | None" = None
    is_quoted: bool = False

    def expanded(self, lookup: Lookup) -> str | None:
        """Return the part's value; None where it is not known."""
        if self.kind is PartKind.LITERAL:
            return self.text
        if self.kind is not PartKind.VARIABLE:
            return None
        value = lookup(self.name)
        if self.fallback is not None and (value is None or (self.modifier == ":-" and not value)):
            return self.fallback.expanded(lookup)
        return value if self.modifier in ("", "-", ":-", ":?", "?") else None


class Word(msgspec.Struct, frozen=True):
    """One word, as it is written (`text`) and as a command gets it (`value`, None where it is not literal).

    `parts` are those of a word that is not literal. `is_quoted` where any quote or escape stands in it,
    `is_pattern` where an open ``*?[``, a list in braces or a leading tilde may make the shell replace it.
    `start` and `end` are offsets in the text that was read; lines count from 1, columns from 0. `is_broken`
    where it goes on in another line of the file.
    """

    text: str
    value: str | None
    start: int
    end: int
    line: int
    column: int
    parts: tuple[Part, ...] = ()
    is_quoted: bool = False
    is_pattern: bool = False
    is_broken: bool = False

    @property
    def variables(self) -> tuple[str, ...]:
        """Return the names of the variables in it, in order, without those of substituted scripts."""
        names: list[str] = []
        for part in self.parts:
            if part.name:
                names.append(part.name)
            if part.fallback is not None:
                names += part.fallback.variables
        return tuple(dict.fromkeys(names))

    def expanded(self, lookup: Lookup) -> str | None:
        """Return its value before it is split, by the variables that `lookup` knows; None where not known."""
        if self.value is not None:
            return self.value
        values = [part.expanded(lookup) for part in self.parts]
        known = [value for value in values if value is not None]
        return "".join(known) if len(known) == len(values) else None

    def split(self, lookup: Lookup) -> tuple[str, ...] | None:
        """Return the words that it becomes: an unquoted variable falls apart at white space (IFS as it is).

        None where a value is not known. Patterns are not followed.
        """
        if self.value is not None:
            return (self.value,)
        words: list[str] = []
        is_open = False
        for part in self.parts:
            value = part.expanded(lookup)
            if value is None:
                return None
            if part.kind is PartKind.LITERAL or part.is_quoted:
                words[-1:] = [words[-1] + value] if is_open else [*words[-1:], value]
                is_open = True
            else:
                is_open = _append_split(words, value, is_open=is_open)
        return tuple(words)


def _append_split(words: list[str], value: str, *, is_open: bool) -> bool:
    """Add the words of an unquoted value; say whether the last one still goes on."""
    found = value.split()
    if found and is_open and not value[0].isspace():
        words[-1] += found.pop(0)
    words += found
    if not value:
        return is_open
    return bool(words) and not value[-1].isspace()


class Heredoc(msgspec.Struct, frozen=True):
    """The text of a here-document, its first line, and whether variables in it are replaced."""

    text: str
    line: int
    expands: bool = True


class Redirect(msgspec.Struct, frozen=True):
    """A redirect: its operator (``>``, ``2>`` has `number` 2), and the word behind it.

    `start` is the offset of its number or operator: where it is the end of a word, nothing stands between.
    """

    operator: str
    target: Word
    start: int
    line: int
    number: str = ""
    heredoc: Heredoc | None = None


class Assignment(msgspec.Struct, frozen=True):
    """A variable that is set: to a word, or, as an array, to several (`value` is empty then)."""

    name: str
    value: Word
    items: tuple[Word, ...] = ()


class Options(msgspec.Struct, frozen=True):
    """The shell's options as they hold at a command: ``set -e`` and ``set -o pipefail``."""

    exits_on_error: bool = False
    fails_in_pipes: bool = False


class Command(msgspec.Struct, frozen=True):
    """A simple command: assignments, words (the program first), redirects, and what stands around it."""

    words: tuple[Word, ...]
    assignments: tuple[Assignment, ...]
    redirects: tuple[Redirect, ...]
    before: Operator
    after: Operator
    start: int
    end: int
    line: int
    column: int
    options: Options = Options()
    is_negated: bool = False

    @property
    def name(self) -> str:
        """Return the program without its folder; empty where there is none or it is not literal."""
        value = self.words[0].value if self.words else None
        return "" if value is None else value.rpartition("/")[2]


class BlockKind(StrEnum):
    """What holds commands together."""

    GROUP = "group"
    SUBSHELL = "subshell"
    SUBSTITUTION = "substitution"
    IF = "if"
    LOOP = "loop"
    FOR = "for"
    CASE = "case"
    FUNCTION = "function"
    CONDITION = "condition"
    BRANCH = "branch"


class Block(msgspec.Struct, frozen=True):
    """Commands that belong together.

    The items of IF, LOOP (while, until), FOR and CASE are blocks themselves: CONDITION for what is asked,
    BRANCH for what runs then. `name` is a function's, or the variable of FOR; `words` are those that FOR
    goes through, or the one that CASE asks. What a FUNCTION holds runs where it is called.
    """

    kind: BlockKind
    items: tuple["Item", ...]
    line: int
    before: Operator = Operator.NONE
    after: Operator = Operator.NONE
    redirects: tuple[Redirect, ...] = ()
    words: tuple[Word, ...] = ()
    name: str = ""
    is_negated: bool = False


Item = Command | Block


class Problem(msgspec.Struct, frozen=True):
    """Something that the shell would refuse, or that is not read here; `kind` names it for good."""

    kind: str
    line: int
    message: str


class Script(msgspec.Struct, frozen=True):
    """A script as it was read; `problems` in order of lines."""

    items: tuple[Item, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def commands(self) -> tuple[Command, ...]:
        """Return all commands in order, those of blocks and substitutions among them."""
        return tuple(command for command, _ in self.walk())

    def walk(self) -> Iterator[tuple[Command, tuple[Block, ...]]]:
        """Yield each command with the blocks that it stands in, outermost first.

        What a substitution runs comes before the command that takes its output.
        """
        return _walk(self.items, ())


def _walk(items: Iterable[Item], around: tuple[Block, ...]) -> Iterator[tuple[Command, tuple[Block, ...]]]:
    for item in items:
        for script in _substituted(item):
            inner = Block(BlockKind.SUBSTITUTION, script.items, item.line)
            yield from _walk(script.items, (*around, inner))
        if isinstance(item, Command):
            yield item, around
        else:
            yield from _walk(item.items, (*around, item))


def _substituted(item: Item) -> Iterator["Script"]:
    words = [*item.words, *(redirect.target for redirect in item.redirects)]
    if isinstance(item, Command):
        words += [word for each in item.assignments for word in (each.value, *each.items)]
    for word in words:
        yield from _scripts(word)


def _scripts(word: Word) -> Iterator["Script"]:
    for part in word.parts:
        if part.script is not None:
            yield part.script
        if part.fallback is not None:
            yield from _scripts(part.fallback)


def pipelines(items: Iterable[Item]) -> Iterator[tuple[Item, ...]]:
    """Yield what is joined by ``|``, a command alone as a pipeline of one."""
    found: list[Item] = []
    for item in items:
        found.append(item)
        if item.after is not Operator.PIPE:
            yield tuple(found)
            found = []
    if found:
        yield tuple(found)


def and_or_lists(items: Iterable[Item]) -> Iterator[tuple[tuple[Item, ...], ...]]:
    """Yield the pipelines that are joined by ``&&`` and ``||``, one list after the other."""
    found: list[tuple[Item, ...]] = []
    for pipeline in pipelines(items):
        found.append(pipeline)
        if pipeline[-1].after not in (Operator.AND, Operator.OR):
            yield tuple(found)
            found = []
    if found:
        yield tuple(found)
