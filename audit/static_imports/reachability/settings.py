"""What frameworks import because a service's settings name it."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.model.imports import ImportContext, Level, SettingsModule, SettingUse
from fleet_audit.audit.static_imports.reachability.expansion import Absent, CallLink, Link
from fleet_audit.audit.static_imports.reachability.liveness import Liveness
from fleet_audit.audit.static_imports.reachability.surroundings import Surroundings
from fleet_audit.audit.static_imports.resolution.finder import Module
from fleet_audit.audit.static_imports.source.functions import Invocation
from fleet_audit.audit.static_imports.source.records import Setting, SourceRecord, absolute_name

_MOST_REFERRED = 50


class Reading(msgspec.Struct, frozen=True):
    """A settings module that a variable of the environment names on `line`, read at `level`.

    Of its settings those in `surely` are used then, others later.
    """

    row: SettingsModule
    module: str
    line: int
    level: Level
    surely: tuple[str, ...] = ()


class Call(NamedTuple):
    """A call of a function by its full name, and how surely and where it is made."""

    function: str
    level: Level
    line: int


def readings(
    record: SourceRecord, live: Liveness, called: Iterable[Call], around: Surroundings
) -> Iterator[Reading]:
    """Yield the settings modules that a module names, and what reads them.

    Where none of the functions that are `called` reads the settings, something else may, later. What the
    image sets a variable to comes before a default, and counts where a module sets none.
    """
    calls = sorted(called, key=lambda call: call.level)
    set_here = {variable.name for variable in record.variables}
    for variable in record.variables:
        named = live.level(variable.block)
        row = around.settings_of(variable.name)
        if named is None or row is None:
            continue
        module = (around.settings_module(row) if variable.is_default else "") or variable.value
        call = next((call for call in calls if call.function in row.calls), None)
        if call is None:
            yield Reading(row, module, variable.line, max(named, Level.PROBABLE))
        else:
            yield Reading(row, module, variable.line, max(named, call.level), row.calls[call.function])
    for call in calls:
        row = around.settings_read_by(call.function)
        if row is not None and row.variable not in set_here and (module := around.settings_module(row)):
            set_here.add(row.variable)
            yield Reading(row, module, call.line, call.level, row.calls[call.function])


def read(reading: Reading, around: Surroundings) -> Iterator[Link | Absent | CallLink]:
    """Yield the import of a settings module, and the use of each setting in it as a call."""
    name, level, line = ModuleName(reading.module), reading.level, reading.line
    module = around.find(name)
    if module is None:
        yield Absent(name, level, line, ImportContext.DYNAMIC)
        return
    how = f"imports (named in {reading.row.variable})"
    yield Link(name, level, line, how, ImportContext.DYNAMIC, is_statement=True)
    wanted = (u.setting for u in reading.row.uses if u.default or around.makes_setting(module, u.setting))
    for setting in dict.fromkeys(wanted):
        likely = level if setting in reading.surely else max(level, Level.PROBABLE)
        yield CallLink(module, Invocation(setting), likely, line, how="uses the setting")


class _Named(NamedTuple):
    """A module that a setting names, and the line that does."""

    text: str
    line: int
    level: Level


class Used:
    """What one setting of a settings module leads to."""

    def __init__(self, name: str, module: Module, record: SourceRecord, live: Liveness) -> None:
        """Take the setting's name and the module that has it."""
        self._name = name
        self._module = module
        self._record = record
        self._live = live

    def follow(
        self, row: SettingsModule, level: Level, around: Surroundings
    ) -> Iterator[Link | Absent | CallLink]:
        """Yield what is imported for the setting, at `level` or less certainly."""
        made = [setting for setting in self._record.settings if setting.name == self._name]
        others = [] if any(not setting.adds for setting in made) else list(self._starred(around))
        for other, line in others:
            yield CallLink(other, Invocation(self._name), level, line, how="takes the setting")
        for use in row.uses:
            if use.setting == self._name and self._applies(use):
                named = list(self._named(made, use))
                if not made and not others and use.default:
                    named.append(_Named(use.default, 0, Level.CERTAIN))
                for found in named:
                    yield from self._imported(found, use, row, level, around)

    def _starred(self, around: Surroundings) -> Iterator[tuple[Module, int]]:
        """Yield the modules of which all names are imported, settings too."""
        for statement in self._record.imports:
            if [item.name for item in statement.names] == ["*"] and self._live.level(
                statement.block
            ) is not None:
                name = absolute_name(statement.module, statement.level, self._module.package)
                found = None if name is None else around.find(name)
                if found is not None:
                    yield found, statement.line

    def _applies(self, use: SettingUse) -> bool:
        texts = (text.text for setting in self._record.settings for text in setting.texts)
        return not use.needs or any(text == use.needs or text.startswith(f"{use.needs}.") for text in texts)

    def _named(self, made: list[Setting], use: SettingUse) -> Iterator[_Named]:
        for setting in self._with_referred(made):
            level = self._live.level(setting.block)
            for text in () if level is None else setting.texts:
                if not use.key or text.key == use.key:
                    yield _Named(text.text, text.line, level or Level.CERTAIN)

    def _with_referred(self, made: list[Setting]) -> list[Setting]:
        """Return settings with those of the same module that they are made of."""
        found = list(made)
        seen = {self._name}
        for setting in found:
            for name in setting.refers:
                if name not in seen and len(seen) < _MOST_REFERRED:
                    seen.add(name)
                    found += (other for other in self._record.settings if other.name == name)
        return found

    def _imported(
        self, named: _Named, use: SettingUse, row: SettingsModule, level: Level, around: Surroundings
    ) -> Iterator[Link | Absent | CallLink]:
        likely = max(level, named.level)
        found = _nearest(named.text, around)
        if found is None:
            yield Absent(ModuleName(named.text), likely, named.line, ImportContext.DYNAMIC)
            return
        names = [found.name, *(f"{_application(found, named.text)}.{inner}" for inner in use.submodules)]
        how = f"imports (named in {self._name})"
        for name in names:
            module = around.find(name)
            if module is not None:
                yield Link(module.name, likely, named.line, how, ImportContext.DYNAMIC, is_statement=True)
        for inner in use.submodules:
            if inner == row.method_of:
                yield from self._methods(
                    f"{_application(found, named.text)}.{inner}", row, likely, named.line, around
                )

    @staticmethod
    def _methods(
        name: str, row: SettingsModule, level: Level, line: int, around: Surroundings
    ) -> Iterator[CallLink]:
        if (module := around.find(name)) is not None:
            for method in around.methods(module, row.method):
                yield CallLink(module, Invocation(method), level, line)


def _nearest(text: str, around: Surroundings) -> Module | None:
    """Return the module that a text names, or that holds what it names."""
    at = text
    while at:
        if (found := around.find(at)) is not None:
            return found
        at = at.rpartition(".")[0]
    return None


def _application(found: Module, text: str) -> str:
    """Return the package that is meant where a text names it, or a class in one of its modules."""
    return found.name if found.name == text or found.folders else found.name.rpartition(".")[0]
