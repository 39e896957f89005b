"""Whether what a build takes is there: in its context, in other contexts, in the stages before."""

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain, islice

import msgspec
from msgspec.structs import replace

from fleet_audit.audit.dockerfiles.contexts.made_elsewhere import MadeElsewhere
from fleet_audit.audit.dockerfiles.copying.context_files import Contexts, Found
from fleet_audit.audit.dockerfiles.copying.ignoring import IgnoreRules
from fleet_audit.audit.dockerfiles.copying.made_images import MadeImages
from fleet_audit.audit.dockerfiles.copying.stage_contents import StageContents
from fleet_audit.audit.dockerfiles.copying.takings import Taking, kept_takings, takings
from fleet_audit.audit.dockerfiles.language.expansion import scopes
from fleet_audit.audit.dockerfiles.language.needed import needed_stages, origin_stage
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.copying import CopiedSource, CopyProblem
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.location import SourceLocation

MAX_SOURCES = 100_000
_MADE = (CopyProblem.MISSING, CopyProblem.DANGLING)
"""What something that runs before the build may put right."""

_Way = tuple[str, str, tuple[tuple[str, str | None], ...], str, tuple[tuple[str, str], ...]]


def copied_sources(
    repository: Repository, builds: Iterable[Build], fleet: Fleet | None = None
) -> tuple[CopiedSource, ...]:
    """Return what each build takes, and whether it is there, in order of places.

    Builds that find the same are told once. A Dockerfile that nothing builds is looked at with each context
    that it may have: what one of them has is there.
    """
    builds = tuple(builds)
    contexts = Contexts(repository)
    images = MadeImages(contexts, builds, fleet)
    around = _Surroundings(contexts, images, MadeElsewhere(repository), _possible_contexts(builds))
    found: dict[CopiedSource, None] = {}
    left = MAX_SOURCES
    for build in _alike_together(builds):
        dockerfile = repository.dockerfile(build.dockerfile) if _is_there(repository, build) else None
        if dockerfile is None or dockerfile.foreign_frontend:
            continue
        taken = tuple(islice(_Build(build, dockerfile, around).sources(), left + 1))
        left -= len(taken)
        if left < 0:
            why = f"more than {MAX_SOURCES} sources are copied here and before"
            repository.report(build.dockerfile, why, kind=GapKind.LIMIT_REACHED)
            break
        found |= dict.fromkeys(taken)
    contexts.report_limits()
    return tuple(
        sorted(found, key=lambda each: (each.location, each.source, each.context, str(each.built_at)))
    )


def _alike_together(builds: Iterable[Build]) -> Iterator[Build]:
    """Yield one build for those that find the same, for the users of all of them.

    Of these it is one that nothing prepares, where there is one: it fails for certain.
    """
    alike: defaultdict[_Way, list[Build]] = defaultdict(list)
    for build in builds:
        alike[build.dockerfile, build.context, build.args, build.target, build.contexts].append(build)
    for found in alike.values():
        yield replace(
            min(found, key=lambda build: build.is_prepared),
            services=tuple(sorted({name for build in found for name in build.services})),
            families=tuple(sorted({name for build in found for name in build.families})),
        )


def _possible_contexts(builds: Iterable[Build]) -> frozenset[str] | None:
    """Return the contexts of builds whose Dockerfile is not known; None where both are not."""
    open_builds = [build for build in builds if "dockerfile" in build.unknown]
    if any("context" in build.unknown for build in open_builds):
        return None
    return frozenset(build.context for build in open_builds if build.context)


def _is_there(repository: Repository, build: Build) -> bool:
    return bool(build.dockerfile) and repository.holds(build.dockerfile)


class _Surroundings(msgspec.Struct, frozen=True):
    """What all builds have in common."""

    contexts: Contexts
    images: MadeImages
    elsewhere: MadeElsewhere
    possible: frozenset[str] | None


