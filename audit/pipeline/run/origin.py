"""Which family of a chain brought a layer."""

from fleet_audit.audit.images.failure import ImageError
from fleet_audit.audit.images.identify import stored_layers
from fleet_audit.audit.model.identity import DiffID
from fleet_audit.audit.pipeline.run.pulling import registry_for
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject, anchored


def families_of_layers(subject: Subject, shared: Shared) -> dict[DiffID, str]:
    """Return, for every layer of a family's chain, the furthest ancestor whose image has it.

    Families whose image is not built, or cannot be opened, take no part: their layers then count as their
    descendants'. No layer is read.
    """
    fleet = shared.fleet
    if fleet is None or subject.family is None:
        return {}
    origins: dict[DiffID, str] = {}
    for name in (*reversed(fleet.ancestors(subject.family)), subject.family):
        image = fleet.manifest.families[name].image
        if image is None:
            continue
        try:
            place = anchored(image, fleet.root)
            layers = stored_layers(
                place, platform=shared.settings.platform, registry=registry_for(place, shared.settings)
            )
        except ImageError:
            continue
        for layer in layers:
            origins.setdefault(layer.diff_id, name)
    return origins
