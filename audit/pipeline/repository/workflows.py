"""Which gates of the repository's workflows cannot fail, or do not run."""

from fleet_audit.audit.dockerfiles.workflows.gates import gate_faults
from fleet_audit.audit.pipeline.repository.grounds import Examined, Grounds
from fleet_audit.audit.policy.gate_subjects import gate_subjects


def examine(grounds: Grounds) -> Examined:
    """Return one subject for each fault of a gate."""
    faults = gate_faults(
        grounds.workflows,
        grounds.workflow_jobs,
        grounds.repository,
        grounds.shared.knowledge.scanners,
        grounds.fleet,
    )
    return Examined(gate_subjects(faults))
