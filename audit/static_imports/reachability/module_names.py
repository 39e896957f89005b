"""Which names a module defines, as far as its text tells."""

from collections.abc import Callable

from fleet_audit.audit.static_imports.reachability.blocks import is_for_type_checkers, is_in_function
from fleet_audit.audit.static_imports.resolution.finder import Module, ModuleKind, Place
from fleet_audit.audit.static_imports.source.records import SourceRecord, absolute_name


class ModuleNames:
    """Answers for the modules whose records there are. Answers are kept."""

    def __init__(self, record: Callable[[Module], SourceRecord | None]) -> None:
        """Take how records are found."""
        self._record = record
        self._bound: dict[Place, frozenset[str]] = {}

    def has(self, module: Module, name: str) -> bool | None:
        """Say whether a module defines `name`; None where its text does not tell."""
        if module.kind is ModuleKind.NAMESPACE:
            return False
        record = self._record(module)
        if record is None:
            return None
        if name in self._bound_by(module, record):
            return True
        has_star = any(item.name == "*" for statement in record.imports for item in statement.names)
        is_unsure = record.is_open or record.lazy is not None or record.fault is not None or has_star
        return None if is_unsure else False

    def exports(self, module: Module) -> tuple[str, ...]:
        """Return what a star import of `module` names: its ``__all__`` where that is a literal."""
        record = self._record(module)
        return () if record is None or record.exports is None else record.exports

    def _bound_by(self, module: Module, record: SourceRecord) -> frozenset[str]:
        """Return the names bound at the top level of `module`, other than by importing its own submodules."""
        assert module.file is not None  # noqa: S101  (a record comes from a file)
        if module.file not in self._bound:
            self._bound[module.file] = frozenset({*record.bindings, *_imported(module, record)})
        return self._bound[module.file]


def _imported(module: Module, record: SourceRecord) -> set[str]:
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
