"""Dockerfiles that are built with different contexts."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.contexts import ContextDisagreement, ContextUse
from fleet_audit.audit.model.copying import CopiedSource
from fleet_audit.audit.model.location import SourceLocation


def disagreements(builds: Iterable[Build], copied: Iterable[CopiedSource]) -> tuple[ContextDisagreement, ...]:
    """Return the Dockerfiles whose builds use different contexts, in order of paths, with every place."""
    by_file: defaultdict[str, list[Build]] = defaultdict(list)
    for build in builds:
        if build.dockerfile and _has_context(build):
            by_file[build.dockerfile].append(build)
    sources: defaultdict[str, list[CopiedSource]] = defaultdict(list)
    for source in copied:
        sources[source.location.path].append(source)
    return tuple(
        _disagreement(path, found, sources[path])
        for path, found in sorted(by_file.items())
        if len({build.context for build in found}) > 1
    )


def settled(copied: Iterable[CopiedSource], found: Iterable[ContextDisagreement]) -> tuple[CopiedSource, ...]:
    """Return the sources without those that a disagreement tells already."""
    told = {(context, source, line) for each in found for context, source, line in each.missing}
    return tuple(each for each in copied if (each.context, each.source, each.location) not in told)


def _has_context(build: Build) -> bool:
    return build.origin is not BuildOrigin.DEFAULT and bool(build.context) and "context" not in build.unknown


def _disagreement(path: str, builds: list[Build], copied: list[CopiedSource]) -> ContextDisagreement:
    return ContextDisagreement(
        dockerfile=path,
        uses=tuple(sorted({ContextUse(build.context, build.location) for build in builds})),
        missing=tuple(sorted(set(_missing(copied)))),
        services=tuple(sorted({name for build in builds for name in build.services})),
        families=tuple(sorted({name for build in builds for name in build.families})),
    )


def _missing(copied: list[CopiedSource]) -> Iterator[tuple[str, str, SourceLocation]]:
    """Yield what is missing in one context and there in another."""
    there = {(each.location, each.source) for each in copied if each.exists}
    for each in copied:
        is_certain = each.exists is False and not each.stage and not each.is_likely
        if is_certain and (each.location, each.source) in there:
            yield each.context, each.source, each.location
