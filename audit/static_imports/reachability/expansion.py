"""What one module leads to: the imports that run with it, resolved in both trees."""

from collections.abc import Iterator, Mapping
from functools import cached_property

import msgspec

from fleet_audit.audit.images.tree import join, normalise
from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.model.imports import ImportContext, Level
from fleet_audit.audit.static_imports.compiled.compiled_reach import CompiledImports, source_beside
from fleet_audit.audit.static_imports.distributions.entry_points import NamedEntry
from fleet_audit.audit.static_imports.library import Library
from fleet_audit.audit.static_imports.reachability.callables import Callables
from fleet_audit.audit.static_imports.reachability.computed import Computed
from fleet_audit.audit.static_imports.reachability.liveness import (
    Liveness,
    is_for_type_checkers,
    is_in_function,
)
from fleet_audit.audit.static_imports.reachability.plugins import Offered, plugins
from fleet_audit.audit.static_imports.reachability.serving import Served, Table, Tables
from fleet_audit.audit.static_imports.resolution.finder import Finder, Module, ModuleKind, Place, Side
from fleet_audit.audit.static_imports.source.conditions import Circumstances
from fleet_audit.audit.static_imports.source.constants import FILE, PARAMETER
from fleet_audit.audit.static_imports.source.functions import Invocation, functions_named
from fleet_audit.audit.static_imports.source.records import (
    Block,
    BlockKind,
    DynamicImportCall,
    FunctionCall,
    ImportedName,
    ImportStatement,
    LoadCall,
    Parser,
    SourceRecord,
    Taken,
    absolute_name,
    is_library_name,
    is_module_name,
)

_DEEPEST_FAILURE = 12
_BY_COMPUTED_NAME = "imports (by a computed name)"
_AS_PLUGIN = "loads (as an entry point)"
_HOOK = "__getattr__"
"""The function that a module may have to serve names that it does not bind (PEP 562)."""


class Link(msgspec.Struct, frozen=True, gc=False):
    """A step from a module to another: `target` was found, on `line`, at `level`.

    `is_statement` holds for the module that the import names itself, not for what comes along. `place` is
    the file of the line where that is another than the module's own. `may_fail` holds where it is survived
    that the target cannot be imported, or where that does not show.
    """

    target: ModuleName
    level: Level
    line: int
    how: str
    context: ImportContext
    is_statement: bool = False
    place: Place | None = None
    may_fail: bool = False

    @property
    def is_survived(self) -> bool:
        """Say whether the import may fail and what follows runs all the same."""
        return self.may_fail or self.context is ImportContext.GUARDED


class Absent(msgspec.Struct, frozen=True, gc=False):
    """An import that nothing answers. `level` is None where only type checkers would run it."""

    module: ModuleName
    level: Level
    line: int
    context: ImportContext


class CallLink(msgspec.Struct, frozen=True, gc=False):
    """A call of a function of `target` that leads to imports or loads, made on `line`."""

    target: Module
    call: Invocation
    level: Level
    line: int
    context: ImportContext = ImportContext.MODULE


class Expansion(msgspec.Struct, frozen=True):
    """What a module leads to, and what it asks for in vain. `liveness` says which of its blocks run.

    `calls` are those of other modules' functions, and of its own where arguments matter. `fails_at` is the
    first line at which importing the module surely fails; 0 where it does not. `loads` are the record's,
    or, where functions are called, those whose names the arguments make.
    """

    record: SourceRecord
    liveness: Liveness
    links: tuple[Link, ...]
    absent: tuple[Absent, ...]
    calls: tuple[CallLink, ...] = ()
    fails_at: int = 0
    loads: tuple[LoadCall, ...] = ()


