"""How images are built: which Dockerfile, with which context and arguments, and who says so."""

from enum import StrEnum

import msgspec

from fleet_audit.audit.model.location import SourceLocation


class BuildOrigin(StrEnum):
    """What says that an image is built so; in the order in which one is asked first."""

    MANIFEST = "manifest"
    COMPOSE = "compose"
    BAKE = "bake"
    WORKFLOW = "workflow"
    COMMAND = "command"
    DEFAULT = "default"


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """One use of a Dockerfile. Paths are below the repository's root, the root itself ``.``.

    `context` is empty where it is not a folder of the repository (an address, standard input); `reason` says
    so then. `args` hold the build arguments, None where the value comes from outside. `contexts` are those
    that are named besides (``--build-context NAME=WHERE``). `tags` are the names that the image gets, as far
    as they are known. `unknown` names the parts (``context``, ``args``) that could not be worked out.
    `inline` is a Dockerfile that stands in the place itself. `name` is what the place calls this build: a
    compose service, a bake target, a job. `is_prepared` where something that runs before may have made files
    which the repository does not hold.
    """

    origin: BuildOrigin
    location: SourceLocation
    dockerfile: str = ""
    context: str = "."
    name: str = ""
    args: tuple[tuple[str, str | None], ...] = ()
    target: str = ""
    platforms: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    contexts: tuple[tuple[str, str], ...] = ()
    services: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    inline: str = ""
    reason: str = ""
    pushes: bool = False
    is_prepared: bool = False
