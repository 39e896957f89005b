"""Whether builds fit the repository: their Dockerfiles and contexts, what is taken from these."""

from fleet_audit.audit.dockerfiles.contexts.absent import absent_parts
from fleet_audit.audit.dockerfiles.contexts.agreement import disagreements, settled
from fleet_audit.audit.dockerfiles.copying.ignore_faults import ignore_faults
from fleet_audit.audit.pipeline.repository.grounds import Examined, Grounds
from fleet_audit.audit.policy.context_subjects import (
    absent_subjects,
    contexts_subjects,
    copy_subjects,
    ignore_file_subjects,
)


def examine(grounds: Grounds) -> Examined:
    """Return the subjects of what is named and not there, of contexts that differ, and of .dockerignore."""
    repository, builds = grounds.repository, grounds.builds
    differing = disagreements(builds, grounds.copies)
    return Examined(
        (
            *absent_subjects(absent_parts(repository, builds)),
            *contexts_subjects(differing),
            *copy_subjects(settled(grounds.copies, differing)),
            *ignore_file_subjects(ignore_faults(repository, builds)),
        )
    )
