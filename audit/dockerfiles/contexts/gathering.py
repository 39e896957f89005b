"""Every use of a Dockerfile that the repository shows, and what is assumed of one that nothing builds."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Final

from fleet_audit.audit.dockerfiles.contexts.bake import bake_builds, given_builds
from fleet_audit.audit.dockerfiles.contexts.compose import compose_builds, project_builds
from fleet_audit.audit.dockerfiles.contexts.leading import place
from fleet_audit.audit.dockerfiles.contexts.manifest import manifest_builds
from fleet_audit.audit.dockerfiles.contexts.project_commands import Project
from fleet_audit.audit.dockerfiles.contexts.scripts import followed_scripts, script_builds, script_projects
from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.location import SourceLocation

MAX_BUILDS: Final = 20_000
MAX_FOLLOWED: Final = 100_000
"""Instructions that are gone through once more because a Dockerfile is built in one more way."""


def builds(
    repository: Repository,
    fleet: Fleet | None,
    from_workflows: Iterable[Build] = (),
    projects: Iterable[Project] = (),
) -> tuple[Build, ...]:
    """Return every build, in the order of who is asked first, then of places.

    `projects` are the compose and bake files that workflows read together.
    A Dockerfile that nothing builds is assumed to be built with the manifest's default context, else with the
    repository's root: a build of origin DEFAULT.
    """
    followed = followed_scripts(repository)
    projects = tuple(dict.fromkeys((*projects, *script_projects(repository, followed))))
    told = frozenset(path for project in projects for path in project.files)
    named = chain(
        manifest_builds(fleet, repository) if fleet is not None else (),
        compose_builds(repository, told),
        bake_builds(repository, told),
        chain.from_iterable(_project_builds(repository, project) for project in projects),
        from_workflows,
        script_builds(repository, followed),
    )
    found = list(dict.fromkeys(islice(named, MAX_BUILDS)))
    if next(named, None) is not None:
        repository.report("", f"asks for more than {MAX_BUILDS} builds", kind=GapKind.LIMIT_REACHED)
    found.sort(key=_order)
    found = list(_followed(repository, found))
    return (*found, *_assumed(repository, fleet, {build.dockerfile for build in found}))


def _project_builds(repository: Repository, project: Project) -> Iterator[Build]:
    if project.is_bake:
        yield from given_builds(repository, project.files, folder=project.folder, targets=project.targets)
    else:
        yield from project_builds(repository, project.files, project.folder)


def _followed(repository: Repository, found: Iterable[Build]) -> Iterator[Build]:
    """Yield the builds that can be followed: of each Dockerfile the first, and of more a bounded number."""
    seen: set[str] = set()
    instructions = 0
    is_told = False
    for build in found:
        is_first = build.dockerfile not in seen
        seen.add(build.dockerfile)
        instructions += 0 if is_first else _length(repository, build.dockerfile)
        if is_first or instructions <= MAX_FOLLOWED:
            yield build
        elif not is_told:
            is_told = True
            why = "Dockerfiles are built in so many ways that not all are followed"
            repository.report("", why, kind=GapKind.LIMIT_REACHED)


def _length(repository: Repository, path: str) -> int:
    dockerfile = repository.dockerfile(path) if path and repository.holds(path) else None
    return 1 if dockerfile is None else len(dockerfile.instructions)


def _order(build: Build) -> tuple[int, SourceLocation, str, str]:
    return (list(BuildOrigin).index(build.origin), build.location, build.name, str(build.args))


def _assumed(repository: Repository, fleet: Fleet | None, built: set[str]) -> Iterator[Build]:
    default = "." if fleet is None else fleet.manifest.defaults.build_context
    for path in repository.files(FileRole.DOCKERFILE):
        if path not in built:
            yield Build(
                origin=BuildOrigin.DEFAULT,
                location=SourceLocation(path),
                dockerfile=path,
                context=place(".", default).path or ".",
                unknown=("args",),
                reason="nothing in the repository says how it is built",
            )
