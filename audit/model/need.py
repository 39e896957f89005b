"""What the services need from their image, and whether it is there."""

from enum import StrEnum

import msgspec

from fleet_audit.audit.model.elf import Resolution, status_of
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.model.location import SourceLocation


class NeedKind(StrEnum):
    """What sort of thing is needed."""

    SONAME = "soname"
    SYMBOL_VERSION = "symbol-version"
    PROGRAM = "program"
    DISTRIBUTION = "distribution"


class Tier(StrEnum):
    """How badly: `required` must be there, `lazy` may be asked for, `optional` has an alternative."""

    REQUIRED = "required"
    LAZY = "lazy"
    OPTIONAL = "optional"

    @property
    def rank(self) -> int:
        """Return 0 for required to 2 for optional."""
        return list(Tier).index(self)


class Via(StrEnum):
    """By which mechanism the need was seen, the strongest evidence first.

    A distribution that an import statement names is `needed`, as a soname in DT_NEEDED is.
    """

    NEEDED = "needed"
    DLOPEN = "dlopen"
    FIND_LIBRARY = "find_library"
    SUBPROCESS = "subprocess"
    RULE = "rule"
    MANIFEST = "manifest"


class ReachedFrom(msgspec.Struct, frozen=True):
    """One service that reaches the need: the line where its own code does, and every step from there."""

    service: str
    location: SourceLocation | None
    level: Level
    chain: tuple[str, ...]


class Need(msgspec.Struct, frozen=True):
    """One thing that is needed from the image.

    `wanted_by` names files or modules that ask for it; `alternatives` are other names any of which
    would do as well.
    """

    kind: NeedKind
    name: str
    tier: Tier
    via: Via
    resolution: Resolution
    wanted_by: tuple[str, ...] = ()
    reached_from: tuple[ReachedFrom, ...] = ()
    alternatives: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """Return the need as people type it: ``so:libGL.so.1``, ``bin:ffmpeg``, ``dist:numpy``."""
        return f"{_PREFIX[self.kind]}:{self.name}"

    @property
    def status(self) -> str:
        """Return the outcome in the words of CONTRACT ``deps/1``, such as ``resolved`` or ``missing``."""
        return status_of(self.resolution)


_PREFIX = {
    NeedKind.SONAME: "so",
    NeedKind.SYMBOL_VERSION: "version",
    NeedKind.PROGRAM: "bin",
    NeedKind.DISTRIBUTION: "dist",
}

NEED_PREFIXES = tuple(f"{prefix}:" for prefix in _PREFIX.values())
"""What a need begins with as people type it."""
