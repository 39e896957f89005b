"""Which scans stand before what is published."""

from collections.abc import Iterator, Sequence

from fleet_audit.audit.dockerfiles.workflows.conditions import certainly_off, may_happen
from fleet_audit.audit.dockerfiles.workflows.images import PUBLISHING, Deed, ImageEvent, image_name, is_about
from fleet_audit.audit.dockerfiles.workflows.jobs import Jobs, outer_job
from fleet_audit.audit.dockerfiles.workflows.pictures import Picture, PlacedScan
from fleet_audit.audit.dockerfiles.workflows.scopes import Facts


def publishes(placed: PlacedScan, event: ImageEvent) -> bool:
    """Say whether an event publishes what is scanned."""
    if event.deed not in PUBLISHING:
        return False
    scanned = {image_name(image).repository for image in placed.scan.images}
    if not scanned and placed.scan.scanner.guards_all:
        return True
    if event.deed is Deed.DEPLOYED:
        return bool(scanned)
    return any(image_name(name).repository in scanned for name in event.names)


def open_ways(event: ImageEvent, owner: Picture, ways: Sequence[Facts]) -> list[Facts]:
    """Return the worlds in which something may happen that a job does."""
    return [world for world in ways if may_happen(event, owner.job, world)]


def is_guarded(event: ImageEvent, owner: Picture, jobs: Jobs, ways: Sequence[Facts]) -> bool:
    """Say whether a scan that may fail comes before something that a job publishes, wherever that happens."""
    worlds = open_ways(event, owner, ways)
    return any(
        placed.scan.fails is not False
        and (publishes(placed, event) or (picture is owner and _is_another_name(placed, event, owner)))
        and all(certainly_off(picture.job, placed.run, world) is None for world in worlds)
        for placed, picture in _scans_before(event, owner, jobs)
    )


def _is_another_name(placed: PlacedScan, event: ImageEvent, owner: Picture) -> bool:
    """Say whether a scan looks at what its own job builds first, for a test, and then by its full name."""
    built = [each for each in owner.events if each.deed is Deed.BUILT]
    names = {_last_part(name) for name in event.names}
    return any(
        _last_part(image) in names and any(is_about(image, each) for each in built)
        for image in placed.scan.images
    )


def _last_part(name: str) -> str:
    return image_name(name).repository.rpartition("/")[2]


def _scans_before(event: ImageEvent, owner: Picture, jobs: Jobs) -> Iterator[tuple[PlacedScan, Picture]]:
    for placed in owner.scans:
        if placed.comes_before(event):
            yield placed, owner
    mine = outer_job(owner)
    for name, pictures in jobs.by_id.items():
        if jobs.waits_for(mine, name):
            yield from ((placed, picture) for picture in pictures for placed in picture.scans)
