"""What those who start an image change about how it runs.

Rules: the compose specification, services: ``init``, ``healthcheck``, ``volumes``; docker run ``--init``.
"""

import posixpath

from fleet_audit.audit.configuration.located import View
from fleet_audit.audit.dockerfiles.contexts.scripts import scripts
from fleet_audit.audit.dockerfiles.references.in_commands import PROGRAMS, started_image
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.running.bases import full_name
from fleet_audit.audit.dockerfiles.shell.following import follow
from fleet_audit.audit.dockerfiles.standards.images import MadeImage
from fleet_audit.audit.model.builds import BuildOrigin
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.running import HealthSetting

_WITH_LABELS = (BuildOrigin.WORKFLOW, BuildOrigin.BAKE, BuildOrigin.COMMAND)


def brings_init(image: MadeImage, repository: Repository) -> bool:
    """Say whether a compose file starts the image behind an init of its own."""
    return any(service.get("init").value is True for service in _services(image, repository))


def outer_health(image: MadeImage, repository: Repository) -> HealthSetting | None:
    """Return the health check by which a compose file replaces the image's; the first, where several do."""
    for service in _services(image, repository):
        section = service.get("healthcheck")
        test = section.get("test")
        line = SourceLocation(service.located.name, service.located.line(test.path))
        words = tuple(text for text, _ in test.texts())
        if section.get("disable").value is True or words == ("NONE",):
            return HealthSetting(("NONE",), line)
        if test.text:
            return HealthSetting(("CMD-SHELL", test.text), line)
        if words:
            return HealthSetting(words, line)
    return None


def may_add_labels(image: MadeImage, repository: Repository) -> bool:
    """Say whether a build may give the image labels that its Dockerfile does not show.

    Those of a compose file are read; what workflows, bake files and commands give is not followed.
    """
    if any(build.origin in _WITH_LABELS for build in image.builds):
        return True
    return any(service.get("build").get("labels").value for service in _services(image, repository))


def mounted_places(image: MadeImage, repository: Repository) -> tuple[str, ...]:
    """Return the places in the container that compose files mount at; ``/`` where one is not known."""
    found = []
    for service in _services(image, repository):
        for volume in service.get("volumes").elements():
            target = volume.get("target").text or ""
            if volume.text is not None:
                _, *rest = volume.text.split(":")
                target = rest[0] if rest else volume.text
            found.append("/" if "$" in target or not target.startswith("/") else posixpath.normpath(target))
    return tuple(found)


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
