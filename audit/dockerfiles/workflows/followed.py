"""Each run of a job with its scripts, and the commands that they run."""

from collections.abc import Iterable

import msgspec

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.shell.following import Executed
from fleet_audit.audit.dockerfiles.shell.script import Script
from fleet_audit.audit.dockerfiles.workflows.running import JobRun, job_runs
from fleet_audit.audit.dockerfiles.workflows.scripts import step_commands, step_script
from fleet_audit.audit.model.workflows import Workflow


class FollowedJob(msgspec.Struct, frozen=True):
    """One run of a job; its scripts and commands by the number of the step."""

    job: JobRun
    scripts: dict[int, Script]
    commands: dict[int, tuple[Executed, ...]]


def followed_jobs(workflows: Iterable[Workflow], repository: Repository) -> tuple[FollowedJob, ...]:
    """Return the runs of all jobs, in the order of the files."""
    return tuple(_followed(job) for job in job_runs(workflows, repository))


def _followed(job: JobRun) -> FollowedJob:
    found = ((at, step_script(run, job)) for at, run in enumerate(job.steps))
    scripts = {at: script for at, script in found if script is not None}
    commands = {at: step_commands(job.steps[at], job, script) for at, script in scripts.items()}
    return FollowedJob(job, scripts, commands)
