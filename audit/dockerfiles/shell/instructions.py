"""The script that a RUN instruction gives to its shell, with the lines where it stands in the Dockerfile.

Rules: Dockerfile reference, "RUN", "SHELL" and "Here-Documents"; BuildKit's dispatchRun.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from fleet_audit.audit.dockerfiles.language.structure import Instruction
from fleet_audit.audit.dockerfiles.shell.options import with_arguments
from fleet_audit.audit.dockerfiles.shell.positions import body_positions, line_positions
from fleet_audit.audit.dockerfiles.shell.reading import read_script
from fleet_audit.audit.dockerfiles.shell.script import Command, Heredoc, Operator, Options, Script, Word

DEFAULT_SHELL = ("/bin/sh", "-c")
SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "zsh", "mksh", "rbash"})
"""Programs whose language is read here."""

_KEPT = 4000
_ONLY_HEREDOC = re.compile(r"\s*\d*<<-?\s*(?P<quote>[\"']?)[^\s\"'<>|;&]+(?P=quote)\s*")
_SHEBANG = re.compile(r"#![ \t]*(\S+)(?:[ \t]+([^\n]*))?")


def run_scripts(instructions: Iterable[Instruction]) -> Iterator[tuple[Instruction, Script]]:
    """Yield the RUNs of a stage with their scripts, by the SHELL that holds at each.

    The script is empty where the instruction is for another language (a here-document for Python, a shell of
    Windows). What ONBUILD keeps for later is among them.
    """
    shell: Sequence[str] = DEFAULT_SHELL
    for instruction in instructions:
        inner = instruction.trigger or instruction
        if instruction.keyword == "SHELL" and instruction.is_exec and instruction.words:
            shell = instruction.words
        elif inner.keyword == "RUN":
            yield inner, run_script(inner, shell)


def run_script(instruction: Instruction, shell: Sequence[str] = DEFAULT_SHELL) -> Script:
    """Return what a RUN gives to `shell`.

    Of the exec form that is what it gives to a shell that it names, else the one command that it is.
    """
    # Several checks ask for the script of one RUN; what is long is not kept.
    if len(instruction.body) <= _KEPT and not instruction.heredocs:
        return _kept_script(instruction, tuple(shell))
    return _script(instruction, shell)


@lru_cache(maxsize=4096)
def _kept_script(instruction: Instruction, shell: tuple[str, ...]) -> Script:
    return _script(instruction, shell)


def _script(instruction: Instruction, shell: Sequence[str]) -> Script:
    if instruction.is_exec:
        return _exec_script(instruction)
    if not _is_known(shell[0]):
        return Script()
    options = shell_options(shell)
    heredocs = [Heredoc(each.text, each.line, each.expands) for each in instruction.heredocs]
    if len(heredocs) == 1 and _ONLY_HEREDOC.fullmatch(instruction.body) is not None:
        return _heredoc_script(heredocs[0], options)
    return read_script(
        instruction.body, options=options, positions=body_positions(instruction), heredocs=heredocs
    )


def _is_known(program: str) -> bool:
    return program.rpartition("/")[2] in SHELLS


def shell_options(words: Sequence[str]) -> Options:
    """Return the options that the arguments of a shell turn on (``bash -eo pipefail -c``)."""
    arguments: list[str | None] = [word for word in words[1:] if word != "-c"]
    return with_arguments(Options(), arguments)


def _exec_script(instruction: Instruction) -> Script:
    words = instruction.words
    at = next((at for at, word in enumerate(words) if at and _takes_script(word)), len(words))
    if not words or not _is_known(words[0]) or at + 1 >= len(words):
        return Script((_exec_command(instruction),)) if words else Script()
    positions = line_positions(instruction.line)
    return read_script(words[at + 1], options=shell_options(words[: at + 1]), positions=positions)


def _exec_command(instruction: Instruction) -> Command:
    """Return the command of an exec form: no shell reads its words, which all stand at the instruction."""
    line = instruction.line
    words = tuple(Word(word, word, 0, 0, line, 0, is_quoted=True) for word in instruction.words)
    return Command(words, (), (), Operator.NONE, Operator.NONE, 0, 0, line, 0)


def _takes_script(word: str) -> bool:
    return word[:1] == "-" and word[:2] != "--" and "c" in word


def _heredoc_script(heredoc: Heredoc, options: Options) -> Script:
    """Return the script of a here-document that stands alone; its first line may name a program."""
    shebang = _SHEBANG.match(heredoc.text)
    if shebang is not None:
        words = [shebang[1], *(shebang[2] or "").split()]
        if words[0].rpartition("/")[2] == "env":
            words = [word for word in words[1:] if word != "-S"]
        if not words or not _is_known(words[0]):
            return Script()
        options = shell_options(words)
    return read_script(heredoc.text, line=heredoc.line, options=options)
