"""Which names of some watched modules the code that a service reaches takes, or may take unseen."""

import re
from collections.abc import Collection, Iterator, Mapping

from fleet_audit.audit.images.tree import FileUnreadable
from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.model.imports import Level, NameUse
from fleet_audit.audit.static_imports.library import MAX_SOURCE_BYTES, Library
from fleet_audit.audit.static_imports.reachability.expansion import Expansion
from fleet_audit.audit.static_imports.reachability.nodes import location, node_name
from fleet_audit.audit.static_imports.reachability.reach import Reached
from fleet_audit.audit.static_imports.resolution.finder import ModuleKind, Place, Side
from fleet_audit.audit.static_imports.source.lexer import decode, lex
from fleet_audit.audit.static_imports.source.records import SourceRecord, absolute_name
from fleet_audit.audit.static_imports.source.watched_text import TextUse, text_uses


class Watcher:
    """Looks at the files that import watched modules; what their text says is kept for other services.

    Of own code everything counts that is not surely dead; a compiled module of it that imports a watched
    one may use any name. Of installed code, what runs with the import counts
    as that does, and what stands in a function is no more certain than `Level.LAZY`: who calls it is not
    followed, and neither is to whom it hands a module on.
    """

    def __init__(self, library: Library, watched: Mapping[str, Collection[str]]) -> None:
        """Take what reads files, and the names that matter of each module."""
        self._library = library
        self._watched = {module: frozenset(names) for module, names in watched.items()}
        self._bindings: dict[tuple[Place, str], _Bindings | None] = {}
        self._texts: dict[tuple[Place, str], tuple[TextUse, ...]] = {}

    def uses(self, found: Reached) -> Iterator[NameUse]:
        """Yield the uses in one module that is reached; each name once for each block of own code."""
        place = found.module.file
        if found.expansion is None or place is None:
            return
        if found.module.kind is ModuleKind.EXTENSION:
            yield from self._of_compiled(found, place, found.expansion)
            return
        for module in self._watched:
            if (place, module) not in self._bindings:
                bindings = _Bindings(found.expansion.record, found.module.package, module)
                is_other = bindings.has_any and not _is_part(found.module.name, module)
                self._bindings[place, module] = bindings if is_other else None
            if (known := self._bindings[place, module]) is not None:
                yield from self._of_module(found, place, known, module)

    def _of_compiled(self, found: Reached, place: Place, expansion: Expansion) -> Iterator[NameUse]:
        for link in expansion.links if place.side is Side.SOURCES else ():
            for module in self._watched:
                if _is_part(link.target, module):
                    yield _use(found, module, "", max(found.level, link.level), 0)

    def _of_module(
        self, found: Reached, place: Place, bindings: "_Bindings", module: str
    ) -> Iterator[NameUse]:
        names = self._watched[module]
        is_own = place.side is Side.SOURCES
        seen: set[int] = set()
        for name, line, block in (*bindings.imported(names, is_own=is_own), *bindings.used(names)):
            level = _level(found, block)
            if level is not None:
                yield _use(found, module, name, level, line)
            seen.add(line)
        for use in self._text(place, bindings, module):
            # The record of own code has every attribute, and knows better whether its line can run.
            is_recorded = is_own and use.is_attribute and use.bound in bindings.recorded
            is_known = use.name and (use.line in seen or is_recorded)
            if not is_known and (is_own or (use.name and use.is_in_function)):
                level = max(found.level, Level.LAZY) if use.is_in_function else found.level
                yield _use(found, module, use.name, level, use.line)

    def _text(self, place: Place, bindings: "_Bindings", module: str) -> tuple[TextUse, ...]:
        key = (place, module)
        if key not in self._texts:
            bound = bindings.bound
            self._texts[key] = tuple(self._read(place, bound, self._watched[module])) if bound else ()
        return self._texts[key]

    def _read(self, place: Place, bound: Collection[str], names: frozenset[str]) -> Iterator[TextUse]:
        try:
            body = self._library.tree(place.side).read(place.path, limit=MAX_SOURCE_BYTES)
        except FileUnreadable:
            return  # a gap tells of it already: the file's record was asked for
        some = re.compile(rb"\b(?:" + b"|".join(re.escape(n.encode()) for n in sorted(names)) + rb")\b")
        if place.side is Side.SOURCES or some.search(body):
            yield from text_uses(lex(decode(body)), bound, names)


class _Bindings:
    """The names of one file that stand for a module."""

    def __init__(self, record: SourceRecord, package: ModuleName, module: str) -> None:
        """Take the file's record and the package that its relative imports start from."""
        self._record = record
        self._module = module
        self._last = module.rpartition(".")[2]
        self._named: list[tuple[str, int, int]] = []
        self.recorded: set[str] = set()
        self.bound: set[str] = set()
        for statement in record.imports:
            base = absolute_name(statement.module, statement.level, package)
            names = [(item.name, item.bound) for item in statement.names]
            if not names and base == module:
                self.recorded.add(statement.alias or module)
            elif not names and not statement.alias and _is_part(statement.module, module):
                self.recorded.add(module)
            if base == module:
                self._named += [(name, statement.line, statement.block) for name, _ in names]
            if base is not None and names:
                self._take(base, names)
        self.bound |= self.recorded

    @property
    def has_any(self) -> bool:
        """Say whether the file may use the module at all."""
        dynamic = (self._module in call.modules for call in self._record.dynamic)
        used = (use.name.endswith(f".{self._last}") for use in self._record.uses)
        return bool(self.bound or self._named) or any(dynamic) or any(used)

    def _take(self, base: ModuleName, names: list[tuple[str, str]]) -> None:
        """Note what ``from base import names`` binds: other modules may hand the module on."""
        for name, bound in names:
            if name == self._last or f"{base}.{name}" == self._module:
                self.recorded.add(bound)
            elif name == "*" and base != self._module:
                self.bound.add(self._last)

    def imported(self, names: Collection[str], *, is_own: bool) -> Iterator[tuple[str, int, int]]:
        """Yield the names that import statements take; "" where they take all, or one that is computed."""
        for name, line, block in self._named:
            if name in names or name == "*":
                yield ("" if name == "*" else name), line, block
        for call in self._record.dynamic if is_own else ():
            if self._module in call.modules:
                yield "", call.line, call.block

    def used(self, names: Collection[str]) -> Iterator[tuple[str, int, int]]:
        """Yield the attributes that are taken from the module, by whatever way it came here."""
        for use in self._record.uses:
            is_module = use.name in self.recorded or use.name.endswith(f".{self._last}")
            if is_module and use.attribute in names:
                yield use.attribute, use.line, use.block


def _is_part(name: str, module: str) -> bool:
    """Say whether a module belongs to the watched one, whose own text takes its names all the time."""
    return name == module or name.startswith(f"{module}.")


def _level(found: Reached, block: int) -> Level | None:
    level = None if found.expansion is None else found.expansion.liveness.level(block)
    return None if level is None else max(found.level, level)


def _use(found: Reached, module: str, name: str, level: Level, line: int) -> NameUse:
    assert found.module.file is not None  # noqa: S101  (what has lines has a file)
    return NameUse(
        module=ModuleName(module),
        name=name,
        level=level,
        location=location(found.module.file, line),
        user=node_name(found.module),
        is_own_code=found.module.file.side is Side.SOURCES,
    )
