"""What a report is silent about because this version does not look at it: said, and harmless."""

from collections.abc import Iterator

from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.fleet import Family, Fleet
from fleet_audit.audit.pipeline.run.subject import Subject

STAGE = "pipeline"
_UNCHECKED = ("os", "must_contain_pip", "must_contain_apt")
_CHECKED_ELSEWHERE = ("upstream", "platforms", "size_budget_mb")
"""Keys of a family that promise something of its image; `dockerfiles` looks at the latter."""


def unexamined(subject: Subject, fleet: Fleet | None) -> Iterator[Gap]:
    """Yield what a user may expect to have been examined for this subject, and was not."""
    if fleet is None or subject.family is None:
        return
    for keys, why in (
        (_UNCHECKED, "not checked in this version"),
        (_CHECKED_ELSEWHERE, "checked by fleet-audit dockerfiles, not here"),
    ):
        given = [key for key in keys if getattr(subject.settings, key) != getattr(Family(), key)]
        if given:
            yield _gap(f"families.{subject.family}", f"{', '.join(given)}: {why}", subject)
    if fleet.manifest.waivers:
        yield _gap(fleet.manifest.waivers, "waivers are not applied in this version", subject)
    audited = {service.name for service in subject.services} - {subject.name}
    for service in fleet.services_of(subject.family):
        if service.image is not None and service.name in audited:
            why = (
                f"it has an image of its own, and was audited on {subject.family}'s; name it to audit its own"
            )
            yield _gap(f"service {service.name}", why, subject)


def _gap(what: str, why: str, subject: Subject) -> Gap:
    return Gap(STAGE, GapKind.NOT_EXAMINED, what, why, subject.location)
