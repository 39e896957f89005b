"""Which interpreter a script names, and why the kernel would not start it (fs/binfmt_script.c)."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from fleet_audit.audit.images.tree import FileKind, FileTree, FileUnreadable, basename, normalise
from fleet_audit.audit.model.identity import ImagePath

Find = Callable[[str], ImagePath | None]
"""Returns the executable file that ``execvp`` would run for a name."""

MAX_SCRIPT = 1 << 20
MAX_LINE = 256
"""Bytes of a file that the kernel looks at (BINPRM_BUF_SIZE)."""

MAX_INTERPRETERS = 5
"""Interpreters of interpreters that the kernel follows (fs/exec.c)."""

_BLANKS = " \t"


class FirstLine(NamedTuple):
    """The interpreter, as it is named, and its one argument."""

    interpreter: str
    argument: str

    @property
    def command(self) -> tuple[str, ...]:
        """Return the words that are run: ``env`` takes its argument for a program, or for several words."""
        is_env = basename(normalise(self.interpreter)) == "env"
        return (self.interpreter, *(self.argument.split() if is_env else ()))


def first_line(tree: FileTree, script: ImagePath) -> FirstLine | None:
    """Return what the line with ``#!`` says; None where a file has none, or cannot be read."""
    try:
        head = tree.read(script, limit=MAX_SCRIPT)[:MAX_LINE]
    except FileUnreadable:
        return None
    if not head.startswith(b"#!"):
        return None
    line = head[2:].split(b"\n", 1)[0].split(b"\0", 1)[0].decode("utf-8", "backslashreplace").strip(_BLANKS)
    # A carriage return is none of the blanks: it belongs to the name, and no such file is there.
    end = next((at for at, character in enumerate(line) if character in _BLANKS), len(line))
    return FirstLine(line[:end], line[end:].strip(_BLANKS)) if line else None


def why_not_started(tree: FileTree, elf: Collection[ImagePath], program: ImagePath, find: Find) -> str | None:
    """Return why starting a program fails for want of an interpreter; None where it has it, or needs none.

    `elf` holds the paths that need no other program. What a relative interpreter means depends on where the
    script is started: nothing is said of it.
    """
    at: ImagePath | None = program
    for _ in range(MAX_INTERPRETERS + 1):
        line = None if at is None or at in elf else first_line(tree, at)
        if line is None or not line.interpreter.startswith("/"):
            return None
        at = tree.realpath(normalise(line.interpreter))
        refusal = _refusal(tree, at, line) or _not_found(line, find)
        if refusal is not None:
            return refusal
    return f"more than {MAX_INTERPRETERS} interpreters, one after another: Too many levels of symbolic links"


def _refusal(tree: FileTree, path: ImagePath | None, line: FirstLine) -> str | None:
    name = line.interpreter.replace("\r", "\\r")
    entry = None if path is None else tree.entry(path)
    if entry is None:
        return f"its interpreter {name} is not there: No such file or directory"
    if entry.kind is not FileKind.FILE or not entry.mode & 0o111:
        return f"its interpreter {name} is no file that may be executed: Permission denied"
    return None


def _not_found(line: FirstLine, find: Find) -> str | None:
    """Return what ``env`` says where it does not find the one program that it is given."""
    program = line.command[1] if len(line.command) == 2 else ""
    if not program or program.startswith("-") or "=" in program or find(program) is not None:
        return None
    shown = program.replace("\r", "\\r")
    return f"its interpreter env does not find {shown}: No such file or directory"
