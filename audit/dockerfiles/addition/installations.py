"""Which words of a RUN name packages for apt-get, and where they stand in the file."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.language.structure import Instruction

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r\f\v]+|\\\n)
    |(?P<end>\n|&&|\|\||[;|&()])
    |(?P<comment>\#[^\n]*)
    |(?P<word>(?:[^\s\\'"`$&|;()]|\\.|'[^']*'|"(?:[^"\\]|\\.)*"|`[^`]*`|\$\([^()]*\)|\$)+)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
# deb-version(7) and Debian policy 5.6.1; a name before a minus is one to remove (apt-get(8)).
_PACKAGE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9+.-]*[a-z0-9+.])(?::[a-z0-9-]+)?(?:[=/][A-Za-z0-9.+:~-]*[A-Za-z0-9.+~])?"
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_BEFORE_PROGRAM = frozenset(
    (
        *("!", "{", "command", "do", "eatmydata", "else", "env", "exec", "if", "nice", "sudo", "then"),
        *("time", "while"),
    )
)
_WITH_VALUE = frozenset(
    (
        *("-a", "-c", "-o", "-t", "--config-file", "--default-release", "--host-architecture", "--option"),
        "--target-release",
    )
)
"""Options of apt-get(8) whose value may be the next word."""

_SIMPLE_HEREDOC = re.compile(r"\d*<<-?\s*(?P<quote>[\"']?)[\w.-]+(?P=quote)")


class PackageWord(msgspec.Struct, frozen=True):
    """A package as it is written: its name, and its place: a line from 1, columns from 0."""

    name: str
    text: str
    line: int
    start: int
    end: int


class Installation(msgspec.Struct, frozen=True):
    """An ``apt-get install``: its packages, and the last word before them (`opening`)."""

    opening: PackageWord
    packages: tuple[PackageWord, ...]


def installations(instruction: Instruction) -> tuple[Installation, ...]:
    """Return the installations of a RUN whose words stand openly in it.

    None are found in the exec form, within quotes, and in a here-document for another program than the shell.
    """
    if instruction.keyword != "RUN" or instruction.is_exec or not instruction.pieces:
        return ()
    if not instruction.heredocs:
        starts = [(piece.start, piece.line, piece.column) for piece in instruction.pieces]
        found = _installations(instruction.text, instruction.body_start, starts)
    elif len(instruction.heredocs) == 1 and _SIMPLE_HEREDOC.fullmatch(instruction.body):
        heredoc = instruction.heredocs[0]
        starts = list(_line_starts(heredoc.text, heredoc.line))
        found = _installations(heredoc.text, 0, starts)
    else:
        return ()
    return tuple(found)


def _line_starts(text: str, line: int) -> Iterator[tuple[int, int, int]]:
    at = 0
    for number, each in enumerate(text.split("\n")):
        yield at, line + number, 0
        at += len(each) + 1


def _installations(text: str, begin: int, starts: Sequence[tuple[int, int, int]]) -> Iterator[Installation]:
    for command in _commands(text, begin):
        words = [word for span in command if (word := _placed(text, span, starts)) is not None]
        # A word that is broken over two lines cannot be told apart from its neighbours.
        found = _read(words) if len(words) == len(command) else None
        if found is not None:
            yield found


def _commands(text: str, begin: int) -> Iterator[list[tuple[int, int]]]:
    command: list[tuple[int, int]] = []
    for match in _TOKEN.finditer(text, begin):
        if match.lastgroup == "word":
            command.append(match.span())
        elif match.lastgroup == "end":
            yield command
            command = []
    yield command


def _placed(text: str, span: tuple[int, int], starts: Sequence[tuple[int, int, int]]) -> PackageWord | None:
    at, line, column = starts[bisect_right(starts, (span[0], 1 << 62)) - 1]
    _, last_line, _ = starts[bisect_right(starts, (span[1] - 1, 1 << 62)) - 1]
    if line != last_line:
        return None
    word = text[slice(*span)]
    match = _PACKAGE.fullmatch(word)
    start = column + span[0] - at
    return PackageWord(match["name"] if match else "", word, line, start, start + len(word))


def _read(words: Sequence[PackageWord]) -> Installation | None:
    at = 0
    while at < len(words) and (words[at].text in _BEFORE_PROGRAM or _ASSIGNMENT.fullmatch(words[at].text)):
        at += 1
    if at == len(words) or words[at].text.rpartition("/")[2] not in ("apt", "apt-get"):
        return None
    arguments = list(_arguments(words[at + 1 :]))
    if not arguments or arguments[0].text != "install":
        return None
    packages = tuple(word for word in arguments[1:] if word.name)
    opening = words[words.index(packages[0]) - 1] if packages else words[-1]
    return Installation(opening, packages)


def _arguments(words: Sequence[PackageWord]) -> Iterator[PackageWord]:
    """Yield the words that are no options and no values of options."""
    is_value = False
    for word in words:
        if is_value:
            is_value = False
        elif word.text.startswith("-"):
            is_value = word.text in _WITH_VALUE
        else:
            yield word
