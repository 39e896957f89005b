"""Which images a repository's Dockerfiles make, and for whom."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from fleet_audit.audit.dockerfiles.running.bases import Bases, Making, making_of
from fleet_audit.audit.dockerfiles.running.configuration import Step, Use
from fleet_audit.audit.model.builds import Build
from fleet_audit.audit.model.fleet import Family, Fleet, Service
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.running import RunConfiguration


class Role(StrEnum):
    """What an image is for: to be run, to be built on, or what the manifest does not speak of."""

    SERVICE = "service"
    FAMILY = "family"
    OTHER = "other"


class MadeImage(msgspec.Struct, frozen=True):
    """An image that the repository makes: its Dockerfile as it is built, and what it would run.

    `name` is the service's or family's, else the Dockerfile's path. `builds` are those of the stage,
    those for this image first.
    """

    name: str
    role: Role
    use: Use
    making: Making
    run: RunConfiguration
    builds: tuple[Build, ...] = ()
    service: Service | None = None
    family: Family | None = None
    family_name: str = ""
    manifest_line: SourceLocation | None = None

    @property
    def line(self) -> SourceLocation:
        """Return the FROM of the stage that becomes the image."""
        stage = self.use.stage
        return SourceLocation(self.use.path, stage.line if stage else 0)

    @property
    def services(self) -> tuple[str, ...]:
        """Return the service, for exemptions."""
        return () if self.service is None else (self.service.name,)

    def stands_here(self, place: SourceLocation | None) -> bool:
        """Say whether a line is one of this image's own Dockerfile."""
        return place is not None and place.path == self.use.path


def made_images(builds: Iterable[Build], fleet: Fleet | None, bases: Bases) -> tuple[MadeImage, ...]:
    """Return the images that builds make, by Dockerfile and stage.

    Where a stage is built for services or families, one for each of them, and none for nobody. What cannot be
    read, and a stage that is not there, has no place here.
    """
    groups: defaultdict[tuple[str, int], list[Build]] = defaultdict(list)
    for build in builds:
        use = bases.use(making_of(build)) if build.dockerfile else None
        if use is not None and use.stage is not None:
            groups[build.dockerfile, use.stage.index].append(build)
    return tuple(image for _, group in sorted(groups.items()) for image in _images(group, fleet, bases))


def own_steps(image: MadeImage, bases: Bases) -> Iterator[Step]:
    """Yield what the image's own Dockerfile does to it."""
    lineage = {stage.index for stage in image.use.lineage}
    yield from (step for step in bases.steps(image.making) if step.stage.index in lineage)


def _images(builds: Sequence[Build], fleet: Fleet | None, bases: Bases) -> Iterator[MadeImage]:
    owners = _owners(builds, fleet) or {("", Role.OTHER): list(builds)}
    for (name, role), own in owners.items():
        making = making_of(own[0])
        use, run = bases.use(making), bases.of(making)
        if use is None or run is None:
            continue
        others = (build for build in builds if build not in own)
        image = MadeImage(name or use.path, role, use, making, run, (*own, *others))
        yield _described(image, fleet) if fleet is not None else image


def _owners(builds: Sequence[Build], fleet: Fleet | None) -> Mapping[tuple[str, Role], list[Build]]:
    """Return the builds of each service and family that the manifest has."""
    found: defaultdict[tuple[str, Role], list[Build]] = defaultdict(list)
    if fleet is None:
        return found
    known = {service.name for service in fleet.manifest.services}
    for build in builds:
        for name in build.services:
            if name in known:
                found[name, Role.SERVICE].append(build)
        for name in build.families:
            if name in fleet.manifest.families:
                found[name, Role.FAMILY].append(build)
    return dict(sorted(found.items()))


def _described(image: MadeImage, fleet: Fleet) -> MadeImage:
    """Return an image with what the manifest says of it."""
    if image.role is Role.FAMILY:
        return msgspec.structs.replace(
            image,
            family=fleet.manifest.families[image.name],
            family_name=image.name,
            manifest_line=fleet.lines.get(f"families.{image.name}"),
        )
    if image.role is Role.SERVICE:
        service = next(service for service in fleet.manifest.services if service.name == image.name)
        return msgspec.structs.replace(
            image, service=service, manifest_line=fleet.lines.get(f"services.{image.name}")
        )
    return image
