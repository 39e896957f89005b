"""What one service's reach means: who provides each import, what is missing, loaded and run."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
from packaging.utils import canonicalize_name

from fleet_audit.audit.images.tree import basename, normalise
from fleet_audit.audit.model.evidence import Edge, Node, NodeKind
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import DistributionName, ImagePath, ModuleName
from fleet_audit.audit.model.imports import (
    DynamicImport,
    ExtensionModule,
    ImportContext,
    ImportedModule,
    Level,
    LoadMethod,
    MissingModule,
    NativeLoad,
    PathEdit,
    ProgramCall,
    ProviderKind,
    ServiceImports,
)
from fleet_audit.audit.model.location import Location, SourceLocation
from fleet_audit.audit.model.pragma import Pragma
from fleet_audit.audit.static_imports.distributions.distributions import Distributions
from fleet_audit.audit.static_imports.distributions.spelling import meant
from fleet_audit.audit.static_imports.distributions.unused import unused
from fleet_audit.audit.static_imports.library import STAGE, Library
from fleet_audit.audit.static_imports.reachability.nodes import location, module_node, node_name
from fleet_audit.audit.static_imports.reachability.reach import Reach, Reached
from fleet_audit.audit.static_imports.reachability.unparsed import unparsed_files
from fleet_audit.audit.static_imports.resolution.finder import Module, ModuleKind, Place, Side
from fleet_audit.audit.static_imports.resolution.interpreter import Interpreter
from fleet_audit.audit.static_imports.service_code import ServiceCode
from fleet_audit.audit.static_imports.source.records import DynamicImportCall, LoadCall, PathCall, RunCall


class Provider(msgspec.Struct, frozen=True):
    """Who provides a module, and as part of which distribution."""

    kind: ProviderKind | None = None
    distribution: DistributionName | None = None


class Providers:
    """Says who provides modules: the image, the service's requirements, the repository, or Python itself."""

    def __init__(
        self,
        interpreter: Interpreter | None,
        distributions: Distributions | None,
        required: Mapping[DistributionName, SourceLocation],
        suggestions: Mapping[str, tuple[DistributionName, ...]],
        *,
        judges_absence: bool,
    ) -> None:
        """Take the image's interpreter and distributions, what the service requires, and known modules.

        `judges_absence` holds where a module that was not found can be called missing. `commands` can be set
        to the words of the command lines that are known to run, `is_start_known` where one of them starts
        the service, and `asked` to the required distributions that somebody asked for by name.
        """
        self.commands: frozenset[str] = frozenset()
        self.is_start_known = False
        self.asked = frozenset(required)
        self.judges_absence = judges_absence
        self._standard = () if interpreter is None else interpreter.standard_library
        self._sites = () if interpreter is None else interpreter.site_folders
        self.distributions = distributions
        self.required = required
        self._suggestions = suggestions

    def provider(self, module: Module) -> Provider:
        """Return who provides a module that was found."""
        if module.kind is ModuleKind.BUILTIN:
            return Provider(ProviderKind.STDLIB)
        place = module.file or module.folders[0]
        if place.side is Side.SOURCES:
            return Provider(ProviderKind.FIRST_PARTY)
        if self.is_standard(place):
            return Provider(ProviderKind.STDLIB)
        owner = self.distribution(module.file) if module.file is not None else None
        return Provider(ProviderKind.FAMILY, owner)

    def absent_provider(self, module: ModuleName) -> Provider:
        """Return who provides a module that was not found: what the service requires, or nobody."""
        named = [name for name in self.suggested(module) if name in self.required]
        named += [name for name in self._equally_named(module) if name in self.required]
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

    def distribution(self, place: Place) -> DistributionName | None:
        """Return the distribution that owns a file of the image."""
        if place.side is Side.SOURCES or self.distributions is None:
            return None
        return self.distributions.owner(place.path)

    def is_standard(self, place: Place) -> bool:
        """Say whether a file came with Python itself."""
        if place.side is Side.SOURCES or self._is_below(place.path, self._sites):
            return False
        return self._is_below(place.path, self._standard)

    @staticmethod
    def _is_below(path: ImagePath, folders: tuple[ImagePath, ...]) -> bool:
        return any(path.startswith(f"{folder}/") for folder in folders)

    @staticmethod
    def _equally_named(module: ModuleName) -> tuple[DistributionName, ...]:
        return (DistributionName(canonicalize_name(module.partition(".")[0])),)


