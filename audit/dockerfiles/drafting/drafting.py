"""The whole draft: fleet, registry, defaults, machines, families and services."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from fleet_audit.audit.dockerfiles.drafting.families import Families, draft_families
from fleet_audit.audit.dockerfiles.drafting.produced import Produced, produced
from fleet_audit.audit.dockerfiles.drafting.services import (
    Found,
    compose_fields,
    found_services,
    health_path,
    service_fields,
    service_images,
)
from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.language.reference import ImageReference, ReferenceInvalid, parse_reference
from fleet_audit.audit.dockerfiles.manifest.startup import started
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.standards.processes import init_of
from fleet_audit.audit.fleet.manifest import MANIFEST_NAME
from fleet_audit.audit.model.builds import Build
from fleet_audit.audit.model.draft import Draft, Fields, Guess
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.manifest_claims import Started

_DATED = re.compile(r"\d{8}-[0-9a-f]{7,40}")
_DATED_PATTERN = r"^\d{8}-[0-9a-f]{7,40}$"
_MACHINE = re.compile(r"[^A-Za-z0-9_-]+")


def draft(name: str, repository: Repository, builds: Iterable[Build]) -> Draft:
    """Return a manifest for a repository called `name`; without families where it has no Dockerfile."""
    images = produced(repository, builds)
    of_services = service_images(images)
    startups = _startups(repository)
    families = draft_families(images, of_services)
    services = found_services(of_services, repository, {machine: s for machine, (_, s) in startups.items()})
    named = {each.name: each for each in services if families.under(each.image)}
    called = {build.name: each.name for each in named.values() for build in each.image.builds if build.name}
    compose = compose_fields(repository)
    return Draft(
        fleet=Guess(name, "the folder's name"),
        registry=_registry(images),
        defaults=_defaults(services),
        machines={machine: {"startup": Guess(path)} for machine, (path, _) in _used(startups, services)},
        families=families.fields,
        services=tuple(_of_manifest(each, families, compose, called) for each in named.values()),
        open_questions=tuple(_questions(services, families, startups)),
    )


def _of_manifest(
    found: Found, families: Families, compose: Mapping[str, Fields], called: Mapping[str, str]
) -> Fields:
    """Return the fields of a service with the names of others as the manifest has them."""
    fields = service_fields(found, families, compose)
    wanted = fields.pop("depends_on", None)
    if wanted is not None and isinstance(wanted.value, tuple):
        names = tuple(called[str(name)] for name in wanted.value if str(name) in called)
        if names:
            fields["depends_on"] = Guess(names, wanted.why)
    return fields


def _startups(repository: Repository) -> dict[str, tuple[str, tuple[Started, ...]]]:
    """Return what each file that looks like a start-up configuration starts, by the file's name."""
    found: dict[str, tuple[str, tuple[Started, ...]]] = {}
    for path in repository.files(FileRole.YAML):
        if path.rpartition("/")[2] == MANIFEST_NAME:
            continue
        if "services" not in (text := repository.text(path) or "") and "agent" not in text:
            continue
        read = repository.yaml(path, kind=GapKind.NOT_EXAMINED)
        starts = [each for document in (read.documents if read else ()) for each in started(document)]
        if any(each.entry.endswith(".py") and repository.holds(each.entry) for each in starts):
            machine = _MACHINE.sub("-", path.rpartition("/")[2].rpartition(".")[0])
            found.setdefault(machine, (path, tuple(starts)))
    return found


def _used(
    startups: Mapping[str, tuple[str, tuple[Started, ...]]], services: Iterable[Found]
) -> Iterator[tuple[str, tuple[str, tuple[Started, ...]]]]:
    machines = {machine for each in services for machine, _ in each.started}
    return ((machine, found) for machine, found in startups.items() if machine in machines)


def _registry(images: Sequence[Produced]) -> Fields:
    names = {image.name for image in images}
    own = [
        reference
        for text in _references(images)
        if (reference := _parsed(text)) is not None and reference.repository.rpartition("/")[2] in names
    ]
    prefixes = Counter(reference.name.rpartition("/")[0] for reference in own)
    if not prefixes:
        return {}
    prefix, count = prefixes.most_common(1)[0]
    fields: Fields = {
        "prefix": Guess(prefix, f"{count} of {len(own)} references to images that are made here")
    }
    tags = [reference.tag for reference in own if reference.tag]
    if tags and all(_DATED.fullmatch(tag) for tag in tags):
        fields["tag_pattern"] = Guess(_DATED_PATTERN, f"all {len(tags)} tags of them")
    return fields


def _references(images: Iterable[Produced]) -> Iterator[str]:
    for image in images:
        yield image.base
        for build in image.builds:
            yield from build.tags


def _parsed(text: str) -> ImageReference | None:
    try:
        return parse_reference(text)
    except ReferenceInvalid:
        return None


def _defaults(services: Sequence[Found]) -> Fields:
    runs = [each.image.run for each in services]
    users = [run.user.value for run in runs if run.user is not None and run.user.is_known]
    inits = [init for run in runs if (init := init_of(run.starting))]
    paths = [path for each in services if (path := health_path(each.image))]
    fields: Fields = {}
    for key, values in (("user", users), ("init", inits), ("health_path", paths)):
        if values:
            value, count = Counter(values).most_common(1)[0]
            fields[key] = Guess(value, f"{count} of {len(services)} services")
    return fields


def _questions(
    services: Iterable[Found], families: Families, startups: Mapping[str, tuple[str, tuple[Started, ...]]]
) -> Iterator[str]:
    for each in services:
        if not families.under(each.image):
            yield f"{each.image.path}: what it is built on is not known, so {each.name} was left out"
        elif not each.code.entry:
            yield f"{each.name}: its Dockerfile does not show which Python file it runs; name it as `entry`"
    known = {each.code.entry for each in services if each.code.entry}
    for machine, (path, starts) in startups.items():
        names = sorted({start.name for start in starts if start.entry not in known})
        if names:
            yield f"{path}: no Dockerfile starts the entries of {', '.join(names)} ({machine})"
