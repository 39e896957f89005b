"""What a stage takes because the image that it starts from keeps instructions for it (ONBUILD).

Rules: Dockerfile reference, "ONBUILD": they are carried out right behind FROM, with the context of the build
that starts from the image, and once only.
"""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec.structs import replace

from fleet_audit.audit.dockerfiles.language.expansion import Scopes
from fleet_audit.audit.dockerfiles.language.structure import Instruction, Stage
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.running.bases import full_name, makings
from fleet_audit.audit.model.builds import Build
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.location import SourceLocation


class Kept(msgspec.Struct, frozen=True):
    """An instruction as it is carried out at a FROM, and where it stands."""

    instruction: Instruction
    location: SourceLocation


class KeptInstructions:
    """What the images that the repository makes keep for those that start from them."""

    def __init__(self, repository: Repository, builds: Iterable[Build], fleet: Fleet | None) -> None:
        """Take the repository, and what makes its images."""
        self._repository = repository
        self._makings = makings(builds, fleet)

    def of_image(self, reference: str) -> Iterator[Kept]:
        """Yield what an image keeps; nothing for one that the repository does not make."""
        making = self._makings.get(full_name(reference))
        dockerfile = None if making is None else self._repository.dockerfile(making[0])
        stage = None if making is None or dockerfile is None else dockerfile.target(making[1])
        if making is not None and stage is not None:
            yield from kept_by(stage, making[0])

    def at(self, stage: Stage, scopes: Scopes, path: str) -> Iterator[Kept]:
        """Yield what is carried out at the FROM of a stage of the Dockerfile at `path`."""
        parent, base = scopes.parent(stage), scopes.base(stage)
        found = self.of_image(base.value) if base.is_known else iter(())
        for kept in found if parent is None else kept_by(parent, path):
            yield replace(kept, instruction=replace(kept.instruction, line=stage.line))


def kept_by(stage: Stage, path: str) -> Iterator[Kept]:
    """Yield what a stage keeps, in its order."""
    for instruction in stage.instructions[1:]:
        if instruction.trigger is not None:
            yield Kept(instruction.trigger, SourceLocation(path, instruction.line))
