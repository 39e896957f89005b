"""What an image says of itself: its ports, its labels, and what it keeps for images that are built on it.

Rules: Dockerfile reference, EXPOSE, LABEL and ONBUILD; OCI image specification, annotations.md.
"""

from collections.abc import Iterator
from typing import Final

from fleet_audit.audit.dockerfiles.standards.images import MadeImage, Role
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


def labels(
    image: MadeImage, built: RunConfiguration | None, attestations: int, *, may_be_added: bool
) -> Iterator[Observed]:
    """Yield the labels of a Dockerfile, and those of the image that was built of it.

    A Dockerfile's are whole only where all that is below is known and no build adds labels of its own. An
    image's count where the Dockerfile's do not tell the same.
    """
    if image.role is Role.OTHER:
        return
    own = image.run.label(REVISION)
    is_open = may_be_added or not image.run.is_whole
    if not is_open:
        place = own.location if own is not None and image.stands_here(own.location) else image.line
        yield Observed(_labels(image, image.run, is_whole=True), f"image:{image.name}", location=place)
    if built is not None:
        is_told = not is_open and _names(image.run) == _names(built)
        record = _labels(image, built, is_whole=not is_told, is_built=True, attestations=attestations)
        place = image.manifest_line or image.line
        yield Observed(record, f"image:{image.name}#built", location=place, related=(image.line,))


def _labels(
    image: MadeImage,
    run: RunConfiguration,
    *,
    is_whole: bool,
    is_built: bool = False,
    attestations: int = -1,
) -> ImageLabels:
    revision = run.label(REVISION)
    return ImageLabels(
        image=image.name,
        role=image.role,
        names=_names(run),
        revision=revision.value if revision is not None and revision.is_known else "",
        is_built=is_built,
        are_labels_whole=is_whole,
        attestations=attestations,
        services=image.services,
    )


def _names(run: RunConfiguration) -> tuple[str, ...]:
    return tuple(sorted(label.name for label in run.labels))


def triggers(image: MadeImage) -> Iterator[Observed]:
    """Yield what the image's own Dockerfile keeps for images that are built on it."""
    for trigger in image.run.triggers:
        if image.stands_here(trigger.location):
            keyword = trigger.value.partition(" ")[0]
            record = Trigger(
                image=image.name, role=image.role, instruction=trigger.value, services=image.services
            )
            yield Observed(record, f"image:{image.name}#ONBUILD {keyword}", location=trigger.location)
