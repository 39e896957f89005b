"""At which line of which Dockerfile something would be added to an image, and how it is changed for it."""

import msgspec

from fleet_audit.audit.dockerfiles.addition.instruction import UnsafePin
from fleet_audit.audit.dockerfiles.addition.patching import patch, unified
from fleet_audit.audit.dockerfiles.addition.placement import placement
from fleet_audit.audit.images.tree import FileUnreadable, normalise
from fleet_audit.audit.model.apt import AptPlan, Placement
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.pipeline.subject import Subject

STAGE = "apt"


def placed(subject: Subject, plan: AptPlan | None = None) -> tuple[Placement, tuple[Gap, ...]]:
    """Return where packages for the subject's family belong, and what keeps that from being known.

    With a plan, the placement says how its packages are written there.
    """
    if subject.sources is None or not subject.dockerfiles:
        return Placement(family=subject.family), ()
    path = subject.dockerfiles[0]
    try:
        text = subject.sources.read(normalise(path)).decode("utf-8", "replace")
    except FileUnreadable as error:
        why = f"{error.why}, so the line where packages are to be added is not known"
        gap = Gap(STAGE, GapKind.UNREADABLE_FILE, path, why, subject.location)
        return Placement(family=subject.family), (gap,)
    place = msgspec.structs.replace(placement(text, path), family=subject.family)
    # What is no UTF-8 could not be written back as it was.
    if plan is None or not plan.roots or "\ufffd" in text:
        return place, ()
    try:
        change = patch(text, plan, path=path)
    except UnsafePin as error:
        return place, (Gap(STAGE, GapKind.NOT_EXAMINED, path, str(error), subject.location),)
    return msgspec.structs.replace(place, patch=unified(change)), ()
