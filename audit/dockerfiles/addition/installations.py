"""Which words of a RUN name packages for apt-get, and where they stand in the file."""

import re
from collections.abc import Iterator, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.language.structure import Instruction
from fleet_audit.audit.dockerfiles.pinning.managers import installing
from fleet_audit.audit.dockerfiles.shell.calls import Call, called
from fleet_audit.audit.dockerfiles.shell.instructions import run_script
from fleet_audit.audit.dockerfiles.shell.script import BlockKind, Word

# deb-version(7) and Debian policy 5.6.1; a name before a minus is one to remove (apt-get(8)).
_PACKAGE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9+.-]*[a-z0-9+.])(?::[a-z0-9-]+)?(?:[=/][A-Za-z0-9.+:~-]*[A-Za-z0-9.+~])?"
)
_PROGRAMS = frozenset({"apt", "apt-get"})


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

    None are found in the exec form, within quotes and substitutions, and in a here-document for another
    program than the shell.
    """
    if instruction.keyword != "RUN" or instruction.is_exec or not instruction.pieces:
        return ()
    return tuple(_installations(instruction))


def _installations(instruction: Instruction) -> Iterator[Installation]:
    for command, around in run_script(instruction).walk():
        call = called(command)
        if call is None or any(block.kind is BlockKind.SUBSTITUTION for block in around):
            continue
        found = _read(call, command.words)
        # A word that is broken over two lines cannot be told apart from its neighbours.
        if found is not None and not any(word.is_broken for word in command.words):
            yield found


def _read(call: Call, words: Sequence[Word]) -> Installation | None:
    found = installing(call, _unknown) if call.program in _PROGRAMS else None
    if found is None or found.verb != "install":
        return None
    packages = [word for word in found.packages if _PACKAGE.fullmatch(word.text) is not None]
    first = words.index(packages[0]) if packages else len(words)
    return Installation(_placed(words[first - 1]), tuple(map(_placed, packages)))


def package_name(text: str) -> str:
    """Return the name of the package that a word of a command line names, empty where it can be none."""
    match = _PACKAGE.fullmatch(text)
    return match["name"] if match else ""


def _placed(word: Word) -> PackageWord:
    end = word.column + len(word.text)
    return PackageWord(package_name(word.text), word.text, word.line, word.column, end)


def _unknown(_name: str) -> None:
    return None
