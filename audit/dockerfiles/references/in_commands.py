"""The images that commands of a script name: docker, podman and nerdctl.

Rules: docs.docker.com, reference of the docker command line: run, create, pull, push, tag, build,
"buildx imagetools create".
"""

from collections.abc import Iterable, Iterator

from fleet_audit.audit.dockerfiles.contexts.commands import build_calls
from fleet_audit.audit.dockerfiles.references.partly_known import OPEN, Place, cache_name, reference_at
from fleet_audit.audit.dockerfiles.shell.arguments import Arguments, Syntax, syntax
from fleet_audit.audit.dockerfiles.shell.following import Executed
from fleet_audit.audit.dockerfiles.shell.symbols import with_holes
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.references import Reference, ReferenceKind

PROGRAMS = frozenset({"docker", "podman", "nerdctl"})
_SCHEME = "docker://"
_PROGRAM = syntax("-H --host -c --context --config -l --log-level --tlscacert --tlscert --tlskey")
_RUN = syntax(
    "--add-host --annotation -a --attach --blkio-weight --blkio-weight-device --cap-add --cap-drop "
    "--cgroup-parent --cgroupns --cidfile --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime "
    "-c --cpu-shares --cpus --cpuset-cpus --cpuset-mems --detach-keys --device --device-cgroup-rule "
    "--device-read-bps --device-read-iops --device-write-bps --device-write-iops --dns --dns-option "
    "--dns-search --domainname --entrypoint -e --env --env-file --expose --gpus --group-add --health-cmd "
    "--health-interval --health-retries --health-start-interval --health-start-period --health-timeout "
    "-h --hostname --ip --ip6 --ipc --isolation --label -l --label-file --link --link-local-ip --log-driver "
    "--log-opt --mac-address -m --memory --memory-reservation --memory-swap --memory-swappiness --mount "
    "--name --network --net --network-alias --oom-score-adj --pid --pids-limit --platform -p --publish "
    "--pull --restart --runtime --security-opt --shm-size --stop-signal --stop-timeout --storage-opt "
    "--sysctl --tmpfs --ulimit -u --user --userns --uts -v --volume --volume-driver --volumes-from "
    "-w --workdir",
    "--detach --disable-content-trust --init --interactive --no-healthcheck --oom-kill-disable --privileged "
    "--publish-all --quiet --read-only --rm --sig-proxy --tty",
)
_PULL = syntax("--platform", "--all-tags --disable-content-trust --quiet")
_PUSH = syntax("--platform", "--all-tags --disable-content-trust --quiet")
_NOTHING = syntax("")
_CREATE = syntax(
    "--annotation --builder -f --file --metadata-file -p --platform --progress -t --tag",
    "--append --dry-run --prefer-index",
)
_TAKERS: tuple[tuple[tuple[str, ...], Syntax], ...] = (
    (("run",), _RUN),
    (("container", "run"), _RUN),
    (("create",), _RUN),
    (("container", "create"), _RUN),
    (("pull",), _PULL),
    (("image", "pull"), _PULL),
)
_PUSHERS = (("push",), ("image", "push"))
_TAGGERS = (("tag",), ("image", "tag"))
_TOOLS = ("buildx", "imagetools", "create")


def references_in_commands(path: str, commands: Iterable[Executed]) -> Iterator[Reference]:
    """Yield the references of these commands, each at its line of the file."""
    commands = tuple(commands)
    for call in build_calls(commands):
        for tag in call.arguments.values("-t", "--tag"):
            yield from _reference(path, call.command, tag, ReferenceKind.TAG, publishes=True)
        for cache in call.arguments.values("--cache-to"):
            yield from _reference(path, call.command, cache_name(cache), ReferenceKind.CACHE)
    for command in commands:
        if command.program in PROGRAMS:
            yield from _of_command(path, command)


def started_image(command: Executed) -> tuple[str, Arguments] | None:
    """Return the image that a command starts a container of, and how; None where it starts none for sure."""
    for words, options in _TAKERS:
        arguments = _read(command, words, options) if options is _RUN else None
        image = _first(arguments)
        if arguments is not None and image:
            return image.removeprefix(_SCHEME), arguments
    return None


def _of_command(path: str, command: Executed) -> Iterator[Reference]:
    for words, options in _TAKERS:
        taken = _first(_read(command, words, options))
        yield from _reference(path, command, taken, ReferenceKind.COMMAND)
    for words in _PUSHERS:
        pushed = _first(_read(command, words, _PUSH))
        yield from _reference(path, command, pushed, ReferenceKind.TAG, publishes=True)
    for words in _TAGGERS:
        named = _read(command, words, _NOTHING)
        if named is not None and len(named.rest) == 2:
            yield from _reference(path, command, named.rest[1], ReferenceKind.TAG, publishes=True)
    made = _read(command, _TOOLS, _CREATE)
    if made is not None:
        for tag in made.values("-t", "--tag"):
            yield from _reference(path, command, tag, ReferenceKind.TAG, publishes=True)
        yield from _reference(path, command, _first(made), ReferenceKind.COMMAND)


def _read(command: Executed, words: tuple[str, ...], options: Syntax) -> Arguments | None:
    rest = _PROGRAM.behind(command.arguments, words)
    return None if rest is None else options.read(rest)


def _first(arguments: Arguments | None) -> str:
    """Return the first word beside the options; empty where it is not certain that it is one."""
    if arguments is None or not arguments.rest:
        return ""
    return arguments.rest[0] if arguments.is_certain or len(arguments.rest) == 1 else ""


def _reference(
    path: str, command: Executed, word: str, kind: ReferenceKind, *, publishes: bool = False
) -> Iterator[Reference]:
    value = with_holes(word.removeprefix(_SCHEME), OPEN)
    if not value.strip(OPEN):
        return
    place = Place(SourceLocation(path, command.line), kind, command.program, publishes)
    reference = reference_at(place, value)
    if not reference.problem:
        yield reference
