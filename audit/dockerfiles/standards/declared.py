"""What an image says of itself: its ports, its labels, and what it keeps for images that are built on it.

Rules: Dockerfile reference, EXPOSE, LABEL and ONBUILD; OCI image specification, annotations.md.
"""

from collections.abc import Iterator
from typing import Final

from fleet_audit.audit.dockerfiles.standards.images import MadeImage, Role
from fleet_audit.audit.model.builds import BuildOrigin
from fleet_audit.audit.model.running import RunConfiguration
from fleet_audit.audit.model.standards import ExposedPort, ImageLabels, Observed, Trigger

REVISION: Final = "org.opencontainers.image.revision"


def exposed_ports(image: MadeImage) -> Iterator[Observed]:
    """Yield the ports that a service's own Dockerfile exposes, where the manifest says which it has."""
    service = image.service
    if service is None or not service.ports:
        return
    ports = tuple(str(port) for port in sorted(set(service.ports.values())))
    for setting in image.run.ports:
        if image.stands_here(setting.location):
            port, _, protocol = setting.value.partition("/")
            record = ExposedPort(
                image=image.name, port=port, protocol=protocol, ports=ports, services=image.services
            )
            yield Observed(record, f"image:{image.name}#{setting.value}", location=setting.location)


def labels(image: MadeImage, built: RunConfiguration | None, *, attestations: int = -1) -> Observed | None:
    """Return an image's labels, those of the image where it is built; None where they are not known.

    Of a Dockerfile alone they are whole only where all that is below is known and no workflow builds it, as
    one may add labels of its own.
    """
    run = built or image.run
    if not run.is_whole or image.role is Role.OTHER:
        return None
    may_be_added = any(build.origin is BuildOrigin.WORKFLOW for build in image.builds)
    revision = run.label(REVISION)
    record = ImageLabels(
        image=image.name,
        role=image.role,
        names=tuple(sorted(label.name for label in run.labels)),
        revision=revision.value if revision is not None and revision.is_known else "",
        is_built=built is not None,
        are_labels_whole=built is not None or not may_be_added,
        attestations=attestations,
        services=image.services,
    )
    own = image.run.label(REVISION)
    place = own.location if own is not None and image.stands_here(own.location) else image.line
    return Observed(record, f"image:{image.name}", location=place)


def triggers(image: MadeImage) -> Iterator[Observed]:
    """Yield what the image's own Dockerfile keeps for images that are built on it."""
    for trigger in image.run.triggers:
        if image.stands_here(trigger.location):
            keyword = trigger.value.partition(" ")[0]
            record = Trigger(
                image=image.name, role=image.role, instruction=trigger.value, services=image.services
            )
            yield Observed(record, f"image:{image.name}#ONBUILD {keyword}", location=trigger.location)
