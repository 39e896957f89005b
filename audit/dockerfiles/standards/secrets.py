"""What looks like a secret in the variables of an image.

Whoever can pull an image reads its environment and the arguments of its build (Dockerfile reference, ARG:
"build-time variables are visible in docker history").
"""

from collections.abc import Iterator

from fleet_audit.audit.dockerfiles.language.structure import Instruction
from fleet_audit.audit.dockerfiles.running.secret_shapes import names_secret, secret_shape
from fleet_audit.audit.dockerfiles.standards.images import MadeImage
from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.standards import Observed, Secret


def secrets(image: MadeImage) -> Iterator[Observed]:
    """Yield the variables of the image's own stages whose literal value looks like a secret.

    What a build argument brings is not in the file, and nothing is said of it, unless ENV keeps it under a
    name for secrets.
    """
    values = image.use.values
    stages = (each for stage in image.use.lineage for each in stage.instructions)
    own = [*image.use.dockerfile.global_args, *stages]
    arguments = {name for each in own if each.keyword == "ARG" for name, _ in each.pairs}
    for instruction in sorted(own, key=lambda each: each.line):
        for name, written in instruction.pairs if instruction.keyword in ("ARG", "ENV") else ():
            shape = secret_shape(name, _literal(written or ""))
            if shape is None and instruction.keyword == "ENV" and names_secret(name):
                expanded = values.expand(written or "", instruction)
                shape = "" if arguments & (expanded.used | expanded.unset) else None
            if shape is not None:
                yield _observed(image, instruction, name, shape)


def _observed(image: MadeImage, instruction: Instruction, name: str, shape: str) -> Observed:
    record = Secret(
        image=image.name,
        role=image.role,
        instruction=instruction.keyword,
        name=name,
        shape=shape,
        services=image.services,
    )
    place = SourceLocation(image.use.path, instruction.line)
    confidence = Confidence.LIKELY if shape else Confidence.POSSIBLE
    return Observed(record, f"file:{image.use.path}#{name}", location=place, confidence=confidence)


def _literal(written: str) -> str:
    """Return a value without the quotes around it."""
    is_quoted = len(written) >= 2 and written[0] == written[-1] and written[0] in "'\""
    return written[1:-1] if is_quoted else written
