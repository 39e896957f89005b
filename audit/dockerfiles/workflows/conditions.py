"""Under which events a job or step runs, and whether it runs where a gate before it has failed.

Rules: docs.github.com, "Contexts reference" (github.event_name, github.ref, github.base_ref), "Events that
trigger workflows", and "Evaluate expressions in workflows and actions" (status check functions: a condition
without one holds only after success).
"""

from collections.abc import Iterable, Iterator

import msgspec

from fleet_audit.audit.dockerfiles.workflows.expressions import Outcome, evaluate, holds, parts
from fleet_audit.audit.dockerfiles.workflows.images import ImageEvent
from fleet_audit.audit.dockerfiles.workflows.running import JobRun, StepRun
from fleet_audit.audit.dockerfiles.workflows.scopes import Facts, Scope
from fleet_audit.audit.model.workflows import Trigger, Workflow, Written

MAX_WORLDS = 64
_STATUS = ("success()", "failure()", "cancelled()", "always()")
_PATTERN = frozenset("*?[]!+")
FAILED: Facts = {("success()",): False, ("failure()",): True, ("cancelled()",): False}


def worlds(workflow: Workflow) -> tuple[Facts, ...]:
    """Return what is known of a run for each way to start it: the event, and the branch where it is named."""
    found = [world for trigger in workflow.triggers for world in _worlds(trigger)]
    return tuple(found[:MAX_WORLDS]) if len(found) <= MAX_WORLDS else ({},)


def _worlds(trigger: Trigger) -> Iterator[Facts]:
    # A called workflow sees the event of its caller.
    event: Facts = {} if trigger.event == "workflow_call" else {("github", "event_name"): trigger.event}
    are_named = bool(trigger.branches) and all(_PATTERN.isdisjoint(name) for name in trigger.branches)
    if trigger.event == "push" and are_named and not trigger.tags and not trigger.tags_ignore:
        for name in trigger.branches:
            yield {**event, **_on_branch(name)}
    elif trigger.event in ("pull_request", "pull_request_target") and are_named:
        for name in trigger.branches:
            yield {**event, ("github", "base_ref"): name}
    elif trigger.event == "push":
        yield {**event, ("github", "base_ref"): ""}
    else:
        yield event


def _on_branch(name: str) -> Facts:
    return {
        ("github", "ref"): f"refs/heads/{name}",
        ("github", "ref_name"): name,
        ("github", "ref_type"): "branch",
        ("github", "base_ref"): "",
    }


def within(scope: Scope, *facts: Facts) -> Scope:
    """Return a scope in which these facts hold, too."""
    joined: dict[tuple[str, ...], Outcome] = dict(scope.facts)
    for each in facts:
        joined |= each
    return msgspec.structs.replace(scope, facts=joined)


def conditions(job: JobRun, run: StepRun | None = None) -> Iterator[tuple[Written, Scope]]:
    """Yield the conditions that must all hold for a job or step to run, with the scope of each."""
    for caller in job.callers:
        if caller.condition is not None:
            yield caller.condition, Scope()
    if job.job.condition is not None:
        yield job.job.condition, job.certain
    if run is not None:
        for step in (*run.within, run.step):
            if step.condition is not None:
                yield step.condition, run.certain


def certainly_off(job: JobRun, run: StepRun | None, world: Facts) -> Written | None:
    """Return a condition that certainly does not hold in a world; None where there is none."""
    for condition, scope in conditions(job, run):
        if holds(condition.text, within(scope, world)) is False:
            return condition
    return None


def may_happen(event: ImageEvent, job: JobRun, world: Facts) -> bool:
    """Say whether something that a job does to images may happen in a world."""
    run = job.steps[event.step]
    if certainly_off(job, run, world) is not None:
        return False
    return not event.condition or holds(event.condition, within(run.certain, world)) is not False


def runs_after_failure(
    condition: Written | None, scope: Scope, facts: Facts, everywhere: Iterable[Facts]
) -> bool:
    """Say whether a condition certainly holds after a failure, in some world; `facts` tell what failed."""
    if condition is None or not asks_status(condition.text):
        return False
    return any(holds(condition.text, within(scope, world, FAILED, facts)) is True for world in everywhere)


def asks_status(text: str) -> bool:
    """Say whether a condition calls a status check function."""
    return any(len(path) == 1 and path[0] in _STATUS for path in paths_in(text))


def paths_in(text: str) -> set[tuple[str, ...]]:
    """Return the properties of contexts that a condition names, and its status functions."""
    found: set[tuple[str, ...]] = set()

    def note(path: tuple[str, ...]) -> Outcome:
        found.add(path)
        return None

    written = [part.text for part in parts(text) if part.is_expression] or [text]
    for expression in written:
        evaluate(expression, note)
    return found


def is_true(written: Written | None, scope: Scope) -> bool:
    """Say whether a setting like continue-on-error certainly is on."""
    return written is not None and bool(written.text.strip()) and holds(written.text, scope) is True
