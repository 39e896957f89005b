"""Workflows that GitHub refuses, does not start, or runs with what others can change.

Rules: docs.github.com, "Workflow syntax for GitHub Actions" (a key may be given once; ``on.<event>.paths``),
"Secure use reference" (actions by commit; pull_request_target and the code of a pull request).
"""

from collections.abc import Iterable, Iterator, Sequence

from fleet_audit.audit.dockerfiles.workflows.conditions import paths_in
from fleet_audit.audit.dockerfiles.workflows.expressions import parts
from fleet_audit.audit.dockerfiles.workflows.filters import chosen
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.gates import GateFault, GateFaultKind
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.workflows import ActionKind, ActionUse, Step, Trigger, Workflow, Written

_HEAD = (
    ("github", "head_ref"),
    ("github", "event", "pull_request", "head", "sha"),
    ("github", "event", "pull_request", "head", "ref"),
    ("github", "event", "pull_request", "head", "repo", "full_name"),
    ("github", "event", "pull_request", "merge_commit_sha"),
    ("github", "event", "number"),
    ("github", "event", "pull_request", "number"),
)
MAX_RELATED = 20
"""Places of one action that are listed."""
_DIFFS = frozenset({"push", "pull_request", "pull_request_target"})


def hygiene_faults(workflows: Sequence[Workflow], builds: Iterable[Build]) -> Iterator[GateFault]:
    """Yield what is wrong with workflows as such; `builds` are those that they start."""
    for workflow in workflows:
        yield from _repeated(workflow)
        yield from _untrusted(workflow)
    yield from _movable(workflows)
    yield from _unwatched(workflows, builds)


def _repeated(workflow: Workflow) -> Iterator[GateFault]:
    for repeated in workflow.repeated:
        yield GateFault(
            kind=GateFaultKind.REPEATED_KEY,
            location=repeated.location,
            name=repeated.key,
            detail=f"{repeated.key}: {repeated.message}",
        )


def _movable(workflows: Iterable[Workflow]) -> Iterator[GateFault]:
    """Yield one fault for each action that its owner can move, at the first place that uses it."""
    places: dict[str, set[SourceLocation]] = {}
    refs: dict[str, str] = {}
    for use in (use for workflow in workflows for use in _uses(workflow)):
        if use.kind is ActionKind.REPOSITORY and not use.is_pinned:
            action = f"{use.name}/{use.path}".rstrip("/") + f"@{use.ref}"
            places.setdefault(action, set()).add(use.written.location)
            refs[action] = use.ref
    for action, found in places.items():
        first, *others = sorted(found)
        count = f", at {len(found)} places" if others else ""
        yield GateFault(
            kind=GateFaultKind.MOVABLE_ACTION,
            location=first,
            name=action,
            gate=action,
            detail=f"{refs[action]} is a branch or tag that its owner can move{count}",
            related=tuple(others[:MAX_RELATED]),
        )


def _uses(workflow: Workflow) -> Iterator[ActionUse]:
    for job in workflow.jobs:
        if job.calls is not None:
            yield job.calls
        yield from (step.uses for step in _steps(job.steps) if step.uses is not None)


def _steps(steps: Iterable[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from _steps(step.steps)


def _untrusted(workflow: Workflow) -> Iterator[GateFault]:
    if not any(trigger.event == "pull_request_target" for trigger in workflow.triggers):
        return
    for job in workflow.jobs:
        for step in _steps(job.steps):
            written = _checked_out(step)
            if written is not None and any(path in _HEAD for path in _paths(written)):
                yield GateFault(
                    kind=GateFaultKind.UNTRUSTED_CHECKOUT,
                    location=written.location,
                    name=f"{job.id}/{written.text}",
                    job=job.id,
                    detail=f"{written.text} is a pull request's code, and runs with the repository's secrets",
                )


def _checked_out(step: Step) -> Written | None:
    """Return what a checkout is told to check out."""
    if step.uses is None or step.uses.name != "actions/checkout":
        return None
    return next((text for name, text in step.given if name == "ref"), None)


def _paths(written: Written) -> Iterator[tuple[str, ...]]:
    for part in parts(written.text):
        if part.is_expression:
            yield from paths_in(f"${{{{ {part.text} }}}}")


def _unwatched(workflows: Sequence[Workflow], builds: Iterable[Build]) -> Iterator[GateFault]:
    """Yield the Dockerfiles that a workflow builds, and whose change does not start it."""
    by_path = {workflow.path: workflow for workflow in workflows}
    built: dict[str, dict[str, Build]] = {}
    for build in builds:
        if build.origin is BuildOrigin.WORKFLOW and build.dockerfile and build.location.path in by_path:
            built.setdefault(build.location.path, {}).setdefault(build.dockerfile, build)
    for path, found in built.items():
        for trigger in _filtered_triggers(by_path[path]):
            for dockerfile, build in found.items():
                if not _starts(trigger, dockerfile):
                    yield GateFault(
                        kind=GateFaultKind.PATHS,
                        location=trigger.location,
                        name=f"{trigger.event}/{dockerfile}",
                        gate=dockerfile,
                        detail=f"a change of {dockerfile} does not start it on {trigger.event}",
                        related=(build.location,),
                    )


def _filtered_triggers(workflow: Workflow) -> list[Trigger]:
    """Return the triggers that look at paths, where no other one starts the workflow on any change."""
    looking = [trigger for trigger in workflow.triggers if trigger.event in _DIFFS]
    filtered = [trigger for trigger in looking if trigger.paths or trigger.paths_ignore]
    return filtered if len(filtered) == len(looking) else []


def _starts(trigger: Trigger, path: str) -> bool:
    if trigger.paths:
        return chosen(path, trigger.paths)
    return not chosen(path, trigger.paths_ignore)
