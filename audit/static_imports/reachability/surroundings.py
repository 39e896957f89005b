"""What one module's walk asks of all the other modules on its search path."""

from collections.abc import Iterator
from typing import Protocol

from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.model.imports import Level, SettingsModule
from fleet_audit.audit.static_imports.distributions.entry_points import NamedEntry
from fleet_audit.audit.static_imports.reachability.serving import Served
from fleet_audit.audit.static_imports.resolution.finder import Module
from fleet_audit.audit.static_imports.source.conditions import Circumstances
from fleet_audit.audit.static_imports.source.functions import Invocation
from fleet_audit.audit.static_imports.source.records import FunctionCall


class Surroundings(Protocol):
    """The modules of one search path, and what is known of them."""

    def find(self, name: str) -> Module | None:
        """Return the module of an absolute name."""

    def world(self, *, is_script: bool) -> Circumstances:
        """Return what decides conditions in this image."""

    def is_broken(self, module: Module) -> bool:
        """Say whether importing `module` surely fails."""

    def may_be_made_up(self, module: ModuleName) -> bool:
        """Say whether a package may put a submodule that has no file into ``sys.modules``."""

    def is_on_own_path(self, module: Module, name: str) -> bool:
        """Say whether an installed module finds `name` in a folder that its package adds to ``sys.path``."""

    def has_name(self, module: Module, name: str) -> bool | None:
        """Say whether a module defines `name`; None where its text does not tell."""

    def surely_lacks(self, module: Module, name: str) -> bool:
        """Say whether an own package has no such name, and nobody gives it one."""

    def own_modules(self, package: ModuleName) -> tuple[ModuleName, ...]:
        """Return the modules that stand in a package of the repository itself, those below them left out."""

    def exports(self, module: Module) -> tuple[str, ...]:
        """Return what a star import of `module` names, where that is a literal."""

    def served_lazily(self, module: Module, name: str) -> tuple[Served, ...]:
        """Return the modules that a package's ``__getattr__`` imports to serve `name`."""

    def flag(self, module: str, name: str) -> bool | None:
        """Return what a name of another module stands for; None where that is unsure."""

    def called(self, module: Module, call: FunctionCall) -> tuple[Module, Invocation] | None:
        """Return which function a call runs, where that leads to imports or loads."""

    def computed(self, module: Module) -> Iterator[tuple[ModuleName, Level]]:
        """Yield what importing `module` is known to load by names that it computes."""

    def computed_by(self, module: Module, call: FunctionCall) -> Iterator[tuple[ModuleName, Level]]:
        """Yield what a call is known to load by names that are computed."""

    def computed_name(self, name: str) -> Iterator[tuple[ModuleName, Level]]:
        """Yield what taking a name from a package is known to load by a name that is computed."""

    def names_of(self, module: Module, call: FunctionCall) -> tuple[str, ...]:
        """Return the full names of what a call runs."""

    def settings_of(self, variable: str) -> SettingsModule | None:
        """Return the framework whose settings module a variable of the environment names."""

    def settings_module(self, row: SettingsModule) -> str:
        """Return the settings module that the image itself names; empty where it names none."""

    def has_settings(self) -> bool:
        """Say whether the image names any settings module."""

    def settings_read_by(self, function: str) -> SettingsModule | None:
        """Return the framework whose settings a function, by its full name, reads."""

    def settings_with(self, setting: str) -> tuple[SettingsModule, ...]:
        """Return the frameworks that import what a setting names."""

    def makes_setting(self, module: Module, name: str) -> bool:
        """Say whether a module binds a setting, or may take it from another with all its names."""

    def methods(self, module: Module, name: str) -> tuple[str, ...]:
        """Return the methods of this name of the classes of a module, as ``Class.name``."""

    def offered(self, group: str) -> tuple[NamedEntry, ...]:
        """Return the entry points of a group that installed distributions offer."""

    def ask(self, name: str) -> None:
        """Note that a module asks for a name that its own text does not have."""
