"""Instructions that an image keeps for those that start from it (ONBUILD).

Rules: Dockerfile reference, "ONBUILD": they are carried out right behind FROM, with the context of the build
that starts from the image, and once only.
"""

from collections.abc import Iterator

import msgspec

from fleet_audit.audit.dockerfiles.language.structure import Instruction, Stage
from fleet_audit.audit.model.location import SourceLocation


class Kept(msgspec.Struct, frozen=True):
    """An instruction as it is carried out at a FROM, and where it stands."""

    instruction: Instruction
    location: SourceLocation


def kept_by(stage: Stage, path: str) -> Iterator[Kept]:
    """Yield what a stage of the Dockerfile at `path` keeps, in its order."""
    for instruction in stage.instructions[1:]:
        if instruction.trigger is not None:
            yield Kept(instruction.trigger, SourceLocation(path, instruction.line))
