"""Scans that do not look at the image that is built."""

from collections.abc import Iterator, Sequence

from fleet_audit.audit.dockerfiles.shell.symbols import is_known, shown, symbols_in
from fleet_audit.audit.dockerfiles.workflows.builds import uses_action
from fleet_audit.audit.dockerfiles.workflows.causes import Cause
from fleet_audit.audit.dockerfiles.workflows.images import (
    Deed,
    ImageEvent,
    image_name,
    is_about,
    may_be_any,
)
from fleet_audit.audit.dockerfiles.workflows.jobs import Jobs, outer_job
from fleet_audit.audit.dockerfiles.workflows.pictures import Picture, PlacedScan
from fleet_audit.audit.model.gates import GateFaultKind

_OF_THE_RUN = frozenset({"github.sha", "github.run_id", "github.run_number", "github.run_attempt"})
"""What no name that is written out can be equal to."""

_MAY_PUSH = (Deed.PUSHED, Deed.PROMOTED, Deed.ANYTHING)


def elsewhere_causes(placed: PlacedScan, picture: Picture, jobs: Jobs) -> Iterator[Cause]:
    """Yield why a scan looks at something else than what its job, or one before it, builds."""
    if len(placed.scan.images) != 1:
        return
    image = placed.scan.images[0]
    cause = _in_own_job(image, placed, picture) or _in_other_job(image, picture, jobs)
    if cause is not None:
        yield cause


def _in_own_job(image: str, placed: PlacedScan, picture: Picture) -> Cause | None:
    built = [event for event in picture.events if event.deed is Deed.BUILT]
    before = (event for event in picture.events if placed.comes_after(event) or event.deed is Deed.BUILT)
    if not built or any(may_be_any(event) for event in before if event.deed is not Deed.DEPLOYED):
        return None
    own = [event for event in built if is_about(image, event)]
    if own:
        return _not_there(image, own, placed, picture)
    brought = [event for event in picture.events if event.deed in (Deed.NAMED, Deed.PULLED)]
    if not is_known(image) or any(is_about(image, event) for event in brought):
        return None
    repository = image_name(image).repository
    pairs = [(event, name) for event in built for name in event.names]
    same = [(event, name) for event, name in pairs if image_name(name).repository == repository]
    if not same or not all(_is_settled(image_name(name).tag) for _, name in same):
        return None
    detail = f"{shown(image)} is scanned, while {shown(same[0][1])} is built"
    return Cause(GateFaultKind.OTHER_IMAGE, detail, related=same[0][0].location)


def _is_settled(tag: str) -> bool:
    """Say whether a tag is known, or known to be a commit's or a run's."""
    return all(name in _OF_THE_RUN or name.startswith("$(git rev-parse ") for name in symbols_in(tag))


def _not_there(image: str, own: Sequence[ImageEvent], placed: PlacedScan, picture: Picture) -> Cause | None:
    """Return why an image that is built is not what a scan sees under its name."""
    before = [event for event in own if placed.comes_after(event)]
    if not before:
        earlier = (event for event in picture.events if placed.comes_after(event))
        if any(event.deed is Deed.PULLED and is_about(image, event) for event in earlier):
            return None
        detail = f"{shown(image)} is scanned before it is built"
        return Cause(GateFaultKind.BEFORE_BUILD, detail, related=own[0].location)
    is_pushed = any(event.deed is Deed.PUSHED and is_about(image, event) for event in picture.events)
    if is_pushed or any(event.is_loaded for event in before):
        return None
    detail = f"{shown(image)} is built, and neither loaded nor pushed: what is scanned comes from elsewhere"
    return Cause(GateFaultKind.NOT_LOADED, detail, related=before[-1].location)


def _in_other_job(image: str, picture: Picture, jobs: Jobs) -> Cause | None:
    """Return why a scan does not see the image that a job before it builds and keeps."""
    has_own = any(event.deed in (Deed.BUILT, Deed.PULLED, Deed.NAMED) for event in picture.events)
    takes_files = (
        uses_action(run, "actions/download-artifact", "actions/cache") for run in picture.job.steps
    )
    if has_own or any(takes_files):
        return None
    events = [event for name in jobs.by_id for event in jobs.events_of(name)]
    if any(event.deed in _MAY_PUSH and _may_be(image, event) for event in events):
        return None
    before = jobs.events_before(outer_job(picture))
    built = next((event for event in before if event.deed is Deed.BUILT and is_about(image, event)), None)
    if built is None:
        return None
    detail = f"{shown(image)} is built in another job, and neither pushed nor handed over"
    return Cause(GateFaultKind.NOT_HANDED_OVER, detail, related=built.location)


def _may_be(image: str, event: ImageEvent) -> bool:
    repository = image_name(image).repository
    return may_be_any(event) or any(image_name(name).repository == repository for name in event.names)
