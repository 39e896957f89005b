"""The builds that commands of a script start: docker, buildx, podman, buildah, nerdctl.

Rules: docs.docker.com, "docker buildx build" and "docker image build"; docs.podman.io, "podman-build". ``-f``
is relative to the working directory, and where it is not given ``Dockerfile`` stands in the context.
"""

import posixpath
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import msgspec
from msgspec.structs import replace

from fleet_audit.audit.dockerfiles.contexts.leading import REPOSITORY, Place, is_address
from fleet_audit.audit.dockerfiles.contexts.making_files import may_make_files
from fleet_audit.audit.dockerfiles.shell.arguments import Arguments, syntax
from fleet_audit.audit.dockerfiles.shell.following import Executed, Words, joined
from fleet_audit.audit.dockerfiles.shell.symbols import is_known, known, starts_unknown
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.location import SourceLocation

Locate = Callable[[str], Place]
"""Returns where an absolute path of the machine that builds stands in the repository."""

_GLOBAL = syntax("-H --host -c --context --config -l --log-level --tlscacert --tlscert --tlskey --builder")
_BUILD = syntax(
    "--add-host --allow --annotation --arch --attest --authfile --build-arg --build-arg-file --build-context "
    "--builder --cache-from --cache-to --cache-ttl --call --cap-add --cap-drop --cert-dir --cgroup-parent "
    "--cgroupns --cpp-flag --cpu-period --cpu-quota -c --cpu-shares --cpuset-cpus --cpuset-mems --creds "
    "--decryption-key --device --dns --dns-option --dns-search --env -f --file --format --from --group-add "
    "--hooks-dir --ignorefile --iidfile --ipc --isolation --jobs --label --layer-label --logfile --manifest "
    "-m --memory --memory-swap --metadata-file --network --no-cache-filter --os --os-feature --os-version "
    "-o --output --pid --platform --policy --progress --provenance --retry --retry-delay --runtime "
    "--runtime-flag --sbom --secret --security-opt --shm-size --sign-by --ssh --tag -t --target --timestamp "
    "--ulimit --unsetenv --unsetlabel --userns --uts --variant -v --volume",
    "--all-platforms --check --compress --debug --disable-compression --disable-content-trust --force-rm "
    "--http-proxy --identity-label --inherit-labels --layers --load --no-cache --no-hostname --no-hosts "
    "--omit-history --pull --pull-always --pull-never --push --quiet --rm --skip-unused-stages --squash "
    "--squash-all --stdin --stream --tls-verify",
)
_BUILDERS = {
    "docker": (("build",), ("image", "build"), ("builder", "build"), ("buildx", "build"), ("buildx", "b")),
    "nerdctl": (("build",), ("image", "build"), ("builder", "build")),
    "podman": (("build",), ("image", "build"), ("buildx", "build")),
    "buildah": (("build",), ("bud",), ("build-using-dockerfile",)),
    "docker-buildx": (("build",), ("b",)),
}


class Frame(msgspec.Struct, frozen=True):
    """What the builds of one script have in common: who says so, in which file, and how paths are found.

    `is_prepared` where something before the script may have made files.
    """

    origin: BuildOrigin
    path: str
    locate: Locate
    name: str = ""
    is_prepared: bool = False


def command_builds(
    commands: Iterable[Executed], frame: Frame, pushed: Collection[str] = ()
) -> tuple[Build, ...]:
    """Return the builds that these commands start, in their order.

    A build pushes where it says so, and where one of its names is pushed by another command or in `pushed`.
    """
    commands = tuple(commands)
    pushed = {*pushed, *pushed_names(commands)}
    found: list[Build] = []
    is_prepared = frame.is_prepared
    for command in commands:
        calls = build_calls((command,))
        found += [replace(_build(call, frame, pushed), is_prepared=is_prepared) for call in calls]
        is_prepared = is_prepared or may_make_files(command)
    return tuple(found)


class BuildCall(msgspec.Struct, frozen=True):
    """A command that builds, and its arguments behind the words that say so."""

    command: Executed
    arguments: Arguments

    @property
    def tags(self) -> tuple[str, ...]:
        """Return the names that the image gets, as far as they are known."""
        return tuple(dict.fromkeys(tag for tag in self.arguments.values("-t", "--tag") if is_known(tag)))

    @property
    def pushes(self) -> bool:
        """Say whether the build itself pushes what it builds."""
        return self.arguments.has("--push") or any(
            exports_to_registry(value) for value in self.arguments.values("-o", "--output")
        )


def exports_to_registry(output: str) -> bool:
    """Say whether an exporter (docs.docker.com, "Exporters overview") pushes the image."""
    fields = dict(field.partition("=")[::2] for field in output.split(","))
    return fields.get("type") == "registry" or (
        fields.get("type") == "image" and fields.get("push") == "true"
    )


def build_calls(commands: Iterable[Executed]) -> Iterator[BuildCall]:
    """Yield the commands among these that build from a Dockerfile."""
    for command in commands:
        for words in _BUILDERS.get(command.program, ()):
            rest = _GLOBAL.behind(command.arguments, words)
            if rest is not None:
                yield BuildCall(command, _BUILD.read(rest))
                break


def behind(arguments: Words, words: Sequence[str]) -> Words | None:
    """Return the arguments behind subcommands of docker or its like; None where these are not they."""
    return _GLOBAL.behind(arguments, words)


