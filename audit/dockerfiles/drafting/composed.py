"""What compose files say of their services beside how they are built: what they run, and on which ports.

Rules: docs.docker.com, Compose file reference, "services": ``command`` stands for the image's CMD, and
``entrypoint`` for its ENTRYPOINT, whose CMD then does not count.
"""

import posixpath
import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from fleet_audit.audit.configuration.located import View
from fleet_audit.audit.dockerfiles.contexts.compose import BASES, folder_environment
from fleet_audit.audit.dockerfiles.contexts.interpolation import interpolated
from fleet_audit.audit.dockerfiles.drafting.produced import Produced
from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.running.bases import full_name
from fleet_audit.audit.model.builds import BuildOrigin
from fleet_audit.audit.model.draft import Fields, Guess
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.running import RunConfiguration

_PORT = re.compile(r"(?:.*:)?(?P<port>\d{1,5})(?:/(?:tcp|udp))?")
PORTS_END = 65536


class Composed(msgspec.Struct, frozen=True, kw_only=True):
    """A service of a compose file in `folder`, or a container; None is what it leaves to its image.

    `image` is the full name of its image where it builds none itself. `fields` are those of a manifest.
    """

    name: str
    folder: str
    location: SourceLocation
    image: str = ""
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    fields: Fields = {}

    def words(self, run: RunConfiguration) -> tuple[str, ...]:
        """Return the words of its first process over those of its image."""
        command = self.command or ()
        if self.entrypoint is not None:
            return self.entrypoint + command
        if self.command is None:
            return run.starting
        if run.entrypoint is None:
            return command
        return run.entrypoint.words + (() if run.entrypoint.is_shell_form else command)


class Running:
    """Which services run an image: those that build it, and those that name it."""

    def __init__(self, services: Iterable[Composed]) -> None:
        """Take the services; what runs an image is told in their order."""
        self._services = tuple(services)
        self._by_place: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._by_image: dict[str, list[int]] = defaultdict(list)
        self._by_last: dict[str, list[int]] = defaultdict(list)
        for at, service in enumerate(self._services):
            self._by_place[service.folder, service.name].append(at)
            self._by_image[service.image].append(at)
            # An official image is not one that a folder of its name makes.
            if not service.image.startswith("docker.io/library/"):
                self._by_last[service.image.rpartition("/")[2]].append(at)

    def of(self, image: Produced) -> list[Composed]:
        """Return the services that run an image.

        Where no build says how it is called, its Dockerfile's place or name does.
        """
        places = {
            (posixpath.dirname(build.location.path) or ".", build.name)
            for build in image.builds
            if build.origin is BuildOrigin.COMPOSE
        }
        tags = {full_name(tag) for build in image.builds for tag in build.tags} - {""}
        found = {at for place in places for at in self._by_place.get(place, ())}
        found |= {at for tag in tags for at in self._by_image.get(tag, ())}
        if not tags and image.name:
            found |= {*self._by_last.get(image.name, ())}
        return [self._services[at] for at in sorted(found)]


def composed_services(repository: Repository) -> tuple[Composed, ...]:
    """Return the services of each folder's compose files; of one that several name, the first decides.

    That is the file which compose reads without being told, where there is one.
    """
    found: dict[tuple[str, str], Composed] = {}
    for path in sorted(repository.files(FileRole.COMPOSE), key=_order):
        read = repository.yaml(path)
        folder = posixpath.dirname(path) or "."
        values = folder_environment(repository, folder)
        for document in read.documents if read is not None else ():
            for name, view in document.view("services").entries():
                service = _service(name, folder, path, view, values)
                first = found.get((folder, name), service)
                fields = {**service.fields, **first.fields}
                found[folder, name] = msgspec.structs.replace(first, fields=fields)
    return tuple(found.values())


def _order(path: str) -> tuple[str, bool, str]:
    folder, _, name = path.rpartition("/")
    return folder, name not in BASES, name


def _service(name: str, folder: str, path: str, view: View, values: Mapping[str, str]) -> Composed:
    image = interpolated(view.get("image").text or "", values) or ""
    location = SourceLocation(path, view.located.line(view.path))
    return Composed(
        name=name,
        folder=folder,
        location=location,
        image="" if view.get("build").value is not None else full_name(image),
        entrypoint=_command(view.get("entrypoint"), values),
        command=_command(view.get("command"), values),
        fields=dict(_fields(view, location)),
    )


def _command(view: View, values: Mapping[str, str]) -> tuple[str, ...] | None:
    if view.text is not None:
        text = interpolated(view.text, values, "") or ""
        try:
            return tuple(shlex.split(text))
        except ValueError:
            return tuple(text.split())
    if isinstance(view.value, list):
        return tuple(interpolated(word, values, "") or "" for word, _ in view.texts())
    return None


def _fields(service: View, location: SourceLocation) -> Iterator[tuple[str, Guess]]:
    why = f"the service at {location}"
    ports = [port for port in map(_port, service.get("ports").elements()) if port]
    if ports:
        yield "ports", Guess({"svc": ports[0]}, why)
    wanted = service.get("depends_on")
    names = [name for name, _ in wanted.texts()] or [name for name, _ in wanted.entries()]
    if names:
        yield "depends_on", Guess(tuple(names), why)


def _port(view: View) -> int:
    value = view.get("target").value if isinstance(view.value, dict) else view.value
    match = _PORT.fullmatch(str(value))
    number = int(match["port"]) if match is not None else 0
    return number if number < PORTS_END else 0
