"""How the images of a repository stand against what they are held to."""

import os
from collections.abc import Iterable, Iterator, Sequence

from fleet_audit.audit.dockerfiles.running.bases import Bases, makings
from fleet_audit.audit.dockerfiles.running.stored import of_image
from fleet_audit.audit.dockerfiles.standards.images import MadeImage, Role, made_images
from fleet_audit.audit.dockerfiles.standards.machine_profiles import machine_profiles
from fleet_audit.audit.dockerfiles.standards.standing import (
    BuiltImage,
    Ground,
    KnownBase,
    name_and_tag,
    standing,
)
from fleet_audit.audit.images.failure import ImageError
from fleet_audit.audit.images.identify import stored_image
from fleet_audit.audit.knowledge.base import Knowledge
from fleet_audit.audit.model.builds import Build
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.image import Layer
from fleet_audit.audit.model.running import CommandLine, RunConfiguration, Setting
from fleet_audit.audit.pipeline.repository.grounds import Examined, Grounds
from fleet_audit.audit.pipeline.run.subject import PATH_TRANSPORTS, anchored
from fleet_audit.audit.policy.standard_subjects import standard_subjects


def examine(grounds: Grounds) -> Examined:
    """Return one subject for each thing that images are held to.

    Of images that were built, only their documents are read, and no layer.
    """
    bases = bases_of(grounds, grounds.builds)
    knowledge = grounds.shared.knowledge
    ground = Ground(grounds.repository, bases, grounds.fleet, lambda name: _known_base(knowledge, name))
    observed = []
    gaps: list[Gap] = []
    for image in made_images(grounds.builds, grounds.fleet, bases):
        built = _built(image, grounds, gaps)
        observed += [*standing(image, ground, built)]
        gaps += _unknown(image)
    if grounds.fleet is not None:
        observed += [*machine_profiles(grounds.fleet, grounds.repository)]
    return Examined(standard_subjects(dict.fromkeys(observed)), tuple(gaps))


def _unknown(image: MadeImage) -> Iterator[Gap]:
    """Yield that what an image inherits is not judged, where nothing is known of what it is built on."""
    if image.role is Role.OTHER or image.run.is_whole:
        return
    parts = {"user": image.run.user, "entrypoint": image.run.entrypoint, "health check": image.run.health}
    open_parts = [name for name, value in parts.items() if value is None]
    if open_parts:
        what = f"what {image.name} inherits of it ({', '.join(open_parts)}) is not judged"
        why = f"nothing is known of this image here; {what}"
        yield Gap("dockerfiles", GapKind.NOT_EXAMINED, image.run.unknown_base, why, image.line)


def bases_of(grounds: Grounds, builds: Iterable[Build]) -> Bases:
    """Return what the images would run that others are built on; `builds` say what is made here."""
    knowledge = grounds.shared.knowledge
    return Bases(
        grounds.repository, makings(builds, grounds.fleet), lambda name: known_image(knowledge, name)
    )


def known_image(knowledge: Knowledge, reference: str) -> RunConfiguration | None:
    """Return what a well-known image of others would run; None for all others."""
    row = knowledge.base_image(*name_and_tag(reference))
    if row is None:
        return None
    return RunConfiguration(
        user=Setting(row.user),
        entrypoint=CommandLine(row.entrypoint) if row.entrypoint else None,
        cmd=CommandLine(row.cmd) if row.cmd else None,
        working_dir=Setting("/"),
        lowest=reference,
    )


def _known_base(knowledge: Knowledge, reference: str) -> KnownBase:
    row = knowledge.base_image(*name_and_tag(reference))
    return KnownBase() if row is None else KnownBase(row.lacks, row.carries)


def _built(image: MadeImage, grounds: Grounds, gaps: list[Gap]) -> BuiltImage | None:
    """Return the image that was built, where the manifest names it and it is there."""
    reference = next(_references(image), None)
    if reference is None or grounds.fleet is None:
        return None
    place = anchored(reference, grounds.fleet.root)
    if not _is_there(place):
        return None
    try:
        stored = stored_image(place, platform=grounds.shared.settings.platform)
    except ImageError as error:
        gaps.append(Gap("images", GapKind.NOT_EXAMINED, image.name, str(error), image.manifest_line))
        return None
    if stored is None:
        return None
    return BuiltImage(
        run=of_image(stored.config),
        platforms=tuple(str(each) for each in stored.platforms),
        layers=stored.layers,
        compressed_bytes=stored.compressed_bytes,
        unpacked_bytes=_unpacked(stored.layers, grounds),
        attestations=stored.attestations,
    )


def _unpacked(layers: Sequence[Layer], grounds: Grounds) -> int:
    """Return how large an image is once it is unpacked; 0 where not all of it was read before."""
    from fleet_audit.audit.pipeline.run.scene import unpacked_bytes  # noqa: PLC0415  (60 ms; only built images pay)

    sizes = unpacked_bytes(layers, grounds.shared.settings)
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else 0


def _references(image: MadeImage) -> Iterator[str]:
    owner = image.service if image.role is Role.SERVICE else image.family
    if owner is not None and owner.image is not None:
        yield owner.image


def _is_there(reference: str) -> bool:
    """Say whether something stands where a path of an image begins; engines are not asked here."""
    transport, separator, place = reference.partition(":")
    if separator and transport in PATH_TRANSPORTS:
        return os.path.exists(place) or os.path.exists(place.rpartition(":")[0])
    return not separator and os.path.exists(reference)
