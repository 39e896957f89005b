"""The images that compose files name.

Rules: docs.docker.com, Compose file reference, "Services" (image, volumes of type image) and "Compose Build
Specification": with ``build``, ``image`` and ``tags`` are the names that the image gets.
"""

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Mapping

from fleet_audit.audit.configuration.located import View
from fleet_audit.audit.dockerfiles.contexts.compose import folder_environment
from fleet_audit.audit.dockerfiles.contexts.interpolation import interpolated
from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.references.partly_known import OPEN, Place, reference_at
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.references import Reference, ReferenceKind


def references_in_compose(repository: Repository) -> Iterator[Reference]:
    """Yield the references of all compose files, variables replaced by defaults and the ``.env`` beside them.

    A service that any compose file of a folder builds publishes its image in all files of that folder.
    """
    folders: defaultdict[str, list[str]] = defaultdict(list)
    for path in repository.files(FileRole.COMPOSE):
        folders[posixpath.dirname(path) or "."].append(path)
    for folder, paths in sorted(folders.items()):
        values = folder_environment(repository, folder)
        services = [
            (path, name, view) for path in paths for name, view in _services(repository, path).items()
        ]
        built = {name for _, name, view in services if view.get("build").value is not None}
        for path, name, view in services:
            yield from _references(path, name, view, values, is_built=name in built)


def _services(repository: Repository, path: str) -> Mapping[str, View]:
    read = repository.yaml(path)
    if read is None or not read.documents:
        return {}
    return dict(read.documents[0].view("services").entries())


def _references(
    path: str, name: str, service: View, values: Mapping[str, str], *, is_built: bool
) -> Iterator[Reference]:
    if service.get("image").text:
        yield _reference(path, name, service.get("image"), values, publishes=is_built)
    for _, tag in service.get("build").get("tags").texts():
        yield _reference(path, name, tag, values, publishes=True)
    for volume in service.get("volumes").elements():
        if volume.get("type").text == "image" and volume.get("source").text:
            yield _reference(path, name, volume.get("source"), values, publishes=False)


def _reference(path: str, name: str, view: View, values: Mapping[str, str], *, publishes: bool) -> Reference:
    written = view.text or ""
    value = interpolated(written, values, OPEN)
    location = SourceLocation(path, view.located.line(view.path))
    place = Place(location, ReferenceKind.COMPOSE, name, publishes=publishes)
    return reference_at(place, OPEN if value is None else value, written)
