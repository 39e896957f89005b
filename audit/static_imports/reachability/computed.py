"""What is known to be imported by names that code computes, by what triggers it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Protocol

from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.model.imports import ComputedImport, KnownImport, Level, SettingsModule
from fleet_audit.audit.static_imports.resolution.finder import Module
from fleet_audit.audit.static_imports.source.records import FunctionCall, is_module_name


class Modules(Protocol):
    """Which modules there are, and which of them cannot be imported."""

    def find(self, name: str) -> Module | None:
        """Return the module of an absolute name."""

    def is_broken(self, module: Module) -> bool:
        """Say whether importing a module surely fails."""


class Computed:
    """The rows of the knowledge base on computed imports, asked by module and by call."""

    def __init__(self, rows: Iterable[KnownImport] = ()) -> None:
        """Take the rows."""
        self._by_variable: dict[str, SettingsModule] = {}
        self._of_module: defaultdict[str, list[ComputedImport]] = defaultdict(list)
        self._of_function: defaultdict[str, list[ComputedImport]] = defaultdict(list)
        for row in rows:
            if isinstance(row, SettingsModule):
                self._by_variable[row.variable] = row
            elif row.function:
                self._of_function[row.function].append(row)
            else:
                self._of_module[row.module].append(row)

    def settings_of(self, variable: str) -> SettingsModule | None:
        """Return the framework whose settings module a variable of the environment names."""
        return self._by_variable.get(variable)

    def settings_with(self, setting: str) -> tuple[SettingsModule, ...]:
        """Return the frameworks that import what a setting names."""
        return tuple(
            row for row in self._by_variable.values() if any(use.setting == setting for use in row.uses)
        )

    def by_import(self, module: ModuleName, known: Modules) -> Iterator[tuple[ModuleName, Level]]:
        """Yield what importing `module` loads of what is there."""
        for row in self._of_module.get(module, ()):
            for name in _there(row, known):
                yield name, row.level

    def by_call(
        self, function: str, call: FunctionCall, known: Modules
    ) -> Iterator[tuple[ModuleName, Level]]:
        """Yield what a call of `function`, by its full name, loads of what is there."""
        first = call.arguments[0][1] if call.arguments else ""
        for row in self._of_function.get(function, ()):
            if not first.startswith(row.prefix) or any(key in row.unless for key, _ in call.arguments):
                continue
            for name in _there(row, known):
                yield name, row.level
            named = first.partition(":")[0]
            if row.names_module and is_module_name(named) and not named.startswith("."):
                yield ModuleName(named), row.level


def _there(row: ComputedImport, known: Modules) -> list[ModuleName]:
    there = [name for name in row.loads if _is_there(row, known.find(name), known)]
    return there[:1] if row.takes_first else there


def _is_there(row: ComputedImport, module: Module | None, known: Modules) -> bool:
    return module is not None and not (row.survives and known.is_broken(module))
