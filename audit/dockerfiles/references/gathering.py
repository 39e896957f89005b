"""Every reference to an image that a repository holds."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.contexts.scripts import scripts
from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.dockerfiles.references.argument_lines import ArgumentLines
from fleet_audit.audit.dockerfiles.references.in_commands import references_in_commands
from fleet_audit.audit.dockerfiles.references.in_compose import references_in_compose
from fleet_audit.audit.dockerfiles.references.in_dockerfiles import references_in
from fleet_audit.audit.dockerfiles.references.in_templates import references_in_template_text
from fleet_audit.audit.dockerfiles.references.in_workflows import (
    references_in_actions,
    references_in_workflows,
)
from fleet_audit.audit.dockerfiles.references.in_yaml import references_in_yaml
from fleet_audit.audit.dockerfiles.references.partly_known import OPEN, Place, reference_at
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.shell.following import follow
from fleet_audit.audit.dockerfiles.shell.symbols import shown, with_holes
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.references import Reference, ReferenceKind
from fleet_audit.audit.model.workflows import Workflow


def gathered_references(
    repository: Repository, builds: Sequence[Build], workflows: Iterable[Workflow], lines: ArgumentLines
) -> tuple[Reference, ...]:
    """Return all references, in order of places, each once."""
    found = [
        *_in_dockerfiles(repository, builds, lines),
        *_in_builds(builds, lines),
        *references_in_compose(repository),
        *references_in_yaml(repository),
        *references_in_workflows(workflows, repository),
        *references_in_actions(repository),
        *_in_scripts(repository),
        *_in_templates(repository),
    ]
    found.sort(key=lambda each: (each.location, each.kind, each.written, each.name))
    return tuple(dict.fromkeys(found))


def _in_dockerfiles(
    repository: Repository, builds: Sequence[Build], lines: ArgumentLines
) -> Iterator[Reference]:
    by_file: defaultdict[str, list[Build]] = defaultdict(list)
    for build in builds:
        by_file[build.dockerfile].append(build)
    named = {path for path in by_file if path and repository.holds(path)}
    for path in {*repository.files(FileRole.DOCKERFILE), *named}:
        dockerfile = repository.dockerfile(path)
        if dockerfile is not None:
            yield from references_in(path, dockerfile, by_file[path], lines.of)


def _in_builds(builds: Iterable[Build], lines: ArgumentLines) -> Iterator[Reference]:
    """Yield what stands in a build itself: a Dockerfile of its own, and the tags of bake's targets."""
    for build in builds:
        if build.inline:
            path = build.location.path
            for reference in references_in(path, parse(build.inline), [build], lines.of):
                yield msgspec.structs.replace(reference, location=build.location, related=())
        for tag in build.tags if build.origin is BuildOrigin.BAKE else ():
            location = lines.of_target(build, "tags")
            place = Place(location, ReferenceKind.TAG, build.name, publishes=True)
            yield reference_at(place, with_holes(tag, OPEN), shown(tag))


def _in_scripts(repository: Repository) -> Iterator[Reference]:
    for path, script in scripts(repository):
        yield from references_in_commands(path, follow(script, folder=None, lookup=_unknown))


def _unknown(_name: str) -> str | None:
    return None


def _in_templates(repository: Repository) -> Iterator[Reference]:
    for path in repository.files(FileRole.DOCKERFILE_TEMPLATE, FileRole.TEMPLATE):
        text = repository.text(path)
        if text is not None:
            yield from references_in_template_text(path, text)
