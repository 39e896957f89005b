"""The subjects of references to images, of arguments of builds and of published names."""

from collections.abc import Iterable, Mapping

from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.model.references import Drift, IdleArgument, Publication
from fleet_audit.audit.policy.facts import Subject, SubjectKind, placed_subject
from fleet_audit.audit.policy.reference_facts import ArgumentFacts, PublicationFacts, ReferenceFacts

Services = Mapping[str, tuple[str, ...]]
"""The services that Dockerfiles are for, by the path of the Dockerfile."""


def drift_subjects(drifts: Iterable[Drift], services: Services) -> tuple[Subject, ...]:
    """Return one subject for each drift, in their order; it is related to the lines that use the image."""
    return tuple(_drift_subject(drift, services) for drift in drifts)


def _drift_subject(drift: Drift, services: Services) -> Subject:
    reference = drift.reference
    facts = ReferenceFacts(
        path=reference.location.path,
        line=reference.location.line,
        kind=reference.kind,
        value=reference.written,
        resolved=reference.resolved,
        repository=reference.repository_name,
        image=reference.image,
        tag=reference.tag,
        digest=reference.digest,
        standard=drift.standard,
        deviation=drift.deviation or "",
        expected=drift.expected,
        detail=drift.detail,
        user=reference.name,
        publishes=reference.publishes,
        services=services.get(reference.location.path, ()),
    )
    level = Level.CERTAIN if drift.is_sure else Level.PROBABLE
    places = [reference.location, *reference.related]
    return placed_subject(SubjectKind.REFERENCE, facts, f"image:{reference.written}", level, places)


def argument_subjects(arguments: Iterable[IdleArgument], services: Services) -> tuple[Subject, ...]:
    """Return one subject for each argument that changes nothing, in their order."""
    found = []
    for each in arguments:
        facts = ArgumentFacts(
            dockerfile=each.dockerfile,
            name=each.argument,
            use=each.use,
            value=each.value,
            image=each.image,
            near=each.near,
            user=each.name,
            services=services.get(each.dockerfile, ()),
        )
        name = f"arg:{each.argument}@{each.dockerfile}"
        places = [each.location, *each.related]
        found.append(placed_subject(SubjectKind.ARGUMENT, facts, name, Level.CERTAIN, places))
    return tuple(found)


def publication_subjects(publications: Iterable[Publication], services: Services) -> tuple[Subject, ...]:
    """Return one subject for each name that several Dockerfiles publish, in their order."""
    found = []
    for each in publications:
        users = {name for path in each.dockerfiles for name in services.get(path, ())}
        facts = PublicationFacts(
            image=each.image, dockerfiles=each.dockerfiles, services=tuple(sorted(users))
        )
        name = f"image:{each.image}"
        found.append(placed_subject(SubjectKind.PUBLICATION, facts, name, Level.CERTAIN, each.locations))
    return tuple(found)