class Account:
    """One service's answer, read off what it reaches."""

    def __init__(
        self,
        service: ServiceCode,
        reached: Reach,
        providers: Providers,
        library: Library,
        find: Callable[[str], Module | None],
    ) -> None:
        """Take the reach, and how modules are found on the service's search path."""
        self._find = find
        self._claimed = _claimed(service.first_party_imports)
        self._service = service.name
        self._reached = reached.modules
        self._providers = providers
        self._library = library
        self._own = [found for found in self._reached if _is_own(found.module)]

    def imports(
        self, entry: str | None, files: tuple[Place, ...], edits: tuple[PathEdit, ...], gaps: tuple[Gap, ...]
    ) -> ServiceImports:
        """Return everything that the service imports, loads and runs; `files` are its source files."""
        missing = self._missing()
        dynamic = self._dynamic()
        return ServiceImports(
            service=self._service,
            entry=entry,
            files=tuple(sorted({f.module.file.path.removeprefix("/") for f in self._own if f.module.file})),
            imports=self._imported(),
            missing=missing,
            unused_distributions=self._unused(),
            native_loads=self._loads(),
            programs=self._programs(),
            path_edits=edits,
            dynamic_imports=dynamic,
            extension_modules=self._extensions(),
            unparsed=unparsed_files(self._service, self._own, files, self._library, self._find),
            pragmas=self._pragmas(files),
            gaps=(*gaps, *_edit_gaps(edits, missing), *_dynamic_gaps(dynamic)),
        )

    def edges(self) -> Iterator[Edge]:
        """Yield where modules come from, what they load, and what they run."""
        for found in self._reached:
            node = module_node(found.module)
            provider = self._providers.provider(found.module)
            if provider.distribution is not None:
                yield Edge(node, Node(NodeKind.DISTRIBUTION, provider.distribution), "comes from")
            for load, level in self._live_loads(found):
                how = "loads" if load.method is LoadMethod.DLOPEN else "looks for"
                for name in load.names:
                    yield Edge(node, Node(NodeKind.SONAME, name), how, level, _where(found, load.line))
            for run, level in self._live_runs(found):
                for program in run.programs:
                    yield Edge(node, Node(NodeKind.PROGRAM, program), "runs", level, _where(found, run.line))

    def _imported(self) -> tuple[ImportedModule, ...]:
        places: defaultdict[tuple[ModuleName, ImportContext], list[tuple[SourceLocation, Level]]]
        places = defaultdict(list)
        for found in self._own:
            for name, context, level, line in _named_imports(found):
                where = _where(found, line)
                if isinstance(where, SourceLocation):
                    places[name, context].append((where, level))
        return tuple(self._imported_module(*key, places[key]) for key in sorted(places))

    def _imported_module(
        self, name: ModuleName, context: ImportContext, places: list[tuple[SourceLocation, Level]]
    ) -> ImportedModule:
        module = self._find(name)
        provider = self._providers.absent_provider(name)
        if module is not None:
            provider = self._providers.provider(module)
        file = None if module is None or module.file is None else module.file
        return ImportedModule(
            module=name,
            context=context,
            locations=tuple(sorted({where for where, _ in places})),
            level=min(level for _, level in places),
            distribution=provider.distribution,
            provided_by=provider.kind,
            file=file.path if file is not None and file.side is Side.IMAGE else None,
        )

    def _missing(self) -> tuple[MissingModule, ...]:
        if not self._providers.judges_absence:
            return ()
        places: defaultdict[tuple[ModuleName, ImportContext, str], list[tuple[SourceLocation, Level]]]
        places = defaultdict(list)
        for found in self._reached:
            for name, context, level, where, wanted_by in self._absences(found):
                if self._providers.absent_provider(name).kind is None:
                    places[name, context, wanted_by].append((where, level))
        return tuple(self._missing_module(*key, places[key]) for key in sorted(places))

    def _absences(
        self, found: Reached
    ) -> Iterator[tuple[ModuleName, ImportContext, Level, SourceLocation, str]]:
        """Yield what a module asks for in vain: all of it for own code, only what surely fails for others."""
        if found.expansion is None:
            return
        is_own = _is_own(found.module)
        for absent in found.expansion.absent:
            level = max(found.level, absent.level)
            is_sure = (
                level is Level.CERTAIN and absent.context is ImportContext.MODULE and not found.is_guarded
            )
            if absent.context is ImportContext.TYPING or not (is_own or is_sure):
                continue
            if not is_own and (self._is_part_of_present(absent.module) or self._is_from_python(found)):
                continue
            where = _where(found, absent.line) if is_own else found.own_line
            context = ImportContext.GUARDED if found.is_guarded else absent.context
            if isinstance(where, SourceLocation):
                yield absent.module, context, level, where, "" if is_own else node_name(found.module)

    def _is_part_of_present(self, module: ModuleName) -> bool:
        # Installed packages put made-up submodules into sys.modules (six.moves and others).
        return self._find(ModuleName(module.partition(".")[0])) is not None

    def _is_from_python(self, found: Reached) -> bool:
        return found.module.file is not None and self._providers.is_standard(found.module.file)

    def _missing_module(
        self,
        name: ModuleName,
        context: ImportContext,
        wanted_by: str,
        places: list[tuple[SourceLocation, Level]],
    ) -> MissingModule:
        is_first_party = self._is_first_party(name)
        return MissingModule(
            module=name,
            context=context,
            locations=tuple(sorted({where for where, _ in places})),
            level=min(level for _, level in places),
            suggestions=self._providers.suggested(name),
            wanted_by=ModuleName(wanted_by) if wanted_by else None,
            is_first_party=is_first_party,
            meant=() if is_first_party or wanted_by else self._providers.meant(name),
        )

    def _is_first_party(self, name: ModuleName) -> bool:
        top = name.partition(".")[0]
        if not top or top in self._claimed:
            return True
        found = self._find(top)
        if found is None:
            return False
        if found.file is not None:
            return found.file.side is Side.SOURCES
        # A folder without __init__.py shares its name with whoever else brings a part (PEP 420).
        return all(place.side is Side.SOURCES for place in found.folders) and not self._providers.suggested(
            name
        )

    def _unused(self) -> tuple[DistributionName, ...]:
        """Return what is required and used by nothing."""
        reached = (self._providers.provider(found.module).distribution for found in self._reached)
        used = {name for name in (*reached, *(i.distribution for i in self._imported())) if name is not None}
        own_programs = {call.program for call in self._programs() if call.is_own_code}
        providers = self._providers
        commands = providers.commands | own_programs
        return unused(
            providers.asked,
            used,
            providers.distributions,
            commands=commands,
            is_start_known=providers.is_start_known,
        )

    def _loads(self) -> tuple[NativeLoad, ...]:
        loads = [
            NativeLoad(
                names=load.names,
                method=load.method,
                level=level,
                location=_where(found, load.line),
                module=node_name(found.module),
                distribution=self._providers.provider(found.module).distribution,
                is_handled=load.is_handled,
            )
            for found in self._reached
            for load, level in self._live_loads(found)
        ]
        return tuple(sorted(set(loads), key=lambda load: (load.module, str(load.location), load.names)))

    def _programs(self) -> tuple[ProgramCall, ...]:
        calls = [
            ProgramCall(
                program=program,
                level=level,
                location=_where(found, run.line),
                module=node_name(found.module),
                is_own_code=_is_own(found.module),
                is_handled=run.is_handled,
                distribution=self._providers.provider(found.module).distribution,
            )
            for found in self._reached
            for run, level in self._live_runs(found)
            for program in run.programs
        ]
        return tuple(sorted(set(calls), key=lambda call: (call.program, call.module, str(call.location))))

    def _live_loads(self, found: Reached) -> Iterator[tuple[LoadCall, Level]]:
        # What the standard library loads or runs is part of Python, not of the service.
        if found.expansion is None or self._is_from_python(found):
            return
        for load in found.expansion.loads:
            if load.names and (level := _level(found, load)) is not None:
                yield load, level

    def _live_runs(self, found: Reached) -> Iterator[tuple[RunCall, Level]]:
        if found.expansion is None or self._is_from_python(found):
            return
        for run in found.expansion.record.runs:
            if (level := _level(found, run)) is not None:
                yield run, level

    def _dynamic(self) -> tuple[DynamicImport, ...]:
        found_calls: list[DynamicImport] = []
        for found in self._own:
            for call in () if found.expansion is None else found.expansion.record.dynamic:
                where = _where(found, call.line)
                level = _level(found, call)
                if not call.modules and level is not None and isinstance(where, SourceLocation):
                    found_calls.append(DynamicImport(where, call.expression, level))
        return tuple(sorted(set(found_calls), key=lambda call: (call.location, call.expression)))

    def _extensions(self) -> tuple[ExtensionModule, ...]:
        modules = [
            ExtensionModule(
                path=f.module.file.path,
                module=f.module.name,
                level=f.level,
                distribution=self._providers.distribution(f.module.file),
                is_guarded=f.is_guarded,
            )
            for f in self._reached
            if f.module.kind is ModuleKind.EXTENSION and f.module.file is not None
            if f.module.file.side is Side.IMAGE
        ]
        return tuple(sorted(set(modules), key=lambda module: (module.path, module.module)))

    def _own_files(self) -> set[Place]:
        return {found.module.file for found in self._own if found.module.file is not None}

    def _pragmas(self, files: tuple[Place, ...]) -> tuple[Pragma, ...]:
        found: list[Pragma] = []
        for place in {*self._own_files(), *files}:
            record = self._library.record(place)
            path = place.path.removeprefix("/")
            for comment in () if record is None else record.pragmas:
                where = SourceLocation(path, comment.line)
                found.append(
                    Pragma(where, comment.first, comment.last, comment.rules, comment.reason, comment.problem)
                )
        return tuple(sorted(found))


