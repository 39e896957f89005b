"""What the modules of one search path lead to, each worked out when it is first asked for."""

from collections.abc import Iterator

import msgspec

from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.model.imports import ImportContext, Level, Parser, SettingsModule
from fleet_audit.audit.static_imports.compiled.compiled_reach import CompiledImports, source_beside
from fleet_audit.audit.static_imports.distributions.entry_points import NamedEntry
from fleet_audit.audit.static_imports.library import Library
from fleet_audit.audit.static_imports.reachability.added_folders import AddedFolders
from fleet_audit.audit.static_imports.reachability.callables import Callables
from fleet_audit.audit.static_imports.reachability.computed import Computed
from fleet_audit.audit.static_imports.reachability.expansion import Expansion, Link, is_sure
from fleet_audit.audit.static_imports.reachability.liveness import Liveness
from fleet_audit.audit.static_imports.reachability.module_names import ModuleNames
from fleet_audit.audit.static_imports.reachability.nesting import MAX_FLAGS, Nesting
from fleet_audit.audit.static_imports.reachability.own_files import modules_in
from fleet_audit.audit.static_imports.reachability.own_names import OwnNames
from fleet_audit.audit.static_imports.reachability.plugins import Offered
from fleet_audit.audit.static_imports.reachability.serving import LazyNames, Served
from fleet_audit.audit.static_imports.reachability.walk import Walk
from fleet_audit.audit.static_imports.resolution.finder import Finder, Module, ModuleKind, Place, Side
from fleet_audit.audit.static_imports.source.conditions import Circumstances
from fleet_audit.audit.static_imports.source.functions import Invocation, functions_named, methods_named
from fleet_audit.audit.static_imports.source.records import (
    Block,
    BlockKind,
    FunctionCall,
    SourceRecord,
)


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
        self._shared: Expander | None = None
        self._own_names: frozenset[str] = frozenset()
        self.asked: set[str] = set()
        self._noted: set[Place] = set()
        self._nesting = Nesting()
        self._expansions: dict[tuple[Place, bool, tuple[Invocation, ...]], Expansion | None] = {}
        self._called: dict[tuple[Place, bool, tuple[Invocation, ...]], Expansion] = {}
        self._broken: dict[Place, bool] = {}
        self._callables = Callables(self.find, self.record)
        self._names = ModuleNames(self.record)
        self._lazy = LazyNames(self, self._nesting)
        self._added = AddedFolders(finder, library)
        self._own_packages = OwnNames(library)

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
        if (image := self._common(module)) is not None and not is_script:
            answer = image.with_calls(module, is_script=False, called=called)
            if self._agrees(image):
                return answer
        record = self.record(module)
        if record is None or module.file is None:
            return self.expand(module, is_script=is_script)
        key = (module.file, is_script, called)
        if key not in self._called:
            walk = Walk(self, module, record, is_script=is_script, called=called)
            self._called[key] = walk.run(is_whole=True)
        return self._called[key]

    def _walk(self, module: Module, *, is_script: bool, called: tuple[Invocation, ...]) -> Expansion | None:
        if module.kind is ModuleKind.EXTENSION:
            return self._compiled_walk(module)
        record = self.record(module)
        if record is None:
            return None
        return Walk(self, module, record, is_script=is_script, called=called).run(is_whole=not called)

    def _compiled_walk(self, module: Module) -> Expansion | None:
        """Follow what a compiled module was made from, where that lies beside it, and what else it names."""
        if self._compiled is None:
            return None
        source = source_beside(module)
        record = None if source.file is None else self._library.record_if_there(source.file)
        walked = (
            ()
            if record is None
            else Walk(self, source, record, is_script=False, called=()).run(is_whole=True).links
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
        nothing = SourceRecord(Parser.SKIM, (Block(BlockKind.MODULE),))
        live = Liveness(nothing, self.world(is_script=False), lambda _: True)
        return Expansion(nothing, live, tuple(links), ())

    def record(self, module: Module) -> SourceRecord | None:
        """Return what a module's text says; None where it has none that can be read."""
        if module.file is None or module.kind is not ModuleKind.SOURCE:
            return None
        record = self._library.record(module.file)
        if record is not None and module.file not in self._noted:
            self._noted.add(module.file)
            self.asked.update(_top_level_names(record))
        return record

    def find(self, name: str) -> Module | None:
        """Return the module of an absolute name; that it was asked for is noted."""
        self.ask(name)
        return self._finder.find(name)

    def world(self, *, is_script: bool) -> Circumstances:
        """Return what decides conditions in this image."""
        return Circumstances(
            self._version,
            is_script,
            lambda name: self.find(name) is not None,
            environment=self._environment,
        )

    def ask(self, name: str) -> None:
        """Note that a module asks for a name that its own text does not have."""
        self.asked.add(name.partition(".")[0])

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
            # In a circle nothing is sure.
            self._broken[module.file] = False
            self._broken[module.file] = self._nesting.answer(lambda: self._fails(module), otherwise=False)
        return self._broken[module.file]

    def _fails(self, module: Module) -> bool:
        expansion = self.expand(module)
        if expansion is None:
            return False
        if expansion.liveness.fails() or any(
            is_sure(absent) and not self.may_be_made_up(absent.module) for absent in expansion.absent
        ):
            return True
        followed = (self._finder.find(link.target) for link in expansion.links if is_sure(link))
        return any(self.is_broken(target) for target in followed if target is not None)

    def may_be_made_up(self, module: ModuleName) -> bool:
        """Say whether a package may put a submodule that has no file into sys.modules (six.moves)."""
        top = self._finder.find(module.partition(".")[0])
        # A namespace package has no code that could (PEP 420).
        return top is not None and top.kind is not ModuleKind.NAMESPACE

    def is_on_own_path(self, module: Module, name: str) -> bool:
        """Say whether an installed module finds `name` in a folder that its package adds to ``sys.path``."""
        return self._added.hold(module, name)

    def flag(self, module: str, name: str) -> bool | None:
        """Return what a name of another module stands for; None where that is unsure."""
        found = self._finder.find(module)
        record = None if found is None else self.record(found)
        if found is None or record is None or not any(flag.name == name for flag in record.flags):
            return None
        expansion = self._nesting.answer(lambda: self.expand(found), None, most=MAX_FLAGS)
        return None if expansion is None else expansion.liveness.flag(name)

    def has_name(self, module: Module, name: str) -> bool | None:
        """Say whether a module defines `name`; None where its text does not tell."""
        return self._names.has(module, name)

    def surely_lacks(self, module: Module, name: str) -> bool:
        """Say whether an own package has no such name, and nobody gives it one."""
        return self.has_name(module, name) is False and self._own_packages.lacks(module, name)

    def own_modules(self, package: ModuleName) -> tuple[ModuleName, ...]:
        """Return the modules that stand in a package of the repository itself, those below them left out."""
        found = self.find(package)
        return () if found is None else modules_in(self._library.tree(Side.SOURCES), found)

    def exports(self, module: Module) -> tuple[str, ...]:
        """Return what a star import of `module` names: its ``__all__`` where that is a literal."""
        return self._names.exports(module)

    def served_lazily(self, module: Module, name: str) -> tuple[Served, ...]:
        """Return the modules that a package's ``__getattr__`` imports to serve `name`."""
        return self._lazy.served(module, name)

    def stub(self, place: Place) -> SourceRecord | None:
        """Return what a ``.pyi`` file says; None where it is not there."""
        return self._library.record_if_there(place)

    def block_level(self, module: Module, block: int) -> Level | None:
        """Return how certainly a block of a module runs; None where it does not."""
        expansion = self.expand(module)
        return None if expansion is None else expansion.liveness.level(block)

    def called_with(self, module: Module, function: str, argument: str) -> Iterator[Served]:
        """Yield what a function of a module imports where its first parameter is `argument`."""
        record = self.record(module)
        functions = () if record is None else functions_named(record.blocks, function)
        if record is None or not functions or not record.blocks[functions[-1]].parameters:
            return
        given = ((record.blocks[functions[-1]].parameters[0], argument),)
        answer = self.expand(module, called=(Invocation(function, given=given),))
        for link in () if answer is None else answer.links:
            if link.level <= Level.PROBABLE:
                yield Served(link.target, link.level)

    def called(self, module: Module, call: FunctionCall) -> tuple[Module, Invocation] | None:
        """Return which function a call runs, where that leads to imports or loads."""
        record = self.record(module)
        return None if record is None else self._callables.target(module, record, call)

    def computed(self, module: Module) -> Iterator[tuple[ModuleName, Level]]:
        """Yield what importing `module` is known to load by names that it computes."""
        return self._computed.by_import(module.name, self)

    def computed_by(self, module: Module, call: FunctionCall) -> Iterator[tuple[ModuleName, Level]]:
        """Yield what a call is known to load by names that are computed."""
        for name in self.names_of(module, call):
            yield from self._computed.by_call(name, call, self)

    def computed_name(self, name: str) -> Iterator[tuple[ModuleName, Level]]:
        """Yield what taking a name from a package is known to load by a name that is computed."""
        return self._computed.by_name(name, self)

    def names_of(self, module: Module, call: FunctionCall) -> tuple[str, ...]:
        """Return the full names of what a call runs: as its import has it, and where that passes it on."""
        record = self.record(module)
        return () if record is None else self._callables.full_names(module, record, call)

    def settings_of(self, variable: str) -> SettingsModule | None:
        """Return the framework whose settings module a variable of the environment names."""
        return self._computed.settings_of(variable)

    def settings_module(self, row: SettingsModule) -> str:
        """Return the settings module that the image itself names; empty where it names none."""
        return self._computed.settings_module(row)

    def has_settings(self) -> bool:
        """Say whether the image names any settings module."""
        return self._computed.has_settings()

    def settings_read_by(self, function: str) -> SettingsModule | None:
        """Return the framework whose settings a function, by its full name, reads."""
        return self._computed.settings_read_by(function)

    def settings_with(self, setting: str) -> tuple[SettingsModule, ...]:
        """Return the frameworks that import what a setting names."""
        return self._computed.settings_with(setting)

    def makes_setting(self, module: Module, name: str) -> bool:
        """Say whether a module binds a setting, or may take it from another with all its names."""
        record = self.record(module)
        if record is None:
            return False
        is_starred = any(item.name == "*" for statement in record.imports for item in statement.names)
        return is_starred or any(setting.name == name for setting in record.settings)

    def methods(self, module: Module, name: str) -> tuple[str, ...]:
        """Return the methods of this name of the classes of a module, as ``Class.name``."""
        record = self.record(module)
        return () if record is None else methods_named(record.blocks, name)

    def offered(self, group: str) -> tuple[NamedEntry, ...]:
        """Return the entry points of a group that installed distributions offer."""
        return self._offered(group)


def _nothing(_: str) -> tuple[NamedEntry, ...]:
    return ()


def _top_level_names(record: SourceRecord) -> Iterator[str]:
    for statement in record.imports:
        if not statement.level:
            yield statement.module.partition(".")[0]
    for call in record.dynamic:
        for name in call.modules:
            yield name.partition(".")[0]
