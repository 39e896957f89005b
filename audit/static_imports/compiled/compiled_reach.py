"""Which modules a compiled extension module imports, judged by the names among its constants.

The levels are measured, not derived (tests/integration/audit/static_imports/test_compiled_modules.py): a
name inside the module's own package is nearly always an import that runs when it is initialised; so is a
module of another distribution that its own one requires. A name of a distribution that it does not
require is an import inside a function, for those who have both. Names from the standard library are not
followed: what looks like one is mostly an ordinary word, or asked for by nobody (``asyncio.coroutines``
stands in everything that Cython makes).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product

import msgspec

from fleet_audit.audit.images.tree import FileTree, FileUnreadable, basename, join, parent
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import DistributionName, ImagePath, ModuleName
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.static_imports.compiled.compiled_names import CompiledNames, names_of_body
from fleet_audit.audit.static_imports.distributions.distributions import Distributions
from fleet_audit.audit.static_imports.library import STAGE
from fleet_audit.audit.static_imports.resolution.finder import Module, ModuleKind, Place, Side

MAX_EXTENSION_BYTES = 512 << 20

Find = Callable[[str], Module | None]

_MYPYC_GROUP = "__mypyc"
"""The library that holds a group of modules compiled by mypyc; each module's own file asks for it."""

_RENAMED = {"numpy.core.": "numpy._core."}
"""Packages asked for by their old name only where the new one is not there (numpy's import_array)."""


def source_beside(module: Module) -> Module:
    """Return the module as it would be if a ``.py`` file of its name came first: what it was made from.

    Cython and mypyc compile Python files, and many distributions ship both. Whether it is there, its
    place does not say.
    """
    if module.file is None:
        return module
    folder, name = parent(module.file.path), basename(module.file.path)
    place = Place(module.file.side, join(folder, f"{name.partition('.')[0]}.py"))
    return Module(module.name, ModuleKind.SOURCE, place, module.folders)


class Named(msgspec.Struct, frozen=True, order=True):
    """A module that a compiled one imports by name, and how certainly."""

    module: ModuleName
    level: Level


