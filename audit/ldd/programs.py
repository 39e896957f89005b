"""Which ELF executables an image starts by itself: ENTRYPOINT, CMD and HEALTHCHECK."""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence

from fleet_audit.audit.images.tree import FileTree, FileUnreadable, basename
from fleet_audit.audit.model.elf import EntryKind, EntryPoint, SharedObject
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.image import ImageConfig

Find = Callable[[str], ImagePath | None]
"""Returns the executable file that ``execvp`` would run for a name."""

MAX_SCRIPT = 1 << 20
MAX_TEXT = 64 << 10
MAX_DEPTH = 5
"""As many interpreters of interpreters as Linux follows (fs/exec.c); wrappers are counted with them."""

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
    starts = (path for words in _commands(config) for path in _programs(words, find))
    found = {path for start in starts for path in _through_scripts(tree, elf, start, find)}
    return tuple(EntryPoint(path, EntryKind.EXECUTABLE) for path in sorted(found))


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
        pending = [program for path in scripts for program in _programs(_interpreter(tree, path), find)]


def _interpreter(tree: FileTree, script: ImagePath) -> Sequence[str]:
    """Return the words of a ``#!`` line: the interpreter and its one argument (execve(2))."""
    try:
        head = tree.read(script, limit=MAX_SCRIPT)[:256]
    except FileUnreadable:
        return ()
    if not head.startswith(b"#!"):
        return ()
    line = head[2:].split(b"\n", 1)[0].decode("utf-8", "replace")
    program, _, argument = line.strip().partition(" ")
    # env -S splits the rest into words; without it the one argument is the program's name.
    is_env = basename(ImagePath(program)) == "env"
    return (program, *(argument.split() if is_env else ()))
