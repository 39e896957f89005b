"""Which modules a package imports to serve a name that it does not bind (PEP 562)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

import msgspec

from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.static_imports.reachability.liveness import is_for_type_checkers
from fleet_audit.audit.static_imports.resolution.finder import Module
from fleet_audit.audit.static_imports.source.conditions import Constant
from fleet_audit.audit.static_imports.source.records import (
    Block,
    BlockKind,
    ImportStatement,
    SourceRecord,
    absolute_name,
)


class Served(msgspec.Struct, frozen=True):
    """A module that is imported to serve a name, and how certainly."""

    module: ModuleName
    level: Level = Level.CERTAIN


Table = dict[str, tuple[Served, ...]]


class Tables:
    """Reads the tables of packages that serve names lazily."""

    def __init__(
        self,
        find: Callable[[str], Module | None],
        exports: Callable[[Module], tuple[str, ...]],
        level: Callable[[Module, int], Level | None],
    ) -> None:
        """Take how modules are found, what they export, and how certainly a block of a module runs."""
        self._find = find
        self._exports = exports
        self._level = level

    def table(self, module: Module, record: SourceRecord, stub: SourceRecord | None) -> Table:
        """Return what `module` serves, by name.

        That stands in its own table, in its stub, or in the imports that it shows to type checkers alone.
        """
        shown = [s for s in record.imports if _is_shown(record.blocks, s.block)]
        stubbed = () if stub is None else stub.imports
        table: Table = {}
        for name, served in chain(self._listed(module, record), self._imported(module, (*stubbed, *shown))):
            if name not in table and self._find(served.module) is not None:
                table[name] = (served,)
        return table

    def _listed(self, module: Module, record: SourceRecord) -> Iterator[tuple[str, Served]]:
        levels: dict[int, Level | None] = {0: Level.CERTAIN}
        for name, said, block in () if record.lazy is None else record.lazy.names:
            if block not in levels:
                levels[block] = self._level(module, block)
            level = levels[block]
            if level is not None and level <= Level.PROBABLE:
                for candidate in _candidates(module, said):
                    yield name, Served(candidate, level)

    def _imported(
        self, module: Module, statements: Iterable[ImportStatement]
    ) -> Iterator[tuple[str, Served]]:
        for statement in statements:
            base = absolute_name(statement.module, statement.level, module.package)
            if base is None or base.partition(".")[0] != module.name.partition(".")[0]:
                continue
            first = statement.module.partition(".")[0]
            if first and statement.level:
                yield first, Served(ModuleName(f"{module.name}.{first}"))
            for item in statement.names:
                if item.name == "*":
                    inner = self._find(base)
                    yield from (
                        (name, Served(base)) for name in (() if inner is None else self._exports(inner))
                    )
                else:
                    yield item.bound, Served(base if first else ModuleName(f"{base}.{item.name}"))


def _is_shown(blocks: Sequence[Block], block: int) -> bool:
    """Say whether an import is there for what only reads code: type checkers, or editors (``if False``)."""
    if is_for_type_checkers(blocks, block):
        return True
    return blocks[block].kind is BlockKind.IF and blocks[block].condition == Constant(value=False)


def _candidates(module: Module, said: str) -> Iterator[ModuleName]:
    """Yield what a table may mean by `said`: a module inside the package, or one of that full name."""
    bare = said.lstrip(".")
    level = len(said) - len(bare)
    if level:
        relative = absolute_name(bare, level, module.package)
        if relative is not None:
            yield relative
        return
    yield ModuleName(f"{module.name}.{said}")
    yield ModuleName(said)
