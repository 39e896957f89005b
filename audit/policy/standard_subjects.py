"""The subjects of what images are held to."""

from collections.abc import Iterable

from fleet_audit.audit.model.standards import Observed
from fleet_audit.audit.policy.facts import FACTS, Subject

_KINDS = {record: kind for kind, record in FACTS.items()}


def standard_subjects(observed: Iterable[Observed]) -> tuple[Subject, ...]:
    """Return one subject for each record, in their order."""
    return tuple(
        Subject(
            _KINDS[type(each.standing)],
            each.standing,
            each.name,
            each.confidence,
            each.location,
            each.related,
        )
        for each in observed
    )
