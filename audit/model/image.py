"""An image as its configuration and layers describe it, without its files."""

import msgspec

from fleet_audit.audit.model.identity import DiffID, Digest, Distro, ImageRef


class Healthcheck(msgspec.Struct, frozen=True):
    """Docker's HEALTHCHECK: the OCI schema has no such field, so it is read from the raw config."""

    test: tuple[str, ...] = ()
    interval_seconds: float = 0.0
    timeout_seconds: float = 0.0
    retries: int = 0


class ImageConfig(msgspec.Struct, frozen=True):
    """What the image would run, and as whom; `on_build` is what it keeps for images that are built on it.

    `created` is when it says that it was made (RFC 3339), empty where it does not say.
    """

    env: dict[str, str] = {}
    user: str = ""
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    working_dir: str = "/"
    labels: dict[str, str] = {}
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    healthcheck: Healthcheck | None = None
    stop_signal: str = ""
    shell: tuple[str, ...] = ()
    on_build: tuple[str, ...] = ()
    created: str = ""


class Layer(msgspec.Struct, frozen=True):
    """One layer: `size` is its size as stored, `created_by` its history line."""

    diff_id: DiffID
    digest: Digest | None = None
    media_type: str = ""
    size: int = 0
    created_by: str = ""


class ImageIdentity(msgspec.Struct, frozen=True):
    """What a report says about the image it speaks of."""

    ref: ImageRef
    distro: Distro = Distro()
    layers: tuple[Layer, ...] = ()
    config: ImageConfig = ImageConfig()
