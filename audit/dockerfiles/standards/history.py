"""Whether an image gets the history of the repository (Docker's "Building best practices", .dockerignore)."""

import posixpath
from collections.abc import Iterator
from typing import Final

from fleet_audit.audit.dockerfiles.copying.context_files import Contexts
from fleet_audit.audit.dockerfiles.running.bases import Bases
from fleet_audit.audit.dockerfiles.standards.images import MadeImage, Role, own_steps
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.standards import Leftover, Observed

REPOSITORY: Final = "repository"
_HISTORY = ".git"


def _holds_history(source: str) -> bool:
    """Say whether a source of COPY is the whole context, or the history itself."""
    return posixpath.normpath(posixpath.join("/", source)) in ("/", f"/{_HISTORY}")


def history_copies(image: MadeImage, bases: Bases, contexts: Contexts) -> Iterator[Observed]:
    """Yield the COPY that brings the history of the repository (``.git``) into the image."""
    build = image.builds[0] if image.builds else None
    if image.role is Role.OTHER or build is None or not build.context or "context" in build.unknown:
        return
    files, rules = contexts.files(build.context), contexts.rules(build.context, image.use.path)
    if files.kind(_HISTORY) is None or rules.leaves_out(_HISTORY):
        return
    for step in own_steps(image, bases):
        instruction = step.instruction
        is_copied = instruction.keyword in ("COPY", "ADD") and instruction.flag("from") is None
        if is_copied and any(map(_holds_history, instruction.words[:-1])):
            record = Leftover(
                image=image.name,
                role=image.role,
                kind=REPOSITORY,
                what=_HISTORY,
                stages=len(image.use.dockerfile.stages),
                services=image.services,
            )
            place = SourceLocation(image.use.path, instruction.line)
            yield Observed(record, f"image:{image.name}#{_HISTORY}", location=place)
