"""At which line of which Dockerfile something would be added to an image."""

import msgspec

from fleet_audit.audit.dockerfiles.placement import placement
from fleet_audit.audit.images.tree import FileUnreadable, normalise
from fleet_audit.audit.model.apt import Placement
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.pipeline.subject import Subject

STAGE = "apt"


def placed(subject: Subject) -> tuple[Placement, tuple[Gap, ...]]:
    """Return where packages for the subject's family belong, and what keeps that from being known."""
    if subject.sources is None or not subject.dockerfiles:
        return Placement(family=subject.family), ()
    path = subject.dockerfiles[0]
    try:
        text = subject.sources.read(normalise(path)).decode("utf-8", "replace")
    except FileUnreadable as error:
        why = f"{error.why}, so the line where packages are to be added is not known"
        gap = Gap(STAGE, GapKind.UNREADABLE_FILE, path, why, subject.location)
        return Placement(family=subject.family), (gap,)
    return msgspec.structs.replace(placement(text, path), family=subject.family), ()
