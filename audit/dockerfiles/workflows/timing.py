"""Scans that never run, or run when the image is published already."""

from collections.abc import Iterator, Sequence

from fleet_audit.audit.dockerfiles.shell.symbols import shown
from fleet_audit.audit.dockerfiles.workflows.causes import Cause
from fleet_audit.audit.dockerfiles.workflows.conditions import certainly_off, may_happen, worlds
from fleet_audit.audit.dockerfiles.workflows.guarding import is_guarded
from fleet_audit.audit.dockerfiles.workflows.images import PUBLISHING, Deed, ImageEvent, is_about
from fleet_audit.audit.dockerfiles.workflows.jobs import Jobs, outer_job
from fleet_audit.audit.dockerfiles.workflows.pictures import Picture, PlacedScan
from fleet_audit.audit.dockerfiles.workflows.scanning import short
from fleet_audit.audit.dockerfiles.workflows.scopes import Facts
from fleet_audit.audit.model.gates import GateFaultKind


def timing_causes(placed: PlacedScan, picture: Picture, jobs: Jobs) -> Iterator[Cause]:
    """Yield what is wrong with the time at which a scan runs."""
    stops = [certainly_off(picture.job, placed.run, world) for world in worlds(picture.job.origin)]
    first = stops[0] if stops else None
    if first is not None and all(stop is not None for stop in stops):
        detail = f"its condition `{short(first.text)}` never holds"
        yield Cause(GateFaultKind.NEVER_RUNS, detail, first.location)
    for image in placed.scan.images:
        pushed = _pushed_before(image, placed, picture, jobs)
        if pushed is not None:
            detail = f"{shown(image)} is pushed before it is scanned"
            yield Cause(GateFaultKind.AFTER_PUSH, detail, related=pushed.location)


def _pushed_before(image: str, placed: PlacedScan, picture: Picture, jobs: Jobs) -> ImageEvent | None:
    """Return the push of an image that comes before its scan, where nothing after it publishes it anew.

    What another scan stands before is published after that, and this one may look at it again.
    """
    ways = worlds(picture.job.origin)
    before = [
        (event, picture)
        for event in picture.events
        if placed.comes_after(event) and _meet(event, placed, picture, ways)
    ]
    mine = outer_job(picture)
    for name, others in jobs.by_id.items():
        if jobs.waits_for(mine, name):
            before += [(event, other) for other in others for event in other.events]
    pushes = (pair for pair in before if pair[0].deed is Deed.PUSHED and is_about(image, pair[0]))
    pushed, owner = next(pushes, (None, picture))
    if pushed is None or is_guarded(pushed, owner, jobs, ways):
        return None
    return None if _is_published_later(image, placed, picture, jobs) else pushed


def _meet(event: ImageEvent, placed: PlacedScan, picture: Picture, ways: Sequence[Facts]) -> bool:
    """Say whether in some world both the scan and something that its job does may happen."""
    return any(
        certainly_off(picture.job, placed.run, world) is None and may_happen(event, picture.job, world)
        for world in ways
    )


def _is_published_later(image: str, placed: PlacedScan, picture: Picture, jobs: Jobs) -> bool:
    """Say whether what was pushed only waits for its scan: something after it pushes, promotes or deploys."""
    later = [event for event in picture.events if placed.comes_before(event)]
    later += jobs.events_behind(outer_job(picture))
    return any(event.deed in PUBLISHING and not is_about(image, event) for event in later)
