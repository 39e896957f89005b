"""Which Python file of the repository a command starts, behind inits, shells, scripts and wrappers."""

import posixpath
import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.drafting.python_programs import Target, python_target
from fleet_audit.audit.dockerfiles.drafting.shipping import Shipped
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.running.inits import behind_init
from fleet_audit.audit.dockerfiles.shell.calls import called
from fleet_audit.audit.dockerfiles.shell.following import Executed, follow
from fleet_audit.audit.dockerfiles.shell.reading import read_script
from fleet_audit.audit.dockerfiles.shell.script import Script
from fleet_audit.audit.dockerfiles.shell.symbols import known
from fleet_audit.audit.images.tree import FileKind, FileUnreadable, normalise
from fleet_audit.audit.model.running import SHELLS, shell_text

MAX_DEPTH = 4
"""Scripts that start scripts that are followed."""

MAX_STARTERS = 20
"""Programs that only start others that are looked behind."""

MAX_COMMAND = 1 << 16
"""Characters of a command that is looked at."""

MAX_TEXT = 1 << 18
"""Bytes of a script or pyproject.toml that is read."""

_WRAPPERS: Mapping[str, str] = {
    "ddtrace-run": "",
    "hatch": "run",
    "newrelic-admin": "run-program",
    "opentelemetry-instrument": "",
    "pdm": "run",
    "pipenv": "run",
    "poetry": "run",
    "rye": "run",
    "uv": "run",
}
"""Programs that run another, with the word that stands before it."""

_WRAPPERS_WITH_VALUE = frozenset(
    {"--directory", "--env-file", "--extra", "--group", "--package", "--project", "--python", "--with", "-p"}
)
_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_PASSED_ON = frozenset({'"$@"', "$@", '"${@}"', "${@}", "$*"})


class Entry(msgspec.Struct, frozen=True):
    """An entry as a manifest names it, the folder that it is imported from, and the script that says so."""

    name: str = ""
    root: str = ""
    where: str = ""


NOTHING = Entry()


class Ground(msgspec.Struct, frozen=True):
    """What a command finds in an image: files of the repository, variables, and its build context."""

    repository: Repository
    shipped: Sequence[Shipped]
    variable: Callable[[str], str | None]
    context: str = "."

    def file(self, place: str) -> str:
        """Return the file of the repository that the image has at `place`; empty where there is none."""
        place = posixpath.normpath(place)
        for each in self.shipped:
            folder = each.target.rstrip("/") + "/"
            if place == each.target:
                path = each.source
            elif place.startswith(folder):
                path = posixpath.normpath(posixpath.join(each.source, place[len(folder) :]))
            else:
                continue
            if self.has(path):
                return path
        return ""

    def has(self, path: str) -> bool:
        """Say whether the repository has a file there."""
        entry = self.repository.entry(path)
        return entry is not None and entry.kind is FileKind.FILE

    def text(self, path: str) -> str:
        """Return a text of the repository; empty where it is none, cannot be read or is too long."""
        try:
            body = self.repository.tree.read(normalise(path), limit=MAX_TEXT)
        except FileUnreadable:
            return ""
        return "" if b"\0" in body else body.decode(errors="replace")

    def roots(self, folder: str) -> tuple[str, ...]:
        """Return where the image imports from: the working folder, PYTHONPATH, and a ``src`` layout."""
        named = (self.variable("PYTHONPATH") or "").split(":")
        return (folder, *(each for each in named if each.startswith("/")), posixpath.join(folder, "src"))


def entry_of(words: Sequence[str], folder: str, ground: Ground) -> Entry:
    """Return what a command starts that runs in `folder`; NOTHING where that is no file of the repository.

    Of a script it is what it says literally: what it runs by ``exec``, else what it runs last.
    """
    return _Follower(ground).of_words(words, folder, MAX_DEPTH)


