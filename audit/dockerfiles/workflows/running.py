"""The runs of a workflow's jobs, and the steps of each with the values that hold there.

Rules: docs.github.com, "Workflow syntax for GitHub Actions", "Reusing workflows" and "Metadata syntax for
GitHub Actions": a composite action sees its own inputs, and no defaults of the workflow for ``run``.
"""

import posixpath
from collections.abc import Iterable, Iterator

import msgspec

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.shell.symbols import is_known
from fleet_audit.audit.dockerfiles.workflows.expressions import filled
from fleet_audit.audit.dockerfiles.workflows.scopes import WORKSPACE, Scope, Values, outcome
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.workflows import ActionKind, Combination, Job, Step, Workflow

MAX_STEPS = 20_000
MAX_CALLS = 10
"""How deep workflows may call one another; GitHub's own limit."""
MAX_OUTPUTS = 500
"""Outputs of the jobs of one workflow that are followed."""
_CHECKOUT = "actions/checkout"
_CALL = "workflow_call"


class StepRun(msgspec.Struct, frozen=True, kw_only=True):
    """One step in one run of its job. `within` are the steps whose composite actions it is part of.

    `folder` is the working directory, absolute, None where it is not known; `scope` holds what is likely
    (inputs have their defaults), `certain` only what nothing from outside can change.
    """

    step: Step
    scope: Scope
    certain: Scope
    given: Values
    folder: str | None
    shell: str
    within: tuple[Step, ...] = ()


class JobRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a job: `callers` are the jobs that call its workflow, the outermost first.

    `origin` is the workflow that is started. `checkouts` are the folders of the workspace where the
    repository is checked out (its own) and those of other repositories.
    """

    workflow: Workflow
    origin: Workflow
    job: Job
    scope: Scope
    certain: Scope
    steps: tuple[StepRun, ...]
    callers: tuple[Job, ...] = ()
    own_checkouts: tuple[str, ...] = ()
    other_checkouts: tuple[str, ...] = ()

    def in_repository(self, path: str) -> str | None:
        """Return where a path of the workspace stands in the repository; None where it is not in it."""
        below = posixpath.normpath(posixpath.join(WORKSPACE, path))
        roots = [(folder, True) for folder in self.own_checkouts]
        roots += [(folder, False) for folder in self.other_checkouts]
        fitting = [root for root in roots if below == root[0] or below.startswith(f"{root[0]}/")]
        folder, is_own = max(fitting, default=("", False), key=lambda root: len(root[0]))
        if not is_own:
            return None
        return posixpath.normpath(below[len(folder) :].strip("/") or ".")


class _Call(msgspec.Struct, frozen=True):
    """How a workflow comes to run: what started it, the jobs that call it, and what they hand to it."""

    origin: Workflow
    callers: tuple[Job, ...] = ()
    inputs: Values = {}
    certain: Values = {}


def job_runs(workflows: Iterable[Workflow], repository: Repository) -> Iterator[JobRun]:
    """Yield the runs of all jobs, in the order of the files.

    A workflow that can only be called, and is called here, runs with what its callers give; else with the
    defaults of its inputs. Beyond MAX_STEPS steps there is a gap.
    """
    runner = _Runner(workflows)
    for workflow in runner.started():
        yield from runner.runs(workflow, _Call(workflow, inputs=_defaults(workflow)))
        if runner.left < 0:
            why = f"the runs of all jobs have more than {MAX_STEPS} steps; the further ones are not followed"
            repository.report(workflow.path, why, kind=GapKind.LIMIT_REACHED)
            return


class _Runner:
    """Follows workflows into those that they call, and counts what it has followed."""

    def __init__(self, workflows: Iterable[Workflow]) -> None:
        self.left = MAX_STEPS
        self._by_path = {workflow.path: workflow for workflow in workflows}

    def started(self) -> Iterator[Workflow]:
        """Yield the workflows that do not run within another one alone."""
        jobs = (job for workflow in self._by_path.values() for job in workflow.jobs)
        called = {job.calls.path for job in jobs if job.calls is not None and _is_local(job)}
        for workflow in self._by_path.values():
            if workflow.path not in called or any(trigger.event != _CALL for trigger in workflow.triggers):
                yield workflow

    def runs(self, workflow: Workflow, call: _Call) -> Iterator[JobRun]:
        base = Scope(inputs=call.inputs).with_env(workflow.env)
        sure = Scope(inputs=call.certain).with_env(workflow.env)
        for job in workflow.jobs:
            scope, certain = base, sure
            for combination in job.combinations:
                scope, certain = _in_job(base, job, combination), _in_job(sure, job, combination)
                yield from self._job(workflow, job, call, scope, certain)
                if self.left < 0:
                    return
            if job.outputs and len(job.combinations) == 1:
                base, sure = _behind_job(base, job, scope), _behind_job(sure, job, certain)

    def _job(
        self, workflow: Workflow, job: Job, call: _Call, scope: Scope, certain: Scope
    ) -> Iterator[JobRun]:
        called = self._by_path.get(job.calls.path) if job.calls is not None and _is_local(job) else None
        self.left -= 1
        if called is not None and len(call.callers) < MAX_CALLS:
            inputs = {**_defaults(called), **scope.values(job.given)}
            inner = _Call(call.origin, (*call.callers, job), inputs, certain.values(job.given))
            yield from self.runs(called, inner)
        elif called is None:
            run = _job_run(workflow, job, call, scope, certain)
            self.left -= len(run.steps)
            yield run


def _in_job(scope: Scope, job: Job, combination: Combination) -> Scope:
    inner = msgspec.structs.replace(
        scope, matrix=combination, is_matrix_known=job.is_matrix_known, job=job.id
    )
    return inner.with_env(job.env)


def _behind_job(scope: Scope, job: Job, own: Scope) -> Scope:
    """Return the scope of jobs further down, which may need what this one gives."""
    given = {
        ("needs", job.id.lower(), "outputs", name.lower()): outcome(text)
        for name, text in own.values(job.outputs).items()
    }
    return msgspec.structs.replace(scope, facts={**scope.facts, **given})


def _is_local(job: Job) -> bool:
    return job.calls is not None and job.calls.kind is ActionKind.LOCAL


def _defaults(workflow: Workflow) -> Values:
    return {name: default.text for name, default in workflow.inputs}


def _job_run(workflow: Workflow, job: Job, call: _Call, scope: Scope, certain: Scope) -> JobRun:
    folder = job.working_directory or workflow.working_directory
    shell = job.shell or workflow.shell
    steps = tuple(_step_runs(job.steps, scope, certain, _Defaults(folder, shell), ()))
    own, other = _checkouts(steps)
    return JobRun(
        workflow=workflow,
        origin=call.origin,
        job=job,
        scope=scope,
        certain=certain,
        steps=steps,
        callers=call.callers,
        own_checkouts=own,
        other_checkouts=other,
    )


class _Defaults(msgspec.Struct, frozen=True):
    """What holds for the scripts of steps that do not say otherwise."""

    folder: str = ""
    shell: str = ""


def _step_runs(
    steps: tuple[Step, ...], scope: Scope, certain: Scope, defaults: _Defaults, within: tuple[Step, ...]
) -> Iterator[StepRun]:
    for step in steps:
        here, sure = scope.with_env(step.env), certain.with_env(step.env)
        given = here.values(step.given)
        if step.steps:
            inner = _inside(step, here, given)
            inner_sure = _inside(step, sure, sure.values(step.given))
            yield from _step_runs(step.steps, inner, inner_sure, _Defaults(), (*within, step))
            continue
        written = filled(step.working_directory or defaults.folder, here)
        yield StepRun(
            step=step,
            scope=here,
            certain=sure,
            given=given,
            folder=posixpath.normpath(posixpath.join(WORKSPACE, written)) if is_known(written) else None,
            shell=step.shell or defaults.shell,
            within=within,
        )


def _inside(step: Step, scope: Scope, given: Values) -> Scope:
    """Return the scope of the steps of a composite action."""
    folder = "" if step.uses is None else step.uses.path
    facts = {**scope.facts, ("github", "action_path"): posixpath.join(WORKSPACE, folder)}
    inputs = {**{name: default.text for name, default in step.inputs}, **given}
    return msgspec.structs.replace(scope, inputs=inputs, facts=facts)


def _checkouts(steps: tuple[StepRun, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the folders where the repository is checked out, and those of others."""
    own: list[str] = []
    other: list[str] = []
    for run in steps:
        uses = run.step.uses
        if uses is None or uses.kind is not ActionKind.REPOSITORY or uses.name != _CHECKOUT:
            continue
        path = run.given.get("path", "")
        if not is_known(path):
            continue
        folder = posixpath.normpath(posixpath.join(WORKSPACE, path))
        (other if _is_foreign(run) else own).append(folder)
    # Without a checkout that is known, the files are taken to come by another way: an action, a container.
    return tuple(own) if own or other else (WORKSPACE,), tuple(other)


def _is_foreign(run: StepRun) -> bool:
    written = next((text.text for name, text in run.step.given if name == "repository"), "")
    return bool(written) and "github.repository" not in written.replace(" ", "")
