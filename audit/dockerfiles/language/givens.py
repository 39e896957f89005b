"""What a Dockerfile leaves for the build to say: arguments that it declares without a value."""

from fleet_audit.audit.dockerfiles.language.expansion import Scopes
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile


def awaited_arguments(dockerfile: Dockerfile) -> frozenset[str]:
    """Return the names of arguments to which nothing in the file gives a value."""
    declared = [each for each in dockerfile.instructions if each.keyword == "ARG"]
    without = {name for each in declared for name, value in each.pairs if value is None}
    return frozenset(without - {name for each in declared for name, value in each.pairs if value is not None})


def awaiting_lines(dockerfile: Dockerfile, scopes: Scopes) -> frozenset[int]:
    """Return the lines of instructions that mean something only with such an argument, and have none."""
    names = awaited_arguments(dockerfile)
    if not names:
        return frozenset()
    return frozenset(
        each.line for each in dockerfile.instructions if scopes.expand(each.text, each).unset & names
    )
