"""Which program a command runs in the end, past those that only start it, and what it hands to a shell."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.shell.instructions import SHELLS
from fleet_audit.audit.dockerfiles.shell.options import with_arguments
from fleet_audit.audit.dockerfiles.shell.positions import line_positions, text_positions
from fleet_audit.audit.dockerfiles.shell.reading import read_script
from fleet_audit.audit.dockerfiles.shell.script import Command, Options, PartKind, Script, Word

_STARTERS: Mapping[str, frozenset[str]] = {
    "builtin": frozenset(),
    "catchsegv": frozenset(),
    "chronic": frozenset(),
    "command": frozenset(),
    "doas": frozenset({"-u", "-C"}),
    "eatmydata": frozenset(),
    "env": frozenset({"-u", "--unset", "-C", "--chdir"}),
    "exec": frozenset({"-a"}),
    "gosu": frozenset(),
    "ionice": frozenset({"-c", "-n", "-p"}),
    "nice": frozenset({"-n"}),
    "nohup": frozenset(),
    "setsid": frozenset(),
    "stdbuf": frozenset({"-i", "-o", "-e"}),
    "sudo": frozenset({"-u", "-g", "-h", "-p", "-C", "-D", "-R", "-T", "-U", "--user", "--group"}),
    "time": frozenset({"-f", "-o"}),
    "timeout": frozenset({"-k", "-s", "--kill-after", "--signal"}),
    "xargs": frozenset({"-a", "-d", "-E", "-I", "-L", "-n", "-P", "-s"}),
}
"""Programs that run another, with those of their options that take the next word as value."""

MAX_INNER = 5
"""How deep scripts are followed that are given to other shells."""

_USER_SHELLS = frozenset({"su", "runuser"})
"""Programs that start a shell of another user, with ``-c`` as the shell itself has it (man 1 su)."""

_OWN_WORDS = {"timeout": 1, "gosu": 1}
"""How many words of their own they take before the program."""


class Call(msgspec.Struct, frozen=True):
    """A program without its folder, and its arguments; `word` is where it is named."""

    program: str
    word: Word
    arguments: tuple[Word, ...]


def called(command: Command) -> Call | None:
    """Return what a command runs in the end; None where it runs nothing, or its name is not literal."""
    words = command.words
    while words:
        name = words[0].value
        if not name:
            return None
        program = name.rpartition("/")[2]
        if program not in _STARTERS:
            return Call(program, words[0], words[1:])
        rest = _behind_starter(program, words[1:])
        if not rest:
            return Call(program, words[0], words[1:])
        words = rest
    return None


def _behind_starter(program: str, words: Sequence[Word]) -> tuple[Word, ...]:
    """Return the words behind a starter's options, values, variables and own words."""
    own = _OWN_WORDS.get(program, 0)
    at = 0
    while at < len(words):
        text = words[at].text
        if text.startswith("-") and len(text) > 1:
            at += 2 if text in _STARTERS[program] else 1
        elif program in ("env", "sudo", "doas") and "=" in text:
            at += 1
        elif own:
            own -= 1
            at += 1
        else:
            break
    return tuple(words[at:])


def inner_script(call: Call, command: Command) -> Script | None:
    """Return the script that a call gives to a shell (``sh -c '…'``, ``bash <<EOF``, ``eval '…'``).

    None where it gives none, or one that only a variable holds. Its commands stand at the line of the word;
    variables that the outer shell replaces in it are read as its own.
    """
    if call.program == "eval":
        values = [word.value for word in call.arguments]
        known = [value for value in values if value is not None]
        is_known = bool(known) and len(known) == len(values)
        place = line_positions(call.word.line)
        return read_script(" ".join(known), options=command.options, positions=place) if is_known else None
    if call.program not in SHELLS and call.program not in _USER_SHELLS:
        return None
    at = next((at for at, word in enumerate(call.arguments) if _takes_script(word.text)), None)
    if at is not None:
        return _script_of_word(call.arguments, at)
    heredoc = next((redirect.heredoc for redirect in command.redirects if redirect.heredoc), None)
    return None if heredoc is None else read_script(heredoc.text, line=heredoc.line)


def _takes_script(text: str) -> bool:
    return text == "--command" or (text[:1] == "-" and text[:2] != "--" and "c" in text)


def _script_of_word(arguments: Sequence[Word], at: int) -> Script | None:
    rest = arguments[at + 1 :]
    text = _text_of(rest[0]) if rest else ""
    if not text:
        return None
    options = with_arguments(Options(), [word.value for word in arguments[: at + 1]])
    return read_script(text, options=options, positions=text_positions(text, rest[0].line))


def _text_of(word: Word) -> str:
    if word.value is not None:
        return word.value
    has_text = any(part.kind is PartKind.LITERAL and part.text.strip() for part in word.parts)
    return "".join(part.text for part in word.parts) if has_text else ""


def with_inner(script: Script, depth: int = 0) -> Iterator[Command]:
    """Yield the commands of a script, and of those that it gives to shells of its own."""
    for command in script.commands:
        yield command
        call = called(command)
        inner = inner_script(call, command) if call is not None and depth < MAX_INNER else None
        if inner is not None:
            yield from with_inner(inner, depth + 1)
