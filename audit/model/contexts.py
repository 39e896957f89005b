"""Where what builds images does not fit the repository, or itself."""

from enum import StrEnum

import msgspec

from fleet_audit.audit.model.builds import BuildOrigin
from fleet_audit.audit.model.location import SourceLocation


class AbsentKind(StrEnum):
    """What a build names that is not there."""

    DOCKERFILE = "dockerfile"
    CONTEXT = "context"


class AbsentPart(msgspec.Struct, frozen=True, kw_only=True):
    """A Dockerfile or context that a build names, and that the repository does not have.

    `name` is what the place calls the build; `near` is a path that is there and may be meant.
    """

    kind: AbsentKind
    location: SourceLocation
    path: str
    origin: BuildOrigin
    name: str = ""
    near: str = ""
    services: tuple[str, ...] = ()
    families: tuple[str, ...] = ()


class ContextUse(msgspec.Struct, frozen=True, order=True):
    """One context of a Dockerfile, and a place that builds with it."""

    context: str
    location: SourceLocation


class ContextDisagreement(msgspec.Struct, frozen=True, kw_only=True):
    """A Dockerfile that is built with different contexts.

    `missing` are the sources that one of the contexts lacks while another has them: each with the context
    that lacks it and the line that takes it.
    """

    dockerfile: str
    uses: tuple[ContextUse, ...]
    missing: tuple[tuple[str, str, SourceLocation], ...] = ()
    services: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
