"""The services of a draft: images that run code of the repository, and what compose files say of that."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import count

import msgspec

from fleet_audit.audit.dockerfiles.drafting.code import Code, code_of
from fleet_audit.audit.dockerfiles.drafting.composed import PORTS_END, Composed, Running, composed_services
from fleet_audit.audit.dockerfiles.drafting.deployed import deployed_services
from fleet_audit.audit.dockerfiles.drafting.families import Families
from fleet_audit.audit.dockerfiles.drafting.produced import TITLE, Produced
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.running.secret_shapes import secret_shape
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.draft import Fields, Guess
from fleet_audit.audit.model.manifest_claims import Started

_HEALTH_URL = re.compile(
    r"https?://(?:127\.0\.0\.1|localhost|0\.0\.0\.0|\[::1\])(?::(?P<port>\d{1,5}))?(?P<path>/[\w./-]*)?"
)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A service: its image, its name and why it is called so, and its code.

    `composed` are the compose services that run it so; `is_only` where nothing else runs its image.
    """

    image: Produced
    name: str
    why: str
    code: Code
    started: tuple[tuple[str, Started], ...] = ()
    """The machines whose start-up configuration names it, with what is said there."""
    composed: tuple[Composed, ...] = ()
    is_only: bool = True


class _Start(msgspec.Struct, frozen=True):
    """One way in which an image is started; `is_other` for that of a stage beside the Dockerfile's image."""

    image: Produced
    words: tuple[str, ...]
    composed: tuple[Composed, ...]
    is_only: bool
    is_other: bool


def service_images(images: Sequence[Produced]) -> tuple[Produced, ...]:
    """Return the images that run something of their own and that no other image here is built on."""
    parents = {one.parent for image in images for one in (image, *image.others)}
    return tuple(image for image in images if image.path not in parents and _starts_something(image))


def _starts_something(image: Produced) -> bool:
    if any(build.origin is BuildOrigin.COMPOSE for build in image.builds):
        return True
    lines = [line for line in (image.run.entrypoint, image.run.cmd) if line is not None]
    return any(line.location is not None and line.location.path == image.path for line in lines)


def found_services(
    images: Iterable[Produced],
    repository: Repository,
    startups: Mapping[str, Sequence[Started]],
    fleet: str,
) -> tuple[Found, ...]:
    """Return the services of images, in their order; `startups` are what each machine starts.

    What compose services, else containers of Kubernetes, start differently from one image, and what other
    stages of its Dockerfile start, are services of their own. One without a name is called as the `fleet` is.
    """
    composed, deployed = Running(composed_services(repository)), Running(deployed_services(repository))
    taken: set[str] = set()
    found = []
    for start in (start for image in images for start in _starts(image, composed, deployed)):
        code = code_of(start.image, start.words, repository)
        if start.is_other and not code.entry and not start.composed:
            continue
        started = tuple(
            (machine, each)
            for machine, all_of_it in sorted(startups.items())
            for each in all_of_it
            if each.entry and each.entry == code.entry
        )
        name, why = _untaken(_name(start, started, fleet), start.image.path, taken)
        taken.add(name)
        found.append(
            Found(
                image=start.image,
                name=name,
                why=why,
                code=code,
                started=started,
                composed=start.composed,
                is_only=start.is_only,
            )
        )
    return tuple(found)


def _starts(image: Produced, composed: Running, deployed: Running) -> Iterator[_Start]:
    starts = []
    for each in (image, *image.others):
        groups: dict[tuple[str, ...], list[Composed]] = {}
        for service in composed.of(each) or deployed.of(each):
            groups.setdefault(service.words(each.run), []).append(service)
        starts += [(each, *group) for group in groups.items()] or [(each, each.run.starting, [])]
    for each, words, services in starts:
        yield _Start(each, words, tuple(services), len(starts) == 1, each is not image)