_PUSH = syntax(
    "--authfile --cert-dir --creds --digestfile --encrypt-layer --encryption-key --format -f --platform "
    "--retry --retry-delay --sign-by --sign-by-sigstore --sign-passphrase-file",
    "--all --all-tags --compress --disable-content-trust --quiet --remove-signatures --rm --tls-verify",
)
ENGINES = frozenset({"docker", "podman", "nerdctl", "buildah"})


def pushes(command: Executed) -> tuple[str, ...]:
    """Return the names of images that a command pushes, symbols in those that are not known."""
    if command.program not in ENGINES:
        return ()
    rest = behind(command.arguments, ("push",)) or behind(command.arguments, ("image", "push")) or ()
    return tuple(name.removeprefix("docker://") for name in _PUSH.read(rest).rest)


def pushed_names(commands: Iterable[Executed]) -> Iterator[str]:
    """Yield the names that commands push, as far as they are known."""
    return (name for command in commands for name in pushes(command) if is_known(name))


def _build(call: BuildCall, frame: Frame, pushed: set[str]) -> Build:
    command, arguments = call.command, call.arguments
    written = _context(arguments)
    files = arguments.values("-f", "--file")
    source = _source(command, written, files[-1] if files else "", frame.locate)
    args = tuple(_args(arguments, command))
    unknown = ("context",) if source.is_unknown else ()
    if files and not is_known(files[-1]):
        unknown = (*unknown, "dockerfile")
    if any(starts_unknown(word) for word in arguments.rest):
        # A word that is not known may hold any number of build arguments.
        unknown = (*unknown, "args")
    return Build(
        origin=frame.origin,
        location=SourceLocation(frame.path, command.line),
        dockerfile=source.dockerfile,
        context=source.context,
        name=frame.name,
        args=args,
        target=known(arguments.last("--target")) or "",
        platforms=tuple(
            part
            for value in arguments.values("--platform")
            for part in value.split(",")
            if part and is_known(part)
        ),
        tags=call.tags,
        contexts=tuple(_contexts(arguments, command, frame.locate)),
        unknown=unknown,
        inline=source.inline,
        reason=source.reason,
        pushes=call.pushes or not pushed.isdisjoint(call.tags),
    )


class _Source(msgspec.Struct, frozen=True):
    """Where a build takes its context and its Dockerfile from."""

    context: str = ""
    dockerfile: str = ""
    inline: str = ""
    reason: str = ""
    is_unknown: bool = False


def _context(arguments: Arguments) -> str | None:
    """Return the context as it is written; empty where there is none, None where it is not known."""
    words = [word for word in arguments.rest if not starts_unknown(word)]
    if len(words) == 1 and is_known(words[0]):
        return words[0]
    return None if arguments.rest else ""


def _source(command: Executed, written: str | None, file: str, locate: Locate) -> _Source:
    if written is None or command.folder is None:
        return _Source(
            reason="the context is not known", is_unknown=True, dockerfile=_located(command, file, locate)
        )
    if written == "-":
        return _from_input(command, locate)
    if is_address(written):
        return _Source(reason=f"{written} is an address")
    folder = joined(command.folder, written or ".")
    context = Place(reason="the context is not known") if folder is None else locate(folder)
    if file == "-":
        return _Source(context.path, inline=_heredoc(command), reason=context.reason)
    if file:
        dockerfile = _located(command, file, locate)
    elif folder is None:
        dockerfile = ""
    else:
        dockerfile = locate(posixpath.join(folder, "Dockerfile")).path
    return _Source(context.path, dockerfile, reason=context.reason, is_unknown=not context.is_known)


def _located(command: Executed, file: str, locate: Locate) -> str:
    path = joined(command.folder, file) if file and file != "-" else None
    return "" if path is None else locate(path).path


def _from_input(command: Executed, locate: Locate) -> _Source:
    """Return the Dockerfile that a build without a context reads from its standard input."""
    inputs = [each for each in command.command.redirects if each.operator == "<"]
    written = inputs[-1].target.expanded(command.environment) if inputs else None
    path = joined(command.folder, written)
    dockerfile = "" if path is None else locate(path).path
    return _Source(dockerfile=dockerfile, inline=_heredoc(command), reason="the context is standard input")


def _heredoc(command: Executed) -> str:
    """Return the Dockerfile that stands in the command itself; empty where the shell changes it."""
    found = [each.heredoc for each in command.command.redirects if each.heredoc is not None]
    if not found or (found[-1].expands and "$" in found[-1].text):
        return ""
    return found[-1].text


def _args(arguments: Arguments, command: Executed) -> Iterator[tuple[str, str | None]]:
    for value in arguments.values("--build-arg"):
        name, is_set, text = value.partition("=")
        if is_known(name):
            # Without a value it is taken from the environment of the command.
            yield name, known(text if is_set else command.environment(name))


def _contexts(arguments: Arguments, command: Executed, locate: Locate) -> Iterator[tuple[str, str]]:
    for value in arguments.values("--build-context"):
        name, is_set, where = value.partition("=")
        if is_set and is_known(value):
            yield name, named_context(where, joined(command.folder, where), locate)


def named_context(written: str, path: str | None, locate: Locate) -> str:
    """Return where a named context comes from: a folder of the repository, else as it is written."""
    if "://" in written or path is None:
        return written
    return locate(path).path or written


def below_folder(root: str) -> Locate:
    """Return what finds paths in a repository that is checked out in the folder `root`."""

    def locate(path: str) -> Place:
        if path == root:
            return Place(REPOSITORY)
        rest = path.removeprefix(f"{root}/")
        if rest == path:
            return Place(reason=f"{path} is not in the repository")
        return Place(posixpath.normpath(rest))

    return locate
