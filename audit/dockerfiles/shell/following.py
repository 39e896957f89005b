"""Which commands a script runs, in which folder, and with which words, as far as its text tells.

Rules: POSIX.1-2017, "Shell Command Language", 2.9 and 2.12 (what a subshell changes stays in it). Branches
are all taken, loops over known words go through them, functions run where they are called. Where ways meet
that leave different values, the value is not known.
"""

import posixpath
from collections.abc import Iterable

import msgspec

from fleet_audit.audit.dockerfiles.shell.calls import Call, called, inner_script
from fleet_audit.audit.dockerfiles.shell.script import (
    Block,
    BlockKind,
    Command,
    Item,
    Lookup,
    Operator,
    Part,
    PartKind,
    Script,
    Word,
    pipelines,
)
from fleet_audit.audit.dockerfiles.shell.symbols import is_known, known, symbol

MAX_COMMANDS = 2000
MAX_DEPTH = 8
MAX_ROUNDS = 256
"""Words that a loop goes through; of a longer one, one round is followed."""
MAX_NAME = 200
MAX_VALUE = 10_000
"""Characters of a value that is kept; a longer one is not known."""

Words = tuple[str, ...]
"""Words in which symbols (`symbols`) stand for what is not known."""


class Executed(msgspec.Struct, frozen=True):
    """A program that runs: its name, its arguments, and the working directory, None where not known.

    `environment` returns the variables as they stand there.
    """

    program: str
    arguments: Words
    folder: str | None
    command: Command
    environment: Lookup
    line: int


class _Place(msgspec.Struct):
    """What commands change: the folder, the folders kept by pushd, and variables."""

    folder: str | None
    kept: tuple[str | None, ...] = ()
    variables: dict[str, str | None] = {}

    def copy(self) -> "_Place":
        return _Place(self.folder, self.kept, dict(self.variables))

    def join(self, other: "_Place") -> None:
        """Take over what another way leaves; what differs is not known."""
        if self.folder != other.folder:
            self.folder = None
        for name in {*self.variables, *other.variables}:
            if self.variables.get(name) != other.variables.get(name) or name not in self.variables:
                self.variables[name] = None


def follow(
    script: Script, *, folder: str | None, lookup: Lookup, root: str = "", source: str = ""
) -> tuple[Executed, ...]:
    """Return the programs that a script runs, in order; at most MAX_COMMANDS.

    It starts in `folder`, with the variables of `lookup`. `root` is what ``git rev-parse --show-toplevel``
    prints, and `source` the path of the script itself, where they are known.
    """
    follower = _Follower(lookup, root, source)
    follower.run(script.items, _Place(folder))
    return tuple(follower.found)


