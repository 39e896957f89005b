"""Everything that keeps the gates of a repository's workflows from failing where they should."""

from collections.abc import Iterable, Iterator, Sequence

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.workflows.bypassing import bypassing_causes
from fleet_audit.audit.dockerfiles.workflows.causes import fault_of
from fleet_audit.audit.dockerfiles.workflows.jobs import Jobs
from fleet_audit.audit.dockerfiles.workflows.looking_elsewhere import elsewhere_causes
from fleet_audit.audit.dockerfiles.workflows.pictures import Picture, pictures
from fleet_audit.audit.dockerfiles.workflows.timing import timing_causes
from fleet_audit.audit.dockerfiles.workflows.verdicts import verdict_faults
from fleet_audit.audit.knowledge.rows import Scanner
from fleet_audit.audit.model.gates import GateFault
from fleet_audit.audit.model.workflows import Workflow


def gate_faults(
    workflows: Sequence[Workflow], repository: Repository, scanners: Iterable[Scanner]
) -> tuple[GateFault, ...]:
    """Return the faults of all gates, each once for all runs of a matrix, in order of places."""
    found: dict[tuple[object, ...], GateFault] = {}
    for group in _by_origin(pictures(workflows, repository, scanners)):
        for fault in _faults(group):
            found.setdefault((fault.kind, fault.location, fault.related), fault)
    return tuple(sorted(found.values(), key=lambda fault: (fault.location, fault.kind, fault.detail)))


def _by_origin(found: Iterable[Picture]) -> Iterable[Sequence[Picture]]:
    groups: dict[str, list[Picture]] = {}
    for picture in found:
        groups.setdefault(picture.job.origin.path, []).append(picture)
    return groups.values()


def _faults(group: Sequence[Picture]) -> Iterator[GateFault]:
    yield from verdict_faults(group)
    jobs = Jobs(group)
    for picture in group:
        for placed in picture.scans:
            if placed.scan.fails is False:
                continue
            for causes in (timing_causes, elsewhere_causes, bypassing_causes):
                yield from (fault_of(placed, picture, cause) for cause in causes(placed, picture, jobs))
