"""The subjects of workflows."""

from collections.abc import Iterable

from fleet_audit.audit.model.gates import GateFault
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.policy.facts import Subject, SubjectKind, placed_subject
from fleet_audit.audit.policy.gate_facts import GateFacts


def gate_subjects(faults: Iterable[GateFault]) -> tuple[Subject, ...]:
    """Return one subject for each fault of a gate, in their order.

    Its name holds no line, so that a waiver survives an edit above.
    """
    found = []
    for fault in faults:
        facts = GateFacts(
            kind=fault.kind,
            path=fault.location.path,
            line=fault.location.line,
            job=fault.job,
            what=fault.gate,
            detail=fault.detail,
            owner=fault.gate.partition("/")[0],
        )
        name = f"gate:{fault.kind}:{fault.location.path}#{fault.name}"
        places = [fault.location, *fault.related]
        found.append(placed_subject(SubjectKind.GATE, facts, name, Level.CERTAIN, places))
    return tuple(found)