class _Follower:
    """Runs through the items of a script."""

    def __init__(self, lookup: Lookup, root: str, source: str) -> None:
        self.found: list[Executed] = []
        self._lookup = lookup
        self._root = root
        self._source = source
        self._functions: dict[str, Block] = {}
        self._depth = 0
        self._steps = 0

    def run(self, items: Iterable[Item], place: _Place) -> None:
        for pipeline in pipelines(items):
            if not self._goes_on():
                return
            is_alternative = pipeline[0].before is Operator.OR
            here = place.copy() if is_alternative or len(pipeline) > 1 else place
            for item in pipeline:
                self._item(item, here)
            if is_alternative:
                # The left side is taken to succeed: the folder is the one that it leads to.
                folder = place.folder
                place.join(here)
                place.folder = folder

    def _goes_on(self) -> bool:
        self._steps += 1
        return self._steps <= MAX_COMMANDS

    def _item(self, item: Item, place: _Place) -> None:
        if isinstance(item, Command):
            self._command(item, place)
        elif item.kind is BlockKind.FUNCTION:
            self._functions[item.name] = item
        else:
            self._nested(item, place)

    def _nested(self, block: Block, place: _Place) -> None:
        if self._depth >= MAX_DEPTH:
            return
        self._depth += 1
        self._block(block, place)
        self._depth -= 1

    def _block(self, block: Block, place: _Place) -> None:
        match block.kind:
            case BlockKind.SUBSHELL | BlockKind.SUBSTITUTION:
                self.run(block.items, place.copy())
            case BlockKind.FOR:
                self._loop(block, place)
            case BlockKind.IF | BlockKind.CASE | BlockKind.LOOP:
                for inner in block.items:
                    self._branch(inner, place)
            case _:
                self.run(block.items, place)

    def _branch(self, item: Item, place: _Place) -> None:
        if isinstance(item, Block) and item.kind is BlockKind.BRANCH:
            if not self._goes_on():
                return
            other = place.copy()
            self.run(item.items, other)
            place.join(other)
        else:
            self._item(item, place)

    def _loop(self, block: Block, place: _Place) -> None:
        words = block.words if len(block.words) <= MAX_ROUNDS else ()
        values = [value for word in words for value in self.split(word, place)]
        is_written = (
            bool(values) and all(map(is_known, values)) and not any(word.is_pattern for word in words)
        )
        for value in values if is_written else [None]:
            place.variables[block.name] = value
            for inner in block.items:
                self.run(inner.items if isinstance(inner, Block) else (inner,), place)
        place.variables[block.name] = None

    def _command(self, command: Command, place: _Place) -> None:
        values = {
            each.name: None if each.items else self.expand(each.value, place) for each in command.assignments
        }
        call = called(command)
        if call is None:
            if not command.words:
                place.variables.update(values)
            return
        arguments = tuple(value for word in call.arguments for value in self.split(word, place))
        if call.program in self._functions:
            self._function(self._functions[call.program], arguments, place)
        elif not self._builtin(call, arguments, place):
            self._execute(call, arguments, command, place, values)

    def _execute(
        self,
        call: Call,
        arguments: Words,
        command: Command,
        place: _Place,
        values: dict[str, str | None],
    ) -> None:
        inner = inner_script(call, command)
        if inner is not None and self._depth < MAX_DEPTH:
            self._depth += 1
            self.run(inner.items, place if call.program == "eval" else place.copy())
            self._depth -= 1
            return
        variables = {**place.variables, **values}
        environment = self._environment(_Place(place.folder, (), variables))
        self.found.append(
            Executed(call.program, arguments, place.folder, command, environment, call.word.line)
        )

    def _function(self, block: Block, arguments: Words, place: _Place) -> None:
        if self._depth >= MAX_DEPTH:
            return
        given = {str(at): value for at, value in enumerate(arguments, start=1)}
        before = {name: place.variables.get(name) for name in given}
        place.variables.update(given)
        self._depth += 1
        self.run(block.items, place)
        self._depth -= 1
        place.variables.update(before)

    def _builtin(self, call: Call, arguments: Words, place: _Place) -> bool:
        """Do what a builtin of the shell changes; say whether it is one."""
        match call.program:
            case "cd" | "pushd":
                if call.program == "pushd":
                    place.kept = (*place.kept, place.folder)
                place.folder = self._target(arguments, place)
            case "popd":
                *rest, place.folder = place.kept or (None,)
                place.kept = tuple(rest)
            case "export" | "readonly" | "declare" | "local" | "typeset":
                for word in call.arguments:
                    self._declare(word, place)
            case "unset":
                place.variables.update(dict.fromkeys(arguments))
            case _:
                return False
        return True

    def _declare(self, word: Word, place: _Place) -> None:
        name, is_set, value = self.expand(word, place).partition("=")
        if is_set:
            place.variables[name] = value

    def _target(self, arguments: Words, place: _Place) -> str | None:
        named = [value for value in arguments if not value.startswith("-") or value == "-"]
        if len(named) != 1 or named[0] == "-":
            return None
        return joined(place.folder, named[0])

    def expand(self, word: Word, place: _Place) -> str:
        """Return a word's value before it is split."""
        value = word.value
        if value is None:
            value = self._resolved(word, place).expanded(self._environment(place)) or ""
        return value if len(value) <= MAX_VALUE else symbol(word.text[:MAX_NAME])

    def split(self, word: Word, place: _Place) -> Words:
        """Return the words that a word becomes."""
        words = self._resolved(word, place).split(self._environment(place)) or ()
        is_small = all(len(value) <= MAX_VALUE for value in words)
        return words if is_small else (symbol(word.text[:MAX_NAME]),)

    def _resolved(self, word: Word, place: _Place) -> Word:
        """Return a word with text in the place of what is not a variable with a value."""
        if word.value is not None:
            return word
        environment = self._environment(place)
        parts = tuple(self._part(part, place, environment) for part in word.parts)
        return msgspec.structs.replace(word, parts=parts)

    def _part(self, part: Part, place: _Place, environment: Lookup) -> Part:
        value: str | None = None
        if part.kind is PartKind.SCRIPT and part.script is not None:
            value = self._output(part.script, place)
        elif part.text == "${BASH_SOURCE[0]}":
            value = self._source or None
        elif part.expanded(environment) is not None:
            return part
        return Part(PartKind.LITERAL, symbol(_name(part)) if value is None else value)

    def _environment(self, place: _Place) -> Lookup:
        def value(name: str) -> str | None:
            if name == "PWD":
                return place.folder
            if name in place.variables:
                return place.variables[name]
            if name in ("0", "BASH_SOURCE") and self._source:
                return self._source
            return self._lookup(name)

        return value

    def _output(self, script: Script, place: _Place) -> str | None:
        """Return what a substitution prints, for the ways in which scripts ask where they are."""
        here = place.copy()
        for item in script.items[:-1]:
            if not isinstance(item, Command) or item.name != "cd":
                return None
            self._command(item, here)
        last = script.items[-1] if script.items else None
        if not isinstance(last, Command):
            return None
        words = tuple(value for word in last.words for value in self.split(word, here))
        return self._printed(words, here)

    def _printed(self, words: Words, place: _Place) -> str | None:
        match words:
            case ("pwd", *_):
                return place.folder
            case ("git", "rev-parse", "--show-toplevel"):
                return self._root or None
            case ("dirname", path) | ("dirname", "--", path) if is_known(path):
                return posixpath.dirname(path) or "."
            case _:
                return None


def _name(part: Part) -> str:
    if part.kind is PartKind.VARIABLE and not part.modifier:
        return part.name[2:-2].strip().lower() if part.name.startswith("{{") else f"${part.name}"
    return part.text[:MAX_NAME]


def joined(folder: str | None, path: str | None) -> str | None:
    """Return a path as it stands seen from a folder; None where either is not known."""
    path = known(path)
    if path is None or (folder is None and not path.startswith("/")):
        return None
    if path.startswith("~"):
        return None
    return posixpath.normpath(posixpath.join(folder or "/", path))
