"""What the steps of a job do with images, in their order: build, push, pull, name anew, promote.

Rules: docs.docker.com, command line reference of docker; the metadata of docker/build-push-action and
docker/setup-buildx-action: a builder in a container keeps what it builds to itself, unless it is told to load
or to push it.
"""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import lru_cache

import msgspec

from fleet_audit.audit.dockerfiles.contexts.commands import (
    ENGINES,
    BuildCall,
    behind,
    build_calls,
    exports_to_registry,
    pushes,
)
from fleet_audit.audit.dockerfiles.language.reference import ReferenceInvalid, parse_reference
from fleet_audit.audit.dockerfiles.shell.arguments import syntax
from fleet_audit.audit.dockerfiles.shell.following import Executed
from fleet_audit.audit.dockerfiles.shell.instructions import SHELLS
from fleet_audit.audit.dockerfiles.shell.symbols import (
    is_known,
    starts_unknown,
    without_symbols,
)
from fleet_audit.audit.dockerfiles.workflows.builds import BUILD_ACTION, items, push_setting, uses_action
from fleet_audit.audit.dockerfiles.workflows.expressions import filled
from fleet_audit.audit.dockerfiles.workflows.running import StepRun
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.workflows import ActionKind

_SETUP = "docker/setup-buildx-action"
_COPIERS = {
    "crane": (("copy",), ("cp",), ("tag",)),
    "skopeo": (("copy",), ("sync",)),
    "oras": (("cp",), ("copy",), ("tag",)),
    "regctl": (("image", "copy"), ("image", "cp")),
    "docker": (("buildx", "imagetools", "create"),),
}
_DEPLOYERS = {
    "kubectl": (("apply",), ("set",), ("rollout", "restart"), ("create",), ("replace",)),
    "helm": (("upgrade",), ("install",)),
    "helmfile": (("apply",), ("sync",)),
    "docker": (("stack", "deploy"), ("service", "update")),
    "argocd": (("app", "sync"), ("app", "set")),
}
_RUNNERS = frozenset(
    {
        *(
            "make",
            "gmake",
            "just",
            "task",
            "mage",
            "rake",
            "invoke",
            "nox",
            "tox",
            "bazel",
            "bazelisk",
            "earthly",
        ),
        *(
            "earthly",
            "skaffold",
            "tilt",
            "ko",
            "pack",
            "kaniko",
            "dagger",
            "melange",
            "apko",
            "img",
            "werf",
            "garden",
        ),
        *(
            "docker-compose",
            "podman-compose",
            "npm",
            "yarn",
            "pnpm",
            "gradle",
            "gradlew",
            "mvn",
            "mvnw",
            "act",
        ),
    }
)
"""Programs that may build, load or push images where it is not to be seen."""

_COMPOSE = {
    "docker": (("compose", "build"), ("compose", "push"), ("compose", "pull"), ("buildx", "bake"), ("bake",)),
    "podman": (("compose", "build"), ("compose", "push"), ("compose", "pull")),
}
_HARMLESS_ACTIONS = frozenset(
    {
        "docker/setup-buildx-action",
        "docker/setup-qemu-action",
        "docker/login-action",
        "docker/metadata-action",
        "docker/setup-docker-action",
        "aws-actions/amazon-ecr-login",
    }
)
_OF_IMAGES = re.compile(r"docker|image|buildah|podman|kaniko|container|registry|bake|\bko\b|push")
_DEPLOY_ACTIONS = (
    "azure/k8s-deploy",
    "aws-actions/amazon-ecs-deploy-task-definition",
    "google-github-actions/deploy-cloudrun",
    "azure/webapps-deploy",
)


class Deed(StrEnum):
    """What is done with an image."""

    BUILT = "built"
    PUSHED = "pushed"
    PULLED = "pulled"
    NAMED = "named"
    PROMOTED = "promoted"
    DEPLOYED = "deployed"
    ANYTHING = "anything"


PUBLISHING = (Deed.PUSHED, Deed.PROMOTED, Deed.DEPLOYED)


class ImageEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a step does with images; symbols stand in names for what is not known.

    `step` counts the steps of the job, `order` the commands of the step. `builds` is the symbol of the digest
    that a step gives which builds. `is_loaded` is false where what is built certainly does not become an
    image of the engine. `source` is the old name where an image is NAMED, `condition` what must hold beside
    the step's own. ANYTHING is what a program or action does that is not followed here.
    """

    deed: Deed
    names: tuple[str, ...]
    location: SourceLocation
    step: int
    order: int = -1
    builds: str = ""
    is_loaded: bool = True
    source: str = ""
    condition: str = ""


def step_events(
    at: int, run: StepRun, commands: Sequence[Executed], *, has_builder: bool, is_scan: bool
) -> Iterator[ImageEvent]:
    """Yield what one step does; `has_builder` where an earlier step set up a builder in a container.

    A step that is a scan does nothing else with images.
    """
    if uses_action(run, BUILD_ACTION):
        yield from _of_action(at, run, has_builder=has_builder)
    elif uses_action(run, *_DEPLOY_ACTIONS):
        yield ImageEvent(deed=Deed.DEPLOYED, names=(), location=run.step.location, step=at)
    elif not is_scan and _may_handle_images(run):
        yield ImageEvent(deed=Deed.ANYTHING, names=(), location=run.step.location, step=at)
    path = run.step.location.path
    orders = {id(command): order for order, command in enumerate(commands)}
    for call in build_calls(commands):
        for event in _of_call(at, call, path, has_builder=has_builder):
            yield msgspec.structs.replace(event, order=orders[id(call.command)])
    for order, command in enumerate(commands):
        for event in _of_command(at, command, path):
            yield msgspec.structs.replace(event, order=order)


def _may_handle_images(run: StepRun) -> bool:
    """Say whether an action, of which no more is known than its name, may build, load or push images."""
    uses = run.step.uses
    if uses is None or uses.kind is ActionKind.DOCKER or uses.name in _HARMLESS_ACTIONS:
        return False
    return uses.kind is not ActionKind.REPOSITORY or _OF_IMAGES.search(f"{uses.name}/{uses.path}") is not None


def sets_up_builder(run: StepRun) -> bool:
    """Say whether a step sets up a builder in a container, and makes it the one in use."""
    return uses_action(run, _SETUP) and run.given.get("driver", "") != "docker"


def _of_action(at: int, run: StepRun, *, has_builder: bool) -> Iterator[ImageEvent]:
    given = run.given
    names = items(given.get("tags", ""))
    push = push_setting(run)
    outputs = [line.strip() for line in given.get("outputs", "").splitlines() if line.strip()]
    exports = any("type=docker" in output or not is_known(output) for output in outputs)
    loads = given.get("load", "false").strip().lower() not in ("false", "") or exports
    location = run.step.location
    yield ImageEvent(
        deed=Deed.BUILT,
        names=names,
        location=location,
        step=at,
        builds=_digest_of(run),
        is_loaded=loads or not (has_builder or outputs or push not in ("false", "")),
    )
    if push not in ("false", "") or any(exports_to_registry(output) for output in outputs):
        yield ImageEvent(
            deed=Deed.PUSHED,
            names=names,
            location=location,
            step=at,
            builds=_digest_of(run),
            condition="" if outputs else next(text.text for name, text in run.step.given if name == "push"),
        )


def _digest_of(run: StepRun) -> str:
    return filled(f"${{{{ steps.{run.step.id}.outputs.digest }}}}", run.scope) if run.step.id else ""


def _of_call(at: int, call: BuildCall, path: str, *, has_builder: bool) -> Iterator[ImageEvent]:
    names = call.arguments.values("-t", "--tag")
    location = SourceLocation(path, call.command.line)
    is_buildx = call.command.program == "docker-buildx" or "buildx" in call.command.arguments[:4]
    outputs = call.arguments.values("-o", "--output")
    keeps_to_itself = (is_buildx and has_builder) or bool(outputs) or call.arguments.has("--push")
    loads = call.arguments.has("--load") or any("type=docker" in output for output in outputs)
    yield ImageEvent(
        deed=Deed.BUILT, names=names, location=location, step=at, is_loaded=loads or not keeps_to_itself
    )
    if call.pushes:
        yield ImageEvent(deed=Deed.PUSHED, names=names, location=location, step=at)


_PULL = syntax("--platform --authfile --creds --arch --os", "--all-tags --disable-content-trust --quiet")
_COPY = syntax(
    "-t --tag -f --file --append --annotation --platform --src-creds --dest-creds --src-tls-verify "
    "--dest-tls-verify --authfile --format --multi-arch --builder --metadata-file --progress",
    "--all --dry-run --insecure --quiet --prefer-index --preserve-digests --no-clobber --recursive",
)


def _of_command(at: int, command: Executed, path: str) -> Iterator[ImageEvent]:
    location = SourceLocation(path, command.line)
    names = pushes(command)
    if names:
        yield ImageEvent(deed=Deed.PUSHED, names=names, location=location, step=at)
    yield from _of_engine(at, command, location)
    for words in _COPIERS.get(command.program, ()):
        rest = behind(command.arguments, words)
        if rest is not None:
            yield _promotion(at, command, rest, location)
    is_script = command.program.endswith(".sh") or command.program in (*SHELLS, "source", ".")
    unread = (behind(command.arguments, words) is not None for words in _COMPOSE.get(command.program, ()))
    if is_script or command.program in _RUNNERS or any(unread):
        yield ImageEvent(deed=Deed.ANYTHING, names=(), location=location, step=at)
    if any(behind(command.arguments, words) is not None for words in _DEPLOYERS.get(command.program, ())):
        yield ImageEvent(deed=Deed.DEPLOYED, names=(), location=location, step=at)


def _of_engine(at: int, command: Executed, location: SourceLocation) -> Iterator[ImageEvent]:
    if command.program not in ENGINES:
        return
    for words in (("pull",), ("image", "pull")):
        rest = behind(command.arguments, words)
        if rest:
            yield ImageEvent(deed=Deed.PULLED, names=_PULL.read(rest).rest, location=location, step=at)
    for words in (("load",), ("image", "load"), ("import",)):
        if behind(command.arguments, words) is not None:
            # What a file holds is not known: it may be any image.
            yield ImageEvent(deed=Deed.PULLED, names=(), location=location, step=at)
    for words in (("tag",), ("image", "tag")):
        rest = behind(command.arguments, words)
        if rest is not None and len(rest) == 2:
            yield ImageEvent(deed=Deed.NAMED, names=(rest[1],), location=location, step=at, source=rest[0])


def _promotion(at: int, command: Executed, rest: Sequence[str], location: SourceLocation) -> ImageEvent:
    arguments = _COPY.read(rest)
    targets = arguments.values("-t", "--tag") if command.program == "docker" else arguments.rest[-1:]
    names = tuple(name.removeprefix("docker://") for name in targets)
    return ImageEvent(deed=Deed.PROMOTED, names=names, location=location, step=at)


class ImageName(msgspec.Struct, frozen=True):
    """A name of an image in two: the repository, and the tag or digest, both with symbols."""

    repository: str
    tag: str
    digest: str = ""


@lru_cache(maxsize=8192)
def image_name(text: str) -> ImageName:
    """Return a name taken apart; what stands within a symbol separates nothing.

    A repository that is known has its registry in full, and the tag is docker's own where there is none.
    """
    plain = without_symbols(text)
    at = plain.find("@")
    digest = "" if at < 0 else text[at + 1 :]
    end = len(text) if at < 0 else at
    colon = plain.rfind(":", plain.rfind("/", 0, end) + 1, end)
    if colon < 0:
        return ImageName(_in_full(text[:end]), "" if digest else "latest", digest)
    return ImageName(_in_full(text[:colon]), text[colon + 1 : end], digest)


def _in_full(repository: str) -> str:
    if not is_known(repository):
        return repository
    try:
        return parse_reference(repository).name
    except ReferenceInvalid:
        return repository


def is_about(image: str, event: ImageEvent) -> bool:
    """Say whether an event is certainly about an image, by a name or by the digest of what was built."""
    name = image_name(image)
    if event.builds and event.builds == name.digest:
        return True
    return any(image_name(other) == name for other in event.names)


def may_be_any(event: ImageEvent) -> bool:
    """Say whether an event may be about any image: a name is not known from its start, or none is given."""
    return not event.names or any(starts_unknown(name) for name in event.names)
