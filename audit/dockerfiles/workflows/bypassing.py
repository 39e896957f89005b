"""What is published although a gate fails, is not waited for, or does not run there."""

from collections.abc import Iterator, Sequence
from itertools import islice

from fleet_audit.audit.dockerfiles.workflows.causes import Cause
from fleet_audit.audit.dockerfiles.workflows.conditions import (
    certainly_off,
    runs_after_failure,
    worlds,
)
from fleet_audit.audit.dockerfiles.workflows.guarding import is_guarded, open_ways, publishes
from fleet_audit.audit.dockerfiles.workflows.images import PUBLISHING, ImageEvent
from fleet_audit.audit.dockerfiles.workflows.jobs import Jobs, outer_job
from fleet_audit.audit.dockerfiles.workflows.pictures import Picture, PlacedScan
from fleet_audit.audit.dockerfiles.workflows.scanning import short
from fleet_audit.audit.dockerfiles.workflows.scopes import Facts
from fleet_audit.audit.model.gates import GateFaultKind

MAX_EVENTS = 20
"""Of what publishes one image, that is looked at."""


def bypassing_causes(placed: PlacedScan, picture: Picture, jobs: Jobs) -> Iterator[Cause]:
    """Yield the ways past a scan."""
    ways = worlds(picture.job.origin)
    causes = (
        _later_step(placed, picture, ways),
        _later_job(picture, jobs, ways),
        _beside(placed, picture, jobs, ways),
        _skipped(placed, picture, jobs, ways),
    )
    yield from (cause for cause in causes if cause is not None)


def _later_step(placed: PlacedScan, picture: Picture, ways: Sequence[Facts]) -> Cause | None:
    """Return the step behind a gate that publishes after the gate has failed."""
    step = placed.run.step.id.lower()
    failed: Facts = {("steps", step, "outcome"): "failure", ("steps", step, "conclusion"): "failure"}
    for event in picture.events:
        if not placed.comes_before(event) or event.deed not in PUBLISHING:
            continue
        run = picture.job.steps[event.step]
        condition = run.step.condition
        if condition is not None and runs_after_failure(condition, run.certain, failed, ways):
            detail = f"a later step publishes all the same: its condition is `{short(condition.text)}`"
            return Cause(GateFaultKind.RUNS_ANYWAY, detail, condition.location, event.location)
    return None


def _later_job(picture: Picture, jobs: Jobs, ways: Sequence[Facts]) -> Cause | None:
    """Return the job behind a gate that publishes after the gate has failed."""
    mine = outer_job(picture)
    failed: Facts = {("needs", mine.lower(), "result"): "failure"}
    for name, others in jobs.by_id.items():
        if not jobs.waits_for(name, mine):
            continue
        for other in others:
            outer = other.job.callers[0] if other.job.callers else other.job.job
            event = next((event for event in other.events if event.deed in PUBLISHING), None)
            if event is None or outer.condition is None:
                continue
            if runs_after_failure(outer.condition, other.job.certain, failed, ways):
                detail = (
                    f"the job {name} publishes all the same: its condition is `{short(outer.condition.text)}`"
                )
                return Cause(GateFaultKind.RUNS_ANYWAY, detail, outer.condition.location, event.location)
    return None


def _beside(placed: PlacedScan, picture: Picture, jobs: Jobs, ways: Sequence[Facts]) -> Cause | None:
    """Return the job that publishes what is scanned, and neither waits for the scan nor comes before it.

    One that has a gate of its own before it is left alone.
    """
    mine = outer_job(picture)
    for event, other in islice(_published(placed, jobs), MAX_EVENTS):
        name = outer_job(other)
        if name == mine or jobs.waits_for(name, mine) or jobs.waits_for(mine, name):
            continue
        meets = any(
            certainly_off(picture.job, placed.run, world) is None for world in open_ways(event, other, ways)
        )
        if meets and not is_guarded(event, other, jobs, ways):
            detail = f"the job {name} publishes without waiting for it"
            return Cause(GateFaultKind.BESIDE, detail, related=event.location)
    return None


def _published(placed: PlacedScan, jobs: Jobs) -> Iterator[tuple[ImageEvent, Picture]]:
    """Yield what publishes the image that is scanned, with the run of the job."""
    for others in jobs.by_id.values():
        for other in others:
            yield from ((event, other) for event in other.events if publishes(placed, event))


def _skipped(placed: PlacedScan, picture: Picture, jobs: Jobs, ways: Sequence[Facts]) -> Cause | None:
    """Return the condition by which a gate certainly does not run wherever its image is published."""
    if len(ways) < 2:
        return None
    for event, other in islice(_published(placed, jobs), MAX_EVENTS):
        worlds = open_ways(event, other, ways)
        stops = [certainly_off(picture.job, placed.run, world) for world in worlds]
        first = stops[0] if stops else None
        if first is None or None in stops or len(worlds) == len(ways):
            continue
        if not is_guarded(event, other, jobs, ways):
            detail = f"where its image is published, `{short(first.text)}` does not hold"
            return Cause(GateFaultKind.SKIPPED, detail, first.location, event.location)
    return None
