"""Whether the images that the repository names are those that were agreed."""

from collections import defaultdict

from fleet_audit.audit.pipeline.repository.grounds import Examined, Grounds
from fleet_audit.audit.policy.reference_subjects import (
    argument_subjects,
    drift_subjects,
    publication_subjects,
)


def examine(grounds: Grounds) -> Examined:
    """Return one subject for each drift, each argument that changes nothing and each contested name."""
    users: defaultdict[str, set[str]] = defaultdict(set)
    for build in grounds.builds:
        users[build.dockerfile].update(build.services)
    services = {path: tuple(sorted(names)) for path, names in users.items()}
    claims = grounds.references
    return Examined(
        (
            *drift_subjects(claims.drifts, services),
            *argument_subjects(claims.idle, services),
            *publication_subjects(claims.publications, services),
        )
    )
