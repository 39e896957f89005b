"""Which comments waive something in one report, and of which it can be said that they waive nothing."""

from collections.abc import Iterable, Sequence

from fleet_audit.audit.images.tree import normalise
from fleet_audit.audit.model.finding import Gap
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.imports import ServiceImports
from fleet_audit.audit.pipeline.run.subject import Subject
from fleet_audit.audit.policy.facts import SubjectKind
from fleet_audit.audit.policy.pragmas import Pragmas


def pragmas_of(
    subject: Subject,
    fleet: Fleet | None,
    services: Sequence[ServiceImports],
    gaps: Iterable[Gap],
    judged: Iterable[SubjectKind],
) -> Pragmas:
    """Return the pragmas in the code of services; `judged` are the kinds of subjects that the report judges.

    While something could not be examined, none of them is said to be of no use.
    """
    found = tuple(sorted({pragma for service in services for pragma in service.pragmas}))
    is_open = any(gap.blocking for gap in gaps)
    own = {pragma.location.path for pragma in found if _is_own(pragma.location.path, subject, fleet)}
    return Pragmas(found, frozenset(() if is_open else judged), frozenset(own))


def _is_own(path: str, subject: Subject, fleet: Fleet | None) -> bool:
    """Say whether a file belongs to the subject's services alone."""
    folders = [folder for service in subject.services for folder in service.source_paths]
    names = {service.name for service in subject.services}
    services = () if fleet is None or subject.family is None else fleet.manifest.services
    others = [folder for service in services if service.name not in names for folder in service.source_paths]
    return _is_below(path, folders) and not _is_below(path, others)


def _is_below(path: str, folders: Iterable[str]) -> bool:
    place = normalise(path)
    roots = (normalise(folder) for folder in folders)
    return any(place == root or place.startswith(f"{root.rstrip('/')}/") for root in roots)
