"""How services fit their family: what of its payload they use, and which smaller family would do."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from fleet_audit.audit.images.failure import ImageError
from fleet_audit.audit.images.identify import stored_layers
from fleet_audit.audit.images.tree import join
from fleet_audit.audit.model.evidence import Node, NodeKind
from fleet_audit.audit.model.fleet import Family, Fleet, Service
from fleet_audit.audit.model.identity import DistributionName, ImagePath
from fleet_audit.audit.model.image import Layer
from fleet_audit.audit.model.imports import (
    FamilyFit,
    ImportContext,
    Level,
    ProviderKind,
    RequiredDistribution,
    ServiceImports,
)
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.pipeline.run.examined import Examined, reached_distributions
from fleet_audit.audit.pipeline.run.origin import families_of_layers
from fleet_audit.audit.pipeline.run.programs import find_program
from fleet_audit.audit.pipeline.run.pulling import registry_for
from fleet_audit.audit.pipeline.run.scene import open_scene
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject, anchored
from fleet_audit.audit.static_imports.distributions.distributions import Distribution

_KINDS = ("bin:", "so:", "dist:")
_GPU_VERSIONS = ("cu", "rocm")
"""How the local part of a version begins that names a build for a GPU (PEP 440)."""


class _Wants(msgspec.Struct, frozen=True):
    """What one service takes from its image, and what it installs itself.

    What the latter needs is known only where another image has it too. Libraries that a service names itself
    tie it to its image.
    """

    distributions: frozenset[DistributionName]
    own: frozenset[DistributionName]
    programs: frozenset[str]
    libraries: frozenset[str]
    requirements: tuple[RequiredDistribution, ...]


class _Offer(msgspec.Struct, frozen=True):
    """What another family's image has, and its compressed size."""

    family: str
    size: int
    installed: Mapping[DistributionName, Distribution]
    programs: frozenset[str]


def fits(examined: Examined, shared: Shared) -> tuple[FamilyFit, ...]:
    """Return how each service fits the family on whose image it was examined.

    A service is passed over where not all that it takes from the image is known: where what it surely imports
    is provided by nobody, or it imports by a computed name.
    """
    fleet, subject = shared.fleet, examined.subject
    if fleet is None or subject.family is None or not _is_the_familys(subject, fleet):
        return ()
    if not examined.scene.is_whole:
        return ()
    settings = {service.name: service for service in fleet.manifest.services}
    look = _Look(examined, fleet, shared)
    return tuple(
        look.fit(settings[service.service], service)
        for service in examined.services
        if service.service in settings and _is_known(service)
    )


def declared_distributions(fleet: Fleet, family: str) -> frozenset[DistributionName]:
    """Return what the manifest says that a family, or one above it, contains."""
    names = (family, *fleet.ancestors(family))
    return frozenset(name for each in names for name in _contained(fleet.manifest.families[each]))


def _contained(family: Family) -> Iterator[DistributionName]:
    for word in family.must_contain_pip:
        try:
            yield DistributionName(canonicalize_name(Requirement(word).name))
        except InvalidRequirement:
            continue


def _is_the_familys(subject: Subject, fleet: Fleet) -> bool:
    image = subject.settings.image
    return image is not None and subject.image == anchored(image, fleet.root)


def _is_known(service: ServiceImports) -> bool:
    fails = any(
        missing.context is not ImportContext.GUARDED and missing.level is Level.CERTAIN
        for missing in service.missing
    )
    is_open = service.dynamic_imports or any(gap.blocking for gap in service.gaps)
    return bool(service.files) and not (fails or is_open)