def _claimed(first_party_imports: Iterable[str]) -> frozenset[str]:
    """Return the top-level names of the folders and files that the manifest calls first party."""
    names = (basename(normalise(path)).removesuffix(".py") for path in first_party_imports)
    return frozenset(name for name in names if name)


def _is_own(module: Module) -> bool:
    return module.file is not None and module.file.side is Side.SOURCES


def _where(found: Reached, line: int) -> Location:
    assert found.module.file is not None  # noqa: S101  (what has lines has a file)
    return location(found.module.file, line)


def _level(found: Reached, fact: LoadCall | RunCall | DynamicImportCall | PathCall) -> Level | None:
    level = None if found.expansion is None else found.expansion.liveness.level(fact.block)
    return None if level is None else max(found.level, level)


def _named_imports(found: Reached) -> Iterator[tuple[ModuleName, ImportContext, Level, int]]:
    """Yield the modules that a file's import statements name, found or not."""
    if found.expansion is None:
        return
    for link in found.expansion.links:
        if link.is_statement:
            yield link.target, link.context, max(found.level, link.level), link.line
    for absent in found.expansion.absent:
        if not absent.module.startswith("."):
            yield absent.module, absent.context, max(found.level, absent.level), absent.line


def _edit_gaps(edits: tuple[PathEdit, ...], missing: tuple[MissingModule, ...]) -> Iterator[Gap]:
    # An edit that could not be evaluated matters only where something stayed unfound because of it.
    for edit in edits:
        if edit.folder is None and missing:
            why = "this sys.path edit could not be evaluated, and modules were not found"
            yield Gap(STAGE, GapKind.PATH_EDIT, edit.expression, why, edit.location)


def _dynamic_gaps(dynamic: tuple[DynamicImport, ...]) -> Iterator[Gap]:
    for call in dynamic:
        why = "the name of the imported module is computed"
        yield Gap(STAGE, GapKind.DYNAMIC_IMPORT, call.expression, why, call.location)
