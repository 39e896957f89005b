"""The builds that workflows start: by docker's actions, and by commands in their scripts.

Rules: the metadata of docker/build-push-action. Without a context it builds from the commit in git, that is
from the repository's root; ``{{defaultContext}}:folder`` means a folder of that, and the Dockerfile is sought
there. Else its paths are relative to the workspace.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator

import msgspec
from msgspec.structs import replace

from fleet_audit.audit.dockerfiles.contexts.commands import (
    Frame,
    Locate,
    command_builds,
    exports_to_registry,
    named_context,
    pushed_names,
)
from fleet_audit.audit.dockerfiles.contexts.leading import Place, dockerfile_place, is_address, place
from fleet_audit.audit.dockerfiles.contexts.making_files import action_may_make_files, may_make_files
from fleet_audit.audit.dockerfiles.shell.following import Executed, joined
from fleet_audit.audit.dockerfiles.shell.symbols import is_known, known
from fleet_audit.audit.dockerfiles.workflows.expressions import filled
from fleet_audit.audit.dockerfiles.workflows.followed import FollowedJob
from fleet_audit.audit.dockerfiles.workflows.running import JobRun, StepRun
from fleet_audit.audit.dockerfiles.workflows.scopes import WORKSPACE
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.workflows import ActionKind, Step

BUILD_ACTION = "docker/build-push-action"
_DEFAULT_CONTEXT = "{{defaultContext}}"
_SEPARATOR = re.compile(r"[\n,]")


def workflow_builds(jobs: Iterable[FollowedJob]) -> tuple[Build, ...]:
    """Return the builds of all jobs in all runs of their matrix, each once, in the order of the files."""
    return tuple(dict.fromkeys(build for followed in jobs for build in _job_builds(followed)))


def _job_builds(followed: FollowedJob) -> Iterator[Build]:
    job = followed.job
    pushed = {name for found in followed.commands.values() for name in pushed_names(found)}
    is_prepared = False
    for at, run in enumerate(job.steps):
        if uses_action(run, BUILD_ACTION):
            # What is built from the commit in git has nothing else of the workspace.
            context = run.given.get("context", "")
            is_of_git = not context or context.startswith(_DEFAULT_CONTEXT)
            yield replace(_action_build(run, job, pushed), is_prepared=is_prepared and not is_of_git)
        elif at in followed.commands:
            path = run.step.location.path
            frame = Frame(BuildOrigin.WORKFLOW, path, locator(job), job.job.id, is_prepared)
            yield from command_builds(followed.commands[at], frame, pushed)
        is_prepared = is_prepared or _may_make_files(run, followed.commands.get(at, ()))


def _may_make_files(run: StepRun, commands: Iterable[Executed]) -> bool:
    uses = run.step.uses
    if uses is not None and uses.kind is not ActionKind.LOCAL and action_may_make_files(uses.name):
        return True
    return any(map(may_make_files, commands))


def uses_action(run: StepRun, *names: str) -> bool:
    """Say whether a step uses one of these actions (``owner/repository``)."""
    uses = run.step.uses
    return uses is not None and uses.kind is ActionKind.REPOSITORY and uses.name in names


def locator(job: JobRun) -> Locate:
    """Return what finds paths of the workspace in the repository."""

    def locate(path: str) -> Place:
        found = job.in_repository(path)
        shown = path.removeprefix(f"{WORKSPACE}/")
        return Place(reason=f"{shown} is not in the repository") if found is None else Place(found)

    return locate


class _Source(msgspec.Struct, frozen=True):
    """Where an action takes its context and its Dockerfile from."""

    context: str = ""
    dockerfile: str = ""
    reason: str = ""
    unknown: tuple[str, ...] = ()


def _action_build(run: StepRun, job: JobRun, pushed: set[str]) -> Build:
    given, locate = run.given, locator(job)
    source = _source(given.get("context", ""), given.get("file", ""), job)
    tags = known_items(given.get("tags", ""))
    args, are_args_known = _assignments(given.get("build-args", ""))
    return Build(
        origin=BuildOrigin.WORKFLOW,
        location=build_location(run.step),
        dockerfile=source.dockerfile,
        context=source.context,
        name=job.job.id,
        args=args,
        target=known(given.get("target")) or "",
        platforms=known_items(given.get("platforms", "")),
        tags=tags,
        contexts=tuple(
            (name, named_context(where, joined(WORKSPACE, where), locate))
            for name, where in _assignments(given.get("build-contexts", ""))[0]
            if where is not None
        ),
        unknown=source.unknown if are_args_known else (*source.unknown, "args"),
        reason=source.reason,
        pushes=_pushes(run) or not pushed.isdisjoint(tags),
    )


def push_setting(run: StepRun) -> str:
    """Return what the action is told on pushing, in small letters; an input's default does not count."""
    written = next((text.text for name, text in run.step.given if name == "push"), "")
    return filled(written, run.certain).strip().lower()


def _pushes(run: StepRun) -> bool:
    """Say whether the action may push; what only a run can tell may."""
    outputs = run.given.get("outputs", "").splitlines()
    return push_setting(run) not in ("false", "") or any(
        exports_to_registry(line.strip()) for line in outputs
    )


def build_location(step: Step) -> SourceLocation:
    """Return the line of a step that names the Dockerfile, else the context, else the action."""
    lines = {name: text.location for name, text in step.given}
    return lines.get("file") or lines.get("context") or step.location


def _source(context: str, file: str, job: JobRun) -> _Source:
    if not is_known(context):
        return _Source(reason="the context is not known", unknown=("context",))
    is_git = not context or context.startswith(_DEFAULT_CONTEXT)
    if not is_git and is_address(context):
        return _Source(reason=f"{context} is an address")
    if is_git:
        folder = place(".", context.removeprefix(_DEFAULT_CONTEXT).strip(":/"))
        file_place = dockerfile_place(folder, known(file) or "")
    else:
        locate = locator(job)
        path = posixpath.normpath(posixpath.join(WORKSPACE, context))
        folder = locate(path)
        file_path = joined(WORKSPACE, known(file)) if file else posixpath.join(path, "Dockerfile")
        file_place = Place() if file_path is None else locate(file_path)
    dockerfile = file_place.path if is_known(file) else ""
    unknown = (*(() if folder.is_known else ("context",)), *(() if is_known(file) else ("dockerfile",)))
    return _Source(folder.path, dockerfile, folder.reason, unknown)


def _assignments(text: str) -> tuple[tuple[tuple[str, str | None], ...], bool]:
    """Return the lines ``NAME=value``, and whether the names are all known."""
    lines = [stripped for line in text.splitlines() if (stripped := line.strip()) and stripped[0] != "#"]
    pairs = [line.partition("=")[::2] for line in lines if "=" in line]
    found = tuple((name.strip(), known(value)) for name, value in pairs if is_known(name))
    return found, all(is_known(line.partition("=")[0]) for line in lines)


def items(text: str) -> tuple[str, ...]:
    """Return the elements of a list that an action takes apart at lines and commas."""
    return tuple(item for part in _SEPARATOR.split(text) if (item := part.strip().strip("\"'")))


def known_items(text: str) -> tuple[str, ...]:
    """Return those elements that are known."""
    return tuple(item for item in items(text) if is_known(item))
