"""What the container of a Dockerfile's image runs by itself."""

import shlex
from collections.abc import Iterator

from fleet_audit.audit.dockerfiles.language.expansion import scopes
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.dockerfiles.language.structure import Instruction

_STARTING = ("ENTRYPOINT", "CMD", "HEALTHCHECK")


def start_words(dockerfile: str, *, target: str) -> tuple[str, ...]:
    """Return the words of the command lines that the stage `target`, else the last one, runs by itself.

    These are its ENTRYPOINT, CMD and HEALTHCHECK; of several the last counts (Dockerfile reference). Empty
    where there is no such stage.
    """
    parsed = parse(dockerfile)
    stage = parsed.target(target)
    if stage is None:
        return ()
    chosen: dict[str, Instruction] = {}
    for each in reversed([*scopes(parsed, target=target).lineage(stage)]):
        chosen |= {i.keyword: i for i in each.instructions if i.keyword in _STARTING}
    return tuple(word for keyword in _STARTING if keyword in chosen for word in _words(chosen[keyword]))


def _words(instruction: Instruction) -> Iterator[str]:
    for flag in instruction.flags:
        yield f"--{flag.name}" if flag.value is None else f"--{flag.name}={flag.value}"
    if instruction.is_exec:
        yield from instruction.words
        return
    try:
        yield from shlex.split(instruction.body)
    except ValueError:
        yield from instruction.body.split()
