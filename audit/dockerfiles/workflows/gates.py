"""Everything that keeps the gates of a repository's workflows from failing where they should."""

from collections.abc import Iterable, Iterator, Sequence

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.workflows.builds import workflow_builds
from fleet_audit.audit.dockerfiles.workflows.bypassing import bypassing_causes
from fleet_audit.audit.dockerfiles.workflows.causes import fault_of
from fleet_audit.audit.dockerfiles.workflows.disabled import disabled_faults
from fleet_audit.audit.dockerfiles.workflows.followed import FollowedJob
from fleet_audit.audit.dockerfiles.workflows.grepping import grep_faults
from fleet_audit.audit.dockerfiles.workflows.hygiene import hygiene_faults
from fleet_audit.audit.dockerfiles.workflows.jobs import Jobs
from fleet_audit.audit.dockerfiles.workflows.looking_elsewhere import elsewhere_causes
from fleet_audit.audit.dockerfiles.workflows.pictures import Picture, pictures
from fleet_audit.audit.dockerfiles.workflows.required import other_servers, required_faults
from fleet_audit.audit.dockerfiles.workflows.timing import timing_causes
from fleet_audit.audit.dockerfiles.workflows.verdicts import verdict_faults
from fleet_audit.audit.knowledge.rows import Scanner
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.gates import GateFault
from fleet_audit.audit.model.workflows import Workflow

MAX_COMPARISONS = 300_000
"""Of scans with jobs and with what is done to images, in one workflow."""
MAX_JOBS = 500


def gate_faults(
    workflows: Sequence[Workflow],
    jobs: Iterable[FollowedJob],
    repository: Repository,
    scanners: Iterable[Scanner],
    fleet: Fleet | None = None,
) -> tuple[GateFault, ...]:
    """Return the faults of all gates, each once for all runs of a matrix, in order of places.

    `jobs` are the runs of the workflows' jobs; with a fleet its required checks are looked for.
    """
    jobs, scanners = tuple(jobs), tuple(scanners)
    runs = pictures(jobs, repository, scanners)
    found = [*_once(fault for group in _by_origin(runs) for fault in _faults(group, repository))]
    found += hygiene_faults(workflows, workflow_builds(jobs))
    found += disabled_faults(repository, scanners)
    other_servers(repository)
    if fleet is not None:
        found += required_faults(fleet, repository, runs)
    return tuple(sorted(set(found), key=lambda fault: (fault.location, fault.kind, fault.name)))


def _once(faults: Iterable[GateFault]) -> Iterable[GateFault]:
    """Return one fault for each place and kind: the runs of a matrix share theirs."""
    found: dict[tuple[object, ...], GateFault] = {}
    for fault in faults:
        found.setdefault((fault.kind, fault.location, fault.related), fault)
    return found.values()


def _by_origin(found: Iterable[Picture]) -> Iterable[Sequence[Picture]]:
    groups: dict[str, list[Picture]] = {}
    for picture in found:
        groups.setdefault(picture.job.origin.path, []).append(picture)
    return groups.values()


def _faults(group: Sequence[Picture], repository: Repository) -> Iterator[GateFault]:
    yield from verdict_faults(group)
    jobs = Jobs(group)
    is_small = len(jobs.by_id) <= MAX_JOBS
    left = is_small * MAX_COMPARISONS // (len(group) + sum(len(picture.events) for picture in group))
    for picture in group:
        yield from grep_faults(picture)
        for placed in picture.scans:
            if placed.scan.fails is False:
                continue
            left -= 1
            if left < 0:
                path = picture.job.origin.path
                why = "has so many jobs, scans and builds that not all are held against one another"
                repository.report(path, why, kind=GapKind.LIMIT_REACHED)
                return
            for causes in (timing_causes, elsewhere_causes, bypassing_causes):
                yield from (fault_of(placed, picture, cause) for cause in causes(placed, picture, jobs))