class _Build:
    """Looks at one build."""

    def __init__(self, build: Build, dockerfile: Dockerfile, around: _Surroundings) -> None:
        self._build = build
        self._dockerfile = dockerfile
        self._around = around
        self._contexts = around.contexts
        given = {name: value for name, value in build.args if value is not None}
        self._scopes = scopes(dockerfile, given, target=build.target)
        self._named = {name.lower(): where for name, where in build.contexts}
        self._is_open = "args" in build.unknown or len(given) < len(build.args)
        context = around.contexts.files(build.context or ".")
        self._stages = StageContents(dockerfile, self._scopes, context.kind)

    def sources(self) -> Iterator[CopiedSource]:
        for stage in needed_stages(self._dockerfile, self._scopes, self._build.target):
            kept = self._around.images.kept_at(stage, self._scopes, self._build.dockerfile)
            for taking in chain(
                kept_takings(kept, self._scopes, stage), takings(self._dockerfile, self._scopes, stage)
            ):
                found = None if taking.is_address else self._found(taking)
                if found is not None:
                    yield found

    def _found(self, taking: Taking) -> CopiedSource | None:
        named = self._named.get(taking.origin.lower()) if taking.origin else None
        if named is not None:
            if not _is_folder(named):
                return None
            rules = self._contexts.rules(named)
            return self._told(taking, self._find(taking, named, rules), context=named)
        if not taking.origin:
            found = self._find_in_context(taking)
            is_likely = self._build.is_prepared and found.problem in _MADE
            return self._told(taking, found, context=self._build.context, is_likely=is_likely)
        return self._find_before(taking)

    def _find_before(self, taking: Taking) -> CopiedSource | None:
        """Look for what is taken from an earlier stage, or from an image that the repository makes."""
        stage = origin_stage(self._dockerfile, taking.origin)
        if stage is None:
            made = self._around.images.find(taking.origin, taking)
            return None if made is None else self._told(taking, made, stage=taking.origin, is_likely=True)
        if stage.index >= taking.stage.index:
            return None
        found, is_likely = self._stages.find(stage, taking)
        return self._told(taking, found, stage=stage.name or str(stage.index), is_likely=is_likely)

    def _find_in_context(self, taking: Taking) -> Found:
        if "context" in self._build.unknown or not self._build.context:
            return Found(None, reason=self._build.reason)
        found = self._find_in(taking, self._build.context)
        if self._build.origin is BuildOrigin.DEFAULT and found.exists is False:
            return self._find_in_any(taking, found)
        return found

    def _find_in_any(self, taking: Taking, found: Found) -> Found:
        """Return what one of the contexts has that a Dockerfile may have which nothing is known to build."""
        if self._around.possible is None:
            return Found(
                None, reason="a build names neither its Dockerfile nor its context in a way to follow"
            )
        own = posixpath.dirname(self._build.dockerfile) or "."
        others = (self._find_in(taking, context) for context in (own, ".", *sorted(self._around.possible)))
        return next((other for other in others if other.exists is not False), found)

    def _find_in(self, taking: Taking, context: str) -> Found:
        found = self._find(taking, context, self._contexts.rules(context, self._build.dockerfile))
        if found.problem is CopyProblem.MISSING and taking.path and not found.near:
            return replace(found, near=self._beside(taking.path, context))
        return found

    def _beside(self, path: str, context: str) -> str:
        """Return what to write for a path that is there seen from the Dockerfile; empty where it is not."""
        there = posixpath.join(posixpath.dirname(self._build.dockerfile), path)
        written = posixpath.relpath(f"/{there}", posixpath.normpath(f"/{context}"))
        is_below = not written.startswith("../")
        return written if is_below and self._contexts.repository.holds(there) else ""

    def _find(self, taking: Taking, context: str, rules: IgnoreRules) -> Found:
        if taking.path is None:
            return Found(None, reason="a variable in it has no known value")
        found = self._contexts.files(context).find(taking.path, rules)
        return found if found.exists is not False else self._excused(taking, context, found)

    def _excused(self, taking: Taking, context: str, found: Found) -> Found:
        """Return what was not found as not known where it may be there all the same."""
        if taking.is_optional:
            return Found(None, reason="--parents leaves away what is not there")
        if self._is_open and taking.uses:
            return Found(None, reason="it depends on an argument from outside")
        if found.problem in _MADE:
            path = posixpath.normpath(posixpath.join(context, taking.path or ""))
            why = self._around.elsewhere.reason(path)
            return Found(None, reason=why) if why else found
        return found

    def _told(
        self, taking: Taking, found: Found, *, context: str = "", stage: str = "", is_likely: bool = False
    ) -> CopiedSource:
        pattern = found.left_out_by
        return CopiedSource(
            location=SourceLocation(self._build.dockerfile, taking.instruction.line),
            source=taking.source,
            path=taking.path or "",
            context=context,
            stage=stage,
            exists=found.exists,
            problem=found.problem,
            reason=found.reason,
            near=found.near,
            pattern=SourceLocation(found.ignore_file, pattern.line) if pattern else None,
            origin=self._build.origin,
            built_at=self._build.location,
            kept_at=taking.kept_at,
            is_likely=is_likely,
            services=self._build.services,
            families=self._build.families,
        )


def _is_folder(context: str) -> bool:
    return bool(context) and ":" not in context
