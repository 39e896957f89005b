"""Who provides a module: the image, the service's requirements, the repository, or Python itself."""

from collections.abc import Mapping

import msgspec
from packaging.utils import canonicalize_name

from fleet_audit.audit.model.evidence import Edge, Node, NodeKind
from fleet_audit.audit.model.identity import DistributionName, ImagePath, ModuleName
from fleet_audit.audit.model.imports import ProviderKind
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.static_imports.distributions.distributions import Distributions
from fleet_audit.audit.static_imports.distributions.spelling import meant
from fleet_audit.audit.static_imports.reachability.nodes import module_node
from fleet_audit.audit.static_imports.resolution.finder import Module, ModuleKind, Place, Side
from fleet_audit.audit.static_imports.resolution.interpreter import Interpreter


class Provider(msgspec.Struct, frozen=True):
    """Who provides a module, and as part of which distribution."""

    kind: ProviderKind | None = None
    distribution: DistributionName | None = None


_PYTHON = Provider(ProviderKind.STDLIB)


class Origins:
    """Says where an image's modules come from, for all of its services. Answers are kept."""

    def __init__(self, interpreter: Interpreter | None, distributions: Distributions | None) -> None:
        """Take the image's interpreter and distributions."""
        self._standard = () if interpreter is None else interpreter.standard_library
        self._sites = () if interpreter is None else interpreter.site_folders
        self.distributions = distributions
        self._providers: dict[Place, Provider] = {}
        self._edges: dict[Module, Edge | None] = {}

    def provider(self, module: Module) -> Provider:
        """Return who provides a module that was found."""
        if module.kind is ModuleKind.BUILTIN:
            return _PYTHON
        place = module.file or module.folders[0]
        if place not in self._providers:
            self._providers[place] = self._look_up(place, is_file=module.file is not None)
        return self._providers[place]

    def _look_up(self, place: Place, *, is_file: bool) -> Provider:
        if place.side is Side.SOURCES:
            return Provider(ProviderKind.FIRST_PARTY)
        if self.is_standard(place):
            return _PYTHON
        return Provider(ProviderKind.FAMILY, self.distribution(place) if is_file else None)

    def edge(self, module: Module) -> Edge | None:
        """Return the evidence that a distribution provides a module; None where none does."""
        if module not in self._edges:
            distribution = self.provider(module).distribution
            target = None if distribution is None else Node(NodeKind.DISTRIBUTION, distribution)
            self._edges[module] = None if target is None else Edge(module_node(module), target, "comes from")
        return self._edges[module]

    def distribution(self, place: Place) -> DistributionName | None:
        """Return the distribution that owns a file of the image."""
        if place.side is Side.SOURCES or self.distributions is None:
            return None
        return self.distributions.owner(place.path)

    def is_standard(self, place: Place) -> bool:
        """Say whether a file came with Python itself."""
        if place.side is Side.SOURCES or _is_below(place.path, self._sites):
            return False
        return _is_below(place.path, self._standard)


class Providers:
    """Says who provides what one service imports: its image, its requirements, or nobody."""

    def __init__(
        self,
        origins: Origins,
        required: Mapping[DistributionName, SourceLocation],
        suggestions: Mapping[str, tuple[DistributionName, ...]],
        *,
        judges_absence: bool,
    ) -> None:
        """Take where the image's modules come from, what the service requires, and known modules.

        `judges_absence` holds where a module that was not found can be called missing.
        """
        self.judges_absence = judges_absence
        self.origins = origins
        self._required = required
        self._suggestions = suggestions

    def absent_provider(self, module: ModuleName) -> Provider:
        """Return who provides a module that was not found: what the service requires, or nobody."""
        named = [name for name in self.suggested(module) if name in self._required]
        named += [name for name in _equally_named(module) if name in self._required]
        return Provider(ProviderKind.SERVICE, named[0]) if named else Provider()

    def suggested(self, module: ModuleName) -> tuple[DistributionName, ...]:
        """Return the distributions that are known to hold a module, or the nearest module above it."""
        at: str = module
        while at:
            if at in self._suggestions:
                return tuple(dict.fromkeys(self._suggestions[at]))
            at = at.rpartition(".")[0]
        return ()

    def meant(self, module: ModuleName) -> tuple[ModuleName, ...]:
        """Return known modules of nearly the same spelling, where nobody is known to hold `module`."""
        return () if self.suggested(module) else meant(module, self._suggestions)


def _is_below(path: ImagePath, folders: tuple[ImagePath, ...]) -> bool:
    return any(path.startswith(f"{folder}/") for folder in folders)


def _equally_named(module: ModuleName) -> tuple[DistributionName, ...]:
    return (DistributionName(canonicalize_name(module.partition(".")[0])),)