def _untaken(named: tuple[str, str], path: str, taken: Collection[str]) -> tuple[str, str]:
    if named[0] not in taken:
        return named
    name = path.rpartition("/")[0].replace("/", "-") or path
    numbered = (f"{name}-{number}" for number in count(2))
    return (name if name not in taken else next(each for each in numbered if each not in taken)), "its folder"


def _name(start: _Start, started: Sequence[tuple[str, Started]], fleet: str) -> tuple[str, str]:
    image = start.image
    for _, each in started:
        return each.name, f"what {each.location} starts"
    title = image.run.label(TITLE)
    if (
        start.is_only
        and title is not None
        and title.is_known
        and title.value.strip()
        and title.location is not None
        and title.location.path == image.path
    ):
        return title.value, f"the label at {title.location}"
    for service in start.composed:
        return service.name, f"the service at {service.location}"
    for build in image.builds:
        if build.origin is BuildOrigin.COMPOSE and build.name:
            return build.name, f"the service at {build.location}"
    return (image.name, image.why) if image.name else (fleet, "the folder's name")


def service_fields(found: Found, families: Families) -> Fields:
    """Return the fields of a service."""
    image, code = found.image, found.code
    family = families.under(image)
    fields: Fields = {
        "name": Guess(found.name, found.why),
        "family": Guess(family, f"the FROM at {image.base_line}"),
    }
    if found.started:
        machines = tuple(dict.fromkeys(machine for machine, _ in found.started))
        fields["machines"] = Guess(machines, "their start-up configuration")
    # What one image exposes is not what each of its services listens on.
    if (found.is_only or not found.composed) and (ports := _ports(image)):
        fields["ports"] = ports
    if code.entry:
        fields["entry"] = Guess(
            code.entry, f"what {code.where} starts" if code.where else _why_started(found)
        )
    extra = found.composed[0].fields if found.composed else {}
    fields |= {key: guess for key, guess in extra.items() if key not in fields}
    own, shared = _folders(code)
    if own:
        fields["source_paths"] = Guess(
            own, "what the Dockerfile copies" if code.folders else "the entry's package"
        )
    if code.pythonpath:
        fields["pythonpath"] = Guess(code.pythonpath)
    if shared:
        fields["first_party_imports"] = Guess(shared, "what the Dockerfile copies besides")
    fields["dockerfiles"] = Guess((image.path,))
    if image.context != ".":
        fields["context"] = Guess(image.context, image.why_context)
    fields |= _build_fields(image.said)
    if code.requirements:
        fields["requirements"] = Guess(code.requirements)
    return fields


def _why_started(found: Found) -> str:
    for service in found.composed:
        if service.command is not None or service.entrypoint is not None:
            return f"what the service at {service.location} starts"
    return "what the image starts"


def _build_fields(builds: Sequence[Build]) -> Fields:
    for build in builds:
        # A secret is not written into one more file.
        given = {
            name: value
            for name, value in build.args
            if value is not None and secret_shape(name, value) is None
        }
        fields: Fields = {}
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
    if not entry:
        return code.folders, ()
    if not code.folders and place.count("/") > root.count("/"):
        # Its package, where an earlier stage installs that and leaves no folder.
        return (root + entry.partition("/")[0],), ()
    own = tuple(folder for folder in code.folders if folder == "." or f"{place}/".startswith(f"{folder}/"))
    return own, tuple(f"{folder}/" for folder in code.folders if own and folder not in own)


def _ports(image: Produced) -> Guess | None:
    exposed = [port for port in image.run.ports if port.is_known and port.value.endswith("/tcp")]
    ports: dict[str, int] = {}
    why = []
    for port in exposed[:1]:
        number = port.value.partition("/")[0]
        if number.isdigit() and 0 < int(number) < PORTS_END:
            ports["svc"] = int(number)
            why.append(f"EXPOSE at {port.location}")
    health, place = health_port(image)
    if 0 < health < PORTS_END and health != ports.get("svc"):
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
