"""What compose files change about how an image runs.

Rules: the compose specification, services: ``init``, ``healthcheck``.
"""

from fleet_audit.audit.configuration.located import View
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.standards.images import MadeImage
from fleet_audit.audit.model.builds import BuildOrigin


def brings_init(image: MadeImage, repository: Repository) -> bool:
    """Say whether a compose file starts the image behind an init of its own."""
    return any(service.get("init").value is True for service in _services(image, repository))


def brings_health(image: MadeImage, repository: Repository) -> bool:
    """Say whether a compose file replaces the image's health check by another."""
    return any(service.get("healthcheck").get("test").value for service in _services(image, repository))


def _services(image: MadeImage, repository: Repository) -> list[View]:
    found = []
    for build in image.builds:
        read = repository.yaml(build.location.path) if build.origin is BuildOrigin.COMPOSE else None
        if read is not None and read.documents:
            found.append(read.documents[0].view("services", build.name))
    return found
