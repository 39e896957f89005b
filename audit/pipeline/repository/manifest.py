"""Whether the manifest says what is so."""

from fleet_audit.audit.dockerfiles.manifest.reality import mismatches
from fleet_audit.audit.pipeline.repository.grounds import Examined, Grounds
from fleet_audit.audit.policy.manifest_subjects import claim_subjects


def examine(grounds: Grounds) -> Examined:
    """Return one subject for each disagreement; none where there is no manifest."""
    if grounds.fleet is None:
        return Examined()
    return Examined(claim_subjects(mismatches(grounds.fleet, grounds.repository)))
