"""The subjects of what builds install, fetch and trust."""

from collections.abc import Iterable, Mapping

import msgspec

from fleet_audit.audit.model.installs import Practised
from fleet_audit.audit.policy.facts import FACTS, Subject

Users = Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
"""The services and the families that Dockerfiles are for, by the path of the Dockerfile."""

_KINDS = {record: kind for kind, record in FACTS.items()}


def install_subjects(found: Iterable[Practised], users: Users) -> tuple[Subject, ...]:
    """Return one subject for each record, in their order, with those that its file is for."""
    return tuple(_subject(each, users) for each in found)


def _subject(each: Practised, users: Users) -> Subject:
    services, families = users.get(each.practice.path, ((), ()))
    facts = each.practice
    if services or families:
        facts = msgspec.structs.replace(facts, services=services, families=families)
    return Subject(_KINDS[type(facts)], facts, each.name, each.confidence, each.location, each.related)
