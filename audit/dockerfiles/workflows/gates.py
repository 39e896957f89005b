"""Everything that keeps the gates of a repository's workflows from failing where they should."""

from collections.abc import Iterable, Iterator, Sequence

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.workflows.bypassing import bypassing_causes
from fleet_audit.audit.dockerfiles.workflows.causes import fault_of
from fleet_audit.audit.dockerfiles.workflows.disabled import disabled_faults
from fleet_audit.audit.dockerfiles.workflows.grepping import grep_faults
from fleet_audit.audit.dockerfiles.workflows.hygiene import hygiene_faults
from fleet_audit.audit.dockerfiles.workflows.jobs import Jobs
from fleet_audit.audit.dockerfiles.workflows.looking_elsewhere import elsewhere_causes
from fleet_audit.audit.dockerfiles.workflows.pictures import Picture, pictures
from fleet_audit.audit.dockerfiles.workflows.required import other_servers, required_faults
from fleet_audit.audit.dockerfiles.workflows.timing import timing_causes
from fleet_audit.audit.dockerfiles.workflows.verdicts import verdict_faults
from fleet_audit.audit.knowledge.rows import Scanner
from fleet_audit.audit.model.builds import Build
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.gates import GateFault
from fleet_audit.audit.model.workflows import Workflow


def gate_faults(
    workflows: Sequence[Workflow],
    repository: Repository,
    scanners: Iterable[Scanner],
    builds: Iterable[Build] = (),
    fleet: Fleet | None = None,
) -> tuple[GateFault, ...]:
    """Return the faults of all gates, each once for all runs of a matrix, in order of places.

    `builds` are those of the workflows; with a fleet its required checks are looked for.
    """
    scanners = tuple(scanners)
    runs = pictures(workflows, repository, scanners)
    found = [*_once(fault for group in _by_origin(runs) for fault in _faults(group))]
    found += hygiene_faults(workflows, builds)
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


def _faults(group: Sequence[Picture]) -> Iterator[GateFault]:
    yield from verdict_faults(group)
    jobs = Jobs(group)
    for picture in group:
        yield from grep_faults(picture)
        for placed in picture.scans:
            if placed.scan.fails is False:
                continue
            for causes in (timing_causes, elsewhere_causes, bypassing_causes):
                yield from (fault_of(placed, picture, cause) for cause in causes(placed, picture, jobs))
