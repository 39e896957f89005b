"""Whether the checks that the manifest requires still run in some workflow.

Rules: docs.github.com, "About status checks" and "Reusing workflows": a check is called as its job is shown,
by its name or id, with the values of the matrix behind it, and below the name of the job that calls it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.manifest.manifest_lines import ManifestLines
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.shell.symbols import is_known, symbols_in, with_holes
from fleet_audit.audit.dockerfiles.workflows.conditions import certainly_off, worlds
from fleet_audit.audit.dockerfiles.workflows.expressions import filled
from fleet_audit.audit.dockerfiles.workflows.pictures import Picture
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.gates import GateFault, GateFaultKind
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.workflows import Job

OTHER_SERVERS = (".gitlab-ci.yml", "Jenkinsfile", "azure-pipelines.yml", ".circleci/config.yml", ".drone.yml")
_BY_HAND = frozenset({"workflow_dispatch", "workflow_call", "repository_dispatch"})


class _Match(msgspec.Struct, frozen=True):
    """A place that runs a check, or would; `why` says what keeps it from running."""

    location: SourceLocation
    why: str = ""


def other_servers(repository: Repository) -> None:
    """Note the configuration of servers other than GitHub's, which is not read."""
    for name in OTHER_SERVERS:
        if repository.holds(name):
            repository.report(name, "is no workflow of GitHub: not read here", kind=GapKind.NOT_EXAMINED)


def required_faults(fleet: Fleet, repository: Repository, pictures: Sequence[Picture]) -> Iterator[GateFault]:
    """Yield the required checks that no workflow runs.

    Where another server's configuration stands in the repository (`other_servers`) they may run there.
    """
    checks = fleet.manifest.required_checks
    if not checks or any(repository.holds(name) for name in OTHER_SERVERS):
        return
    lines = ManifestLines(fleet, repository)
    for at, check in enumerate(checks):
        found = tuple(_matches(check, pictures))
        if any(not match.why for match in found):
            continue
        detail = found[0].why if found else "no workflow has a job, step or command of this name"
        yield GateFault(
            kind=GateFaultKind.MISSING_CHECK,
            location=lines.at("required_checks", at),
            name=check,
            gate=check,
            detail=detail,
            related=tuple(sorted({match.location for match in found})),
        )


def _matches(check: str, pictures: Iterable[Picture]) -> Iterator[_Match]:
    for picture in pictures:
        job = picture.job
        idle = _idle(picture)
        if any(_is_called(name, check) for name in job_names(picture)):
            yield _Match(job.job.location, idle)
        for run in job.steps:
            name = filled(run.step.name, run.scope)
            if name and _is_called(name, check):
                stops = [certainly_off(job, run, world) for world in worlds(job.origin)]
                is_off = bool(stops) and all(stop is not None for stop in stops)
                yield _Match(run.step.location, idle or ("its condition never holds" if is_off else ""))
        yield from _commands(check, picture, idle)


def _commands(check: str, picture: Picture, idle: str) -> Iterator[_Match]:
    words = check.split()
    for at, commands in picture.commands.items():
        for command in commands:
            if [command.program, *command.arguments][: len(words)] == words:
                yield _Match(picture.job.steps[at].step.location, idle)


def _idle(picture: Picture) -> str:
    """Return why a job does not run by itself; empty where it may."""
    origin = picture.job.origin
    if all(trigger.event in _BY_HAND for trigger in origin.triggers):
        return f"{origin.path} runs only where somebody starts it"
    stops = [certainly_off(picture.job, None, world) for world in worlds(origin)]
    return "its condition never holds" if stops and all(stop is not None for stop in stops) else ""


def job_names(picture: Picture) -> Iterator[str]:
    """Yield what GitHub calls a job: alone, behind the jobs that call it, and behind the workflow."""
    job = picture.job
    own = _name(job.job, filled(job.job.name, job.scope), [value for _, value in job.scope.matrix])
    outer = [_name(caller, caller.name, []) for caller in job.callers]
    shown = " / ".join((*outer, own))
    yield shown
    if job.origin.name:
        yield f"{job.origin.name} / {shown}"


def _name(job: Job, written: str, matrix: Sequence[str | None]) -> str:
    if written:
        return written
    values = [value for value in matrix if value]
    return f"{job.id} ({', '.join(values)})" if values else job.id


def _is_called(name: str, check: str) -> bool:
    """Say whether a name is that of a check; what is not known of it may be anything."""
    if is_known(name):
        return name == check or _without_matrix(name) == check
    if not with_holes(name, "").strip():
        return False
    literal = [re.escape(part) for part in with_holes(name, "\0").split("\0")]
    return len(symbols_in(name)) <= 4 and re.fullmatch(".*?".join(literal), check) is not None


def _without_matrix(name: str) -> str:
    return name.partition(" (")[0] if name.endswith(")") else name