class Expander:
    """Resolves the records of modules on one search path. Answers are kept.

    Several services on one image share the answers for its modules: see `shared_with`. `asked` are the
    top-level names that modules asked for so far.
    """

    def __init__(
        self,
        finder: Finder,
        library: Library,
        version: tuple[int, ...],
        computed: Computed,
        environment: frozenset[str] = frozenset(),
    ) -> None:
        """Take where modules and records are found, the version, and imports known to be computed."""
        self._finder = finder
        self._library = library
        self._version = version
        self._computed = computed
        self._environment = environment
        self._compiled: CompiledImports | None = None
        self._offered: Offered = _nothing
        self._expansions: dict[tuple[Place, bool, tuple[Invocation, ...]], Expansion | None] = {}
        self._callables = Callables(finder.find, self._record)
        self._tables = Tables(finder.find, self.exports, self._block_level)
        self._served: dict[tuple[Place, str], tuple[Served, ...]] = {}
        self._shared: Expander | None = None
        self._own_names: frozenset[str] = frozenset()
        self.asked: set[str] = set()
        self._noted: set[Place] = set()
        self._broken: dict[Place, bool] = {}
        self._depth = 0
        self._bound: dict[Place, frozenset[str]] = {}
        self._lazy: dict[Place, Table] = {}
        self._added: dict[Place, tuple[Place, ...]] = {}

    def with_compiled(self, compiled: CompiledImports) -> "Expander":
        """Return itself, following extension modules too by what `compiled` says of them."""
        self._compiled = compiled
        return self

    def with_plugins(self, offered: Offered) -> "Expander":
        """Return itself, following look-ups of entry points to what distributions have `offered`."""
        self._offered = offered
        return self

    def shared_with(self, image: "Expander", own_names: frozenset[str]) -> "Expander":
        """Return itself, taking answers for the image's modules from `image` where these must be the same.

        They are the same as long as no module of the image asks for a top-level name that is among
        `own_names`, what the service's own folders could answer.
        """
        self._shared = image
        self._own_names = own_names
        return self

    def _common(self, module: Module) -> "Expander | None":
        is_shared = self._shared is not None and module.file is not None and module.file.side is Side.IMAGE
        return self._shared if is_shared else None

    def _agrees(self, image: "Expander") -> bool:
        return self._own_names.isdisjoint(image.asked)

    def is_broken(self, module: Module) -> bool:
        """Say whether importing `module` surely fails, for what it, or what it imports, asks in vain."""
        if (image := self._common(module)) is not None:
            answer = image.is_broken(module)
            if self._agrees(image):
                return answer
        return self._is_broken(module)

    def _is_broken(self, module: Module) -> bool:
        if module.file is None or module.kind is not ModuleKind.SOURCE:
            return False
        if module.file not in self._broken:
            # In a circle, and beyond a depth that no real chain of guarded imports has, nothing is sure.
            self._broken[module.file] = False
            self._depth += 1
            if self._depth <= _DEEPEST_FAILURE:
                self._broken[module.file] = self._fails(module)
            self._depth -= 1
        return self._broken[module.file]

    def _fails(self, module: Module) -> bool:
        expansion = self.expand(module)
        if expansion is None:
            return False
        if expansion.liveness.fails() or any(
            _is_sure(absent) and not self.may_be_made_up(absent.module) for absent in expansion.absent
        ):
            return True
        followed = (self._finder.find(link.target) for link in expansion.links if _is_sure(link))
        return any(self.is_broken(target) for target in followed if target is not None)

    def may_be_made_up(self, module: ModuleName) -> bool:
        """Say whether a package may put a submodule that has no file into sys.modules (six.moves)."""
        top = self._finder.find(module.partition(".")[0])
        # A namespace package has no code that could (PEP 420).
        return top is not None and top.kind is not ModuleKind.NAMESPACE

    def expand(
        self, module: Module, *, is_script: bool = False, called: tuple[Invocation, ...] = ()
    ) -> Expansion | None:
        """Return what `module` leads to; None where nothing of it can be read.

        Where functions are `called`, that is only what lies inside of functions.
        """
        if module.file is None:
            return self._walk(module, is_script=is_script, called=called)
        if (image := self._common(module)) is not None and not is_script:
            answer = image.expand(module, called=called)
            if self._agrees(image):
                return answer
        key = (module.file, is_script, called)
        if key not in self._expansions:
            self._expansions[key] = self._walk(module, is_script=is_script, called=called)
        return self._expansions[key]

    def with_calls(
        self, module: Module, *, is_script: bool, called: tuple[Invocation, ...]
    ) -> Expansion | None:
        """Return what `module` leads to with its import and with the functions that are `called`."""
        record = self._record(module)
        if record is None:
            return self.expand(module, is_script=is_script)
        return _Walk(self, module, record, is_script=is_script, called=called).run(is_whole=True)

    def _walk(self, module: Module, *, is_script: bool, called: tuple[Invocation, ...]) -> Expansion | None:
        if module.kind is ModuleKind.EXTENSION:
            return self._compiled_walk(module)
        record = self._record(module)
        if record is None:
            return None
        return _Walk(self, module, record, is_script=is_script, called=called).run(is_whole=not called)

    def _compiled_walk(self, module: Module) -> Expansion | None:
        """Follow what a compiled module was made from, where that lies beside it, and what else it names."""
        if self._compiled is None:
            return None
        source = source_beside(module)
        record = None if source.file is None else self._library.record_if_there(source.file)
        walked = (
            ()
            if record is None
            else _Walk(self, source, record, is_script=False, called=()).run(is_whole=True).links
        )
        links = [msgspec.structs.replace(link, place=source.file) for link in walked]
        said = {link.target for link in links}
        # Names do not show whether the compiled code goes on without what it asks for.
        links += [
            Link(named.module, named.level, 0, "names", ImportContext.DYNAMIC, may_fail=True)
            for named in self._compiled.imports(module, self._finder.find, self._finder.search_path)
            if named.module not in said
        ]
        self.asked.update(link.target.partition(".")[0] for link in links)
        nothing = SourceRecord(Parser.SKIMMED, (Block(BlockKind.MODULE),))
        live = Liveness(nothing, self.world(is_script=False), lambda _: True)
        return Expansion(nothing, live, tuple(links), ())

    def find(self, name: str) -> Module | None:
        """Return the module of an absolute name."""
        return self._finder.find(name)

    def is_on_own_path(self, module: Module, name: str) -> bool:
        """Say whether an installed module finds `name` in a folder that its package puts on ``sys.path``.

        What lies there, copies of other projects mostly, is not followed.
        """
        file = module.file
        if file is None or file.side is not Side.IMAGE:
            return False
        top = name.partition(".")[0]
        return any(self._finder.holds(folder, top) for folder in self._added_folders(file))

    def _added_folders(self, file: Place) -> tuple[Place, ...]:
        package = self._finder.outermost_package(file)
        if package is None:
            return ()
        if package not in self._added:
            self._added[package] = ()
            record = self._library.record(package)
            edits = () if record is None else record.path_edits
            self._added[package] = tuple(
                Place(Side.IMAGE, normalise(f"{package.path}/{folder.removeprefix(FILE)}"))
                for edit in edits
                for folder in (edit.folders if edit.block == 0 else ())
                if folder.startswith(FILE)
            )
        return self._added[package]

    def world(self, *, is_script: bool) -> Circumstances:
        """Return what decides conditions in this image."""
        return Circumstances(
            self._version,
            is_script,
            lambda name: self._finder.find(name) is not None,
            environment=self._environment,
        )

    def computed(self, module: Module) -> Iterator[tuple[ModuleName, Level]]:
        """Yield what importing `module` is known to load by names that it computes."""
        return self._computed.by_import(module.name, self)

    def computed_by(self, module: Module, call: FunctionCall) -> Iterator[tuple[ModuleName, Level]]:
        """Yield what a call is known to load by names that are computed."""
        record = self._record(module)
        for name in () if record is None else self._callables.full_names(module, record, call):
            yield from self._computed.by_call(name, call, self)

    def offered(self, group: str) -> tuple[NamedEntry, ...]:
        """Return the entry points of a group that installed distributions offer."""
        return self._offered(group)

    def flag(self, module: str, name: str) -> bool | None:
        """Return what a name of another module stands for; None where that is unsure."""
        found = self._finder.find(module)
        record = None if found is None else self._record(found)
        if found is None or record is None or not any(flag.name == name for flag in record.flags):
            return None
        if self._depth > _DEEPEST_FAILURE:
            return None
        self._depth += 1
        expansion = self.expand(found)
        self._depth -= 1
        return None if expansion is None else expansion.liveness.flag(name)

    def has_name(self, module: Module, name: str) -> bool | None:
        """Say whether a module defines `name`; None where its text does not tell."""
        if module.kind is ModuleKind.NAMESPACE:
            return False
        record = self._record(module)
        if record is None:
            return None
        if name in self.bound_names(module, record):
            return True
        has_star = any(item.name == "*" for statement in record.imports for item in statement.names)
        is_unsure = record.is_open or record.lazy is not None or record.fault is not None or has_star
        return None if is_unsure else False

    def bound_names(self, module: Module, record: SourceRecord) -> frozenset[str]:
        """Return the names bound at the top level of `module`, other than by importing its own submodules."""
        assert module.file is not None  # noqa: S101  (a record comes from a file)
        if module.file not in self._bound:
            self._bound[module.file] = frozenset({*record.bindings, *self._imported_names(module, record)})
        return self._bound[module.file]

    def _imported_names(self, module: Module, record: SourceRecord) -> set[str]:
        names: set[str] = set()
        for statement in record.imports:
            if is_in_function(record.blocks, statement.block):
                continue
            if is_for_type_checkers(record.blocks, statement.block):
                continue
            if not statement.names:
                names.add(statement.alias or statement.module.partition(".")[0])
            elif absolute_name(statement.module, statement.level, module.package) != module.name:
                names.update(item.bound for item in statement.names)
        return names

    def called(self, module: Module, call: FunctionCall) -> tuple[Module, Invocation] | None:
        """Return which function a call runs, where that leads to imports or loads."""
        record = self._record(module)
        return None if record is None else self._callables.target(module, record, call)

    def ask(self, name: str) -> None:
        """Note that a module asks for a name that its own text does not have."""
        self.asked.add(name.partition(".")[0])

    def served_lazily(self, module: Module, name: str) -> tuple[Served, ...]:
        """Return the modules that a package's ``__getattr__`` imports to serve `name`."""
        record = self._record(module)
        if record is None or record.lazy is None or module.file is None:
            return ()
        key = (module.file, name)
        if key not in self._served:
            # A package that takes a name of itself while it serves one ends here.
            self._served[key] = ()
            self._depth += 1
            if self._depth <= _DEEPEST_FAILURE:
                self._served[key] = self._find_served(module, record, name)
            self._depth -= 1
        return self._served[key]

    def _find_served(self, module: Module, record: SourceRecord, name: str) -> tuple[Served, ...]:
        assert module.file is not None  # noqa: S101  (a record comes from a file)
        if module.file not in self._lazy:
            self._lazy[module.file] = {}
            stub = self._stub(module) if record.lazy is not None and record.lazy.uses_stub else None
            self._lazy[module.file] = self._tables.table(module, record, stub)
        if served := self._lazy[module.file].get(name, ()):
            return served
        inner = ModuleName(f"{module.name}.{name}")
        # A __getattr__ without a table that can be read mostly imports the submodule of that name.
        if module.folders and self._finder.find(inner) is not None:
            return (Served(inner),)
        return self._served_by_function(module, record, name)

    def _served_by_function(self, module: Module, record: SourceRecord, name: str) -> tuple[Served, ...]:
        hooks = functions_named(record.blocks, _HOOK)
        if not hooks or not record.blocks[hooks[-1]].parameters:
            return ()
        given = ((record.blocks[hooks[-1]].parameters[0], name),)
        answer = self.expand(module, called=(Invocation(_HOOK, given=given),))
        links = () if answer is None else answer.links
        return tuple(Served(link.target, link.level) for link in links if link.level <= Level.PROBABLE)

    def _block_level(self, module: Module, block: int) -> Level | None:
        expansion = self.expand(module)
        return None if expansion is None else expansion.liveness.level(block)

    def exports(self, module: Module) -> tuple[str, ...]:
        """Return what a star import of `module` names: its ``__all__`` where that is a literal."""
        record = self._record(module)
        return () if record is None or record.exports is None else record.exports

    def _stub(self, module: Module) -> SourceRecord | None:
        """Read the ``.pyi`` file beside a module, where lazy_loader keeps its table."""
        if module.file is None or not module.folders:
            return None
        place = Place(module.file.side, join(module.folders[0].path, "__init__.pyi"))
        return self._library.record_if_there(place)

    def _record(self, module: Module) -> SourceRecord | None:
        if module.file is None or module.kind is not ModuleKind.SOURCE:
            return None
        record = self._library.record(module.file)
        if record is not None and module.file not in self._noted:
            self._noted.add(module.file)
            self.asked.update(_top_level_names(record))
        return record


