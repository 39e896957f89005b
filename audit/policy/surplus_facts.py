"""What rules may speak of in packages that nothing needs; the names of the fields are the rules' words."""

import msgspec


class SurplusFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A package that serves nobody and that a person would name; what goes with it is told with it.

    `kind` is ``unneeded``, ``build-tool``, ``development`` or ``documentation``. `origin` is the family that
    brought it, and `is_inherited` where that is not the one whose image was looked at. `total_bytes` are its
    own and those of `goes_along`; `instead` is what has to be installed by name without it; `built_with` is
    the place where the image's own build uses it.
    """

    name: str = ""
    version: str = ""
    kind: str = ""
    reason: str = ""
    confidence: str = ""
    doubt: str = ""
    origin: str = ""
    is_inherited: bool = False
    installed_bytes: int = 0
    total_bytes: int = 0
    goes_along: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()
    built_with: str = ""
    services: tuple[str, ...] = ()
    family: str = ""
