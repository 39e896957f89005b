"""The images that workflows name: containers of jobs, services, steps that are images, tags, commands.

Rules: docs.github.com, "Workflow syntax for GitHub Actions" (``container``, ``services``, ``uses: docker://``)
and "Metadata syntax" (``runs.image``); the metadata of docker/build-push-action (``tags``, ``cache-to``) and
docker/metadata-action (``images``: names whose tags it makes up).
"""

import re
from collections.abc import Iterable, Iterator

from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.references.in_commands import references_in_commands
from fleet_audit.audit.dockerfiles.references.partly_known import OPEN, Place, cache_name, reference_at
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.shell.symbols import with_holes
from fleet_audit.audit.dockerfiles.workflows.builds import (
    BUILD_ACTION,
    build_location,
    items,
    uses_action,
)
from fleet_audit.audit.dockerfiles.workflows.expressions import filled
from fleet_audit.audit.dockerfiles.workflows.running import JobRun, StepRun, job_runs
from fleet_audit.audit.dockerfiles.workflows.scopes import Scope
from fleet_audit.audit.dockerfiles.workflows.scripts import step_commands, step_script
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.references import Reference, ReferenceKind
from fleet_audit.audit.model.workflows import ActionKind, Workflow, Written

_SCHEME = "docker://"
METADATA_ACTION = "docker/metadata-action"
_MADE_UP = re.compile(r"steps\.[\w-]+\.outputs\.tags|DOCKER_METADATA_OUTPUT_TAGS")


def references_in_workflows(workflows: Iterable[Workflow], repository: Repository) -> Iterator[Reference]:
    """Yield the references of all jobs in all runs of their matrix, each once."""
    found: dict[Reference, None] = {}
    for job in job_runs(workflows, repository):
        found |= dict.fromkeys(_of_job(job))
    yield from found


def references_in_actions(repository: Repository) -> Iterator[Reference]:
    """Yield the images that the repository's own actions run (``runs.image: docker://…``)."""
    for path in repository.files(FileRole.ACTION):
        read = repository.yaml(path)
        for document in read.documents[:1] if read is not None else ():
            image = document.view("runs", "image")
            if image.text and image.text.startswith(_SCHEME):
                place = Place(SourceLocation(path, document.line(image.path)), ReferenceKind.WORKFLOW)
                yield reference_at(place, image.text.removeprefix(_SCHEME))


def _of_job(job: JobRun) -> Iterator[Reference]:
    if job.job.container is not None:
        yield from _used(job.job.container, job.scope, job.job.id)
    for name, image in job.job.services:
        yield from _used(image, job.scope, name)
    for run in job.steps:
        yield from _of_step(run, job)


def _used(written: Written, scope: Scope, name: str) -> Iterator[Reference]:
    place = Place(written.location, ReferenceKind.WORKFLOW, name)
    value = _opened(written.text, scope)
    if value:
        yield reference_at(place, value, written.text)


def _opened(text: str, scope: Scope) -> str:
    return with_holes(filled(text, scope), OPEN).strip()


def _of_step(run: StepRun, job: JobRun) -> Iterator[Reference]:
    uses = run.step.uses
    if uses is not None and uses.kind is ActionKind.DOCKER:
        place = Place(uses.written.location, ReferenceKind.WORKFLOW, job.job.id)
        yield reference_at(place, with_holes(uses.name, OPEN))
    elif uses_action(run, BUILD_ACTION):
        are_made_up = any(uses_action(each, METADATA_ACTION) for each in job.steps)
        for reference in _published(run, "tags"):
            # What that action makes up are tags of names that stand at its own step.
            if reference.image or not (are_made_up and _MADE_UP.search(reference.written)):
                yield reference
        yield from _caches(run)
    elif uses_action(run, METADATA_ACTION):
        yield from _published(run, "images", behind=f":{OPEN}")
    else:
        script = step_script(run, job)
        if script is not None:
            yield from references_in_commands(run.step.location.path, step_commands(run, job, script))


def _caches(run: StepRun) -> Iterator[Reference]:
    for written in (text for key, text in run.step.given if key == "cache-to"):
        for number, line in enumerate(written.text.split("\n"), 1):
            name = cache_name(_opened(line, run.scope))
            if name.strip(OPEN):
                location = SourceLocation(written.location.path, written.line(number))
                yield reference_at(Place(location, ReferenceKind.CACHE), name)


def _published(run: StepRun, name: str, behind: str = "") -> Iterator[Reference]:
    """Yield the names in an input of an action that is a list, each at its own line.

    They are related to the line that stands for the build.
    """
    related = () if behind else (build_location(run.step),)
    for written in (text for key, text in run.step.given if key == name):
        for number, line in enumerate(written.text.split("\n"), 1):
            location = SourceLocation(written.location.path, written.line(number))
            place = Place(location, ReferenceKind.TAG, publishes=True, related=related)
            for item in items(_opened(line, run.scope)):
                value = item.removeprefix("name=")
                if value.strip(OPEN) and "=" not in value:
                    reference = reference_at(place, value + behind, line.strip())
                    yield from () if reference.problem else (reference,)
                elif value and not value.strip(OPEN) and not behind:
                    yield reference_at(place, OPEN, line.strip())
