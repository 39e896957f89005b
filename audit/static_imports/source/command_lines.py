"""Which programs a shell command line, or a list of arguments, is sure to start.

Commands are separated as POSIX has it (Shell Command Language, 2.9). What a line does only under a condition
(behind ``||``, behind ``[ … ] &&``, in compound commands) is not told, nor what a substitution runs.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

UNKNOWN = "\x00"
"""Stands in a text for a part that is not known; no argument of a program holds it."""

_TOKEN = re.compile(
    r"""(?P<blank>(?:[ \t\r]|\\\n)+)
    |(?P<redirect>\d*[<>][<>&|]*|&>>?)
    |(?P<operator>\|\||&&|[|&;()\n])
    |(?P<word>(?:[^ \t\r\n|&;()<>"'\\]|\\[^\n]|"(?:[^"\\]|\\.)*"|'[^']*')+)""",
    re.VERBOSE | re.DOTALL,
)
_MOST_TOKENS = 500
_MOST_WORDS = 40
_LONGEST_LINE = 16 << 10

_COMPOUND = frozenset(
    {"if", "for", "while", "until", "case", "select", "function", "{", "}", "!", "[[", "exit", "return"}
)
"""At these words the reading of a line ends: what follows may run or not."""

_QUESTIONS = frozenset({"[", "test", "which", "command", "type", "hash", "false"})
"""Commands before ``&&`` that are asked whether something is so."""

_BUILTINS = frozenset(
    {".", ":", "[", "alias", "cd", "command", "echo", "eval", "export", "false", "hash", "kill", "local"}
    | {"popd", "printf", "pushd", "pwd", "read", "set", "shift", "shopt", "source", "test", "trap", "true"}
    | {"type", "ulimit", "umask", "unset", "wait"}
)
_STARTERS = {"env": 0, "exec": 0, "nice": 0, "nohup": 0, "setsid": 0, "sudo": 0, "time": 0, "timeout": 1}
"""Programs that start another, with the words of their own that stand before it."""

_OF_THE_SHELL = frozenset({"exec", "time"})
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ash", "ksh"})
_SCRIPT = re.compile(r"-[a-z]*c")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)


def started_by_line(line: str) -> Iterator[str]:
    """Yield the programs that a shell starts for a command line, in order."""
    for words in _commands(line):
        yield from _started(words, is_in_shell=True)


def started_by_arguments(words: Sequence[str]) -> Iterator[str]:
    """Yield the program that a list of arguments starts, and what that is told to start."""
    return _started(words, is_in_shell=False)


def _started(words: Sequence[str], *, is_in_shell: bool) -> Iterator[str]:
    rest = _behind_assignments(words) if is_in_shell else list(words[:_MOST_WORDS])
    if not rest:
        return
    program, name = rest[0], rest[0].rpartition("/")[2]
    if not is_in_shell or program not in _BUILTINS | _OF_THE_SHELL:
        yield program
    if name in _STARTERS:
        behind = _behind_assignments(rest[1:])[_STARTERS[name] :]
        # Which options of a starter take a value is not known here.
        if behind and not rest[1].startswith("-"):
            yield from _started(behind, is_in_shell=False)
    elif name in _SHELLS and len(rest) > 2 and _SCRIPT.fullmatch(rest[1]):
        yield from started_by_line(rest[2])


def _behind_assignments(words: Sequence[str]) -> list[str]:
    first = next((at for at, word in enumerate(words) if not _ASSIGNMENT.fullmatch(word)), len(words))
    return list(words[first : first + _MOST_WORDS])


def _commands(line: str) -> Iterator[list[str]]:
    """Yield the words of each simple command that is sure to run, without quotes and redirections."""
    is_skipped = False
    for operator, words in _separated(line[:_LONGEST_LINE]):
        if words and words[0] in _COMPOUND:
            return
        if words and not is_skipped:
            yield words
        is_question = operator == "&&" and bool(words) and words[0] in _QUESTIONS
        is_skipped = operator == "||" or (operator in ("|", "&&") and (is_skipped or is_question))


def _separated(line: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command's words with the operator behind it, as far as they can be told apart."""
    words: list[str] = []
    is_target = False
    for kind, text in islice(_tokens(line), _MOST_TOKENS):
        if kind == "redirect":
            if text.endswith("<<"):
                break  # what follows is the text of a document
            is_target = True
        elif kind == "word":
            if text.startswith("#"):
                break
            if not is_target:
                words.append(_unquoted(text))
            is_target = False
        elif kind == "operator":
            if text in "()":
                # One word before it is the name of a function, or begins a substitution.
                words = words if len(words) > 1 else []
                break
            yield text, words
            words, is_target = [], False
    if words:
        yield "", words


def _tokens(line: str) -> Iterator[tuple[str, str]]:
    at = 0
    while (found := _TOKEN.match(line, at)) is not None:
        at = found.end()
        yield found.lastgroup or "", found[0]


def _unquoted(word: str) -> str:
    return re.sub(
        r"""\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'""",
        lambda found: found[1] or found[2] or found[3] or "",
        word,
        flags=re.DOTALL,
    )
