"""Which layers an image is made of, without reading any of them."""

from fleet_audit.audit.images.found import FoundImage, Question
from fleet_audit.audit.images.limits import DEFAULT_LIMITS
from fleet_audit.audit.images.sources import source_of
from fleet_audit.audit.model.identity import Platform
from fleet_audit.audit.model.image import Layer


def stored_layers(ref: str, *, platform: Platform | None = None) -> tuple[Layer, ...]:
    """Return the layers that an image's manifest and configuration name, lowest first.

    Empty for what has no layers of its own to ask for: a folder, and an engine's image. Raises ImageError
    where the reference leads to no image.
    """
    source, place, choice = source_of(ref)
    found = source.find(Question(ref, place, choice, platform, DEFAULT_LIMITS))
    return tuple(layer.layer for layer in found.layers) if isinstance(found, FoundImage) else ()
