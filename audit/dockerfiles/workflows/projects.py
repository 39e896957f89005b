"""The compose and bake files that workflows build from, as their steps name them.

Rules: the metadata of docker/bake-action: ``files`` and ``targets``, from ``workdir``.
"""

from collections.abc import Iterable, Iterator

from fleet_audit.audit.dockerfiles.contexts.project_commands import Project, named_projects
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.shell.following import joined
from fleet_audit.audit.dockerfiles.shell.symbols import is_known
from fleet_audit.audit.dockerfiles.workflows.builds import items, known_items, locator, uses_action
from fleet_audit.audit.dockerfiles.workflows.followed import FollowedJob
from fleet_audit.audit.dockerfiles.workflows.running import JobRun, StepRun
from fleet_audit.audit.dockerfiles.workflows.scopes import WORKSPACE

BAKE_ACTION = "docker/bake-action"


def workflow_projects(jobs: Iterable[FollowedJob], repository: Repository) -> tuple[Project, ...]:
    """Return what the steps of all jobs build so, each once, in the order of the files."""
    return tuple(dict.fromkeys(project for followed in jobs for project in _projects(followed, repository)))


def _projects(followed: FollowedJob, repository: Repository) -> Iterator[Project]:
    locate = locator(followed.job)
    for at, run in enumerate(followed.job.steps):
        if uses_action(run, BAKE_ACTION):
            yield from _baked(run, followed.job, repository)
        yield from named_projects(followed.commands.get(at, ()), locate, repository)


def _baked(run: StepRun, job: JobRun, repository: Repository) -> Iterator[Project]:
    locate = locator(job)
    folder = joined(WORKSPACE, run.given.get("workdir") or ".")
    written = items(run.given.get("files", ""))
    paths = [path for name in written if is_known(name) and (path := joined(folder, name)) is not None]
    files = tuple(locate(path).path for path in paths)
    targets = known_items(run.given.get("targets", ""))
    is_whole = len(files) == len(written) and all(path and repository.holds(path) for path in files)
    if folder is not None and files and is_whole:
        yield Project(files, locate(folder).path or ".", is_bake=True, targets=targets)
