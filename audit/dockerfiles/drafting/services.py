"""The services of a draft: images that run code of the repository, and what compose files say of them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from fleet_audit.audit.configuration.located import View
from fleet_audit.audit.dockerfiles.drafting.code import Code, code_of
from fleet_audit.audit.dockerfiles.drafting.families import Families
from fleet_audit.audit.dockerfiles.drafting.produced import TITLE, Produced
from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.draft import Fields, Guess
from fleet_audit.audit.model.manifest_claims import Started

_HEALTH_URL = re.compile(
    r"https?://(?:127\.0\.0\.1|localhost|0\.0\.0\.0|\[::1\])(?::(?P<port>\d{1,5}))?(?P<path>/[\w./-]*)?"
)
_COMPOSE_PORT = re.compile(r"(?:.*:)?(?P<port>\d{1,5})(?:/(?:tcp|udp))?")
_PORTS_END = 65536


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A service: its image, its name and why it is called so, and its code."""

    image: Produced
    name: str
    why: str
    code: Code
    started: tuple[tuple[str, Started], ...] = ()
    """The machines whose start-up configuration names it, with what is said there."""


def service_images(images: Sequence[Produced]) -> tuple[Produced, ...]:
    """Return the images that run something of their own and that no other image here is built on."""
    parents = {image.parent for image in images}
    return tuple(image for image in images if image.path not in parents and _starts_something(image))


def _starts_something(image: Produced) -> bool:
    if any(build.origin is BuildOrigin.COMPOSE for build in image.builds):
        return True
    lines = [line for line in (image.run.entrypoint, image.run.cmd) if line is not None]
    return any(line.location is not None and line.location.path == image.path for line in lines)


def found_services(
    images: Iterable[Produced], repository: Repository, startups: Mapping[str, Sequence[Started]]
) -> tuple[Found, ...]:
    """Return the services of images, in their order; `startups` are what each machine starts."""
    taken: set[str] = set()
    found = []
    for image in images:
        code = code_of(image, image.run.starting, repository)
        started = tuple(
            (machine, each)
            for machine, all_of_it in sorted(startups.items())
            for each in all_of_it
            if each.entry and each.entry == code.entry
        )
        name, why = _name(image, started)
        if name in taken:
            name, why = image.path.rpartition("/")[0].replace("/", "-") or image.path, "its folder"
        taken.add(name)
        found.append(Found(image=image, name=name, why=why, code=code, started=started))
    return tuple(found)


def _name(image: Produced, started: Sequence[tuple[str, Started]]) -> tuple[str, str]:
    for _, each in started:
        return each.name, f"what {each.location} starts"
    title = image.run.label(TITLE)
    if (
        title is not None
        and title.is_known
        and title.value.strip()
        and title.location is not None
        and title.location.path == image.path
    ):
        return title.value, f"the label at {title.location}"
    for build in image.builds:
        if build.origin is BuildOrigin.COMPOSE and build.name:
            return build.name, f"the service at {build.location}"
    return image.name or "service", image.why


def service_fields(found: Found, families: Families, compose: Mapping[str, Fields]) -> Fields:
    """Return the fields of a service; `compose` are what compose files say of those that they call so."""
    image, code = found.image, found.code
    said = [build for build in image.builds if build.origin is not BuildOrigin.DEFAULT]
    family = families.under(image)
    fields: Fields = {
        "name": Guess(found.name, found.why),
        "family": Guess(family, f"the FROM at {image.base_line}"),
    }
    if found.started:
        machines = tuple(dict.fromkeys(machine for machine, _ in found.started))
        fields["machines"] = Guess(machines, "their start-up configuration")
    if ports := _ports(image):
        fields["ports"] = ports
    if code.entry:
        fields["entry"] = Guess(code.entry, "what the image starts")
    extra = next((compose[build.name] for build in said if build.name in compose), {})
    fields |= {key: guess for key, guess in extra.items() if key not in fields}
    own, shared = _folders(code)
    if own:
        fields["source_paths"] = Guess(own, "what the Dockerfile copies")
    if code.pythonpath:
        fields["pythonpath"] = Guess(code.pythonpath)
    if shared:
        fields["first_party_imports"] = Guess(shared, "what the Dockerfile copies besides")
    fields["dockerfiles"] = Guess((image.path,))
    fields |= _build_fields(said)
    if code.requirements:
        fields["requirements"] = Guess(code.requirements)
    return fields


