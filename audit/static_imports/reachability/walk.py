"""Which imports run with one module, or with functions of it: found, or asked for in vain."""

from collections.abc import Iterator, Mapping

import msgspec

from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.model.imports import ImportContext, Level
from fleet_audit.audit.static_imports.reachability.blocks import try_around
from fleet_audit.audit.static_imports.reachability.expansion import Absent, CallLink, Expansion, Link, is_sure
from fleet_audit.audit.static_imports.reachability.failures import tries_before
from fleet_audit.audit.static_imports.reachability.import_targets import also_served, is_answered, submodule
from fleet_audit.audit.static_imports.reachability.imported_names import ImportedNames
from fleet_audit.audit.static_imports.reachability.liveness import Liveness
from fleet_audit.audit.static_imports.reachability.nodes import is_own
from fleet_audit.audit.static_imports.reachability.plugins import plugins
from fleet_audit.audit.static_imports.reachability.settings import Call, Used, read, readings
from fleet_audit.audit.static_imports.reachability.surroundings import Surroundings
from fleet_audit.audit.static_imports.resolution.finder import Module, ModuleKind
from fleet_audit.audit.static_imports.source.constants import PARAMETER
from fleet_audit.audit.static_imports.source.functions import Invocation
from fleet_audit.audit.static_imports.source.records import (
    DynamicImportCall,
    FunctionCall,
    ImportStatement,
    LoadCall,
    SourceRecord,
    Taken,
    absolute_name,
    is_library_name,
    is_module_name,
)

_BY_COMPUTED_NAME = "imports (by a computed name)"
_AS_PLUGIN = "loads (as an entry point)"


