"""The builds that shell scripts and makefiles start with literal commands.

Rules: GNU make manual, "Recipe Syntax", "How to Use Variables"; `commands` for what builds. A script may be
run from anywhere: it is taken to run at the repository's root or in its own folder, where the Dockerfile that
it names is; a makefile the other way round. What is found from neither is left out.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from fleet_audit.audit.dockerfiles.contexts.commands import Frame, below_folder, command_builds
from fleet_audit.audit.dockerfiles.contexts.project_commands import Project, named_projects
from fleet_audit.audit.dockerfiles.kinds import FileRole, role_of
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.shell.following import Executed, follow
from fleet_audit.audit.dockerfiles.shell.reading import MAX_TEXT, read_script
from fleet_audit.audit.dockerfiles.shell.script import Script
from fleet_audit.audit.model.builds import Build, BuildOrigin

ROOT = "/repository"
"""Stands for the folder in which the repository is checked out."""

MAX_RECIPES = 2000
_BUILDER = re.compile(r"docker|podman|buildah|nerdctl")
_ASSIGNMENT = re.compile(r"(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*(:{0,3}=|\?=|\+=)[ \t]*(.*)", re.DOTALL)
_VARIABLE = re.compile(r"\$(?:\$|\((?P<round>[\w.-]+)\)|\{(?P<curly>[\w.-]+)\})")
_CALL = re.compile(r"\$\([^()$]*\)")
"""A call of one of make's functions: ``$(shell …)``."""

_PREFIX = "\t @+-"
MAX_VALUE = 2000
_UNKNOWN = "${MAKE_UNKNOWN}"
"""A variable of the shell that nothing sets, for what make puts in place and is not known here."""


class FollowedScript(msgspec.Struct, frozen=True):
    """A script or a line of a recipe: the commands that it runs, from each folder where it may be started."""

    path: str
    ways: tuple[tuple[Executed, ...], ...]


def followed_scripts(repository: Repository) -> tuple[FollowedScript, ...]:
    """Return what speaks of a builder, in order of files."""
    return tuple(_followed(path, script) for path, script in scripts(repository))


def script_builds(repository: Repository, followed: Iterable[FollowedScript]) -> Iterator[Build]:
    """Yield the builds whose Dockerfile is there."""
    for each in followed:
        frame = Frame(BuildOrigin.COMMAND, each.path, below_folder(ROOT))
        ways = (command_builds(commands, frame) for commands in each.ways)
        there = ([build for build in found if _is_there(repository, build)] for found in ways)
        yield from next(filter(None, there), ())


def script_projects(repository: Repository, followed: Iterable[FollowedScript]) -> Iterator[Project]:
    """Yield the compose and bake files that are built from and are there."""
    for each in followed:
        ways = (tuple(named_projects(commands, below_folder(ROOT), repository)) for commands in each.ways)
        yield from next(filter(None, ways), ())


def scripts(repository: Repository) -> Iterator[tuple[str, Script]]:
    """Yield the shell scripts, and the lines of recipes, that speak of a builder, each with its file."""
    for path in repository.files(FileRole.SHELL):
        text = _text(repository, path)
        if text:
            yield path, read_script(text)
    for path in repository.files(FileRole.MAKE):
        for line, recipe in recipes(_text(repository, path)):
            if _BUILDER.search(recipe):
                yield path, read_script(recipe, line=line)


def _text(repository: Repository, path: str) -> str:
    """Return the text of a file that speaks of a builder at all; empty for all others."""
    text = repository.text(path) or ""
    return text if len(text) <= MAX_TEXT and _BUILDER.search(text) else ""


def _followed(path: str, script: Script) -> FollowedScript:
    folders = [ROOT, posixpath.dirname(posixpath.join(ROOT, path))]
    if role_of(path) is FileRole.MAKE:
        folders.reverse()
    source = posixpath.join(ROOT, path)
    ways = (
        follow(script, folder=folder, lookup=_no_value, root=ROOT, source=source)
        for folder in dict.fromkeys(folders)
    )
    return FollowedScript(path, tuple(ways))


def _is_there(repository: Repository, build: Build) -> bool:
    return bool(build.dockerfile) and repository.holds(build.dockerfile)


def _no_value(_name: str) -> str | None:
    return None


def recipes(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line of a recipe with its number, as the shell gets it; at most MAX_RECIPES."""
    values: dict[str, str | None] = {}
    found: list[tuple[int, str]] = []
    for number, line in _joined(text):
        if line.startswith("\t"):
            found.append((number, line.lstrip(_PREFIX)))
            continue
        assigned = _ASSIGNMENT.fullmatch(line)
        if assigned is not None:
            name, operator, value = assigned.groups()
            # A variable that is set twice depends on what make is told, or on where it is used.
            is_first = name not in values and operator != "+="
            values[name] = _expanded(value, values).strip() if is_first else None
    for number, line in found[:MAX_RECIPES]:
        yield number, _expanded(line, values)


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a makefile, those that a backslash continues with the next."""
    pending = ""
    start = 1
    for number, line in enumerate(text.split("\n"), 1):
        start = start if pending else number
        pending += line
        if pending.endswith("\\"):
            pending += "\n"
            continue
        yield start, pending
        pending = ""


def _expanded(text: str, values: Mapping[str, str | None]) -> str:
    """Return a text with make's variables replaced; what is not known becomes a variable without a value."""

    def value(found: re.Match[str]) -> str:
        name = found["round"] or found["curly"]
        if name is None:
            return "$"
        known = values.get(name)
        return _UNKNOWN if known is None or len(known) > MAX_VALUE else known

    return _CALL.sub(_UNKNOWN, _VARIABLE.sub(value, text))
