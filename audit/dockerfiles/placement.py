"""At which line of a family's Dockerfile an addition of packages belongs."""

import re
from collections.abc import Sequence

from fleet_audit.audit.dockerfiles.lines import Instruction, instructions
from fleet_audit.audit.model.apt import Placement
from fleet_audit.audit.model.location import SourceLocation

_COMMANDS = re.compile(r"&&|\|\||[;|\n]")
_EXEC_FORM = str.maketrans('[]",', "    ")
_ROOT = frozenset({"root", "0"})

_Stage = list[Instruction]
"""A FROM and what follows it, to the next."""


def placement(dockerfile: str, path: str) -> Placement:
    """Return the line of the Dockerfile with this text at which packages are to be added, and why there.

    That is the last ``apt-get install`` of the final stage, or of the stages that it is built from in the
    same file; else the last ``USER root`` of the final stage, else its FROM, after which the addition goes
    and before any other USER. Line 0 where there is no stage.
    """
    stages = _stages(list(instructions(dockerfile)))
    if not stages:
        return Placement(dockerfile=SourceLocation(path), why="the Dockerfile has no FROM")
    lineage = _lineage(stages)
    for stage in lineage:
        for instruction in reversed(stage):
            if _installs(instruction):
                return _at(path, instruction, _where(stage, lineage[0]))
    return _at(
        path, _root_line(lineage[0]), "the final stage installs no packages yet: add the RUN after this line"
    )


def _at(path: str, instruction: Instruction, why: str) -> Placement:
    return Placement(dockerfile=SourceLocation(path, instruction.line), why=why)


def _where(stage: _Stage, final: _Stage) -> str:
    name = (
        "the final stage" if stage is final else f"stage {_alias(stage)}, which the final stage is built from"
    )
    return f"the last apt-get install of {name}"


def _stages(all_instructions: Sequence[Instruction]) -> list[_Stage]:
    stages: list[_Stage] = []
    for instruction in all_instructions:
        if instruction.keyword == "FROM":
            stages.append([instruction])
        elif stages:
            stages[-1].append(instruction)
    return stages


def _lineage(stages: Sequence[_Stage]) -> list[_Stage]:
    """Return the final stage and the earlier stages of this file that it is built from, nearest first."""
    lineage = [stages[-1]]
    for stage in reversed(stages[:-1]):
        if _alias(stage) and _alias(stage) == _base(lineage[-1]):
            lineage.append(stage)
    return lineage


def _words(stage: _Stage) -> list[str]:
    return [word for word in stage[0].body.split() if not word.startswith("--")]


def _base(stage: _Stage) -> str:
    return (*_words(stage), "")[0].lower()


def _alias(stage: _Stage) -> str:
    words = _words(stage)
    return words[2].lower() if len(words) >= 3 and words[1].upper() == "AS" else ""


def _installs(instruction: Instruction) -> bool:
    return instruction.keyword == "RUN" and any(
        _is_install(command.translate(_EXEC_FORM).split()) for command in _COMMANDS.split(instruction.body)
    )


def _is_install(words: Sequence[str]) -> bool:
    programs = [at for at, word in enumerate(words) if word.rpartition("/")[2] in ("apt-get", "apt")]
    return bool(programs) and "install" in words[programs[0] :]


def _root_line(stage: _Stage) -> Instruction:
    users = [i for i in stage if i.keyword == "USER" and i.body.partition(":")[0].strip() in _ROOT]
    return users[-1] if users else stage[0]
