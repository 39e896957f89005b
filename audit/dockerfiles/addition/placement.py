"""At which line of a family's Dockerfile an addition of packages belongs."""

from collections.abc import Iterable, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.addition.installations import installations
from fleet_audit.audit.dockerfiles.language.expansion import scopes
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile, Instruction, Stage
from fleet_audit.audit.dockerfiles.shell.instructions import run_script
from fleet_audit.audit.model.apt import Placement
from fleet_audit.audit.model.location import SourceLocation

_ROOT = frozenset({"", "root", "0"})


class Place(msgspec.Struct, frozen=True):
    """The instruction that an addition extends, or stands behind: `extends` says which."""

    stage: Stage
    instruction: Instruction
    extends: bool
    why: str


def placement(dockerfile: str, path: str) -> Placement:
    """Return the line of the Dockerfile with this text at which packages are to be added, and why there.

    That is where `find_place` says. Line 0 where there is no stage.
    """
    place = find_place(parse(dockerfile))
    if place is None:
        return Placement(dockerfile=SourceLocation(path), why="the Dockerfile has no FROM")
    return Placement(dockerfile=SourceLocation(path, place.instruction.line), why=place.why)


def find_place(dockerfile: Dockerfile) -> Place | None:
    """Return where packages are to be added; None where there is no stage.

    That is the last ``apt-get install`` of the final stage, or of the stages that it is built from in the
    same file, that every build runs for the image's own release; else the last ``USER root`` of the final
    stage, else its FROM, after which the addition goes and before any other USER.
    """
    final = dockerfile.target("")
    if final is None:
        return None
    for stage in scopes(dockerfile).lineage(final):
        for instruction in reversed(stage.instructions):
            if installs(instruction):
                return Place(stage, instruction, extends=True, why=_where(stage, final))
    why = "the final stage installs no packages yet: add the RUN after this line"
    return Place(final, _root_line(final), extends=False, why=why)


def _where(stage: Stage, final: Stage) -> str:
    name = (
        "the final stage"
        if stage.index == final.index
        else f"stage {stage.name}, which the final stage is built from"
    )
    return f"the last apt-get install of {name}"


def installs(instruction: Instruction) -> bool:
    """Say whether an instruction installs packages with apt, openly or in a way that only looks so.

    Where it does so openly, at least one installation has to be one that may be extended.
    """
    if instruction.keyword != "RUN":
        return False
    if found := installations(instruction):
        return any(each.may_be_extended for each in found)
    if instruction.is_exec:
        return any(
            _is_install(command.split()) for command in (" ".join(instruction.words), *instruction.words)
        )
    commands = run_script(instruction).commands
    return any(_is_install([word.text for word in command.words]) for command in commands)


def _is_install(words: Sequence[str]) -> bool:
    programs = [at for at, word in enumerate(words) if word.rpartition("/")[2] in ("apt-get", "apt")]
    return bool(programs) and "install" in words[programs[0] :]


def _root_line(stage: Stage) -> Instruction:
    users = [i for i in stage.instructions if i.keyword == "USER" and is_root(i.body)]
    return users[-1] if users else stage.instructions[0]


def is_root(user: str) -> bool:
    """Say whether what USER names, nothing included, is root (Dockerfile reference, USER)."""
    return user.partition(":")[0].strip() in _ROOT


def user_to_return_to(place: Place, stages: Iterable[Stage], image_user: str) -> str:
    """Return as whom instructions run behind an addition that has to begin with ``USER root``; else empty.

    Where no stage says USER, the built image's user is that of the image below.
    """
    if place.extends or is_root(image_user):
        return ""
    says = any(each.keyword == "USER" for stage in stages for each in stage.instructions)
    return "" if says else image_user
