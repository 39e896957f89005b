"""What a report is silent about because it is for another command to look at: said, and harmless."""

from collections.abc import Iterator

from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.fleet import Family, Fleet
from fleet_audit.audit.pipeline.run.subject import Subject

STAGE = "pipeline"
_OF_CONTENTS = ("os", "must_contain_pip", "must_contain_apt")
_CHECKED_ELSEWHERE = ("upstream", "platforms", "size_budget_mb")
"""Keys of a family that promise something of its image; `dockerfiles` looks at the latter."""


def unexamined(subject: Subject, fleet: Fleet | None) -> Iterator[Gap]:
    """Yield what a user may expect to have been examined for this subject, and was not."""
    yield from left_to_gate(subject, fleet)
    if fleet is None or subject.family is None:
        return
    audited = {service.name for service in subject.services} - {subject.name}
    for service in fleet.services_of(subject.family):
        if service.image is not None and service.name in audited:
            why = (
                f"it has an image of its own, and was audited on {subject.family}'s; name it to audit its own"
            )
            yield _gap(f"service {service.name}", why, subject)


def left_to_gate(subject: Subject, fleet: Fleet | None) -> Iterator[Gap]:
    """Yield what only a whole audit looks at."""
    if fleet is None or subject.family is None:
        return
    for keys, why in (
        (_OF_CONTENTS, "checked by fleet-audit gate, not here"),
        (_CHECKED_ELSEWHERE, "checked by fleet-audit dockerfiles, not here"),
    ):
        given = [key for key in keys if getattr(subject.settings, key) != getattr(Family(), key)]
        if given:
            yield _gap(f"families.{subject.family}", f"{', '.join(given)}: {why}", subject)
    if fleet.manifest.waivers:
        yield _gap(fleet.manifest.waivers, "waivers are applied by fleet-audit gate, not here", subject)


def _gap(what: str, why: str, subject: Subject) -> Gap:
    return Gap(STAGE, GapKind.NOT_EXAMINED, what, why, subject.location)
