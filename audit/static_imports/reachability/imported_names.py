"""What the names that a file's imports bind may stand for."""

from collections.abc import Callable
from functools import cached_property

from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.static_imports.resolution.finder import Module
from fleet_audit.audit.static_imports.source.records import ImportStatement, SourceRecord, absolute_name


class ImportedNames:
    """The names that the imports of one file bind."""

    def __init__(self, record: SourceRecord, package: ModuleName) -> None:
        """Take the file's record, and the package that its relative imports start from."""
        self._record = record
        self._package = package

    def origin(self, name: str) -> tuple[str, str] | None:
        """Return the module that `name`, maybe ``module.NAME``, comes from, and its name there."""
        owner, _, last = name.rpartition(".")
        found = self._names.get(name) or self._modules.get(owner)
        return None if found is None else (found[0], found[1] or last)

    def modules(self, find: Callable[[str], Module | None]) -> dict[str, Module]:
        """Return the modules that names stand for, by the name that each is bound to last."""
        bound: dict[str, Module] = {}
        for base, statement in self._based:
            pairs = [(name.bound, f"{base}.{name.name}") for name in statement.names]
            if not statement.names:
                pairs = [(statement.alias, base) if statement.alias else (base.partition(".")[0],) * 2]
            for name, target in pairs:
                if (module := find(target)) is not None:
                    bound[name] = module
        return bound

    @cached_property
    def _names(self) -> dict[str, tuple[str, str]]:
        """Return, by the name that it is bound to first, the module of an imported name, and the name."""
        bound: dict[str, tuple[str, str]] = {}
        for base, statement in self._based:
            for item in statement.names:
                bound.setdefault(item.bound, (base, item.name))
        return bound

    @cached_property
    def _modules(self) -> dict[str, tuple[str, str]]:
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
            (absolute_name(found.module, found.level, self._package), found) for found in self._record.imports
        )
        return [(base, statement) for base, statement in named if base is not None]
