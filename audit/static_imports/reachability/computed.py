"""What is known to be imported by names that code computes, by what triggers it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Protocol

from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.model.imports import ComputedImport, KnownImport, Level, SettingsModule
from fleet_audit.audit.static_imports.resolution.finder import Module
from fleet_audit.audit.static_imports.source.records import LISTED, FunctionCall, is_module_name


class Modules(Protocol):
    """Which modules there are, and which of them cannot be imported."""

    def find(self, name: str) -> Module | None:
        """Return the module of an absolute name."""

    def is_broken(self, module: Module) -> bool:
        """Say whether importing a module surely fails."""


class Computed:
    """The rows of the knowledge base on computed imports, asked by module and by call."""

    def __init__(self, rows: Iterable[KnownImport] = (), environment: Iterable[tuple[str, str]] = ()) -> None:
        """Take the rows, and the variables of the image that may name a module."""
        self._environment = dict(environment)
        self._of_name: defaultdict[str, list[ComputedImport]] = defaultdict(list)
        self._by_variable: dict[str, SettingsModule] = {}
        self._of_module: defaultdict[str, list[ComputedImport]] = defaultdict(list)
        self._of_function: defaultdict[str, list[ComputedImport]] = defaultdict(list)
        for row in rows:
            if isinstance(row, SettingsModule):
                self._by_variable[row.variable] = row
            elif row.name:
                self._of_name[row.name].append(row)
            elif row.function:
                self._of_function[row.function].append(row)
            else:
                self._of_module[row.module].append(row)

    def settings_of(self, variable: str) -> SettingsModule | None:
        """Return the framework whose settings module a variable of the environment names."""
        return self._by_variable.get(variable)

    def settings_module(self, row: SettingsModule) -> str:
        """Return the settings module that the image itself names; empty where it names none."""
        return self._environment.get(row.variable, "")

    def has_settings(self) -> bool:
        """Say whether the image names any settings module."""
        return any(self.settings_module(row) for row in self._by_variable.values())

    def settings_read_by(self, function: str) -> SettingsModule | None:
        """Return the framework whose settings a function, by its full name, reads."""
        return next((row for row in self._by_variable.values() if function in row.calls), None)

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

    def by_name(self, name: str, known: Modules) -> Iterator[tuple[ModuleName, Level]]:
        """Yield what taking a name, by its full name, from a package loads of what is there."""
        for row in self._of_name.get(name, ()):
            for loaded in _there(row, known):
                yield loaded, row.level

    def by_call(
        self, function: str, call: FunctionCall, known: Modules
    ) -> Iterator[tuple[ModuleName, Level]]:
        """Yield what a call of `function`, by its full name, loads of what is there."""
        for row in self._of_function.get(function, ()):
            texts = [text for text in _texts(row, call) if text.startswith(row.prefix)]
            if not texts or any(key in row.unless for key, _ in call.arguments):
                continue
            for name in _there(row, known):
                yield name, row.level
            for text in texts:
                yield from self._by_text(row, text, known)

    def _by_text(self, row: ComputedImport, text: str, known: Modules) -> Iterator[tuple[ModuleName, Level]]:
        """Yield what a text that a call is given loads."""
        if row.names_of:
            loaded = self.by_name(f"{row.names_of}.{text}", known)
            yield from ((name, max(level, row.level)) for name, level in loaded)
        if row.submodule and known.find(inner := f"{text}.{row.submodule}") is not None:
            yield ModuleName(inner), row.level
        named = text.partition(":")[0]
        if row.names_module and is_module_name(named) and not named.startswith("."):
            yield ModuleName(named), row.level


def _texts(row: ComputedImport, call: FunctionCall) -> list[str]:
    """Return the texts that decide: what the arguments in `lists` hold, or the first argument."""
    if row.lists:
        keys = {*row.lists, *(LISTED % key for key in row.lists)}
        return [text for key, text in call.arguments if key in keys]
    plain = [text for key, text in call.arguments if not key.endswith(LISTED % "")]
    return plain[:1] or [""]


def _there(row: ComputedImport, known: Modules) -> list[ModuleName]:
    there = [name for name in row.loads if _is_there(row, known.find(name), known)]
    return there[:1] if row.takes_first else there


def _is_there(row: ComputedImport, module: Module | None, known: Modules) -> bool:
    return module is not None and not (row.survives and known.is_broken(module))
