"""The whole draft: fleet, registry, defaults, machines, families and services."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.drafting.families import Families, draft_families
from fleet_audit.audit.dockerfiles.drafting.produced import Produced, produced
from fleet_audit.audit.dockerfiles.drafting.services import (
    Found,
    found_services,
    health_path,
    service_fields,
    service_images,
)
from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.language.reference import ImageReference, ReferenceInvalid, parse_reference
from fleet_audit.audit.dockerfiles.manifest.startup import started
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.running.inits import init_of, shown
from fleet_audit.audit.dockerfiles.running.masking import masked_words
from fleet_audit.audit.fleet.manifest import MANIFEST_NAME
from fleet_audit.audit.model.builds import Build
from fleet_audit.audit.model.draft import Draft, Fields, Guess, Plain
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.manifest_claims import Started

_DATED = re.compile(r"\d{8}-[0-9a-f]{7,40}")
_DATED_PATTERN = r"^\d{8}-[0-9a-f]{7,40}$"
_PATHS = frozenset(
    {"dockerfiles", "context", "entry", "source_paths", "pythonpath", "first_party_imports", "requirements"}
)
_UNPUBLISHED = "docker.io/library/"
"""What a name without a registry stands for: those are names on one's own machine."""

_MACHINE = re.compile(r"[^A-Za-z0-9_-]+")


def draft(name: str, repository: Repository, builds: Iterable[Build]) -> Draft:
    """Return a manifest for a repository called `name`; without families where it has no Dockerfile."""
    images = produced(repository, builds)
    of_services = service_images(images)
    startups = _startups(repository)
    families = draft_families(images, of_services, name)
    started = {machine: all_of_it for machine, (_, all_of_it) in startups.items()}
    services = found_services(of_services, repository, started, name)
    named = [each for each in services if families.under(each.image)]
    called = {(said.folder, said.name): each.name for each in named for said in each.composed}
    return Draft(
        fleet=Guess(name, "the folder's name"),
        registry=_registry(images),
        defaults=_defaults(services),
        machines={machine: {"startup": Guess(path)} for machine, (path, _) in _used(startups, services)},
        families={family: _written(fields) for family, fields in families.fields.items()},
        services=tuple(_written(_of_manifest(each, families, called)) for each in named),
        open_questions=tuple(_questions(services, families, startups)),
    )


def _of_manifest(found: Found, families: Families, called: Mapping[tuple[str, str], str]) -> Fields:
    """Return the fields of a service with the names of others as the manifest has them."""
    fields = service_fields(found, families)
    wanted = fields.pop("depends_on", None)
    if wanted is not None and isinstance(wanted.value, tuple):
        keys = [(said.folder, str(name)) for said in found.composed[:1] for name in wanted.value]
        names = dict.fromkeys(called[key] for key in keys if key in called)
        names.pop(found.name, None)
        if names:
            fields["depends_on"] = Guess(tuple(names), wanted.why)
    return fields


def _written(fields: Fields) -> Fields:
    """Return fields in which no path looks like that of a home."""
    return {
        key: msgspec.structs.replace(guess, value=_path(guess.value)) if key in _PATHS else guess
        for key, guess in fields.items()
    }


def _path(value: Plain) -> Plain:
    if isinstance(value, tuple):
        return tuple(_path(each) for each in value)
    return f"./{value}" if isinstance(value, str) and value.startswith("~") else value


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
        if (reference := _parsed(text)) is not None
        and reference.repository.rpartition("/")[2] in names
        and not reference.name.startswith(_UNPUBLISHED)
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
    users = [user for user in users if user.partition(":")[0] not in ("0", "root")]
    inits = [init for run in runs if (init := init_of(run.starting))]
    paths = [path for each in services if (path := health_path(each.image))]
    fields: Fields = {}
    for key, values in (("user", users), ("init", inits), ("health_path", paths)):
        if values:
            value, count = Counter(values).most_common(1)[0]
            # What most do not do is no rule of the house.
            if count * 2 > len(services):
                fields[key] = Guess(value, f"{count} of {len(services)} services")
    return fields


def _questions(
    services: Iterable[Found], families: Families, startups: Mapping[str, tuple[str, tuple[Started, ...]]]
) -> Iterator[str]:
    for each in services:
        if not families.under(each.image):
            yield f"{each.image.path}: what it is built on is not known, so {each.name} was left out"
        elif not each.code.entry:
            yield f"{each.name}: {_why_no_entry(each)}"
    known = {each.code.entry for each in services if each.code.entry}
    for machine, (path, starts) in startups.items():
        names = sorted({start.name for start in starts if start.entry not in known})
        if names:
            yield f"{path}: no Dockerfile starts the entries of {', '.join(names)} ({machine})"


def _why_no_entry(found: Found) -> str:
    words = found.composed[0].words(found.image.run) if found.composed else found.image.run.starting
    if not words:
        return "nothing says what it starts; name the Python file that it runs as `entry`"
    return f"it starts {shown(masked_words(words))}; where Python runs behind that, name the file as `entry`"