class _Look:
    """Looks at the services of one family."""

    def __init__(self, examined: Examined, fleet: Fleet, shared: Shared) -> None:
        self._subject = examined.subject
        self._family = examined.subject.family or ""
        self._scene = examined.scene
        self._graph = examined.graph
        self._fleet = fleet
        self._shared = shared
        self._origins = families_of_layers(examined.subject, shared)
        self._installed = self._scene.distributions.installed
        self._size = _size(self._scene.image.identity.layers)
        self._payload = self._added()

    def fit(self, settings: Service, service: ServiceImports) -> FamilyFit:
        """Return how one service fits."""
        wants = self._wants(service)
        used: list[str] = sorted(wants.distributions & set(self._payload))
        cheaper = None
        if self._payload and not used:
            cheaper = self._cheaper(settings, wants)
            used = [] if cheaper is not None else self._used_besides(wants)
        return FamilyFit(
            service=service.service,
            payload=self._payload,
            used=tuple(used),
            cheaper="" if cheaper is None else cheaper.family,
            cheaper_bytes=0 if cheaper is None else cheaper.size,
            own_bytes=self._size,
            is_gpu_family=self._subject.settings.gpu,
            gpu_distributions=tuple(self._built_for_gpu(service.service, wants)),
            location=self._fleet.lines.get(f"services.{service.service}"),
        )

    def _wants(self, service: ServiceImports) -> _Wants:
        asked = [declared.need for declared in self._subject.declared if declared.service == service.service]
        named = {kind: {need.partition(":")[2] for need in asked if need.startswith(kind)} for kind in _KINDS}
        own = [load for load in service.native_loads if isinstance(load.location, SourceLocation)]
        called = {call.program for call in service.programs} | named["bin:"]
        reached = reached_distributions(service.service, self._graph)
        reached |= {DistributionName(canonicalize_name(name)) for name in named["dist:"]}
        return _Wants(
            distributions=reached & self._installed.keys(),
            own=frozenset(
                imported.distribution
                for imported in service.imports
                if imported.distribution is not None and imported.provided_by is ProviderKind.SERVICE
            ),
            programs=frozenset(name for name in called if self._program(name) is not None),
            libraries=frozenset(name for load in own for name in load.names) | named["so:"],
            requirements=service.requirements,
        )

    def _program(self, name: str) -> ImagePath | None:
        image = self._scene.image
        return find_program(image.tree, image.identity.config.env, name)

    def _added(self) -> tuple[DistributionName, ...]:
        """Return what the family adds to its parent, by the manifest, else by its own layers."""
        above = frozenset(
            name
            for family in self._fleet.ancestors(self._family)
            for name in _contained(self._fleet.manifest.families[family])
        )
        named = frozenset(_contained(self._subject.settings)) - above
        if named:
            return tuple(sorted(name for name in named if not self._comes_from_above(name)))
        if self._subject.settings.parent is None or set(self._origins.values()) <= {self._family}:
            return ()
        return tuple(sorted(name for name, found in self._installed.items() if self._is_own(found.info)))

    def _comes_from_above(self, name: DistributionName) -> bool:
        found = self._installed.get(name)
        return found is not None and self._origin(found.info) not in ("", self._family)

    def _is_own(self, path: ImagePath) -> bool:
        return self._origin(path) == self._family

    def _origin(self, path: ImagePath) -> str:
        """Return the family whose layer brings a file or metadata folder; empty where that is not known."""
        # Layers need not name their folders: the file in it is surely in the layer that brings it.
        image = self._scene.image
        layer = image.layer_of(join(path, "METADATA")) or image.layer_of(path)
        return "" if layer is None else self._origins.get(layer.diff_id, "")

    def _used_besides(self, wants: _Wants) -> list[str]:
        """Return what else of the family's layers is used, or may be: libraries, what it installs itself."""
        names: set[str] = {name for name in wants.distributions if self._is_own(self._installed[name].info)}
        for name in wants.programs:
            path = self._program(name)
            names |= {name} if path is not None and self._is_own(path) else set()
        return sorted(names | wants.libraries | wants.own)

    def _built_for_gpu(
        self, service: str, wants: _Wants
    ) -> Iterator[tuple[DistributionName, SourceLocation | None]]:
        for name in sorted(wants.distributions):
            if self._is_for_gpu(self._installed[name]):
                chain = self._graph.chain(Node(NodeKind.SERVICE, service), Node(NodeKind.DISTRIBUTION, name))
                yield name, None if chain is None else chain.own_line

    def _is_for_gpu(self, found: Distribution) -> bool:
        build = self._shared.knowledge.gpu_build
        says_so = found.version.partition("+")[2].startswith(_GPU_VERSIONS)
        needs = (name for name in found.requires if name in self._installed)
        return says_so or build(found.name) is not None or any(build(name) is not None for name in needs)

    def _cheaper(self, settings: Service, wants: _Wants) -> _Offer | None:
        """Return the smallest family that would do for a service; None where none would, or nobody knows."""
        if wants.libraries or not self._size:
            return None
        needs_gpu = any(self._is_for_gpu(self._installed[name]) for name in wants.distributions)
        sizes = [
            (size, name)
            for name, family in self._fleet.manifest.families.items()
            if self._is_fit(settings, family, needs_gpu=needs_gpu)
            and 0 < (size := self._stored(family)) < self._size
        ]
        for size, name in sorted(sizes):
            offer = self._offer(name, size, wants.programs)
            if offer is not None and _provides(offer, wants):
                return offer
        return None

    def _is_fit(self, settings: Service, family: Family, *, needs_gpu: bool) -> bool:
        own, default = self._subject.settings, self._fleet.manifest.defaults.python
        return (
            family is not own
            and not family.exceptional
            and (family.python or default) == (own.python or default)
            and (family.gpu or not needs_gpu)
            and (not family.machines or set(settings.machines) <= set(family.machines))
        )

    def _stored(self, family: Family) -> int:
        """Return the size of a family's image; 0 where it is not built or has no layers."""
        if family.image is None:
            return 0
        try:
            place, settings = anchored(family.image, self._fleet.root), self._shared.settings
            layers = stored_layers(place, platform=settings.platform, registry=registry_for(place, settings))
        except ImageError:
            return 0
        return _size(layers)

    def _offer(self, family: str, size: int, programs: frozenset[str]) -> _Offer | None:
        settings = self._fleet.manifest.families[family]
        reference = anchored(settings.image or "", self._fleet.root)
        try:
            with open_scene(reference, self._shared.settings, python=settings.python) as scene:
                if not scene.is_whole or scene.interpreter is None:
                    return None
                env = scene.image.identity.config.env
                found = (name for name in programs if find_program(scene.image.tree, env, name) is not None)
                return _Offer(family, size, dict(scene.distributions.installed), frozenset(found))
        except ImageError:
            return None


def _provides(offer: _Offer, wants: _Wants) -> bool:
    distributions = wants.distributions | wants.own
    return (
        distributions <= offer.installed.keys()
        and wants.programs <= offer.programs
        and all(
            _allows(required.specifier, offer.installed[required.name].version)
            for required in wants.requirements
            if required.name in offer.installed
        )
    )


def _allows(specifier: str, version: str) -> bool:
    try:
        return SpecifierSet(specifier).contains(version, prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return False


def _size(layers: Iterable[Layer]) -> int:
    return sum(layer.size for layer in layers)
