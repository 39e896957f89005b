"""What a repository says of its images, as ``dockerfiles/1`` lists it (CONTRACT)."""

import msgspec

from fleet_audit.audit.model.builds import Build
from fleet_audit.audit.model.dockerfiles import Rejection


class StageName(msgspec.Struct, frozen=True):
    """A stage of a Dockerfile: its name, empty where it has none, its base as it is written, and its line."""

    name: str
    base: str
    line: int


class DockerfileAccount(msgspec.Struct, frozen=True):
    """One Dockerfile: what it consists of, why it would not build, and who builds it."""

    path: str
    stages: tuple[StageName, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    builds: tuple[Build, ...] = ()
