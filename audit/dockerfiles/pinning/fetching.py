"""What commands fetch and run, or copy, without a look: scripts out of the network, sources without a commit.

Rules: POSIX.1-2017, "sh" (a shell without operands reads its standard input); git-clone(1), git-checkout(1).
"""

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.pinning.packages import is_fixed
from fleet_audit.audit.dockerfiles.shell.calls import Call, called
from fleet_audit.audit.dockerfiles.shell.following import Executed, joined
from fleet_audit.audit.dockerfiles.shell.instructions import SHELLS
from fleet_audit.audit.dockerfiles.shell.script import (
    Block,
    Command,
    Item,
    Part,
    PartKind,
    Script,
    Word,
    pipelines,
)
from fleet_audit.audit.dockerfiles.shell.symbols import is_known, shown

_FETCHERS = frozenset({"curl", "wget", "fetch", "http", "aria2c"})
_INTERPRETER = re.compile(r"(?:python|pypy|perl|ruby|node|nodejs|php|Rscript|lua)(?:\d+(?:\.\d+)*)?")
_CHECKERS = frozenset(
    {
        "sha256sum",
        "sha384sum",
        "sha512sum",
        "shasum",
        "sha1sum",
        "md5sum",
        "gpg",
        "gpgv",
        "cosign",
        "minisign",
        "openssl",
    }
)
_CURL_FILE = re.compile(r"-[a-zA-Z]*o|--output")
_CURL_REMOTE = re.compile(r"-[a-zA-Z]*O[a-zA-Z]*|--remote-name")
_WGET_FILE = re.compile(r"-[a-zA-Z]*O|--output-document")
_ADDRESS = re.compile(r"(?:https?|ftp)://\S+")
_SCP = re.compile(r"[\w.-]+@[\w.-]+:")
_REFERENCE_OPTIONS = ("-b", "--branch", "--revision")
_MOVES = frozenset({"checkout", "switch", "reset", "fetch"})
MAX_BEHIND = 50
"""How many programs behind a clone are looked at for the commit that it is to be at."""


class PipedScript(msgspec.Struct, frozen=True):
    """Something that is fetched from an address (as far as it is known) and run by `program`."""

    program: str
    address: str
    line: int


class MovingSource(msgspec.Struct, frozen=True):
    """A clone of a repository at whatever its branch (empty: the main one) is then."""

    address: str
    branch: str
    line: int


def piped_scripts(script: Script) -> Iterator[PipedScript]:
    """Yield what a script fetches and hands to an interpreter, in order."""
    for items in _item_lists(script.items):
        for pipeline in pipelines(items):
            yield from _piped(pipeline)
    for command, _ in script.walk():
        yield from _substituted(command)


