"""At which line of a family's Dockerfile an addition of packages belongs."""

import re
from collections.abc import Sequence

from fleet_audit.audit.dockerfiles.lines import Instruction
from fleet_audit.audit.dockerfiles.stages import Stage, alias, lineage, stages
from fleet_audit.audit.model.apt import Placement
from fleet_audit.audit.model.location import SourceLocation

_COMMANDS = re.compile(r"&&|\|\||[;|\n]")
_EXEC_FORM = str.maketrans('[]",', "    ")
_ROOT = frozenset({"root", "0"})


def placement(dockerfile: str, path: str) -> Placement:
    """Return the line of the Dockerfile with this text at which packages are to be added, and why there.

    That is the last ``apt-get install`` of the final stage, or of the stages that it is built from in the
    same file; else the last ``USER root`` of the final stage, else its FROM, after which the addition goes
    and before any other USER. Line 0 where there is no stage.
    """
    _, found = stages(dockerfile)
    if not found:
        return Placement(dockerfile=SourceLocation(path), why="the Dockerfile has no FROM")
    chain = lineage(found)
    for stage in chain:
        for instruction in reversed(stage):
            if _installs(instruction):
                return _at(path, instruction, _where(stage, chain[0]))
    return _at(
        path, _root_line(chain[0]), "the final stage installs no packages yet: add the RUN after this line"
    )


def _at(path: str, instruction: Instruction, why: str) -> Placement:
    return Placement(dockerfile=SourceLocation(path, instruction.line), why=why)


def _where(stage: Stage, final: Stage) -> str:
    name = (
        "the final stage" if stage is final else f"stage {alias(stage)}, which the final stage is built from"
    )
    return f"the last apt-get install of {name}"


def _installs(instruction: Instruction) -> bool:
    return instruction.keyword == "RUN" and any(
        _is_install(command.translate(_EXEC_FORM).split()) for command in _COMMANDS.split(instruction.body)
    )


def _is_install(words: Sequence[str]) -> bool:
    programs = [at for at, word in enumerate(words) if word.rpartition("/")[2] in ("apt-get", "apt")]
    return bool(programs) and "install" in words[programs[0] :]


def _root_line(stage: Stage) -> Instruction:
    users = [i for i in stage if i.keyword == "USER" and i.body.partition(":")[0].strip() in _ROOT]
    return users[-1] if users else stage[0]
