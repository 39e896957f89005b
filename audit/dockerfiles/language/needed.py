"""Which stages a build carries out: BuildKit leaves out those that its target does not need."""

from collections.abc import Iterator

from fleet_audit.audit.dockerfiles.language.expansion import Scopes
from fleet_audit.audit.dockerfiles.language.mounts import MountInvalid, parse_mount
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile, Instruction, Stage


def origin_stage(dockerfile: Dockerfile, origin: str) -> Stage | None:
    """Return the stage that ``--from`` or ``from=`` names, by its name or number; None where it is none."""
    found = dockerfile.stage(origin)
    if found is None and origin.isascii() and origin.isdigit() and int(origin[:9]) < len(dockerfile.stages):
        return dockerfile.stages[int(origin)]
    return found


def needed_stages(dockerfile: Dockerfile, scopes: Scopes, target: str = "") -> tuple[Stage, ...]:
    """Return the stages that the target needs, itself included, in the order of the file.

    Where no stage has its name, the build fails as a whole, and each stage may be the one that is meant.
    """
    start = dockerfile.target(target)
    if start is None:
        return dockerfile.stages
    needed: set[int] = set()
    pending = [start]
    while pending:
        stage = pending.pop()
        if stage.index in needed:
            continue
        needed.add(stage.index)
        parent = scopes.parent(stage)
        pending += [] if parent is None else [parent]
        pending += _sources(dockerfile, stage)
    return tuple(stage for stage in dockerfile.stages if stage.index in needed)


def _sources(dockerfile: Dockerfile, stage: Stage) -> Iterator[Stage]:
    for instruction in stage.instructions[1:]:
        for origin in _origins(instruction):
            source = origin_stage(dockerfile, origin)
            if source is not None:
                yield source


def _origins(instruction: Instruction) -> Iterator[str]:
    if instruction.keyword == "COPY":
        yield instruction.flag("from") or ""
    for value in instruction.flag_values("mount") if instruction.keyword == "RUN" else ():
        try:
            yield parse_mount(value, lambda word: word).origin
        except MountInvalid:
            continue
