"""How every image of a repository stands, from its Dockerfile and, where it was built, from the image."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

import msgspec

from fleet_audit.audit.dockerfiles.copying.context_files import Contexts
from fleet_audit.audit.dockerfiles.language.reference import ReferenceInvalid, parse_reference
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.running.bases import Bases, full_name
from fleet_audit.audit.dockerfiles.running.inits import init_of
from fleet_audit.audit.dockerfiles.running.user_names import DeclaredNames
from fleet_audit.audit.dockerfiles.standards.declared import exposed_ports, labels, triggers
from fleet_audit.audit.dockerfiles.standards.health import health
from fleet_audit.audit.dockerfiles.standards.history import history_copies
from fleet_audit.audit.dockerfiles.standards.images import MadeImage, Role
from fleet_audit.audit.dockerfiles.standards.leftovers import leftovers
from fleet_audit.audit.dockerfiles.standards.outside import (
    brings_init,
    may_add_labels,
    mounted_places,
    outer_health,
    started_with_init,
)
from fleet_audit.audit.dockerfiles.standards.platforms import platforms
from fleet_audit.audit.dockerfiles.standards.processes import first_process
from fleet_audit.audit.dockerfiles.standards.secrets import secrets
from fleet_audit.audit.dockerfiles.standards.sizes import image_size
from fleet_audit.audit.dockerfiles.standards.start_files import copied_script, start_file
from fleet_audit.audit.dockerfiles.standards.users import privileged_steps, run_as
from fleet_audit.audit.model.fleet import Defaults, Fleet
from fleet_audit.audit.model.image import Layer
from fleet_audit.audit.model.running import RunConfiguration
from fleet_audit.audit.model.standards import FirstProcess, Health, Observed, RunAs


class BuiltImage(msgspec.Struct, frozen=True):
    """An image that was built; `compressed_bytes` is None where its layers are stored otherwise.

    `unpacked_bytes` is 0 where that is not known.
    """

    run: RunConfiguration
    platforms: tuple[str, ...] = ()
    layers: tuple[Layer, ...] = ()
    compressed_bytes: int | None = None
    unpacked_bytes: int = 0
    attestations: int = -1


class KnownBase(msgspec.Struct, frozen=True):
    """What is known of an image of others: programs that it lacks, and those that only a build needs."""

    lacks: tuple[str, ...] = ()
    carries: tuple[str, ...] = ()


KnownBases = Callable[[str], KnownBase]
"""Returns what is known of an image of others, by its reference."""


class Ground:
    """What all images of a repository are looked at with."""

    def __init__(self, repository: Repository, bases: Bases, fleet: Fleet | None, known: KnownBases) -> None:
        """Take the repository, what images below would run, the fleet, and what is known of others."""
        self.repository = repository
        self.bases = bases
        self.fleet = fleet
        self.known = known
        self.contexts = Contexts(repository)
        self.names = DeclaredNames(bases)

    @cached_property
    def started_with_init(self) -> frozenset[str]:
        """Return the images that a command starts behind an init; worked out when it is first asked for."""
        return started_with_init(self.repository)

    @property
    def defaults(self) -> Defaults:
        """Return what the manifest says for all images."""
        return Defaults() if self.fleet is None else self.fleet.manifest.defaults


def standing(image: MadeImage, ground: Ground, built: BuiltImage | None) -> Iterator[Observed]:
    """Yield how an image stands; what the image says as its Dockerfile does is said once."""
    told = [*_running(image, ground)]
    yield from told
    if built is not None:
        yield from _built_otherwise(image, ground, built, told)
    yield from privileged_steps(image, ground.names)
    yield from leftovers(
        image, ground.bases, kept=_kept(image), carried=ground.known(image.run.lowest).carries
    )
    yield from history_copies(image, ground.bases, ground.contexts)
    yield from secrets(image)
    yield from exposed_ports(image)
    yield from triggers(image)
    yield from labels(
        image,
        None if built is None else built.run,
        -1 if built is None else built.attestations,
        may_be_added=may_add_labels(image, ground.repository),
    )
    start = start_file(image, ground.bases, ground.contexts, mounted_places(image, ground.repository))
    if start is not None:
        yield start
    yield from platforms(image, _wanted_platforms(image, ground), () if built is None else built.platforms)
    if built is not None and built.compressed_bytes is not None:
        yield image_size(image, built.layers, built.compressed_bytes, built.unpacked_bytes)


def _running(image: MadeImage, ground: Ground) -> Iterator[Observed]:
    defaults = ground.defaults
    found = (
        run_as(image, ground.names, defaults.user if image.role is not Role.OTHER else ""),
        first_process(
            image,
            wanted_init=defaults.init,
            has_outer_init=_has_outer_init(image, ground),
            script=_entry_script(image, ground),
        ),
        health(
            image,
            ground.bases,
            wanted_path=defaults.health_path,
            lacked=ground.known(image.run.lowest).lacks,
            outer=outer_health(image, ground.repository),
        ),
    )
    yield from (each for each in found if each is not None)


def _entry_script(image: MadeImage, ground: Ground) -> str | None:
    words = image.run.starting
    return None if not words or init_of(words) else copied_script(image, ground.repository, words[0])


def _has_outer_init(image: MadeImage, ground: Ground) -> bool:
    if init_of(image.run.starting):
        return False
    names = {full_name(tag) for build in image.builds for tag in build.tags}
    is_started_so = bool(names) and not names.isdisjoint(ground.started_with_init)
    return is_started_so or brings_init(image, ground.repository)


def _built_otherwise(
    image: MadeImage, ground: Ground, built: BuiltImage, told: list[Observed]
) -> Iterator[Observed]:
    """Yield what the built image says otherwise than its Dockerfile, at the manifest's line."""
    place = image.manifest_line or image.line
    stored = msgspec.structs.replace(image, run=built.run)
    essences = {_essence(each) for each in told}
    for each in _running(stored, ground):
        if _essence(each) not in essences:
            name = f"{image.name}, as it was built,"
            record = msgspec.structs.replace(each.standing, image=name)
            if isinstance(record, RunAs):
                # Which of the images below says so does not show.
                record = msgspec.structs.replace(record, is_inherited=False)
            yield Observed(record, f"{each.name}#built", place, (image.line,), each.confidence)


def _essence(observed: Observed) -> Mapping[str, object] | tuple[object, ...]:
    """Return what a record says of an image, without where it is written."""
    record = observed.standing
    match record:
        case RunAs():
            return (type(record), record.uid, record.gid, record.user if record.uid < 0 else "")
        case FirstProcess():
            return (type(record), record.command)
        case Health():
            return (type(record), record.is_set, record.command)
        case _:
            return (record,)


def _wanted_platforms(image: MadeImage, ground: Ground) -> tuple[str, ...]:
    """Return the platforms of a family, for a service those of the family that it is on."""
    family = image.family
    if family is None and image.service is not None and ground.fleet is not None:
        family = ground.fleet.family(image.service.family)
    return () if family is None else family.platforms


def _kept(image: MadeImage) -> frozenset[str]:
    """Return the packages that the manifest wants in a family."""
    family = image.family
    return frozenset() if family is None else frozenset((*family.must_contain_apt, *family.apt.keep))


def name_and_tag(reference: str) -> tuple[str, str]:
    """Return an image's full name and its tag, both empty where the reference is none."""
    try:
        parsed = parse_reference(reference)
    except ReferenceInvalid:
        return "", ""
    return parsed.name, parsed.tag
