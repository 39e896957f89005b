"""At which line of which Dockerfile something would be added to an image, and how it is changed for it."""

import hashlib
from collections.abc import Collection

import msgspec

from fleet_audit.audit.dockerfiles.addition.foreign_stage import ForeignStage, patch_with_stage
from fleet_audit.audit.dockerfiles.addition.instruction import UnsafePin
from fleet_audit.audit.dockerfiles.addition.patching import patch, unified
from fleet_audit.audit.dockerfiles.addition.placement import find_place, placement
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.images.tree import FileTree, FileUnreadable, normalise
from fleet_audit.audit.model.apt import AptPlan, Placement
from fleet_audit.audit.model.dockerfiles import DockerfileChange
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.pipeline.run.subject import Subject

STAGE = "apt"

_COPIED = "the image has no apt-get: another stage installs the packages, and this one copies them"


def placed(
    subject: Subject, plan: AptPlan | None = None, *, surplus: Collection[str] = (), image_user: str = ""
) -> tuple[Placement, tuple[Gap, ...]]:
    """Return where packages for the subject's family belong, and what keeps that from being known.

    With a plan, the placement says how its packages are written there, or why that cannot be said; packages
    of `surplus` are taken out with the same change. The family's image runs as `image_user`. Of several
    Dockerfiles of a family each gets it; the first is the placement, the others are told with it.
    """
    has_roots = plan is not None and bool(plan.roots or surplus)
    if subject.sources is None or not subject.dockerfiles:
        return Placement(family=subject.family, why_no_patch=_no_file(subject) if has_roots else ""), ()
    wanted = _Wanted(plan, surplus, image_user) if plan is not None and has_roots else None
    found = [_in_file(subject, subject.sources, path, wanted) for path in dict.fromkeys(subject.dockerfiles)]
    (first, _), *others = found
    place = msgspec.structs.replace(first, also=tuple(other for other, _ in others))
    return place, tuple(gap for _, gaps in found for gap in gaps)


class _Wanted(msgspec.Struct, frozen=True):
    """What is to be written into a Dockerfile, and taken out, and as whom its image runs."""

    plan: AptPlan
    surplus: Collection[str]
    image_user: str


def _in_file(
    subject: Subject, sources: FileTree, path: str, wanted: _Wanted | None
) -> tuple[Placement, tuple[Gap, ...]]:
    try:
        body = sources.read(normalise(path))
    except FileUnreadable as error:
        why = f"{error.why}, so the line where packages are to be added is not known"
        gap = Gap(STAGE, GapKind.UNREADABLE_FILE, path, why, subject.location)
        return Placement(family=subject.family, why_no_patch=str(error) if wanted else ""), (gap,)
    place = msgspec.structs.replace(placement(body.decode("utf-8", "replace"), path), family=subject.family)
    if wanted is None:
        return place, ()
    if wanted.plan.stage_base:
        place = msgspec.structs.replace(place, why=_COPIED)
    try:
        return _patched(place, body, wanted, path), ()
    except UnsafePin as error:
        gap = Gap(STAGE, GapKind.NOT_EXAMINED, path, str(error), subject.location)
        return msgspec.structs.replace(place, why_no_patch=str(error)), (gap,)


def _patched(place: Placement, body: bytes, wanted: _Wanted, path: str) -> Placement:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        why = f"{path} is not UTF-8, so it could not be written back as it was"
        return msgspec.structs.replace(place, why_no_patch=why)
    change = _change(text, wanted, path)
    if change.is_empty:
        why = change.why or f"{path} installs these packages already; build the image anew"
        return msgspec.structs.replace(place, why_no_patch=why)
    return msgspec.structs.replace(place, patch=unified(change), digest=hashlib.sha256(body).hexdigest())


def _change(text: str, wanted: _Wanted, path: str) -> DockerfileChange:
    stage = foreign_stage(wanted.plan)
    if stage is None:
        return patch(text, wanted.plan, path=path, surplus=wanted.surplus, image_user=wanted.image_user)
    return patch_with_stage(text, stage, path=path)


def foreign_stage(plan: AptPlan) -> ForeignStage | None:
    """Return the stage from which a plan's packages are copied; None where the image installs them itself."""
    if not plan.stage_base or plan.is_empty:
        return None
    return ForeignStage(plan.stage_base, plan.roots, tuple(package.name for package in plan.packages))


def installs_itself(subject: Subject) -> bool:
    """Say whether a Dockerfile of the subject's family installs packages in the stage that is shipped."""
    return any(_installs(subject.sources, path) for path in subject.dockerfiles)


def _installs(sources: FileTree | None, path: str) -> bool:
    try:
        body = b"" if sources is None else sources.read(normalise(path))
    except FileUnreadable:
        return False
    place = find_place(parse(body.decode("utf-8", "replace")))
    return place is not None and place.extends


def _no_file(subject: Subject) -> str:
    if subject.family is None:
        return "without a manifest, no Dockerfile is known for this image"
    return f"the manifest names no Dockerfile for {subject.family}"