def _build_fields(builds: Sequence[Build]) -> Fields:
    for build in builds:
        given = {name: value for name, value in build.args if value is not None}
        fields: Fields = {}
        if build.context not in ("", "."):
            fields["context"] = Guess(build.context, f"the build at {build.location}")
        if build.target:
            fields["target"] = Guess(build.target, f"the build at {build.location}")
        if given:
            fields["build_args"] = Guess(dict(given), f"the build at {build.location}")
        return fields
    return {}


def _folders(code: Code) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the folders of a service's own code, and those of code that it shares."""
    entry = (
        code.entry.removeprefix("module:").replace(".", "/")
        if code.entry.startswith("module:")
        else code.entry
    )
    root = code.pythonpath[0] + "/" if code.pythonpath else ""
    place = root + entry if code.entry.startswith("module:") else entry
    own = tuple(folder for folder in code.folders if folder == "." or f"{place}/".startswith(f"{folder}/"))
    return own, tuple(f"{folder}/" for folder in code.folders if own and folder not in own)


def _ports(image: Produced) -> Guess | None:
    exposed = [port for port in image.run.ports if port.is_known and port.value.endswith("/tcp")]
    ports: dict[str, int] = {}
    why = []
    for port in exposed[:1]:
        number = port.value.partition("/")[0]
        if number.isdigit() and 0 < int(number) < _PORTS_END:
            ports["svc"] = int(number)
            why.append(f"EXPOSE at {port.location}")
    health, place = health_port(image)
    if 0 < health < _PORTS_END and health != ports.get("svc"):
        ports["health"] = health
        why.append(place)
    return Guess(dict(ports), ", ".join(why)) if ports else None


def health_port(image: Produced) -> tuple[int, str]:
    """Return the port on which an image says whether it is well, and where that stands; 0 if not known."""
    for variable in image.run.env:
        if {"HEALTH", "PORT"} <= set(variable.name.split("_")) and variable.value.isdigit():
            return int(variable.value[:5]), f"{variable.name} at {variable.location}"
    match = _health_url(image)
    if match is not None and match["port"] and image.run.health is not None:
        return int(match["port"]), f"HEALTHCHECK at {image.run.health.location}"
    return 0, ""


def health_path(image: Produced) -> str:
    """Return the path at which an image's HEALTHCHECK asks; empty where it is not known."""
    match = _health_url(image)
    return "" if match is None else match["path"] or ""


def _health_url(image: Produced) -> re.Match[str] | None:
    health = image.run.health
    return None if health is None else _HEALTH_URL.search(" ".join(health.test))


def compose_fields(repository: Repository) -> dict[str, Fields]:
    """Return what compose files say of their services beside how they are built; the first file decides."""
    found: dict[str, Fields] = {}
    for path in repository.files(FileRole.COMPOSE):
        read = repository.yaml(path)
        for document in read.documents if read is not None else ():
            for name, service in document.view("services").entries():
                fields = dict(_compose_service(service))
                if fields:
                    found.setdefault(name, fields)
    return found


def _compose_service(service: View) -> Iterator[tuple[str, Guess]]:
    place = f"{service.located.name}:{service.located.line(service.path)}"
    ports = [port for port in map(_port, service.get("ports").elements()) if port]
    if ports:
        yield "ports", Guess({"svc": ports[0]}, f"the service at {place}")
    wanted = service.get("depends_on")
    names = [name for name, _ in wanted.texts()] or [name for name, _ in wanted.entries()]
    if names:
        yield "depends_on", Guess(tuple(names), f"the service at {place}")


def _port(view: View) -> int:
    value = view.get("target").value if isinstance(view.value, dict) else view.value
    match = _COMPOSE_PORT.fullmatch(str(value))
    number = int(match["port"]) if match is not None else 0
    return number if number < _PORTS_END else 0