class _Follower:
    """Follows one command; each script is read once."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._seen: set[str] = set()

    def of_words(self, words: Sequence[str], folder: str, depth: int) -> Entry:
        if depth <= 0 or sum(map(len, words)) > MAX_COMMAND:
            return NOTHING
        words = _behind_starters(words)
        text = shell_text(tuple(words))
        if text is not None:
            return self._of_script(read_script(text), folder, (), "", depth)
        if not words:
            return NOTHING
        program, *arguments = words
        if program.rpartition("/")[2] in SHELLS:
            return self._of_shell(arguments, folder, depth)
        target = python_target(program, arguments, self._ground.variable)
        if target is not None:
            return _found(target, folder, self._ground)
        return self._of_file(program, arguments, folder, depth)

    def _of_shell(self, arguments: Sequence[str], folder: str, depth: int) -> Entry:
        at = next((at for at, word in enumerate(arguments) if not word.startswith("-")), None)
        path = "" if at is None else self._ground.file(posixpath.join(folder, arguments[at]))
        return self._of_path(path, arguments[(at or 0) + 1 :], folder, depth) if path else NOTHING

    def _of_file(self, program: str, arguments: Sequence[str], folder: str, depth: int) -> Entry:
        places = (
            [posixpath.join(folder, program)] if "/" in program else [f"{each}/{program}" for each in _PATH]
        )
        path = next((path for place in places if (path := self._ground.file(place))), "")
        if not path:
            return _console_script(program.rpartition("/")[2], self._ground)
        first = self._ground.text(path).partition("\n")[0]
        if first.startswith("#!") and "python" in first:
            return Entry(path)
        is_shell = not first.startswith("#!") or any(
            word.rpartition("/")[2] in SHELLS for word in first[2:].split()
        )
        return self._of_path(path, arguments, folder, depth) if is_shell else NOTHING

    def _of_path(self, path: str, arguments: Sequence[str], folder: str, depth: int) -> Entry:
        if path in self._seen:
            return NOTHING
        self._seen.add(path)
        return self._of_script(read_script(self._ground.text(path)), folder, arguments, path, depth)

    def _of_script(self, script: Script, folder: str, given: Sequence[str], path: str, depth: int) -> Entry:
        if given and _passes_on(script) and (entry := self.of_words(given, folder, depth - 1)).name:
            return entry
        last, replacing = NOTHING, []
        for ran in follow(script, folder=folder, lookup=self._ground.variable, source=path):
            entry = self._of_executed(ran, path, depth)
            if entry.name:
                last = entry
                replacing += [entry] if ran.command.name == "exec" else []
        # Which of several branches is taken, the script alone does not say.
        if len({entry.name for entry in replacing}) > 1:
            return NOTHING
        return replacing[0] if replacing else last

    def _of_executed(self, ran: Executed, path: str, depth: int) -> Entry:
        call = called(ran.command)
        if ran.folder is None or call is None:
            return NOTHING
        words = (call.word.value or ran.program, *(known(word) or "" for word in ran.arguments))
        entry = self.of_words(words, ran.folder, depth - 1)
        is_first = bool(entry.name and path and not entry.where)
        return msgspec.structs.replace(entry, where=f"{path}:{ran.line}") if is_first else entry


def _passes_on(script: Script) -> bool:
    return any(word.text in _PASSED_ON for command in script.commands for word in command.words)


def _behind_starters(words: Sequence[str]) -> tuple[str, ...]:
    """Return what inits, programs such as env and gosu, and those of Python's projects run in the end."""
    for _ in range(MAX_STARTERS):
        behind = _behind_wrapper(behind_init(words))
        command = next(iter(read_script(shlex.join(behind)).commands), None)
        call = None if command is None else called(command)
        if call is not None:
            behind = (call.word.value or "", *(word.value or "" for word in call.arguments))
        if len(behind) >= len(words):
            return behind
        words = behind
    return tuple(words)


def _behind_wrapper(words: Sequence[str]) -> tuple[str, ...]:
    program = words[0].rpartition("/")[2] if words else ""
    before = _WRAPPERS.get(program)
    if before is None or (before and before not in words):
        return tuple(words)
    at = words.index(before) + 1 if before else 1
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] in _WRAPPERS_WITH_VALUE else 1
    return tuple(words[at:])


def _found(target: Target, folder: str, ground: Ground) -> Entry:
    if target.path:
        return Entry(ground.file(posixpath.join(folder, target.path)))
    added = tuple(posixpath.join(folder, each) for each in target.folders)
    for module in target.modules:
        for root in (*added, *ground.roots(folder)):
            entry = _module(module, root, ground.file)
            if entry.name:
                return entry
    return NOTHING


def _module(name: str, root: str, file: Callable[[str], str]) -> Entry:
    inside = name.replace(".", "/")
    for end in (".py", "/__main__.py", "/__init__.py"):
        path = file(posixpath.normpath(posixpath.join(root, inside + end)))
        if path.endswith(inside + end):
            return Entry(f"module:{name}", path.removesuffix(inside + end).rstrip("/") or ".")
    return NOTHING


def _console_script(name: str, ground: Ground) -> Entry:
    """Return the module of an entry point that a project of the repository gives a program's name."""
    for path in _projects(ground):
        module = _entry_points(ground.text(path)).get(name, "").partition(":")[0]
        for folder in (posixpath.join(posixpath.dirname(path), "src"), posixpath.dirname(path)):
            entry = (
                _module(module, folder, lambda file: file if ground.has(file) else "") if module else NOTHING
            )
            if entry.name:
                return entry
    return NOTHING


def _projects(ground: Ground) -> Iterator[str]:
    # A project may be installed by a stage that leaves none of its files; its own build is near.
    for each in (*ground.shipped, Shipped(ground.context, "")):
        path = each.source if each.source.endswith("pyproject.toml") else f"{each.source}/pyproject.toml"
        if ground.has(posixpath.normpath(path)):
            yield posixpath.normpath(path)


def _entry_points(text: str) -> Mapping[str, str]:
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}
    projects = (_table(_table(document, "tool"), "poetry"), _table(document, "project"))
    scripts = [each for project in projects for each in _table(project, "scripts").items()]
    return {name: value for name, value in scripts if isinstance(value, str)}


def _table(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = document.get(name)
    return value if isinstance(value, dict) else {}
