"""Every Dockerfile of a repository: its stages, its builds, and why BuildKit refuses it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.language.building import NO_TARGET, refusals
from fleet_audit.audit.dockerfiles.language.expansion import scopes
from fleet_audit.audit.dockerfiles.language.givens import awaiting_lines
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.builds import Build
from fleet_audit.audit.model.claims import DockerfileAccount, StageName
from fleet_audit.audit.model.dockerfiles import Rejection
from fleet_audit.audit.model.finding import GapKind

MAX_NAMES = 20
"""Stages of a Dockerfile that are told where a build names another."""


def dockerfile_accounts(repository: Repository, builds: Sequence[Build]) -> tuple[DockerfileAccount, ...]:
    """Return every Dockerfile of the repository that can be read, in order of paths."""
    return tuple(_accounts(repository, builds))


def _accounts(repository: Repository, builds: Sequence[Build]) -> Iterator[DockerfileAccount]:
    users = _builds_by_file(builds)
    named = {path for path in users if repository.holds(path)}
    for path in sorted({*repository.files(FileRole.DOCKERFILE), *named}):
        dockerfile = repository.dockerfile(path)
        if dockerfile is None:
            continue
        if dockerfile.foreign_frontend:
            why = f"it is written for {dockerfile.foreign_frontend[:120]}, whose language is not known here"
            repository.report(path, why, kind=GapKind.NOT_EXAMINED)
        own = users.get(path, ())
        stages = tuple(StageName(stage.name, stage.base, stage.line) for stage in dockerfile.stages)
        yield DockerfileAccount(path, stages, _rejections(dockerfile, own), tuple(own))


def _builds_by_file(builds: Sequence[Build]) -> Mapping[str, list[Build]]:
    found: defaultdict[str, list[Build]] = defaultdict(list)
    for build in builds:
        if build.dockerfile:
            found[build.dockerfile].append(build)
    return found


def _rejections(dockerfile: Dockerfile, builds: Sequence[Build]) -> tuple[Rejection, ...]:
    """Return why some build of a Dockerfile is refused, each reason once.

    What depends on an argument that a build gives, and which is not known here, is no reason.
    """
    found = dict.fromkeys(dockerfile.rejections)
    for build in builds or (None,):
        given = {} if build is None else {name: value for name, value in build.args if value is not None}
        target = "" if build is None else build.target
        values = scopes(dockerfile, given, target=target)
        is_all_known = build is not None and "args" not in build.unknown and len(given) == len(build.args)
        open_lines = frozenset() if is_all_known else awaiting_lines(dockerfile, values)
        found |= dict.fromkeys(
            _placed(each, dockerfile, build)
            for each in refusals(dockerfile, values, target)
            if each.line not in open_lines
        )
    return tuple(found)


def _placed(rejection: Rejection, dockerfile: Dockerfile, build: Build | None) -> Rejection:
    """Return a rejection with the place of the build where that names a stage that is not there."""
    if build is None or rejection.kind != NO_TARGET:
        return rejection
    names = [stage.name for stage in dockerfile.stages if stage.name][:MAX_NAMES]
    cause = f"its stages are {', '.join(names)}" if names else "none of its stages has a name"
    return msgspec.structs.replace(rejection, cause=cause, asked_at=build.location)
