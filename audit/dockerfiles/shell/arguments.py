"""A program's arguments, taken apart into options and what stands beside them."""

from collections.abc import Sequence

import msgspec

from fleet_audit.audit.dockerfiles.shell.symbols import starts_unknown


class Arguments(msgspec.Struct, frozen=True):
    """Options with their values in order, and the other words; symbols stand for what is not known.

    An option without a value has the empty text. `is_certain` is false where an option is not known, which
    may or may not have taken the next word; a word in `rest` that starts with a symbol may be anything.
    """

    options: tuple[tuple[str, str], ...] = ()
    rest: tuple[str, ...] = ()
    is_certain: bool = True

    def values(self, *names: str) -> tuple[str, ...]:
        """Return the values of an option, by any of its names, in order."""
        return tuple(value for name, value in self.options if name in names)

    def last(self, *names: str) -> str:
        """Return the value that counts of an option; empty where it is not given."""
        values = self.values(*names)
        return values[-1] if values else ""

    def has(self, *names: str) -> bool:
        """Say whether an option is given, and not turned off (``--push=false``)."""
        return any(value != "false" for value in self.values(*names))


class Syntax(msgspec.Struct, frozen=True):
    """Which options of a program take a value, and which long ones do not; of others it is not known."""

    valued: frozenset[str]
    flags: frozenset[str] = frozenset()

    def read(self, words: Sequence[str]) -> Arguments:
        """Return what these words say, by the habits of getopt and of Go's pflag."""
        reader = _Reader(self, words)
        return reader.read()

    def behind(self, arguments: Sequence[str], words: Sequence[str]) -> tuple[str, ...] | None:
        """Return the arguments behind subcommands, options before and between them passed over.

        None where these are not the subcommands.
        """
        at = 0
        for word in words:
            while at < len(arguments) and arguments[at].startswith("-"):
                at += 2 if arguments[at] in self.valued else 1
            if at >= len(arguments) or arguments[at] != word:
                return None
            at += 1
        return tuple(arguments[at:])


def syntax(valued: str, flags: str = "") -> Syntax:
    """Return a syntax from names written apart by spaces."""
    return Syntax(frozenset(valued.split()), frozenset(flags.split()))


class _Reader:
    """Goes through words once."""

    def __init__(self, program: Syntax, words: Sequence[str]) -> None:
        self._syntax = program
        self._words = words
        self._at = 0
        self._options: list[tuple[str, str]] = []
        self._rest: list[str] = []
        self._is_certain = True

    def read(self) -> Arguments:
        while self._at < len(self._words):
            word = self._words[self._at]
            self._at += 1
            if starts_unknown(word):
                self._rest.append(word)
            elif word == "--":
                self._rest += self._words[self._at :]
                break
            elif word.startswith("--"):
                self._long(word)
            elif word.startswith("-") and len(word) > 1:
                self._short(word)
            else:
                self._rest.append(word)
        return Arguments(tuple(self._options), tuple(self._rest), self._is_certain)

    def _long(self, word: str) -> None:
        name, is_set, value = word.partition("=")
        if is_set:
            self._options.append((name, value))
        elif name in self._syntax.valued:
            self._options.append((name, self._next()))
        else:
            self._is_certain = self._is_certain and name in self._syntax.flags
            self._options.append((name, ""))

    def _short(self, word: str) -> None:
        for at in range(1, len(word)):
            name = f"-{word[at]}"
            if name in self._syntax.valued:
                value = word[at + 1 :].removeprefix("=")
                self._options.append((name, value or self._next()))
                return
            self._options.append((name, ""))

    def _next(self) -> str:
        if self._at >= len(self._words):
            return ""
        self._at += 1
        return self._words[self._at - 1]
