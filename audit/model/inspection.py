"""What an image would run, as ``inspect`` tells it; no value in here is a secret."""

import msgspec

from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.image import ImageIdentity
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.report import Judged
from fleet_audit.audit.model.running import RunConfiguration

MASK = "********"
"""What stands for a secret."""


class ResolvedUser(msgspec.Struct, frozen=True):
    """The user of the first process: as it is written, and what that means; -1 and empty where not known."""

    written: str
    uid: int = -1
    gid: int = -1
    name: str = ""
    home: str = ""
    location: SourceLocation | None = None


class AskedHealth(msgspec.Struct, frozen=True):
    """What a health check asks, as far as it is known."""

    programs: tuple[str, ...] = ()
    port: str = ""
    path: str = ""


class Sign(msgspec.Struct, frozen=True, order=True):
    """What speaks for a service: a program, import, package, distribution, port or file, and where."""

    kind: str
    name: str
    where: str = ""


class DetectedService(msgspec.Struct, frozen=True):
    """A service that an image runs, or could run, and what speaks for it.

    Certain where the first process is or starts it, likely where the program that is started imports it, or
    it is installed and configured or exposed, possible where it is only installed.
    """

    id: str
    kind: str
    name: str
    confidence: Confidence
    signs: tuple[Sign, ...] = ()


class LayerSize(msgspec.Struct, frozen=True):
    """A layer: its size as it is stored and unpacked, and what of it is still seen through the layers above.

    `unpacked_bytes`, `seen_bytes` and `seen_files` are -1 where that is not known.
    """

    stored_bytes: int
    created_by: str = ""
    diff_id: str = ""
    unpacked_bytes: int = -1
    seen_bytes: int = -1
    seen_files: int = -1


class InspectReport(Judged, frozen=True, kw_only=True):
    """What an image would run.

    `dockerfile` and `target` say which stage was read, where no image was; `bases` are then the images that
    it is built on, nearest first. `masked` are the variables and labels whose values are not shown.
    """

    image: ImageIdentity | None = None
    dockerfile: str = ""
    target: str = ""
    bases: tuple[str, ...] = ()
    run: RunConfiguration = RunConfiguration()
    user: ResolvedUser | None = None
    health: AskedHealth | None = None
    masked: tuple[str, ...] = ()
    layers: tuple[LayerSize, ...] = ()
    services: tuple[DetectedService, ...] = ()
