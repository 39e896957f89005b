"""Which programs an image starts by itself: ENTRYPOINT, CMD and HEALTHCHECK."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

from fleet_audit.audit.images.tree import FileTree
from fleet_audit.audit.ldd.scripts import MAX_INTERPRETERS, Find, first_line, why_not_started
from fleet_audit.audit.model.elf import EntryKind, EntryPoint, Fatal, SharedObject
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.image import ImageConfig

MAX_TEXT = 64 << 10
MAX_DEPTH = MAX_INTERPRETERS
"""Wrappers of programs are counted with interpreters."""

_SHELLS = frozenset({"ash", "bash", "busybox", "dash", "ksh", "sh", "zsh"})
_WRAPPERS = frozenset(
    [
        "catatonit",
        "dumb-init",
        "env",
        "exec",
        "gosu",
        "nice",
        "nohup",
        "s6-setuidgid",
        "setpriv",
        "stdbuf",
        "su-exec",
        "taskset",
        "tini",
        "timeout",
    ]
)
_BEFORE_A_COMMAND = frozenset(
    [
        "!",
        "&&",
        "(",
        ";",
        ";;",
        "&",
        "|",
        "||",
        "do",
        "elif",
        "else",
        "exec",
        "if",
        "then",
        "until",
        "while",
        "{",
    ]
)
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)


def executables(
    tree: FileTree,
    elf: Mapping[ImagePath, SharedObject],
    config: ImageConfig,
    find: Find,
) -> tuple[EntryPoint, ...]:
    """Return the ELF executables that the image's configuration starts, in order of their paths.

    Looks through shells, init programs and other wrappers, and through ``#!`` lines; what cannot be
    found is left out, because the programs that must be there are needs of another kind.
    """
    found = {p for start in _started(config, find) for p in _through_scripts(tree, elf, start, find)}
    return tuple(EntryPoint(path, EntryKind.EXECUTABLE) for path in sorted(found))


def unstartable(
    tree: FileTree,
    elf: Mapping[ImagePath, SharedObject],
    config: ImageConfig,
    find: Find,
) -> dict[EntryPoint, Fatal]:
    """Return the scripts that the image's configuration starts in vain, in order, each with the reason."""
    whys = {path: why_not_started(tree, elf, path, find) for path in sorted(set(_started(config, find)))}
    refused = {path: why for path, why in whys.items() if why is not None}
    return {EntryPoint(path, EntryKind.EXECUTABLE): Fatal(path, why) for path, why in refused.items()}


def _started(config: ImageConfig, find: Find) -> Iterator[ImagePath]:
    return (path for words in _commands(config) for path in _programs(words, find))


def _commands(config: ImageConfig) -> Iterator[Sequence[str]]:
    yield (*config.entrypoint, *config.cmd)
    test = config.healthcheck.test if config.healthcheck else ()
    match test:
        case ("CMD", *words):
            yield words
        case ("CMD-SHELL", text):
            yield ("/bin/sh", "-c", text)
        case _:
            pass


def _programs(words: Sequence[str], find: Find, depth: int = 0) -> Iterator[ImagePath]:
    """Yield the program of a command line and those that it is only a wrapper of."""
    path = find(words[0]) if words else None
    if path is not None:
        yield path
    if not words or depth >= MAX_DEPTH:
        return
    name = words[0].rpartition("/")[2]
    if name in _SHELLS and "-c" in words[1:-1]:
        text = words[words.index("-c", 1) + 1]
        for command in _shell_commands(text[:MAX_TEXT]):
            yield from _programs(command, find, depth + 1)
    elif name in _WRAPPERS:
        yield from _programs(_wrapped(words[1:], find), find, depth + 1)


def _wrapped(words: Sequence[str], find: Find) -> Sequence[str]:
    """Return the command behind a wrapper's options: from the first word that is a program."""
    for index, word in enumerate(words):
        is_command = not word.startswith("-") and not _ASSIGNMENT.fullmatch(word)
        if is_command and find(word) is not None:
            return words[index:]
    return ()


def _shell_commands(text: str) -> Iterator[Sequence[str]]:
    """Yield the simple commands of a shell text, roughly: words between separators and keywords."""
    command: list[str] = []
    for word in _shell_words(text):
        if word in _BEFORE_A_COMMAND:
            yield command
            command = []
        elif command or not _ASSIGNMENT.fullmatch(word):
            command.append(word)
    yield command


def _shell_words(text: str) -> list[str]:
    lexer = shlex.shlex(text.replace("\n", " ; "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:
        return text.split()


def _through_scripts(
    tree: FileTree, elf: Mapping[ImagePath, SharedObject], start: ImagePath, find: Find
) -> Iterator[ImagePath]:
    pending = [start]
    for _ in range(MAX_DEPTH):
        if not pending:
            return
        scripts = [path for path in pending if path not in elf]
        yield from (path for path in pending if path in elf)
        lines = [line for path in scripts if (line := first_line(tree, path)) is not None]
        pending = [program for line in lines for program in _programs(line.command, find)]
