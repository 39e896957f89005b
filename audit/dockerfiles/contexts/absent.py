"""Dockerfiles and contexts that builds name and that are not there."""

import posixpath
from collections.abc import Iterable, Iterator

from fleet_audit.audit.dockerfiles.contexts.made_elsewhere import MadeElsewhere
from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.contexts import AbsentKind, AbsentPart
from fleet_audit.audit.model.finding import GapKind


def absent_parts(repository: Repository, builds: Iterable[Build]) -> tuple[AbsentPart, ...]:
    """Return what builds name and the repository does not have, each place once.

    What git fetches, or something makes before the build, may be there then: a gap, and no finding.
    """
    elsewhere = MadeElsewhere(repository)
    found = []
    for part in _parts(repository, builds):
        why = elsewhere.reason(part.path)
        if why:
            where = part.location
            repository.report(where.path, f"{part.path}: {why}", line=where.line, kind=GapKind.NOT_EXAMINED)
        else:
            found.append(part)
    return tuple(dict.fromkeys(found))


def _parts(repository: Repository, builds: Iterable[Build]) -> Iterator[AbsentPart]:
    for build in builds:
        part = None if build.origin is BuildOrigin.DEFAULT else _absent(repository, build)
        if part is not None:
            yield part
        for _, where in build.contexts:
            if where and ":" not in where and not _holds(repository, where):
                yield _part(AbsentKind.CONTEXT, build, where)


def _absent(repository: Repository, build: Build) -> AbsentPart | None:
    if build.context and "context" not in build.unknown and not _holds(repository, build.context):
        return _part(AbsentKind.CONTEXT, build, build.context)
    if not build.dockerfile or "dockerfile" in build.unknown or _holds(repository, build.dockerfile):
        return None
    folder, name = posixpath.split(build.dockerfile)
    # BuildKit takes a file in small letters where the usual name is not there (dockerui, ReadEntrypoint).
    if name == "Dockerfile" and _holds(repository, posixpath.join(folder, "dockerfile")):
        return None
    return _part(AbsentKind.DOCKERFILE, build, build.dockerfile, _near(repository, build.dockerfile))


def _holds(repository: Repository, path: str) -> bool:
    return posixpath.normpath(path) == "." or repository.holds(path)


def _part(kind: AbsentKind, build: Build, path: str, near: str = "") -> AbsentPart:
    return AbsentPart(
        kind=kind,
        location=build.location,
        path=path,
        origin=build.origin,
        name=build.name,
        near=near,
        services=build.services,
        families=build.families,
    )


def _near(repository: Repository, path: str) -> str:
    """Return the one Dockerfile in the same folder, or the one that ends in the same path."""
    known = repository.files(FileRole.DOCKERFILE)
    folder = posixpath.dirname(path)
    beside = [each for each in known if posixpath.dirname(each) == folder]
    alike = [each for each in known if each.casefold() == path.casefold() or each.endswith(f"/{path}")]
    return next((found[0] for found in (alike, beside) if len(found) == 1), "")
