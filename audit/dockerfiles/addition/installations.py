"""Which words of a RUN name packages for apt-get, and where they stand in the file."""

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.language.structure import Instruction
from fleet_audit.audit.dockerfiles.pinning.managers import Installing, installing
from fleet_audit.audit.dockerfiles.shell.calls import Call, called
from fleet_audit.audit.dockerfiles.shell.instructions import run_script
from fleet_audit.audit.dockerfiles.shell.script import BlockKind, Command, Item, Operator, Word

# deb-version(7) and Debian policy 5.6.1; a name before a minus is one to remove (apt-get(8)).
_PACKAGE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9+.-]*[a-z0-9+.])(?::[a-z0-9-]+)?(?:[=/][A-Za-z0-9.+:~-]*[A-Za-z0-9.+~])?"
)
_PROGRAMS = frozenset({"apt", "apt-get"})

_ONLY_SAYS = (
    *("-d", "--download-only", "--print-uris"),
    *("-s", "--simulate", "--just-print", "--dry-run", "--recon", "--no-act"),
)
_OTHER_RELEASE = ("-t", "--target-release", "--default-release")
_SETTINGS = ("-o", "--option")
_QUESTIONS = frozenset({"[", "[[", "test"})
_UNTERMINATED = "unterminated-"
"""How the kinds of problems begin with which no shell runs a script at all."""


class PackageWord(msgspec.Struct, frozen=True):
    """A package as it is written: its name, and its place: a line from 1, columns from 0."""

    name: str
    text: str
    line: int
    start: int
    end: int


class Installation(msgspec.Struct, frozen=True):
    """An ``apt-get install``: its packages, and the last word before them (`opening`).

    `is_certain` where every build runs it, and it really installs. `is_steered` where it is told to take
    packages from another release than the image's.
    """

    opening: PackageWord
    packages: tuple[PackageWord, ...]
    is_certain: bool = True
    is_steered: bool = False

    @property
    def may_be_extended(self) -> bool:
        """Say whether what is added to it comes as planned."""
        return self.is_certain and not self.is_steered


def installations(instruction: Instruction) -> tuple[Installation, ...]:
    """Return the installations of a RUN whose words stand openly in it.

    None are found in the exec form, within quotes and substitutions, in a here-document for another program
    than the shell, and in a script that ends within a quote or a block: no shell runs it.
    """
    if instruction.keyword != "RUN" or instruction.is_exec or not instruction.pieces:
        return ()
    return tuple(_installations(instruction))


def _installations(instruction: Instruction) -> Iterator[Installation]:
    script = run_script(instruction)
    if any(problem.kind.startswith(_UNTERMINATED) for problem in script.problems):
        return
    for command, is_certain in _commands(script.items, is_certain=True):
        call = called(command)
        found = None if call is None else _read(call, command.words)
        # A word that is broken over two lines cannot be told apart from its neighbours.
        if found is not None and not any(word.is_broken for word in command.words):
            yield msgspec.structs.replace(found, is_certain=found.is_certain and is_certain)


def _commands(
    items: Iterable[Item], *, is_certain: bool, branches_run: bool = False
) -> Iterator[tuple[Command, bool]]:
    """Yield commands, not those of substitutions, and whether every build runs them.

    What stands behind ``||``, behind ``&&`` and a question, in a branch or in a function may be left out.
    """
    is_asked = False
    for item in items:
        is_asked = is_asked and item.before in (Operator.AND, Operator.PIPE)
        runs = is_certain and not is_asked and item.before is not Operator.OR
        if isinstance(item, Command):
            yield item, runs
            is_asked = is_asked or item.name in _QUESTIONS
        elif item.kind is not BlockKind.SUBSTITUTION:
            runs = runs and item.kind is not BlockKind.FUNCTION
            runs = runs and (branches_run or item.kind is not BlockKind.BRANCH)
            # A loop over words is there to run.
            yield from _commands(item.items, is_certain=runs, branches_run=item.kind is BlockKind.FOR)


def _read(call: Call, words: Sequence[Word]) -> Installation | None:
    found = installing(call, _unknown) if call.program in _PROGRAMS else None
    if found is None or found.verb != "install":
        return None
    packages = [word for word in found.packages if _PACKAGE.fullmatch(word.text) is not None]
    first = words.index(packages[0]) if packages else len(words)
    return Installation(
        _placed(words[first - 1]),
        tuple(map(_placed, packages)),
        is_certain=found.option(*_ONLY_SAYS) is None,
        is_steered=found.option(*_OTHER_RELEASE) is not None or _sets_release(found),
    )


def _sets_release(found: Installing) -> bool:
    settings = (option.value or "" for option in found.values(*_SETTINGS))
    return any(setting.lower().startswith("apt::default-release") for setting in settings)


def package_name(text: str) -> str:
    """Return the name of the package that a word of a command line names, empty where it can be none."""
    match = _PACKAGE.fullmatch(text)
    return match["name"] if match else ""


def _placed(word: Word) -> PackageWord:
    end = word.column + len(word.text)
    return PackageWord(package_name(word.text), word.text, word.line, word.column, end)


def _unknown(_name: str) -> None:
    return None
