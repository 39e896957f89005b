"""How each package came into an image: in which layer, by which Dockerfile, and asked for by whom."""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property

import msgspec

from fleet_audit.audit.apt.installed.ownership import INFO
from fleet_audit.audit.apt.installed.state import InstalledRecord
from fleet_audit.audit.apt.surplus.surplus import Brought
from fleet_audit.audit.dockerfiles.addition.installations import installations
from fleet_audit.audit.dockerfiles.language.expansion import scopes
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile, Instruction
from fleet_audit.audit.images.tree import FileUnreadable, join, normalise
from fleet_audit.audit.model.identity import DiffID, ImagePath, PackageName
from fleet_audit.audit.model.image import Layer
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.pipeline.run.origin import families_of_layers
from fleet_audit.audit.pipeline.run.scene import Scene
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject

_BY_SHELL = re.compile(r"(?:RUN )?(?:\|\d+ .*? )?/\S*sh(?: -[a-z]+(?: pipefail)?)*? -[a-z]*c ")
"""How builders tell of a RUN in the history of an image: the shell, and what it was given."""

BASE = "base"
"""The origin of what the upstream base image brought."""

_OF_MINIMAL_SYSTEMS = ("required", "important")
_LONGEST_HISTORY = 64 << 10
_DOCKERFILE_LIMIT = 1 << 20


class OwnDockerfile(msgspec.Struct, frozen=True):
    """A family's Dockerfile: the instructions of what it builds in the end, in order of lines."""

    path: str
    instructions: tuple[Instruction, ...]

    @property
    def named(self) -> dict[str, SourceLocation]:
        """Return the packages that its RUNs install by name, each with its last line."""
        return {
            word.name: SourceLocation(self.path, word.line)
            for instruction in self.instructions
            for each in installations(instruction)
            for word in each.packages
        }


def family_dockerfiles(subject: Subject, shared: Shared) -> dict[str, tuple[OwnDockerfile, ...]]:
    """Return the readable Dockerfiles of a family and of those below it, the lowest family first."""
    fleet, sources = shared.fleet, subject.sources
    if fleet is None or subject.family is None or sources is None:
        return {}
    found: dict[str, tuple[OwnDockerfile, ...]] = {}
    for name in (*reversed(fleet.ancestors(subject.family)), subject.family):
        files = []
        for path in fleet.manifest.families[name].dockerfiles:
            try:
                text = sources.read(normalise(path), limit=_DOCKERFILE_LIMIT).decode(errors="replace")
            except FileUnreadable:
                continue
            files.append(OwnDockerfile(path, _final_instructions(parse(text))))
        found[name] = tuple(files)
    return found


def _final_instructions(dockerfile: Dockerfile) -> tuple[Instruction, ...]:
    final = dockerfile.target("")
    stages = [] if final is None else list(scopes(dockerfile).lineage(final))
    return tuple(instruction for stage in reversed(stages) for instruction in stage.instructions)


def installed_by(created_by: str) -> frozenset[str]:
    """Return the packages that a layer's history says were installed by name."""
    text = " ".join(created_by[:_LONGEST_HISTORY].split()).removesuffix("# buildkit")
    match = _BY_SHELL.match(text)
    script = text[match.end() :] if match else text.removeprefix("RUN ")
    run = parse(f"FROM scratch\nRUN {script}\n").instructions[-1]
    return frozenset(word.name for each in installations(run) for word in each.packages)


class Arrivals:
    """Tells of one image how its packages came."""

    def __init__(self, subject: Subject, scene: Scene, shared: Shared) -> None:
        """Take the opened image, and whose it is."""
        self._subject = subject
        self._scene = scene
        self._shared = shared
        self.dockerfiles: Mapping[str, tuple[OwnDockerfile, ...]] = family_dockerfiles(subject, shared)

    def of(self, records: Iterable[InstalledRecord]) -> dict[PackageName, Brought]:
        """Return how each package came; those of foreign architectures are told by name alone."""
        every = tuple(records)
        has_marks = any(record.package.is_automatic for record in every)
        return {record.name: self._brought(record, has_marks=has_marks) for record in every}

    def origin_of(self, layer: Layer) -> str:
        """Return whose layer it is: ``base`` for the image that the lowest Dockerfile starts from.

        Otherwise the family whose image first has it; empty where no manifest tells.
        """
        if self._depth[layer.diff_id] < self._first_own:
            return BASE
        own = self._subject.name if self._subject.family is not None else ""
        return self._families.get(layer.diff_id, own)

    def _brought(self, record: InstalledRecord, *, has_marks: bool) -> Brought:
        layer = self._layer(record)
        subject = self._subject
        origin = subject.name
        if layer is not None:
            origin = self._families.get(layer.diff_id, origin)
        place = self._lines.get(origin, {}).get(record.name)
        told = frozenset() if layer is None else self._told[layer.diff_id]
        is_marked = has_marks and not record.package.is_automatic
        return Brought(
            origin=origin,
            layer="" if layer is None else layer.diff_id,
            created_by="" if layer is None else layer.created_by,
            dockerfile=place,
            is_inherited=subject.family is not None and origin != subject.name,
            is_base=self._is_base(record, layer, is_named=place is not None),
            is_named=place is not None or record.name in told or (is_marked and not told),
        )

    def _is_base(self, record: InstalledRecord, layer: Layer | None, *, is_named: bool) -> bool:
        if not self._scene.image.identity.layers:
            # A folder has no layers: what a minimal system has counts as given (Debian policy 2.5).
            return not is_named and record.priority in _OF_MINIMAL_SYSTEMS
        return not is_named and (layer is None or self._depth[layer.diff_id] < self._first_own)

    def _layer(self, record: InstalledRecord) -> Layer | None:
        for name in (f"{record.name}.list", f"{record.name}:{record.package.architecture}.list"):
            if (layer := self._first.get(join(INFO, name))) is not None:
                return layer
        return None

    @cached_property
    def _first(self) -> Mapping[ImagePath, Layer]:
        return self._scene.image.first_layers(INFO)

    @cached_property
    def _families(self) -> Mapping[DiffID, str]:
        return families_of_layers(self._subject, self._shared)

    @cached_property
    def _depth(self) -> dict[DiffID, int]:
        depth: dict[DiffID, int] = {}
        for index, layer in enumerate(self._scene.image.identity.layers):
            depth.setdefault(layer.diff_id, index)
        return depth

    @cached_property
    def _told(self) -> dict[DiffID, frozenset[str]]:
        return {layer.diff_id: installed_by(layer.created_by) for layer in self._scene.image.identity.layers}

    @cached_property
    def _lines(self) -> dict[str, dict[str, SourceLocation]]:
        return {
            family: {name: line for file in files for name, line in file.named.items()}
            for family, files in self.dockerfiles.items()
        }

    @cached_property
    def _first_own(self) -> int:
        """Return the index of the lowest layer that is not the base image's.

        With Dockerfiles it is the lowest that says that it installed a package that they name, or that a
        family above the lowest brought, where the lowest one's image is there to tell; without, the second:
        what starts an image is a whole system.
        """
        layers = self._scene.image.identity.layers
        if not self.dockerfiles:
            return 1
        named = {name for lines in self._lines.values() for name in lines}
        lowest = next(iter(self.dockerfiles))
        has_lowest = lowest in self._families.values()
        for index, layer in enumerate(layers):
            is_above = has_lowest and self._families.get(layer.diff_id, lowest) != lowest
            if is_above or not named.isdisjoint(self._told[layer.diff_id]):
                return index
        return len(layers)
