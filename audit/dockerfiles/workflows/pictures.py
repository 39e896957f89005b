"""Each run of a job with its scans and with what it does to images, step by step."""

from collections.abc import Iterable

import msgspec

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.shell.following import Executed
from fleet_audit.audit.dockerfiles.shell.script import Script
from fleet_audit.audit.dockerfiles.workflows.followed import FollowedJob
from fleet_audit.audit.dockerfiles.workflows.images import ImageEvent, sets_up_builder, step_events
from fleet_audit.audit.dockerfiles.workflows.running import JobRun, StepRun
from fleet_audit.audit.dockerfiles.workflows.scanning import Scan, Scanners
from fleet_audit.audit.knowledge.rows import Scanner

MAX_SCANS = 20
"""Scans of one step that are judged; a script with more is no gate that a person wrote."""


class PlacedScan(msgspec.Struct, frozen=True):
    """A scan, and the step that it is in; `step` counts the steps of the job, `order` the commands of it."""

    step: int
    run: StepRun
    scan: Scan
    script: Script | None = None
    order: int = -1

    def comes_after(self, event: ImageEvent) -> bool:
        """Say whether the scan runs after something that the same job does."""
        return (event.step, event.order) < (self.step, self.order)

    def comes_before(self, event: ImageEvent) -> bool:
        """Say whether the scan runs before something that the same job does."""
        return (event.step, event.order) > (self.step, self.order)


class Picture(msgspec.Struct, frozen=True):
    """One run of a job: scripts and commands by the number of the step, scans, and what is done to images."""

    job: JobRun
    scripts: dict[int, Script]
    commands: dict[int, tuple[Executed, ...]]
    scans: tuple[PlacedScan, ...]
    events: tuple[ImageEvent, ...]

    @property
    def id(self) -> tuple[str, str]:
        """Return what tells the job from others: the workflow that is started, and the ids to the job."""
        names = [caller.id for caller in self.job.callers] + [self.job.job.id]
        return self.job.origin.path, "/".join(names)


def pictures(
    jobs: Iterable[FollowedJob], repository: Repository, rows: Iterable[Scanner]
) -> tuple[Picture, ...]:
    """Return the runs of all jobs with their scans, in the same order."""
    scanners = Scanners(rows, repository)
    return tuple(_picture(followed, scanners) for followed in jobs)


def _picture(followed: FollowedJob, scanners: Scanners) -> Picture:
    job = followed.job
    scans: list[PlacedScan] = []
    events: list[ImageEvent] = []
    has_builder = False
    for at, run in enumerate(job.steps):
        commands = followed.commands.get(at, ())
        here = _scans(at, run, commands, scanners, followed.scripts.get(at))
        scans += here
        events += step_events(at, run, commands, has_builder=has_builder, is_scan=bool(here))
        has_builder = has_builder or sets_up_builder(run)
    return Picture(job, followed.scripts, followed.commands, tuple(scans), tuple(events))


def _scans(
    at: int, run: StepRun, commands: Iterable[Executed], scanners: Scanners, script: Script | None
) -> list[PlacedScan]:
    path = run.step.location.path
    in_action = scanners.in_action(run)
    found = [PlacedScan(at, run, in_action)] if in_action is not None else []
    for order, command in enumerate(commands):
        scan = scanners.in_command(command, path)
        if scan is not None:
            found.append(PlacedScan(at, run, scan, script, order))
    return found[:MAX_SCANS]
