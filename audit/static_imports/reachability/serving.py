"""Which modules a package imports to serve a name that it does not bind (PEP 562)."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Protocol

import msgspec

from fleet_audit.audit.images.tree import join
from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.static_imports.reachability.blocks import is_for_type_checkers
from fleet_audit.audit.static_imports.reachability.nesting import Nesting
from fleet_audit.audit.static_imports.resolution.finder import Module, Place
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

_HOOK = "__getattr__"
"""The function that a module may have to serve names that it does not bind (PEP 562)."""


class Known(Protocol):
    """What has to be known of modules to say what they serve."""

    def find(self, name: str) -> Module | None:
        """Return the module of an absolute name."""

    def record(self, module: Module) -> SourceRecord | None:
        """Return what a module's text says; None where it has none that can be read."""

    def stub(self, place: Place) -> SourceRecord | None:
        """Return what a ``.pyi`` file says; None where it is not there."""

    def exports(self, module: Module) -> tuple[str, ...]:
        """Return what a star import of `module` names."""

    def block_level(self, module: Module, block: int) -> Level | None:
        """Return how certainly a block of a module runs; None where it does not."""

    def called_with(self, module: Module, function: str, argument: str) -> Iterable[Served]:
        """Return what a function of a module imports where its first parameter is `argument`."""


class LazyNames:
    """Says what packages import to serve names that they do not bind. Answers are kept."""

    def __init__(self, known: Known, nesting: Nesting) -> None:
        """Take what is known of modules."""
        self._known = known
        self._nesting = nesting
        self._tables: dict[Place, Table] = {}
        self._served: dict[tuple[Place, str], tuple[Served, ...]] = {}

    def served(self, module: Module, name: str) -> tuple[Served, ...]:
        """Return the modules that a package's ``__getattr__`` imports to serve `name`."""
        record = self._known.record(module)
        if record is None or record.lazy is None or module.file is None:
            return ()
        key = (module.file, name)
        if key not in self._served:
            # A package that takes a name of itself while it serves one ends here.
            self._served[key] = ()
            self._served[key] = self._nesting.answer(lambda: self._found(module, record, name), ())
        return self._served[key]

    def _found(self, module: Module, record: SourceRecord, name: str) -> tuple[Served, ...]:
        if served := self._table(module, record).get(name, ()):
            return served
        inner = ModuleName(f"{module.name}.{name}")
        # A __getattr__ without a table that can be read mostly imports the submodule of that name.
        if module.folders and self._known.find(inner) is not None:
            return (Served(inner),)
        return tuple(self._known.called_with(module, _HOOK, name))

    def _table(self, module: Module, record: SourceRecord) -> Table:
        assert module.file is not None  # noqa: S101  (a record comes from a file)
        if module.file not in self._tables:
            self._tables[module.file] = {}
            stub = self._stub(module) if record.lazy is not None and record.lazy.uses_stub else None
            self._tables[module.file] = _Reading(self._known).table(module, record, stub)
        return self._tables[module.file]

    def _stub(self, module: Module) -> SourceRecord | None:
        """Read the ``.pyi`` file beside a package, where lazy_loader keeps its table."""
        if module.file is None or not module.folders:
            return None
        return self._known.stub(Place(module.file.side, join(module.folders[0].path, "__init__.pyi")))


class _Reading:
    """Reads the tables of packages that serve names lazily."""

    def __init__(self, known: Known) -> None:
        self._known = known

    def table(self, module: Module, record: SourceRecord, stub: SourceRecord | None) -> Table:
        """Return what `module` serves, by name.

        That stands in its own table, in its stub, or in the imports that it shows to type checkers alone.
        """
        shown = [s for s in record.imports if _is_shown(record.blocks, s.block)]
        stubbed = () if stub is None else stub.imports
        table: Table = {}
        for name, served in chain(self._listed(module, record), self._imported(module, (*stubbed, *shown))):
            if name not in table and self._known.find(served.module) is not None:
                table[name] = (served,)
        return table

    def _listed(self, module: Module, record: SourceRecord) -> Iterator[tuple[str, Served]]:
        levels: dict[int, Level | None] = {0: Level.CERTAIN}
        for name, said, block in () if record.lazy is None else record.lazy.names:
            if block not in levels:
                levels[block] = self._known.block_level(module, block)
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
                    inner = self._known.find(base)
                    yield from (
                        (name, Served(base)) for name in (() if inner is None else self._known.exports(inner))
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
