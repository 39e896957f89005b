"""What is found only because another module was imported first, and whether it always is."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain

import msgspec

from fleet_audit.audit.images.tree import Entry, FileKind, MemoryTree, basename
from fleet_audit.audit.ldd.glibc import examine_after
from fleet_audit.audit.ldd.modules import libraries_by_name
from fleet_audit.audit.ldd.symbol_check import MAX_PROBLEMS, defined_elsewhere
from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint, Missing, OrderDependent, Resolved
from fleet_audit.audit.model.evidence import EvidenceGraph, Node, NodeKind
from fleet_audit.audit.model.identity import ROOT, DistributionName, ImagePath, ModuleName, Soname
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.pipeline.run.scene import Scene, compiled_names
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.static_imports.examine import examine
from fleet_audit.audit.static_imports.kept_examination import Keeping
from fleet_audit.audit.static_imports.service_code import ServiceCode

MAX_PROVIDERS = 4
"""Distributions that are tried for one module; real images have one or two that bring a library."""

MAX_MODULES = 200
"""Modules whose packages are read for what they import first."""

_SCRIPT = "first.py"


class ImportOrder:
    """Judges modules of one image by what other distributions' modules load.

    A library that is loaded already answers by its DT_SONAME without any search. A package whose own code
    imports the provider has it loaded whenever one of its modules is imported, because the packages above a
    module run before it.
    """

    def __init__(self, scene: Scene, shared: Shared) -> None:
        """Take the image, and what keeps records of its source files."""
        self._scene = scene
        self._shared = shared

    def settled(self, closures: Sequence[Closure]) -> tuple[Closure, ...]:
        """Return the closures with `Missing` told apart where an earlier import would help."""
        closures = [
            self._with_definers(closure) if closure.symbol_problems else closure for closure in closures
        ]
        if not any(missing_names(closure) for closure in closures):
            return tuple(closures)
        order = _Order(self._scene, self._shared, closures)
        return tuple(order.settled(closure) for closure in closures)

    def _with_definers(self, closure: Closure) -> Closure:
        """Note which library of a distribution would define a symbol if it were opened for everybody."""
        symbols = self._scene.world.symbols
        if symbols is None:
            return closure
        found = [defined_elsewhere(p, self._libraries, symbols) for p in closure.symbol_problems]
        # One symbol that is nowhere is enough for the loader.
        is_helped = all(path is not None for path in found) and len(found) < MAX_PROBLEMS
        if not is_helped:
            return closure
        problems = (
            msgspec.structs.replace(p, elsewhere=path)
            for p, path in zip(closure.symbol_problems, found, strict=True)
        )
        return msgspec.structs.replace(closure, symbol_problems=tuple(problems))

    @cached_property
    def _libraries(self) -> tuple[ImagePath, ...]:
        scene = self._scene
        site = scene.interpreter.site_folders if scene.interpreter is not None else ()
        folders = [real for folder in site if (real := scene.image.tree.realpath(folder)) is not None]
        return libraries_by_name(scene.elf, folders, ())


def missing_names(closure: Closure) -> set[Soname]:
    """Return what an extension module lacks."""
    if closure.entry.kind is not EntryKind.EXTENSION_MODULE:
        return set()
    return {r.soname for r in closure.requests if isinstance(r.resolution, Missing)}


class _Order:
    def __init__(self, scene: Scene, shared: Shared, closures: Sequence[Closure]) -> None:
        self._scene = scene
        self._shared = shared
        self._loaded_by: defaultdict[str, list[EntryPoint]] = defaultdict(list)
        for closure in closures:
            if (
                closure.entry.kind is EntryKind.EXTENSION_MODULE
                and closure.entry.module
                and self._loads(closure)
            ):
                for name in self._names(closure):
                    self._loaded_by[name].append(closure.entry)
        self._waiting = [c.entry for c in closures if not missing_names(c).isdisjoint(self._loaded_by)]

    def _loads(self, closure: Closure) -> bool:
        """Say whether a module can be imported at all, on a host that brings its driver."""
        absent = [r.soname for r in closure.requests if not isinstance(r.resolution, Resolved)]
        is_sound = not (closure.version_problems or closure.symbol_problems)
        return is_sound and all(self._shared.knowledge.host_row(name) is not None for name in absent)

    def _names(self, closure: Closure) -> set[str]:
        known = self._scene.elf
        sonames = {known[path].soname or "" for path in closure.loaded if path in known}
        return sonames | {basename(path) for path in closure.loaded}

    def settled(self, closure: Closure) -> Closure:
        return self._with_own_libraries(self._after_others(closure))

    def _with_own_libraries(self, closure: Closure) -> Closure:
        """Tell apart what the module's own distribution ships where no search finds it.

        Its own code opens such a library by its path first; a package must not be proposed for it.
        """
        own = closure.entry.distribution
        for name in sorted(missing_names(closure) & self._called):
            path = None if own is None else self._shipped.get((own, name))
            if path is not None:
                closure = _dependent(closure, {name}, path)
        return closure

    @cached_property
    def _called(self) -> frozenset[str]:
        """Return what the libraries of the image are called: looking up whose they are costs more."""
        names = ((facts.soname or "", basename(path)) for path, facts in self._scene.elf.items())
        return frozenset(chain.from_iterable(names))

    @cached_property
    def _shipped(self) -> dict[tuple[DistributionName, str], ImagePath]:
        """Return the libraries inside distributions by whose they are and what they are called."""
        interpreter, tree = self._scene.interpreter, self._scene.image.tree
        if interpreter is None:
            return {}
        folders = [real for f in interpreter.site_folders if (real := tree.realpath(f)) is not None]
        found: dict[tuple[DistributionName, str], ImagePath] = {}
        for path in libraries_by_name(self._scene.elf, folders, ()):
            for owner in self._scene.distributions.owners(path):
                for name in (self._scene.elf[path].soname, basename(path)):
                    found.setdefault((owner, name or ""), path)
        return found

    def _after_others(self, closure: Closure) -> Closure:
        lacking = missing_names(closure)
        for provider in self._providers(closure.entry, lacking):
            after = examine_after(self._scene.world, closure.entry, provider, self._scene.python)
            helped = lacking - missing_names(after)
            if helped:
                is_sure = self._is_imported_first(provider, closure.entry)
                return after if is_sure else _dependent(closure, helped, _name_of(provider))
        return closure

    def _providers(self, entry: EntryPoint, names: set[Soname]) -> Iterator[EntryPoint]:
        """Yield one module of each distribution that loads one of `names`: sure ones first, then top ones."""
        found = {p for name in names for p in self._loaded_by.get(name, ())}
        others = (p for p in found if p.distribution != entry.distribution or p.distribution is None)
        nearest: dict[str, EntryPoint] = {}
        for provider in sorted(others, key=lambda p: ((p.module or "").count("."), p.module or "", p.path)):
            nearest.setdefault(provider.distribution or provider.path, provider)
        first = list(nearest.values())[:MAX_PROVIDERS]
        yield from sorted(first, key=lambda p: not self._is_imported_first(p, entry))

    def _is_imported_first(self, provider: EntryPoint, entry: EntryPoint) -> bool:
        packages = (entry.module or "").split(".")[:-1]
        above = [".".join(packages[: end + 1]) for end in range(len(packages))]
        target = Node(NodeKind.MODULE, provider.module or "")
        distances = (self._imports.distance(Node(NodeKind.MODULE, name), target) for name in above)
        return any(found is not None and found[0] <= Level.PROBABLE for found in distances)

    @cached_property
    def _imports(self) -> EvidenceGraph:
        """Return what the packages above the waiting modules import, read as if a script imported them."""
        modules = sorted({e.module for e in self._waiting if e.module})[:MAX_MODULES]
        script = "".join(f"import {module}\n" for module in modules if _is_name(module)).encode()
        entry = Entry(FileKind.FILE, size=len(script), origin=ImagePath(f"/{_SCRIPT}"))
        sources = MemoryTree({ROOT: {_SCRIPT: entry}}, lambda _: script)
        found = examine(
            [ServiceCode("order", entry=_SCRIPT)],
            sources,
            self._scene.image.tree,
            self._scene.interpreter,
            records=self._shared.records,
            keeping=Keeping(self._shared.answers, self._scene.digest),
            compiled=compiled_names(self._scene),
        )
        return EvidenceGraph(found.edges)


def _is_name(module: ModuleName) -> bool:
    return all(part.isidentifier() for part in module.split("."))


def _name_of(provider: EntryPoint) -> str:
    return provider.distribution or provider.module or provider.path


def _dependent(closure: Closure, helped: set[Soname], provider: str) -> Closure:
    whom = OrderDependent(provider)
    requests = tuple(
        msgspec.structs.replace(r, resolution=whom)
        if isinstance(r.resolution, Missing) and r.soname in helped
        else r
        for r in closure.requests
    )
    return msgspec.structs.replace(closure, requests=requests)
