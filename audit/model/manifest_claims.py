"""Where the manifest and the repository disagree."""

from enum import StrEnum

import msgspec

from fleet_audit.audit.model.location import SourceLocation


class Disagreement(StrEnum):
    """In what the manifest and the repository disagree."""

    NO_ENTRY = "no-entry"
    NO_DOCKERFILE = "no-dockerfile"
    ABSENT_FILE = "absent-file"
    PORT_COLLISION = "port-collision"
    NOT_STARTED = "not-started"
    NOT_DECLARED = "not-declared"
    OTHER_PORT = "other-port"
    OTHER_ENTRY = "other-entry"
    UNKNOWN_DEPENDENCY = "unknown-dependency"
    DEPENDENCY_CYCLE = "dependency-cycle"
    UNUSED_FAMILY = "unused-family"


class ManifestMismatch(msgspec.Struct, frozen=True):
    """One disagreement.

    `about` is the service or family that it concerns, `machine` where only one is meant. `said` is what
    stands at `location`, `found` what stands against it: a path, a port, a name, at the `related` places.
    """

    kind: Disagreement
    about: str
    location: SourceLocation
    said: str = ""
    found: str = ""
    machine: str = ""
    services: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    related: tuple[SourceLocation, ...] = ()


class Started(msgspec.Struct, frozen=True):
    """A service as a start-up configuration names it; `entry` and `ports` as far as it says them."""

    name: str
    location: SourceLocation
    entry: str = ""
    ports: tuple[int, ...] = ()
    is_enabled: bool = True
