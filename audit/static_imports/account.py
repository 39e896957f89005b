"""What one service's reach means: who provides each import, what is missing, loaded and run."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import msgspec

from fleet_audit.audit.images.tree import basename, normalise
from fleet_audit.audit.model.evidence import Edge, Node, NodeKind
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import DistributionName, ModuleName
from fleet_audit.audit.model.imports import (
    DynamicImport,
    ExtensionModule,
    ImportContext,
    ImportedModule,
    Level,
    LoadMethod,
    MissingModule,
    NativeLoad,
    Parser,
    PathEdit,
    ProgramCall,
    ProviderKind,
    ServiceImports,
)
from fleet_audit.audit.model.location import Location, SourceLocation
from fleet_audit.audit.model.pragma import Pragma
from fleet_audit.audit.static_imports.distributions.unused import unused
from fleet_audit.audit.static_imports.library import STAGE, Library
from fleet_audit.audit.static_imports.providers import Provider, Providers
from fleet_audit.audit.static_imports.reachability.made_modules import made_modules
from fleet_audit.audit.static_imports.reachability.nodes import location, module_node, node_name
from fleet_audit.audit.static_imports.reachability.reach import Reach, Reached
from fleet_audit.audit.static_imports.reachability.unparsed import unparsed_files
from fleet_audit.audit.static_imports.resolution.finder import Module, ModuleKind, Place, Side
from fleet_audit.audit.static_imports.service_code import ServiceCode
from fleet_audit.audit.static_imports.source.records import (
    DynamicImportCall,
    LoadCall,
    PathCall,
    RunCall,
    parser_of,
)


class Demands(msgspec.Struct, frozen=True):
    """What somebody asks for by name: distributions, and the words of command lines that are known to run.

    `is_start_known` holds where one of these lines starts the service.
    """

    asked: frozenset[DistributionName] = frozenset()
    commands: frozenset[str] = frozenset()
    is_start_known: bool = False


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
        """Take the reach, who provides what, and how modules are found on the service's search path."""
        self._find = find
        self._claimed = _claimed(service.first_party_imports)
        self._service = service.name
        self._reached = reached.modules
        self._providers = providers
        self._origins = providers.origins
        self._library = library
        self._own = [found for found in self._reached if _is_own(found.module)]
        self._made = made_modules(self._own)
        # What the standard library loads or runs is part of Python, not of the service.
        self._active = [
            found for found in self._reached if _loads_or_runs(found) and not self._is_from_python(found)
        ]

    def imports(
        self,
        entry: str | None,
        files: tuple[Place, ...],
        demands: Demands,
        edits: tuple[PathEdit, ...],
        gaps: tuple[Gap, ...],
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
            unused_distributions=self._unused(demands),
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
            if (edge := self._origins.edge(found.module)) is not None:
                yield edge
        for found in self._active:
            node = module_node(found.module)
            for load, level in _live_loads(found):
                how = "loads" if load.method is LoadMethod.DLOPEN else "looks for"
                for name in load.names:
                    yield Edge(node, Node(NodeKind.SONAME, name), how, level, _where(found, load.line))
            for run, level in _live_runs(found):
                for program in run.programs:
                    yield Edge(node, Node(NodeKind.PROGRAM, program), "runs", level, _where(found, run.line))

    def _imported(self) -> tuple[ImportedModule, ...]:
        places: defaultdict[tuple[ModuleName, ImportContext], list[tuple[SourceLocation, Level, Parser]]]
        places = defaultdict(list)
        for found in self._own:
            for name, context, level, line in _named_imports(found):
                where = _where(found, line)
                if isinstance(where, SourceLocation) and found.expansion is not None:
                    places[name, context].append((where, level, parser_of(found.expansion.record, line)))
        return tuple(self._imported_module(*key, places[key]) for key in sorted(places))

    def _imported_module(
        self,
        name: ModuleName,
        context: ImportContext,
        places: list[tuple[SourceLocation, Level, Parser]],
    ) -> ImportedModule:
        module = self._find(name)
        provider = self._providers.absent_provider(name)
        if module is not None:
            provider = self._origins.provider(module)
        elif name in self._made:
            provider = Provider(ProviderKind.FIRST_PARTY)
        file = None if module is None or module.file is None else module.file
        return ImportedModule(
            module=name,
            context=context,
            locations=tuple(sorted({where for where, _, _ in places})),
            level=min(level for _, level, _ in places),
            distribution=provider.distribution,
            provided_by=provider.kind,
            file=file.path if file is not None and file.side is Side.IMAGE else None,
            parser=min((parser for _, _, parser in places), key=list(Parser).index),
        )

    def _missing(self) -> tuple[MissingModule, ...]:
        if not self._providers.judges_absence:
            return ()
        places: defaultdict[tuple[ModuleName, ImportContext, str], list[tuple[SourceLocation, Level]]]
        places = defaultdict(list)
        for found in self._reached:
            for name, context, level, where, wanted_by in self._absences(found):
                if name not in self._made and self._providers.absent_provider(name).kind is None:
                    places[name, context, wanted_by].append((where, level))
        return tuple(self._missing_module(*key, places[key]) for key in sorted(places))

    def _absences(
        self, found: Reached
    ) -> Iterator[tuple[ModuleName, ImportContext, Level, SourceLocation, str]]:
        """Yield what a module asks for in vain: all of it for own code, only what surely fails for others."""
        if found.expansion is None or not found.expansion.absent:
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
        return found.module.file is not None and self._origins.is_standard(found.module.file)

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

    def _unused(self, demands: Demands) -> tuple[DistributionName, ...]:
        """Return what is required and used by nothing."""
        if not demands.asked:
            return ()
        reached = (self._origins.provider(found.module).distribution for found in self._reached)
        used = {name for name in (*reached, *(i.distribution for i in self._imported())) if name is not None}
        own_programs = {call.program for call in self._programs() if call.is_own_code}
        return unused(
            demands.asked,
            used,
            self._origins.distributions,
            commands=demands.commands | own_programs,
            is_start_known=demands.is_start_known,
        )

    def _loads(self) -> tuple[NativeLoad, ...]:
        loads = [
            NativeLoad(
                names=load.names,
                method=load.method,
                level=level,
                location=_where(found, load.line),
                module=node_name(found.module),
                distribution=self._origins.provider(found.module).distribution,
                is_handled=load.is_handled,
                choice=load.choice,
            )
            for found in self._active
            for load, level in _live_loads(found)
        ]
        return tuple(
            sorted(set(loads), key=lambda load: (load.module, str(load.location), load.names, load.choice))
        )

    def _programs(self) -> tuple[ProgramCall, ...]:
        calls = [
            ProgramCall(
                program=program,
                level=level,
                location=_where(found, run.line),
                module=node_name(found.module),
                is_own_code=_is_own(found.module),
                is_handled=run.is_handled,
                distribution=self._origins.provider(found.module).distribution,
            )
            for found in self._active
            for run, level in _live_runs(found)
            for program in run.programs
        ]
        return tuple(sorted(set(calls), key=lambda call: (call.program, call.module, str(call.location))))

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
                distribution=self._origins.distribution(f.module.file),
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


def _loads_or_runs(found: Reached) -> bool:
    return found.expansion is not None and bool(found.expansion.loads or found.expansion.record.runs)


def _live_loads(found: Reached) -> Iterator[tuple[LoadCall, Level]]:
    for load in () if found.expansion is None else found.expansion.loads:
        if load.names and (level := _level(found, load)) is not None:
            yield load, level


def _live_runs(found: Reached) -> Iterator[tuple[RunCall, Level]]:
    for run in () if found.expansion is None else found.expansion.record.runs:
        if (level := _level(found, run)) is not None:
            yield run, level


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
