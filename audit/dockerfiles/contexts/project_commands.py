"""Which compose or bake files are read together, as commands say.

Rules: docs.docker.com, "docker compose" (``-f``, ``--project-directory``), "docker buildx bake" (``--file``).
Commands that name no files read those that have the usual names.
"""

import posixpath
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.contexts.commands import Locate
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.shell.arguments import syntax
from fleet_audit.audit.dockerfiles.shell.following import Executed, joined

_GLOBAL = syntax("-H --host -c --context --config -l --log-level --tlscacert --tlscert --tlskey --builder")
_COMPOSE = syntax(
    "--ansi --env-file -f --file --parallel --profile --progress --project-directory -p --project-name "
    "-H --host -c --context --tlscacert --tlscert --tlskey"
)
_BAKE = syntax(
    "--allow --builder --call -f --file --metadata-file --progress --provenance --sbom --set --list --var",
    "--check -D --debug --load --no-cache --print --pull --push",
)
_COMPOSERS = ("docker-compose", "podman-compose")
_BUILDING = frozenset({"build", "up", "create", "run", "push", "watch"})


class Project(msgspec.Struct, frozen=True):
    """Files that are read together, in their order; `folder` is what their paths are taken from.

    `targets` are those of bake that are built, all where it is empty.
    """

    files: tuple[str, ...]
    folder: str
    is_bake: bool = False
    targets: tuple[str, ...] = ()


def named_projects(commands: Iterable[Executed], locate: Locate, repository: Repository) -> Iterator[Project]:
    """Yield what commands build from compose and bake files that they name; all of these are there."""
    for command in commands:
        for words, is_bake in _calls(command):
            project = _bake(words, command, locate) if is_bake else _compose(words, command, locate)
            if project is not None and project.files and all(map(repository.holds, project.files)):
                yield project


def _calls(command: Executed) -> Iterator[tuple[Sequence[str], bool]]:
    if command.program in _COMPOSERS:
        yield command.arguments, False
    if command.program not in ("docker", "podman"):
        return
    for subcommand, is_bake in ((("compose",), False), (("buildx", "bake"), True), (("bake",), True)):
        rest = _GLOBAL.behind(command.arguments, subcommand)
        if rest is not None:
            yield rest, is_bake


def _compose(words: Sequence[str], command: Executed, locate: Locate) -> Project | None:
    """Read the options up to the subcommand: behind it ``-f`` means other things."""
    at = 0
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] in _COMPOSE.valued else 1
    if at >= len(words) or words[at] not in _BUILDING:
        return None
    arguments = _COMPOSE.read(words[:at])
    files = _located(arguments.values("-f", "--file"), command, locate)
    folder = arguments.last("--project-directory") or None
    started = _located([folder], command, locate) if folder else tuple(map(posixpath.dirname, files[:1]))
    return Project(files, started[0] or ".") if files and started else None


def _bake(words: Sequence[str], command: Executed, locate: Locate) -> Project | None:
    arguments = _BAKE.read(words)
    files = _located(arguments.values("-f", "--file"), command, locate)
    folder = _located(["."], command, locate)
    return Project(files, folder[0], is_bake=True, targets=arguments.rest) if files and folder else None


def _located(paths: Sequence[str], command: Executed, locate: Locate) -> tuple[str, ...]:
    """Return where paths stand in the repository; nothing where one of them is not known, or not in it."""
    found = (joined(command.folder, path) for path in paths)
    places = [locate(path).path for path in found if path is not None]
    return tuple(places) if len(places) == len(paths) and all(places) else ()
