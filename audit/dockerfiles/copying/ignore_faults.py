"""What is wrong with the repository's .dockerignore files: those that no build reads, and lines refused."""

import posixpath
from collections.abc import Iterable, Iterator

from fleet_audit.audit.dockerfiles.copying.context_files import IGNORE_NAME, Contexts
from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.copying import IgnoreFault, IgnoreProblem
from fleet_audit.audit.model.location import SourceLocation


def ignore_faults(repository: Repository, builds: Iterable[Build]) -> tuple[IgnoreFault, ...]:
    """Return the .dockerignore files that no build reads, and the lines that Docker refuses, in their order.

    While some build's context is not known, a file that would apply to any context counts as read.
    """
    return tuple(sorted(_faults(repository, tuple(builds)), key=lambda fault: fault.location))


def _faults(repository: Repository, builds: tuple[Build, ...]) -> Iterator[IgnoreFault]:
    contexts = Contexts(repository)
    read = set(_read(contexts, builds))
    shadowed = set(_shadowed(contexts, builds)) - read
    is_all_known = not any(_is_open(build) for build in builds)
    for path in repository.files(FileRole.IGNORE):
        if path in read:
            yield from _refused(repository, contexts, path)
        elif path in shadowed:
            reason = "each Dockerfile of this context has a .dockerignore of its own, which comes first"
            yield IgnoreFault(SourceLocation(path), IgnoreProblem.SHADOWED, reason)
        elif posixpath.basename(path) != IGNORE_NAME:
            named = path.removesuffix(IGNORE_NAME)
            reason = f"it is named for {named}, which nothing builds"
            yield IgnoreFault(SourceLocation(path), IgnoreProblem.UNREAD, reason)
        elif is_all_known:
            folder = posixpath.dirname(path) or "the repository's root"
            reason = f"no build has {folder} as its context"
            yield IgnoreFault(SourceLocation(path), IgnoreProblem.UNREAD, reason)


def _is_open(build: Build) -> bool:
    return "context" in build.unknown and build.origin is not BuildOrigin.DEFAULT


def _read(contexts: Contexts, builds: tuple[Build, ...]) -> Iterator[str]:
    for build in builds:
        for context in _contexts(build):
            yield contexts.ignore_path(context, build.dockerfile)
        for _, where in build.contexts:
            if ":" not in where:
                yield contexts.ignore_path(where)


def _contexts(build: Build) -> tuple[str, ...]:
    """Return the contexts that a build may have: several where nothing says which."""
    if build.origin is BuildOrigin.DEFAULT:
        return (build.context, posixpath.dirname(build.dockerfile) or ".", ".")
    return (build.context,) if build.context else ()


def _shadowed(contexts: Contexts, builds: tuple[Build, ...]) -> Iterator[str]:
    for build in builds:
        for context in _contexts(build):
            yield contexts.ignore_path(context)


def _refused(repository: Repository, contexts: Contexts, path: str) -> Iterator[IgnoreFault]:
    rules = contexts.rules_at(path)
    lines = (repository.text(path) or "").split("\n")
    for line, why in sorted(rules.refusals.items()):
        location = SourceLocation(path, line)
        yield IgnoreFault(location, IgnoreProblem.REFUSED, why, lines[line - 1].strip()[:200])
