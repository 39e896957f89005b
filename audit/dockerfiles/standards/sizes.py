"""How large the images are that were built, against what the manifest allows.

CONTRACT: `size_budget_mb` counts what is pulled, in megabytes of 1,000,000 bytes.
"""

from fleet_audit.audit.dockerfiles.running.inits import MAX_SHOWN
from fleet_audit.audit.dockerfiles.standards.images import MadeImage
from fleet_audit.audit.model.image import Layer
from fleet_audit.audit.model.standards import ImageSize, Observed

MEGABYTE = 1_000_000


def image_size(
    image: MadeImage, layers: tuple[Layer, ...], compressed_bytes: int, unpacked_bytes: int
) -> Observed:
    """Return the size of a built image; `unpacked_bytes` is 0 where it is not known."""
    largest = max(layers, key=lambda layer: layer.size, default=None)
    budget = image.family.size_budget_mb if image.family is not None else None
    record = ImageSize(
        image=image.name,
        role=image.role,
        compressed_mb=compressed_bytes / MEGABYTE,
        unpacked_mb=unpacked_bytes / MEGABYTE,
        budget_mb=float(budget or 0),
        layers=len(layers),
        largest_mb=largest.size / MEGABYTE if largest is not None else 0.0,
        largest_layer=largest.created_by[:MAX_SHOWN] if largest is not None else "",
        services=image.services,
    )
    return Observed(record, f"image:{image.name}", location=image.manifest_line or image.line)
