"""The stages of a Dockerfile, and which of them an image is made of."""

from collections.abc import Sequence

from fleet_audit.audit.dockerfiles.lines import Instruction, instructions

Stage = list[Instruction]
"""A FROM and what follows it, to the next."""


def stages(dockerfile: str) -> tuple[Stage, list[Stage]]:
    """Return what stands before the first FROM, and every stage in order."""
    before: Stage = []
    found: list[Stage] = []
    for instruction in instructions(dockerfile):
        if instruction.keyword == "FROM":
            found.append([instruction])
        else:
            (found[-1] if found else before).append(instruction)
    return before, found


def lineage(found: Sequence[Stage], last: int = -1) -> list[Stage]:
    """Return a stage and the earlier stages of its file that it is built from, nearest first."""
    at = last % len(found)
    chain = [found[at]]
    for stage in reversed(found[:at]):
        if alias(stage) and alias(stage) == base(chain[-1]).lower():
            chain.append(stage)
    return chain


def alias(stage: Stage) -> str:
    """Return the name that a stage's FROM gives it, in small letters; empty where it gives none."""
    words = _words(stage)
    return words[2].lower() if len(words) >= 3 and words[1].upper() == "AS" else ""


def base(stage: Stage) -> str:
    """Return what a stage starts from, as its FROM says it."""
    return (*_words(stage), "")[0]


def _words(stage: Stage) -> list[str]:
    return [word for word in stage[0].body.split() if not word.startswith("--")]
