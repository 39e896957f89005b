"""Each run of a job with its scans and with what it does to images, step by step."""

from collections.abc import Iterable

import msgspec

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.shell.following import Executed
from fleet_audit.audit.dockerfiles.shell.script import Script
from fleet_audit.audit.dockerfiles.workflows.images import ImageEvent, sets_up_builder, step_events
from fleet_audit.audit.dockerfiles.workflows.running import JobRun, StepRun, job_runs
from fleet_audit.audit.dockerfiles.workflows.scanning import Scan, Scanners
from fleet_audit.audit.dockerfiles.workflows.scripts import step_commands, step_script
from fleet_audit.audit.knowledge.rows import Scanner
from fleet_audit.audit.model.workflows import Workflow

MAX_SCANS = 50
"""Scans of one step that are judged; a script with more is no gate that a person wrote."""


class PlacedScan(msgspec.Struct, frozen=True):
    """A scan, and the step that it is in; `step` counts the steps of the job."""

    step: int
    run: StepRun
    scan: Scan
    script: Script | None = None

    def comes_after(self, event: ImageEvent) -> bool:
        """Say whether the scan runs after something that the same job does."""
        return (event.step, event.location.line) < (self.step, self.scan.location.line)

    def comes_before(self, event: ImageEvent) -> bool:
        """Say whether the scan runs before something that the same job does."""
        return (event.step, event.location.line) > (self.step, self.scan.location.line)


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
    workflows: Iterable[Workflow], repository: Repository, rows: Iterable[Scanner]
) -> tuple[Picture, ...]:
    """Return the runs of all jobs, in the order of the files."""
    scanners = Scanners(rows, repository)
    return tuple(_picture(job, scanners) for job in job_runs(workflows, repository))


def _picture(job: JobRun, scanners: Scanners) -> Picture:
    scripts: dict[int, Script] = {}
    commands: dict[int, tuple[Executed, ...]] = {}
    scans: list[PlacedScan] = []
    events: list[ImageEvent] = []
    has_builder = False
    for at, run in enumerate(job.steps):
        script = step_script(run, job)
        if script is not None:
            scripts[at] = script
            commands[at] = step_commands(run, job, script)
        found = commands.get(at, ())
        here = _scans(at, run, found, scanners, script)
        scans += here
        events += step_events(at, run, found, has_builder=has_builder, is_scan=bool(here))
        has_builder = has_builder or sets_up_builder(run)
    return Picture(job, scripts, commands, tuple(scans), tuple(events))


def _scans(
    at: int, run: StepRun, commands: Iterable[Executed], scanners: Scanners, script: Script | None
) -> list[PlacedScan]:
    path = run.step.location.path
    in_action = scanners.in_action(run)
    found = [PlacedScan(at, run, in_action)] if in_action is not None else []
    for command in commands:
        scan = scanners.in_command(command, path)
        if scan is not None:
            found.append(PlacedScan(at, run, scan, script))
    return found[:MAX_SCANS]