def _item_lists(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    yield items
    for item in items:
        if isinstance(item, Block):
            yield from _item_lists(item.items)
        for word in item.words:
            for part in word.parts:
                if part.script is not None:
                    yield from _item_lists(part.script.items)


def _piped(pipeline: Sequence[Item]) -> Iterator[PipedScript]:
    fetched: str | None = None
    for item in pipeline:
        call = called(item) if isinstance(item, Command) else None
        if call is None:
            continue
        if call.program in _FETCHERS:
            fetched = _address(call.arguments)
        elif fetched is not None and _reads_program(call):
            yield PipedScript(call.program, fetched, call.word.line)
            fetched = None


def _reads_program(call: Call) -> bool:
    """Say whether a call takes the program that it runs from its standard input."""
    is_shell = call.program in SHELLS
    if not is_shell and _INTERPRETER.fullmatch(call.program) is None:
        return False
    for word in call.arguments:
        text = word.text
        if text in ("-", "-s", "/dev/stdin") or (is_shell and re.fullmatch(r"-[a-z]*s[a-z]*", text)):
            return True
        if text == "--":
            continue
        if not text.startswith(("-", "+")) or re.fullmatch(r"-[a-zA-Z]*[cem]", text):
            # A program of its own, or a script as a word: what comes through the pipe is data.
            return is_shell and re.fullmatch(r"-[a-zA-Z]*e", text) is not None
    return True


def _substituted(command: Command) -> Iterator[PipedScript]:
    """Yield what ``bash <(curl …)``, ``sh -c "$(curl …)"``, ``eval`` and ``source`` run."""
    call = called(command)
    if call is None:
        return
    runs_words = call.program in ("eval", "source", ".") or call.program in SHELLS
    is_interpreter = _INTERPRETER.fullmatch(call.program) is not None
    runs_words |= is_interpreter and any(word.text in ("-c", "-e", "-r") for word in call.arguments)
    if not runs_words and not is_interpreter:
        return
    words = [*call.arguments, *(each.target for each in command.redirects if each.operator in ("<", "<<<"))]
    for word in words:
        # Amid other text, what is fetched is a value of that text.
        if any(part.kind is PartKind.LITERAL and part.text.strip() for part in word.parts):
            continue
        for part in word.parts:
            address = _fetched_by(part)
            if address is not None and (runs_words or part.text.startswith("<(")):
                yield PipedScript(call.program, address, call.word.line)
                return


def _fetched_by(part: Part) -> str | None:
    """Return the address that a substitution fetches and hands on; None where it fetches none."""
    if part.script is None or len(part.script.items) != 1:
        return None
    (item,) = part.script.items
    call = called(item) if isinstance(item, Command) else None
    return None if call is None or call.program not in _FETCHERS else _address(call.arguments)


def _address(words: Iterable[Word]) -> str:
    return next((word.text.strip("\"'") for word in words if _ADDRESS.match(word.text.strip("\"'"))), "")


def scripts_fetched_and_run(executed: Sequence[Executed]) -> Iterator[PipedScript]:
    """Yield what is fetched into a file and run from there, with nothing in between that checks files."""
    fetched: dict[str, str] = {}
    for each in executed:
        if each.program in _CHECKERS:
            fetched = {}
        elif each.program in _FETCHERS:
            address = next((word for word in each.arguments if _ADDRESS.match(word)), "")
            file = _file_of(each, address)
            if address and file is not None:
                fetched[file] = shown(address)
        elif fetched and (file := _script_of(each)) in fetched:
            yield PipedScript(each.program, fetched.pop(file), each.line)


def _file_of(executed: Executed, address: str) -> str | None:
    """Return the file that a program fetches into, as an absolute path; None where it is not known.

    Rules: curl(1), ``-o`` and ``-O``; wget(1), ``-O``, and the last part of the address without it.
    """
    words = executed.arguments
    is_wget = executed.program == "wget"
    named = _WGET_FILE if is_wget else _CURL_FILE
    at = next((at for at, word in enumerate(words[:-1]) if named.fullmatch(word)), None)
    redirects = executed.command.redirects
    to = next((each.target.value for each in redirects if each.operator == ">" and not each.number), None)
    if at is not None:
        to = words[at + 1]
    elif to is None and (is_wget or any(_CURL_REMOTE.fullmatch(word) for word in words)):
        to = address.rpartition("/")[2]
    return None if to in ("", "-", None) else joined(executed.folder, to)


def _script_of(executed: Executed) -> str | None:
    """Return the script that a program is given, or is, as an absolute path; None where there is none."""
    if (
        executed.program in SHELLS
        or _INTERPRETER.fullmatch(executed.program)
        or executed.program in (".", "source")
    ):
        file = next((word for word in executed.arguments if not word.startswith(("-", "+"))), None)
        return None if file is None else joined(executed.folder, file)
    name = next((word.value for word in executed.command.words if word.value), None)
    return joined(executed.folder, name) if name is not None and "/" in name else None


def moving_sources(executed: Sequence[Executed], later: Sequence[Executed] = ()) -> Iterator[MovingSource]:
    """Yield the clones among programs behind which no commit or version is checked out, in order.

    `later` are the programs of scripts that come behind: what they check out counts in the clone's folder.
    """
    for at, each in enumerate(executed):
        words = _clone_words(each)
        if words is None:
            continue
        branch, is_known = _branch(words)
        if not is_known or (branch and is_fixed(branch)):
            continue
        address = next((word for word in words if "://" in word or _SCP.match(word) is not None), "")
        if not address or any(map(_checks_out, executed[at + 1 :][:MAX_BEHIND])):
            continue
        folder = _cloned_into(each, words, address)
        if not any(_is_in(other, folder) and _checks_out(other) for other in later):
            yield MovingSource(shown(address), branch, each.line)


def _cloned_into(executed: Executed, words: Sequence[str], address: str) -> str | None:
    """Return the folder that a clone makes; None where it is not known."""
    behind = words[words.index(address) + 1 :]
    name = address.rstrip("/").rpartition("/")[2].rpartition(":")[2].removesuffix(".git")
    return joined(executed.folder, behind[0] if behind and not behind[0].startswith("-") else name)


def _is_in(executed: Executed, folder: str | None) -> bool:
    """Say whether git works in a folder, or that is not known."""
    words = executed.arguments
    named = words[words.index("-C") + 1 :] if "-C" in words else ()
    where = joined(executed.folder, named[0]) if named else executed.folder
    return folder is None or where is None or where == folder


def _clone_words(executed: Executed) -> Sequence[str] | None:
    words = executed.arguments
    if executed.program != "git" or "clone" not in words:
        return None
    return words[words.index("clone") + 1 :]


def _branch(words: Sequence[str]) -> tuple[str, bool]:
    """Return the branch, tag or commit that is cloned, and whether that is known."""
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in _REFERENCE_OPTIONS:
            value = value if equals else (words[at + 1] if at + 1 < len(words) else "")
            return value, is_known(value)
    return "", True


def _checks_out(executed: Executed) -> bool:
    """Say whether a program goes to a commit or version, or to something whose name is not known."""
    words = executed.arguments
    if executed.program != "git" or _MOVES.isdisjoint(words):
        return False
    return any(not is_known(word) or is_fixed(word.rpartition("/")[2]) for word in words)
