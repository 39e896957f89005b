"""Whether what the manifest says of services, families and machines is so in the repository."""

from collections.abc import Iterator

from fleet_audit.audit.dockerfiles.manifest.absent import absences
from fleet_audit.audit.dockerfiles.manifest.dependencies import dependency_mismatches
from fleet_audit.audit.dockerfiles.manifest.manifest_lines import ManifestLines
from fleet_audit.audit.dockerfiles.manifest.port_claims import port_collisions
from fleet_audit.audit.dockerfiles.manifest.startup_claims import startup_mismatches
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.manifest_claims import ManifestMismatch


def mismatches(fleet: Fleet, repository: Repository) -> tuple[ManifestMismatch, ...]:
    """Return every disagreement between a manifest and the repository at whose root it stands."""
    return tuple(_mismatches(ManifestLines(fleet, repository), repository))


def _mismatches(lines: ManifestLines, repository: Repository) -> Iterator[ManifestMismatch]:
    yield from absences(lines, repository)
    yield from dependency_mismatches(lines)
    yield from port_collisions(lines)
    yield from startup_mismatches(lines, repository)
