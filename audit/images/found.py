"""An image that was found, before any of its layers is read."""

import msgspec

from fleet_audit.audit.images.blobs import Blob
from fleet_audit.audit.images.limits import DEFAULT_LIMITS, Limits
from fleet_audit.audit.model.identity import Digest, Platform
from fleet_audit.audit.model.image import ImageConfig, Layer


class Question(msgspec.Struct, frozen=True):
    """Which image is wanted: `ref` as it was given, `place` a file or folder, `choice` the name within."""

    ref: str
    place: str
    choice: str = ""
    platform: Platform | None = None
    limits: Limits = DEFAULT_LIMITS


class FoundLayer(msgspec.Struct, frozen=True):
    """A layer as the image's documents describe it; `blob` is None where its bytes are missing.

    `refusal` says why it is not even tried; empty where it is.
    """

    layer: Layer
    blob: Blob | None
    refusal: str = ""


class FoundImage(msgspec.Struct, frozen=True):
    """An image's identity and where its layers lie, lowest first."""

    digest: Digest
    platform: Platform
    config: ImageConfig
    layers: tuple[FoundLayer, ...]
