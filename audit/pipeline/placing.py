"""At which line of which Dockerfile something would be added to an image, and how it is changed for it."""

import hashlib

import msgspec

from fleet_audit.audit.dockerfiles.addition.instruction import UnsafePin
from fleet_audit.audit.dockerfiles.addition.patching import patch, unified
from fleet_audit.audit.dockerfiles.addition.placement import placement
from fleet_audit.audit.images.tree import FileTree, FileUnreadable, normalise
from fleet_audit.audit.model.apt import AptPlan, Placement
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.pipeline.subject import Subject

STAGE = "apt"


def placed(subject: Subject, plan: AptPlan | None = None) -> tuple[Placement, tuple[Gap, ...]]:
    """Return where packages for the subject's family belong, and what keeps that from being known.

    With a plan, the placement says how its packages are written there, or why that cannot be said. Of several
    Dockerfiles of a family each gets them; the first is the placement, the others are told with it.
    """
    has_roots = plan is not None and bool(plan.roots)
    if subject.sources is None or not subject.dockerfiles:
        return Placement(family=subject.family, why_no_patch=_no_file(subject) if has_roots else ""), ()
    wanted = plan if has_roots else None
    found = [_in_file(subject, subject.sources, path, wanted) for path in dict.fromkeys(subject.dockerfiles)]
    (first, _), *others = found
    place = msgspec.structs.replace(first, also=tuple(other for other, _ in others))
    return place, tuple(gap for _, gaps in found for gap in gaps)


def _in_file(
    subject: Subject, sources: FileTree, path: str, plan: AptPlan | None
) -> tuple[Placement, tuple[Gap, ...]]:
    try:
        body = sources.read(normalise(path))
    except FileUnreadable as error:
        why = f"{error.why}, so the line where packages are to be added is not known"
        gap = Gap(STAGE, GapKind.UNREADABLE_FILE, path, why, subject.location)
        return Placement(family=subject.family, why_no_patch=str(error) if plan else ""), (gap,)
    place = msgspec.structs.replace(placement(body.decode("utf-8", "replace"), path), family=subject.family)
    if plan is None:
        return place, ()
    try:
        return _patched(place, body, plan, path), ()
    except UnsafePin as error:
        gap = Gap(STAGE, GapKind.NOT_EXAMINED, path, str(error), subject.location)
        return msgspec.structs.replace(place, why_no_patch=str(error)), (gap,)


def _patched(place: Placement, body: bytes, plan: AptPlan, path: str) -> Placement:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        why = f"{path} is not UTF-8, so it could not be written back as it was"
        return msgspec.structs.replace(place, why_no_patch=why)
    change = patch(text, plan, path=path)
    if change.is_empty:
        why = change.why or f"{path} installs these packages already; build the image anew"
        return msgspec.structs.replace(place, why_no_patch=why)
    return msgspec.structs.replace(place, patch=unified(change), digest=hashlib.sha256(body).hexdigest())


def _no_file(subject: Subject) -> str:
    if subject.family is None:
        return "without a manifest, no Dockerfile is known for this image"
    return f"the manifest names no Dockerfile for {subject.family}"
