"""What the container of a Dockerfile's image runs by itself."""

import json
import shlex
from collections.abc import Iterator

from fleet_audit.audit.dockerfiles.lines import Instruction
from fleet_audit.audit.dockerfiles.stages import alias, lineage, stages

_STARTING = ("ENTRYPOINT", "CMD", "HEALTHCHECK")


def start_words(dockerfile: str, *, target: str) -> tuple[str, ...]:
    """Return the words of the command lines that the stage `target`, else the last one, runs by itself.

    These are its ENTRYPOINT, CMD and HEALTHCHECK; of several the last counts (Dockerfile reference). Empty
    where there is no such stage.
    """
    _, found = stages(dockerfile)
    last = next((at for at, stage in enumerate(found) if target and alias(stage) == target.lower()), -1)
    if not found or (target and last < 0):
        return ()
    chosen: dict[str, Instruction] = {}
    for stage in reversed(lineage(found, last)):
        chosen |= {i.keyword: i for i in stage if i.keyword in _STARTING}
    return tuple(word for keyword in _STARTING if keyword in chosen for word in _words(chosen[keyword].body))


def _words(body: str) -> Iterator[str]:
    before, _, listed = body.partition("[")
    try:
        words = json.loads(f"[{listed}") if listed else None
    except (ValueError, RecursionError):
        words = None
    if isinstance(words, list):
        yield from before.split()
        yield from (word for word in words if isinstance(word, str))
        return
    try:
        yield from shlex.split(body)
    except ValueError:
        yield from body.split()
