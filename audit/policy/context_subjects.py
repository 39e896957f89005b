"""The subjects of build contexts."""

from collections import defaultdict
from collections.abc import Iterable

from fleet_audit.audit.model.contexts import AbsentPart, ContextDisagreement
from fleet_audit.audit.model.copying import CopiedSource, IgnoreFault
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.policy.context_facts import AbsentFacts, ContextsFacts, CopyFacts, IgnoreFileFacts
from fleet_audit.audit.policy.facts import Subject, SubjectKind, placed_subject

_Key = tuple[SourceLocation, str, str, str, str, bool]


def copy_subjects(sources: Iterable[CopiedSource]) -> tuple[Subject, ...]:
    """Return one subject for each source that is not there, with all the builds that do not find it.

    It stands at its own line, related to the ONBUILD that takes it, to the line of .dockerignore that leaves
    it out, and to the builds.
    """
    alike: defaultdict[_Key, list[CopiedSource]] = defaultdict(list)
    for source in sources:
        if source.problem is not None:
            is_assumed = source.origin == "default"
            where = source.context or source.stage
            key = (source.location, source.source, where, source.problem, source.reason, is_assumed)
            alike[key].append(source)
    return tuple(_copy_subject(found) for _, found in sorted(alike.items()))


def _copy_subject(found: list[CopiedSource]) -> Subject:
    first = found[0]
    facts = CopyFacts(
        path=first.location.path,
        line=first.location.line,
        source=first.source,
        context=first.context,
        stage=first.stage,
        problem=first.problem or "",
        reason=first.reason,
        near=first.near,
        origin=first.origin,
        is_likely=first.is_likely,
        services=tuple(sorted({name for each in found for name in each.services})),
        families=tuple(sorted({name for each in found for name in each.families})),
    )
    builders = sorted({each.built_at for each in found if each.built_at is not None and each.built_at.line})
    reasons = [place for place in (first.kept_at, first.pattern) if place is not None]
    places = list(dict.fromkeys((first.location, *reasons, *builders)))
    level = Level.PROBABLE if first.is_likely or first.origin == "default" else Level.CERTAIN
    name = f"copy:{first.location.path}#{first.context or first.stage}:{first.source}"
    return placed_subject(SubjectKind.COPY, facts, name, level, places)


def absent_subjects(parts: Iterable[AbsentPart]) -> tuple[Subject, ...]:
    """Return one subject for each Dockerfile or context that a build names and that is not there."""
    found = []
    for part in parts:
        facts = AbsentFacts(
            kind=part.kind,
            path=part.path,
            name=part.name,
            near=part.near,
            origin=part.origin,
            services=part.services,
            families=part.families,
        )
        name = f"{part.kind}:{part.path}#{part.name}"
        found.append(placed_subject(SubjectKind.ABSENT, facts, name, Level.CERTAIN, [part.location]))
    return tuple(found)


def contexts_subjects(disagreements: Iterable[ContextDisagreement]) -> tuple[Subject, ...]:
    """Return one subject for each Dockerfile that is built with several contexts.

    It stands at the first place whose context lacks a source, related to the other places and to the lines
    that take what is missing.
    """
    found = []
    for each in disagreements:
        lacking = {context for context, _, _ in each.missing}
        uses = sorted(each.uses, key=lambda use: (use.context not in lacking, use.location))
        facts = ContextsFacts(
            path=each.dockerfile,
            folders=tuple(sorted({use.context for use in uses})),
            places=tuple(str(use.location) for use in uses),
            missing=tuple(f"{source} in {context}" for context, source, _ in each.missing),
            services=each.services,
            families=each.families,
        )
        lines = (line for _, _, line in each.missing)
        places = list(dict.fromkeys((*(use.location for use in uses), *lines)))
        name = f"contexts:{each.dockerfile}"
        found.append(placed_subject(SubjectKind.CONTEXTS, facts, name, Level.CERTAIN, places))
    return tuple(found)


def ignore_file_subjects(faults: Iterable[IgnoreFault]) -> tuple[Subject, ...]:
    """Return one subject for each .dockerignore that nothing reads, and each line that Docker refuses."""
    found = []
    for fault in faults:
        path, line = fault.location.path, fault.location.line
        facts = IgnoreFileFacts(
            path=path, line=line, problem=fault.problem, reason=fault.reason, pattern=fault.pattern
        )
        name = f"ignore:{path}#{fault.pattern}"
        found.append(placed_subject(SubjectKind.IGNORE_FILE, facts, name, Level.CERTAIN, [fault.location]))
    return tuple(found)
