"""What is held against a scan, as a fault of the gate that it is."""

import msgspec

from fleet_audit.audit.dockerfiles.workflows.pictures import Picture, PlacedScan
from fleet_audit.audit.model.gates import GateFault, GateFaultKind
from fleet_audit.audit.model.location import SourceLocation


class Cause(msgspec.Struct, frozen=True):
    """One thing that is wrong; without a place of its own it stands where the scan does."""

    kind: GateFaultKind
    detail: str
    location: SourceLocation | None = None
    related: SourceLocation | None = None


def fault_of(placed: PlacedScan, picture: Picture, cause: Cause) -> GateFault:
    """Return the fault of a scan, related to the scan itself and to what else has a part in it."""
    at = cause.location or placed.scan.location
    others = dict.fromkeys((placed.scan.location, cause.related or at))
    return GateFault(
        kind=cause.kind,
        location=at,
        name=f"{picture.job.job.id}/{placed.scan.scanner.id}/{placed.scan.what}",
        job=picture.job.job.id,
        gate=placed.scan.what,
        detail=cause.detail,
        related=tuple(place for place in others if place != at),
    )
