"""What COPY, ADD and bind mounts take, and whether it is there."""

from enum import StrEnum

import msgspec

from fleet_audit.audit.model.builds import BuildOrigin
from fleet_audit.audit.model.location import SourceLocation


class CopyProblem(StrEnum):
    """Why a source is not there for a build."""

    MISSING = "missing"
    IGNORED = "ignored"
    OUTSIDE = "outside"
    DANGLING = "dangling"
    STAGE = "stage"


class CopiedSource(msgspec.Struct, frozen=True, kw_only=True):
    """One source of one instruction, as one way to build the Dockerfile finds it.

    `source` is as it is written, `path` what it becomes below `context` (a folder of the repository), or in
    the stage `stage`. `exists` is None where that cannot be told. `reason` is a sentence where it does not
    exist, or is not looked for. `pattern` is the line of .dockerignore that leaves it out, `near` a path that
    is there and may be meant. `origin` and `built_at` say who builds so; `is_likely` where an image that is
    not looked into could hold it all the same, or something that runs before the build make it. `kept_at` is
    the ONBUILD that takes it, where it is one: the location is that of the FROM then.
    """

    location: SourceLocation
    source: str
    path: str = ""
    context: str = ""
    stage: str = ""
    exists: bool | None = None
    problem: CopyProblem | None = None
    reason: str = ""
    near: str = ""
    pattern: SourceLocation | None = None
    origin: BuildOrigin = BuildOrigin.DEFAULT
    built_at: SourceLocation | None = None
    kept_at: SourceLocation | None = None
    is_likely: bool = False
    services: tuple[str, ...] = ()
    families: tuple[str, ...] = ()


class IgnoreProblem(StrEnum):
    """What is wrong with a .dockerignore, or a line of it."""

    UNREAD = "unread"
    SHADOWED = "shadowed"
    REFUSED = "refused"


class IgnoreFault(msgspec.Struct, frozen=True):
    """A .dockerignore that no build reads, or a line of one that Docker refuses; `reason` says it."""

    location: SourceLocation
    problem: IgnoreProblem
    reason: str
    pattern: str = ""