class Walk:
    """Goes through the imports of one module."""

    def __init__(
        self,
        around: Surroundings,
        module: Module,
        record: SourceRecord,
        *,
        is_script: bool,
        called: tuple[Invocation, ...],
    ) -> None:
        """Take the other modules, the module and its record, and which of its functions are `called`."""
        self._around = around
        self._module = module
        self._record = record
        self._is_whole = True
        self._called = called
        self._given = _agreed(called)
        self._names = ImportedNames(record, module.package)
        world = msgspec.structs.replace(
            around.world(is_script=is_script), flag=self._imported_flag, given=self._given
        )
        self._live = Liveness(record, world, self._is_answered, called)
        self._block = 0
        self._links: list[Link] = []
        self._absent: list[Absent] = []

    def run(self, *, is_whole: bool) -> Expansion:
        """Walk the record; where that is not for the whole of it, only what runs inside of functions."""
        self._is_whole = is_whole
        if is_whole:
            self._add_computed()
        for statement in self._record.imports:
            if self._is_walked(statement.block):
                self._block = statement.block
                self._follow(statement)
        self._block = 0
        for dynamic in self._record.dynamic:
            if self._is_walked(dynamic.block):
                self._follow_import_call(dynamic)
        self._follow_plugins()
        self._follow_uses()
        self._follow_texts()
        calls = (*self._calls(), *self._settings())
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
            if is_sure(absent) and not self._around.may_be_made_up(absent.module)
        ]
        return min(lines, default=0)

    def _add_computed(self) -> None:
        for name, level in self._around.computed(self._module):
            self._links.append(Link(name, level, 0, _BY_COMPUTED_NAME, ImportContext.DYNAMIC))

    def _follow_computed(self, call: FunctionCall, level: Level) -> None:
        for name, likely in self._around.computed_by(self._module, call):
            self._around.ask(name)
            self._links.append(
                Link(name, max(level, likely), call.line, _BY_COMPUTED_NAME, ImportContext.DYNAMIC)
            )

    def _is_nowhere(self, package: Module, name: ModuleName) -> bool:
        """Say whether neither a module nor anything else of this name is in a package."""
        last = name.rpartition(".")[2]
        return self._around.find(name) is None and self._around.surely_lacks(package, last)

    def _follow_name(self, name: str, level: Level, line: int, block: int) -> None:
        """Follow what taking a name from a package is known to load."""
        for loaded, likely in self._around.computed_name(name):
            self._around.ask(loaded)
            link = Link(loaded, max(level, likely), line, _BY_COMPUTED_NAME, ImportContext.DYNAMIC)
            self._append(msgspec.structs.replace(link, may_fail=self._live.is_guarded(block)))

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
            found = self._around.called(self._module, call)
            if found is not None:
                context = ImportContext.GUARDED if self._live.is_guarded(call.block) else ImportContext.MODULE
                yield CallLink(*found, level, call.line, context, behind=self._behind(call.block))

    def _settings(self) -> Iterator[CallLink]:
        """Follow the settings that this module has read, and those of its own that are used."""
        found: list[Link | Absent | CallLink] = []
        if is_own(self._module) and (self._record.variables or self._around.has_settings()):
            for reading in readings(self._record, self._live, self._full_names(), self._around):
                found += read(reading, self._around)
        for use in self._called:
            for row in self._around.settings_with(use.function):
                used = Used(use.function, self._module, self._record, self._live)
                found += used.follow(row, use.level, self._around)
        self._links += (step for step in found if isinstance(step, Link))
        self._absent += (step for step in found if isinstance(step, Absent))
        yield from (step for step in found if isinstance(step, CallLink))

    def _full_names(self) -> Iterator[Call]:
        """Yield the calls that may run, by the full names of what they call."""
        for call in self._record.function_calls:
            level = self._live.level_of_call(call.block)
            if level is not None:
                names = self._around.names_of(self._module, call)
                yield from (Call(name, level, call.line) for name in names)

    def _imported_flag(self, name: str) -> bool | None:
        """Answer for a name that this module imports from another, or takes as ``module.NAME``."""
        called = "()" if name.endswith("()") else ""
        origin = self._names.origin(name.removesuffix("()"))
        return None if origin is None else self._around.flag(origin[0], origin[1] + called)

    def _is_answered(self, statement: ImportStatement) -> bool:
        return is_answered(statement, self._module, self._around)

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
        target = self._around.find(name)
        if target is None and not statement.level and self._around.is_on_own_path(self._module, name):
            return
        if target is None:
            self._absent.append(Absent(name, level, statement.line, context))
            self._add_parents(name, level, statement.line, context)
            return
        if not statement.names:
            self._add(name, level, statement.line, context, is_statement=True)
            return
        found = (submodule(target, item.name, self._around) for item in statement.names)
        submodules = [inner for inner in found if inner is not None]
        has_other = len(submodules) < len(statement.names)
        self._add(name, level, statement.line, context, is_statement=has_other)
        for inner in submodules:
            self._add(inner, level, statement.line, context, is_statement=True)
        for served in also_served(target, statement.names, self._around):
            self._add(served.module, max(level, served.level), statement.line, context)
        for item in statement.names:
            name = ModuleName(f"{target.name}.{item.name}")
            self._follow_name(name, level, statement.line, statement.block)
            if item.name != "*" and self._is_nowhere(target, name):
                self._absent.append(Absent(name, level, statement.line, context))

    def _follow_import_call(self, call: DynamicImportCall) -> None:
        level = self._live.level(call.block, call.line)
        if level is None:
            return
        context = self._context(call.block, is_dynamic=True)
        is_guarded = self._live.is_guarded(call.block)
        is_taken = False
        given = [name for name in self._filled(call.templates) if is_module_name(name)]
        for name in given:
            self._around.ask(name.lstrip("."))
        names = [*call.modules, *given]
        for name in names:
            found = self._named(name)
            likely = _likely(level, call.taken, len(names), is_taken=is_taken)
            if found is not None and self._around.find(found) is not None:
                is_taken = True
                link = Link(found, likely, call.line, "imports", context, is_statement=True)
                self._append(msgspec.structs.replace(link, may_fail=is_guarded))
            elif found is not None:
                lost = Level.STRING if is_guarded else likely
                self._absent.append(Absent(found, lost, call.line, context))
        if not given and is_own(self._module):
            # Where it depends on an argument, those that are known are followed with the call.
            self._follow_any_of(call, max(level, Level.LAZY if call.templates else Level.PROBABLE))

    def _follow_any_of(self, call: DynamicImportCall, level: Level) -> None:
        """Follow each module of the service's own packages that a computed name may mean."""
        for package in call.below:
            bare = package.lstrip(".")
            named = absolute_name(bare, len(package) - len(bare), self._module.package)
            for name in () if named is None else self._around.own_modules(named):
                link = Link(name, level, call.line, _BY_COMPUTED_NAME, ImportContext.DYNAMIC)
                self._append(msgspec.structs.replace(link, may_fail=self._live.is_guarded(call.block)))

    def _follow_plugins(self) -> None:
        """Follow what look-ups of entry points load."""
        said: set[tuple[object, ...]] = set()
        for call in self._record.plugins:
            may_fail = call.is_survived or self._live.is_guarded(call.loaded_in)
            levels = (self._live.level(block) for block in (call.block, call.loaded_in) if block >= 0)
            key = (call.groups, call.names, call.is_chosen, may_fail, *levels)
            # The first of equal look-ups will do: groups may be large, and look-ups many.
            if key in said or not self._is_walked(call.block):
                continue
            said.add(key)
            for plugin in plugins(call, self._around.offered, self._live.level, self._filled):
                self._around.ask(plugin.module)
                link = Link(
                    plugin.module,
                    plugin.level,
                    call.line,
                    _AS_PLUGIN,
                    ImportContext.DYNAMIC,
                    may_fail=may_fail,
                )
                self._append(link)

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
        modules = self._names.modules(self._around.find) if self._record.uses else {}
        for use in self._record.uses:
            module = self._used_module(modules, use.name)
            level = self._live.level(use.block)
            if module is None or level is None or not self._is_walked(use.block):
                continue
            self._follow_name(f"{module.name}.{use.attribute}", level, use.line, use.block)
            if self._around.has_name(module, use.attribute) is True:
                continue
            for served in self._around.served_lazily(module, use.attribute):
                self._add(served.module, max(level, served.level), use.line, self._context(use.block))

    def _follow_texts(self) -> None:
        """Follow strings that name a module, or something in one: plugins, settings, task lists."""
        for text in self._record.texts:
            if self._live.level(text.block) is None or not self._is_walked(text.block):
                continue
            name, _, attribute = text.text.partition(":")
            found = self._around.find(name)
            if found is None and not attribute:
                found = self._around.find(name.rpartition(".")[0])
            if found is not None and found.kind not in (ModuleKind.BUILTIN, ModuleKind.NAMESPACE):
                self._links.append(Link(found.name, Level.STRING, text.line, "names", ImportContext.DYNAMIC))

    def _used_module(self, bound: Mapping[str, Module], name: str) -> Module | None:
        first, _, rest = name.partition(".")
        module = bound.get(first)
        return module if module is None or not rest else self._around.find(f"{module.name}.{rest}")

    def _named(self, name: str) -> ModuleName | None:
        bare = name.lstrip(".")
        found = absolute_name(bare, len(name) - len(bare), self._module.package)
        # A package that imports its own name again has put its folder on the path: it means the
        # extension module of that name inside itself (cv2, and others that are built like it).
        if found == self._module.name and self._module.folders:
            inner = self._around.find(f"{found}.{found.rpartition('.')[2]}")
            return None if inner is None else inner.name
        return found

    def _add_parents(self, name: ModuleName, level: Level, line: int, context: ImportContext) -> None:
        above = name.rpartition(".")[0]
        while above:
            if self._around.find(above) is not None:
                self._add(ModuleName(above), level, line, context)
                return
            above = above.rpartition(".")[0]

    def _add(
        self, name: ModuleName, level: Level, line: int, context: ImportContext, *, is_statement: bool = False
    ) -> None:
        self._append(Link(name, level, line, "imports", context, is_statement), self._block)

    def _append(self, link: Link, block: int = 0) -> None:
        if link.target != self._module.name:
            behind = self._behind(block)
            self._links.append(msgspec.structs.replace(link, behind=behind) if behind else link)

    def _behind(self, block: int) -> tuple[ModuleName, ...]:
        """Return what has been imported before a block runs, by the ``try`` that it is the ``else`` of."""
        tries = tries_before(self._record.blocks, block)
        imported: list[str] = []
        for statement in self._record.imports if tries else ():
            name = absolute_name(statement.module, statement.level, self._module.package)
            if name is not None and try_around(self._record.blocks, statement.block) in tries:
                imported += [name, *(f"{name}.{item.name}" for item in statement.names)]
        return tuple(ModuleName(name) for name in imported if self._around.find(name) is not None)


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