class _Walk:
    """Goes through the imports of one module."""

    def __init__(
        self,
        expander: Expander,
        module: Module,
        record: SourceRecord,
        *,
        is_script: bool,
        called: tuple[Invocation, ...],
    ) -> None:
        self._expander = expander
        self._module = module
        self._record = record
        self._is_whole = True
        self._given = _agreed(called)
        world = msgspec.structs.replace(
            expander.world(is_script=is_script), flag=self._imported_flag, given=self._given
        )
        self._live = Liveness(record, world, self._resolves, called)
        self._links: list[Link] = []
        self._absent: list[Absent] = []

    def run(self, *, is_whole: bool) -> Expansion:
        """Walk the record; where that is not for the whole of it, only what runs inside of functions."""
        self._is_whole = is_whole
        if is_whole:
            self._add_computed()
        for statement in self._record.imports:
            if self._is_walked(statement.block):
                self._follow(statement)
        for dynamic in self._record.dynamic:
            if self._is_walked(dynamic.block):
                self._follow_import_call(dynamic)
        self._follow_plugins()
        self._follow_uses()
        self._follow_texts()
        calls = tuple(self._calls())
        links, absent = tuple(self._links), tuple(self._absent)
        loads = self._record.loads if is_whole else tuple(self._loads_given())
        return Expansion(self._record, self._live, links, absent, calls, self._failing_line(), loads)

    def _loads_given(self) -> Iterator[LoadCall]:
        """Yield the loads of the functions that are called, by the names that the arguments make."""
        for load in self._record.loads:
            names = tuple(name for name in self._filled(load.templates) if is_library_name(name))
            if names and self._is_walked(load.block):
                yield msgspec.structs.replace(load, names=names)

    def _failing_line(self) -> int:
        lines = [
            absent.line
            for absent in self._absent
            if _is_sure(absent) and not self._expander.may_be_made_up(absent.module)
        ]
        return min(lines, default=0)

    def _add_computed(self) -> None:
        for name, level in self._expander.computed(self._module):
            self._links.append(Link(name, level, 0, _BY_COMPUTED_NAME, ImportContext.DYNAMIC))

    def _follow_computed(self, call: FunctionCall, level: Level) -> None:
        for name, likely in self._expander.computed_by(self._module, call):
            self._expander.ask(name)
            self._links.append(
                Link(name, max(level, likely), call.line, _BY_COMPUTED_NAME, ImportContext.DYNAMIC)
            )

    def _is_walked(self, block: int) -> bool:
        if self._is_whole:
            return True
        level = self._live.level(block)
        return level is not None and level < Level.LAZY and self._live.is_in_function(block)

    def _calls(self) -> Iterator[CallLink]:
        for call in self._record.function_calls:
            level = self._live.level_of_call(call.block)
            if level is None or not self._is_walked(call.block):
                continue
            self._follow_computed(call, level)
            if level >= Level.LAZY:
                continue
            found = self._expander.called(self._module, call)
            if found is not None:
                context = ImportContext.GUARDED if self._live.is_guarded(call.block) else ImportContext.MODULE
                yield CallLink(*found, level, call.line, context)

    def _imported_flag(self, name: str) -> bool | None:
        """Answer for a name that this module imports from another, or takes as ``module.NAME``."""
        called = "()" if name.endswith("()") else ""
        bare = name.removesuffix("()")
        owner, _, last = bare.rpartition(".")
        found = self._imported.get(bare) or self._imported_modules.get(owner)
        if found is None:
            return None
        module, item = found
        return self._expander.flag(module, (item or last) + called)

    @cached_property
    def _imported(self) -> dict[str, tuple[str, str]]:
        """Return, by the name that it is bound to first, the module of an imported name, and the name."""
        bound: dict[str, tuple[str, str]] = {}
        for base, statement in self._based:
            for item in statement.names:
                bound.setdefault(item.bound, (base, item.name))
        return bound

    @cached_property
    def _imported_modules(self) -> dict[str, tuple[str, str]]:
        """Return, by the name that it is bound to first, what may be an imported module, and no name."""
        bound: dict[str, tuple[str, str]] = {}
        for base, statement in self._based:
            for item in statement.names:
                bound.setdefault(item.bound, (f"{base}.{item.name}", ""))
            for name in () if statement.names else (statement.alias, base):
                bound.setdefault(name, (base, ""))
        bound.pop("", None)
        return bound

    @cached_property
    def _based(self) -> list[tuple[ModuleName, ImportStatement]]:
        """Return the import statements with their absolute names, in their order."""
        named = (
            (absolute_name(found.module, found.level, self._module.package), found)
            for found in self._record.imports
        )
        return [(base, statement) for base, statement in named if base is not None]

    def _resolves(self, statement: ImportStatement) -> bool:
        name = absolute_name(statement.module, statement.level, self._module.package)
        target = None if name is None else self._expander.find(name)
        if name is not None and target is None and self._expander.is_on_own_path(self._module, name):
            return True
        if target is None or self._expander.is_broken(target):
            return False
        return all(self._has(target, item) for item in statement.names)

    def _has(self, target: Module, item: ImportedName) -> bool:
        if item.name == "*":
            return True
        is_bound = self._expander.has_name(target, item.name)
        inner = self._expander.find(f"{target.name}.{item.name}") if target.folders else None
        if inner is not None and is_bound is not True:
            return not self._expander.is_broken(inner)
        return inner is not None or is_bound is not False

    def _context(self, block: int, *, is_dynamic: bool = False) -> ImportContext:
        if self._live.is_typing(block):
            return ImportContext.TYPING
        if is_dynamic:
            return ImportContext.DYNAMIC
        if self._live.is_guarded(block):
            return ImportContext.GUARDED
        return ImportContext.LAZY if self._live.is_in_function(block) else ImportContext.MODULE

    def _follow(self, statement: ImportStatement) -> None:
        context = self._context(statement.block)
        level = (
            Level.STRING
            if context is ImportContext.TYPING
            else self._live.level(statement.block, statement.line)
        )
        name = absolute_name(statement.module, statement.level, self._module.package)
        if level is None:
            return
        if name is None:
            said = statement.module or statement.names[0].name
            unknown = ModuleName("." * statement.level + said)
            self._absent.append(Absent(unknown, level, statement.line, context))
            return
        target = self._expander.find(name)
        if target is None and not statement.level and self._expander.is_on_own_path(self._module, name):
            return
        if target is None:
            self._absent.append(Absent(name, level, statement.line, context))
            self._add_parents(name, level, statement.line, context)
            return
        if not statement.names:
            self._add(name, level, statement.line, context, is_statement=True)
            return
        submodules = [sub for item in statement.names if (sub := self._submodule(target, item)) is not None]
        has_other = len(submodules) < len(statement.names)
        self._add(name, level, statement.line, context, is_statement=has_other)
        for item in submodules:
            self._add(item, level, statement.line, context, is_statement=True)
        for served in self._also_served(target, statement):
            self._add(served.module, max(level, served.level), statement.line, context)

    def _submodule(self, target: Module, item: ImportedName) -> ModuleName | None:
        """Return the submodule that ``from target import item`` imports; None for an attribute."""
        name = ModuleName(f"{target.name}.{item.name}")
        if item.name == "*" or not target.folders or self._expander.find(name) is None:
            return None
        # A name that the package itself binds is taken as it is: no submodule is looked for.
        record = None if target.kind is not ModuleKind.SOURCE else self._expander.has_name(target, item.name)
        return None if record is True else name

    def _also_served(self, target: Module, statement: ImportStatement) -> list[Served]:
        served: list[Served] = []
        for item in statement.names:
            if item.name == "*":
                served.extend(self._starred(target))
            elif self._expander.has_name(target, item.name) is not True:
                served.extend(self._expander.served_lazily(target, item.name))
        return served

    def _starred(self, target: Module) -> Iterator[Served]:
        """Yield the submodules that a star import takes, and what serves the rest of ``__all__``."""
        for name in self._expander.exports(target):
            submodule = ModuleName(f"{target.name}.{name}")
            if target.folders and self._submodule(target, _last(submodule)) is not None:
                yield Served(submodule)
            elif self._expander.has_name(target, name) is not True:
                yield from self._expander.served_lazily(target, name)

    def _follow_import_call(self, call: DynamicImportCall) -> None:
        level = self._live.level(call.block, call.line)
        if level is None:
            return
        context = self._context(call.block, is_dynamic=True)
        is_guarded = self._live.is_guarded(call.block)
        is_taken = False
        given = [name for name in self._filled(call.templates) if is_module_name(name)]
        for name in given:
            self._expander.ask(name.lstrip("."))
        names = [*call.modules, *given]
        for name in names:
            found = self._named(name)
            likely = _likely(level, call.taken, len(names), is_taken=is_taken)
            if found is not None and self._expander.find(found) is not None:
                is_taken = True
                link = Link(found, likely, call.line, "imports", context, is_statement=True)
                self._append(msgspec.structs.replace(link, may_fail=is_guarded))
            elif found is not None:
                lost = Level.STRING if is_guarded else likely
                self._absent.append(Absent(found, lost, call.line, context))

    def _follow_plugins(self) -> None:
        """Follow what look-ups of entry points load."""
        for call in self._record.plugins:
            if not self._is_walked(call.block):
                continue
            may_fail = call.is_survived or self._live.is_guarded(call.loaded_in)
            for plugin in plugins(call, self._expander.offered, self._live.level, self._filled):
                self._expander.ask(plugin.module)
                link = Link(plugin.module, plugin.level, call.line, _AS_PLUGIN, ImportContext.DYNAMIC)
                self._append(msgspec.structs.replace(link, may_fail=may_fail))

    def _filled(self, templates: tuple[str, ...]) -> Iterator[str]:
        """Yield the names that templates give for the arguments that are known."""
        for template in templates:
            name = template
            for parameter, value in self._given.items():
                name = name.replace(PARAMETER % parameter, value)
            if "{" not in name:
                yield name

    def _follow_uses(self) -> None:
        """Follow attributes that a package's ``__getattr__`` serves."""
        modules = self._bound_modules() if self._record.uses else {}
        for use in self._record.uses:
            module = self._used_module(modules, use.name)
            level = self._live.level(use.block)
            if module is None or level is None or not self._is_walked(use.block):
                continue
            if self._expander.has_name(module, use.attribute) is True:
                continue
            for served in self._expander.served_lazily(module, use.attribute):
                self._add(served.module, max(level, served.level), use.line, self._context(use.block))

    def _follow_texts(self) -> None:
        """Follow strings that name a module, or something in one: plugins, settings, task lists."""
        for text in self._record.texts:
            if self._live.level(text.block) is None or not self._is_walked(text.block):
                continue
            name, _, attribute = text.text.partition(":")
            found = self._expander.find(name)
            if found is None and not attribute:
                found = self._expander.find(name.rpartition(".")[0])
            if found is not None and found.kind not in (ModuleKind.BUILTIN, ModuleKind.NAMESPACE):
                self._links.append(Link(found.name, Level.STRING, text.line, "names", ImportContext.DYNAMIC))

    def _used_module(self, bound: Mapping[str, Module], name: str) -> Module | None:
        first, _, rest = name.partition(".")
        module = bound.get(first)
        return module if module is None or not rest else self._expander.find(f"{module.name}.{rest}")

    def _bound_modules(self) -> dict[str, Module]:
        bound: dict[str, Module] = {}
        for statement in self._record.imports:
            base = absolute_name(statement.module, statement.level, self._module.package)
            if base is None:
                continue
            pairs = [(name.bound, f"{base}.{name.name}") for name in statement.names]
            if not statement.names:
                pairs = [(statement.alias, base) if statement.alias else (base.partition(".")[0],) * 2]
            for name, target in pairs:
                if (module := self._expander.find(target)) is not None:
                    bound[name] = module
        return bound

    def _named(self, name: str) -> ModuleName | None:
        bare = name.lstrip(".")
        found = absolute_name(bare, len(name) - len(bare), self._module.package)
        # A package that imports its own name again has put its folder on the path: it means the
        # extension module of that name inside itself (cv2, and others that are built like it).
        if found == self._module.name and self._module.folders:
            inner = self._expander.find(f"{found}.{found.rpartition('.')[2]}")
            return None if inner is None else inner.name
        return found

    def _add_parents(self, name: ModuleName, level: Level, line: int, context: ImportContext) -> None:
        above = name.rpartition(".")[0]
        while above:
            if self._expander.find(above) is not None:
                self._add(ModuleName(above), level, line, context)
                return
            above = above.rpartition(".")[0]

    def _add(
        self, name: ModuleName, level: Level, line: int, context: ImportContext, *, is_statement: bool = False
    ) -> None:
        self._append(Link(name, level, line, "imports", context, is_statement))

    def _append(self, link: Link) -> None:
        if link.target != self._module.name:
            self._links.append(link)


def _nothing(_: str) -> tuple[NamedEntry, ...]:
    return ()


def _top_level_names(record: SourceRecord) -> Iterator[str]:
    for statement in record.imports:
        if not statement.level:
            yield statement.module.partition(".")[0]
    for call in record.dynamic:
        for name in call.modules:
            yield name.partition(".")[0]


def _is_sure(step: Link | Absent) -> bool:
    return step.level is Level.CERTAIN and step.context is ImportContext.MODULE


def _likely(level: Level, taken: Taken, count: int, *, is_taken: bool) -> Level:
    """Return how likely one of several names is imported by one call."""
    if count < 2 or taken is Taken.EACH:
        return level
    if taken is Taken.FIRST:
        return Level.STRING if is_taken else level
    return max(level, Level.PROBABLE)


def _agreed(called: tuple[Invocation, ...]) -> dict[str, str]:
    """Return the arguments of calls where there is but one; several do not agree."""
    return dict(called[0].given) if len(called) == 1 else {}


def _last(name: ModuleName) -> ImportedName:
    return ImportedName(name.rpartition(".")[2])