class CompiledImports:
    """Says what extension modules import; remembers those of which that is not known."""

    def __init__(
        self,
        trees: Mapping[Side, FileTree],
        distributions: Distributions | None,
        known: Callable[[ImagePath], CompiledNames | None] | None,
    ) -> None:
        """Take the trees, and `known`: the names of the image's files by canonical path, read before."""
        self._trees = trees
        self._distributions = distributions
        self._known = known
        self._names: dict[Place, CompiledNames] = {}
        self._inner: dict[Place, frozenset[str]] = {}
        self._tops: dict[tuple[Place, ...], frozenset[str]] = {}
        self._tops_by_owner: dict[tuple[Place, ...], defaultdict[DistributionName, list[str]]] = {}
        self._requires: dict[DistributionName, frozenset[DistributionName]] = {}
        self.gaps: dict[Place, Gap] = {}

    def imports(self, module: Module, find: Find, search_path: tuple[Place, ...]) -> tuple[Named, ...]:
        """Return the modules that an extension module imports, in order; `find` finds absolute names."""
        if module.file is None or module.name.endswith(_MYPYC_GROUP):
            return ()
        names = self._names_of(module.file)
        found: dict[ModuleName, Level] = {}
        for target, level in (
            *self._dotted(module, names, find),
            *self._fused(module, names, find, search_path),
            *self._words(module, names, find, search_path),
        ):
            if target.name != module.name and target.kind not in (ModuleKind.BUILTIN, ModuleKind.NAMESPACE):
                found[target.name] = min(level, found.get(target.name, level))
        return tuple(sorted(Named(name, level) for name, level in found.items()))

    def _dotted(self, module: Module, names: CompiledNames, find: Find) -> Iterator[tuple[Module, Level]]:
        for name in names.dotted.splitlines():
            target = _found(name, find)
            level = None if target is None else self._level(module, target)
            if target is not None and level is not None:
                yield target, max(level, _likely(target, names))

    def _fused(
        self, module: Module, names: CompiledNames, find: Find, search_path: tuple[Place, ...]
    ) -> Iterator[tuple[Module, Level]]:
        own = self._owner(module)
        required = () if own is None else self._tops_of(self._required(own), find, search_path)
        near = sorted({_top(module.name), *required})
        for run, top in product(names.fused.splitlines(), near):
            at = run.find(f"{top}.")
            while at >= 0:
                target = self._longest(run[at:], find)
                if target is not None:
                    yield target, _likely(target, names)
                at = run.find(f"{top}.", at + 1)

    def _words(
        self, module: Module, names: CompiledNames, find: Find, search_path: tuple[Place, ...]
    ) -> Iterator[tuple[Module, Level]]:
        """Yield extension modules beside this one, and top-level modules that its distribution stands for."""
        words = frozenset(names.words.splitlines())
        package = find(module.package) if module.package else None
        for word in sorted(words & self._inside(package)):
            target = find(f"{module.package}.{word}")
            if target is not None and target.kind is ModuleKind.EXTENSION:
                yield target, Level.CERTAIN
        for word in sorted(words & self._top_level(search_path) - {_top(module.name)}):
            target = find(word)
            if target is not None and self._is_meant(module, target):
                is_sure = names.is_cython or _is_private(target)
                yield target, Level.CERTAIN if is_sure else Level.LAZY

    def _is_meant(self, module: Module, target: Module) -> bool:
        own, other = self._owner(module), self._owner(target)
        if own is None or other is None:
            return False
        return other in self._required(own) or (own == other and _is_private(target))

    def _level(self, module: Module, target: Module) -> Level | None:
        """Return how certainly a dotted name is an import; None where it is not followed."""
        if _top(module.name) == _top(target.name):
            return Level.CERTAIN
        own, other = self._owner(module), self._owner(target)
        if other is None:
            return None
        if own is None:
            return Level.PROBABLE
        return Level.CERTAIN if other == own or other in self._required(own) else Level.LAZY

    def _longest(self, run: str, find: Find) -> Module | None:
        """Return the module whose name `run` begins with, where something else follows it at once."""
        first, *rest = run.split(".")
        module = find(first)
        for part in rest:
            fitting = [stem for stem in self._inside(module) if part.startswith(stem)]
            best = max(fitting, key=len, default="")
            inner = find(f"{module.name}.{best}") if module is not None and best else None
            if inner is None:
                return None
            if best != part:
                return inner
            module = inner
        return None

    def _inside(self, package: Module | None) -> frozenset[str]:
        folders = () if package is None else package.folders
        return frozenset(stem for place in folders for stem in self._stems(place))

    def _top_level(self, search_path: tuple[Place, ...]) -> frozenset[str]:
        if search_path not in self._tops:
            stems = (stem for place in search_path for stem in self._stems(place))
            self._tops[search_path] = frozenset(stems)
        return self._tops[search_path]

    def _tops_of(
        self, distributions: Iterable[DistributionName], find: Find, search_path: tuple[Place, ...]
    ) -> Iterator[str]:
        """Yield the top-level modules of distributions."""
        if search_path not in self._tops_by_owner:
            owned = self._tops_by_owner[search_path] = defaultdict(list)
            for stem in sorted(self._top_level(search_path)):
                top = find(stem)
                if top is not None and (owner := self._owner(top)) is not None:
                    owned[owner].append(stem)
        for distribution in distributions:
            yield from self._tops_by_owner[search_path].get(distribution, ())

    def _stems(self, place: Place) -> frozenset[str]:
        if place not in self._inner:
            entries = self._trees[place.side].listing(place.path)
            self._inner[place] = frozenset(name.partition(".")[0] for name in entries)
        return self._inner[place]

    def _owner(self, module: Module) -> DistributionName | None:
        if self._distributions is None or module.file is None or module.file.side is Side.SOURCES:
            return None
        return self._distributions.owner(module.file.path)

    def _required(self, own: DistributionName) -> frozenset[DistributionName]:
        if own not in self._requires:
            found = None if self._distributions is None else self._distributions.installed.get(own)
            self._requires[own] = frozenset(() if found is None else found.requires)
        return self._requires[own]

    def _names_of(self, place: Place) -> CompiledNames:
        if place not in self._names:
            names = self._names[place] = self._read(place)
            why = names.why_unknown or ("has more names than are looked at" if names.is_cut else "")
            if why:
                said = f"what it imports by name is not known: it {why}"
                self.gaps[place] = Gap(STAGE, GapKind.NOT_EXAMINED, place.path, said)
        return self._names[place]

    def _read(self, place: Place) -> CompiledNames:
        tree = self._trees[place.side]
        path = tree.realpath(place.path) or place.path
        known = self._known(path) if self._known is not None and place.side is Side.IMAGE else None
        if known is not None:
            return known
        try:
            body = tree.read(path, limit=MAX_EXTENSION_BYTES)
        except FileUnreadable as e:
            return CompiledNames(why_unknown=f"cannot be read: {e.why}")
        return names_of_body(body, path)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _is_private(module: Module) -> bool:
    return module.name.startswith("_") or module.name.endswith(_MYPYC_GROUP)


def _likely(target: Module, names: CompiledNames) -> Level:
    """Return how certainly a name is imported at once, and not inside a function, by what it means.

    Extension modules are asked for at once, for their types and functions. C and C++ import source modules
    where they need them; Cython's mostly stand at the top of the file, but what is imported inside its
    functions has a name here too, and a package would bring much along.
    """
    if target.kind is ModuleKind.EXTENSION:
        return Level.CERTAIN
    if not names.is_cython:
        return Level.LAZY
    return Level.PROBABLE if target.folders else Level.CERTAIN


def _found(name: str, find: Find) -> Module | None:
    """Return the module of a name, or the one that is asked for first where that is there."""
    for old, new in _RENAMED.items():
        renamed = find(new + name.removeprefix(old)) if name.startswith(old) else None
        if renamed is not None:
            return renamed
    return find(name)
