"""What those who start an image change about how it runs.

Rules: the compose specification, services: ``init``, ``healthcheck``; docker run ``--init``.
"""

from fleet_audit.audit.configuration.located import View
from fleet_audit.audit.dockerfiles.contexts.scripts import scripts
from fleet_audit.audit.dockerfiles.references.in_commands import PROGRAMS, started_image
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.running.bases import full_name
from fleet_audit.audit.dockerfiles.shell.following import follow
from fleet_audit.audit.dockerfiles.standards.images import MadeImage
from fleet_audit.audit.model.builds import BuildOrigin


def brings_init(image: MadeImage, repository: Repository) -> bool:
    """Say whether a compose file starts the image behind an init of its own."""
    return any(service.get("init").value is True for service in _services(image, repository))


def brings_health(image: MadeImage, repository: Repository) -> bool:
    """Say whether a compose file replaces the image's health check by another."""
    return any(service.get("healthcheck").get("test").value for service in _services(image, repository))


def started_with_init(repository: Repository) -> frozenset[str]:
    """Return the full names of the images that a script or makefile starts behind an init (``--init``)."""
    found = set()
    for _, script in scripts(repository):
        for command in follow(script, folder=None, lookup=lambda _: None):
            started = started_image(command) if command.program in PROGRAMS else None
            if started is not None and started[1].has("--init"):
                found.add(full_name(started[0]))
    return frozenset(found - {""})


def _services(image: MadeImage, repository: Repository) -> list[View]:
    found = []
    for build in image.builds:
        read = repository.yaml(build.location.path) if build.origin is BuildOrigin.COMPOSE else None
        if read is not None and read.documents:
            found.append(read.documents[0].view("services", build.name))
    return found
