"""Which symbols would not be found when an entry point's libraries are bound (_dl_lookup_symbol_x of glibc).

Each object looks in what the program loaded at its start, then in everything that was loaded together with
it, breadth first. What `dlopen` adds is bound at once: Python asks for RTLD_NOW, and so does ctypes.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from fleet_audit.audit.ldd.layout import DF_1_NOW, DF_BIND_NOW
from fleet_audit.audit.ldd.symbol_table import Definitions, SymbolTable, gnu_hash, numbers
from fleet_audit.audit.ldd.world import Symbols
from fleet_audit.audit.model.elf import SharedObject, SymbolProblem
from fleet_audit.audit.model.identity import ImagePath

MAX_PROBLEMS = 20
"""Symbols of one file that are named; the loader itself stops at the first."""


class SymbolAnswer(NamedTuple):
    """Symbols that are not there, and why that could not be said of some files."""

    problems: tuple[SymbolProblem, ...] = ()
    unknown: tuple[tuple[ImagePath, str], ...] = ()


Wanted = tuple[int, str]
"""The hash of a symbol's name, and its version."""


class SymbolCheck:
    """Looks up what files want in what would be loaded with them; answers that do not change are kept."""

    def __init__(self, symbols: Symbols | None, *, heeds_versions: bool = True) -> None:
        """Take the source of symbol tables; without one nothing is looked up.

        A loader that does not heed versions takes any definition that is not hidden (find_sym of musl).
        """
        self._symbols = symbols
        self._heeds_versions = heeds_versions
        self._tables: dict[ImagePath, SymbolTable | None] = {}
        self._definitions: dict[ImagePath, Definitions] = {}
        self._found_in: dict[ImagePath, frozenset[ImagePath]] = {}
        self._started: dict[tuple[ImagePath, ...], _Scope] = {}

    def answer(
        self, new: Sequence[ImagePath], held: Collection[ImagePath], bound: Iterable[ImagePath]
    ) -> SymbolAnswer:
        """Return what those of the `new` files that are `bound` at once want in vain.

        `held` is what the process had loaded before. Where one of all these files has symbols that are not
        known, nothing is claimed: it may define them.
        """
        if self._symbols is None:
            return SymbolAnswer()
        members = frozenset(new)
        bound = [path for path in bound if not self._is_served(path, members, held)]
        if not bound:
            return SymbolAnswer()
        paths = [path for path in new if path not in held]
        unknown = tuple((path, why) for path in (*held, *paths) if (why := self._why_unknown(path)))
        if unknown:
            return SymbolAnswer(unknown=unknown)
        scopes = (self._started_scope(tuple(held)), self._scope(paths))
        return SymbolAnswer(tuple(problem for path in bound for problem in self._problems(path, scopes)))

    def _is_served(self, path: ImagePath, new: Collection[ImagePath], held: Collection[ImagePath]) -> bool:
        found_in = self._found_in.get(path)
        return found_in is not None and all(p in held or p in new for p in found_in)

    def _started_scope(self, held: tuple[ImagePath, ...]) -> "_Scope":
        if held not in self._started:
            self._started[held] = self._scope(held)
        return self._started[held]

    def _scope(self, paths: Iterable[ImagePath]) -> "_Scope":
        return _Scope([(path, self._defined_by(path)) for path in paths])

    def _table(self, path: ImagePath) -> SymbolTable | None:
        if path not in self._tables:
            self._tables[path] = self._symbols(path) if self._symbols else None
        return self._tables[path]

    def _why_unknown(self, path: ImagePath) -> str:
        table = self._table(path)
        return "its symbols could not be read" if table is None else table.damage

    def _defined_by(self, path: ImagePath) -> Definitions:
        if path not in self._definitions:
            self._definitions[path] = Definitions(self._table(path) or SymbolTable())
        return self._definitions[path]

    def _problems(self, path: ImagePath, scopes: Sequence["_Scope"]) -> Iterator[SymbolProblem]:
        table = self._table(path) or SymbolTable()
        wanted = _wanted(table) if self._heeds_versions else [(h, "") for h in numbers(table.wanted, "I")]
        found_in: set[ImagePath] = set()
        left = list(range(len(wanted)))
        for scope in scopes:
            scope.look_up([wanted[index] for index in left])
            answers = [(index, scope.known[wanted[index]]) for index in left]
            found_in.update(definer for _, definer in answers if definer is not None)
            left = [index for index, definer in answers if definer is None]
        if not left:
            self._found_in[path] = frozenset(found_in)
            return
        names = table.wanted_names()
        for index in left[:MAX_PROBLEMS]:
            name = names[index] if index < len(names) else ""
            yield SymbolProblem(name, wanted[index][1], path, len(left) - 1)


class _Scope:
    """Files that are searched for symbols, in order; each symbol is searched for once."""

    def __init__(self, files: Sequence[tuple[ImagePath, Definitions]]) -> None:
        self._files = files
        self.known: dict[Wanted, ImagePath | None] = {}

    def look_up(self, symbols: Iterable[Wanted]) -> None:
        """Note in `known` which file defines each symbol, None where none does."""
        for wanted in symbols:
            if wanted not in self.known:
                self.known[wanted] = next((path for path, file in self._files if file.has(*wanted)), None)


def defined_elsewhere(
    problem: SymbolProblem, files: Iterable[ImagePath], symbols: Symbols
) -> ImagePath | None:
    """Return the first of some files that defines a symbol; None where none does."""
    hash_ = gnu_hash(problem.name.encode())
    for path in files:
        table = symbols(path)
        if table is not None and Definitions(table).has(hash_, problem.version):
            return path
    return None


def _wanted(table: SymbolTable) -> list[Wanted]:
    hashes = numbers(table.wanted, "I")
    versions = numbers(table.wanted_versions, "H")
    names = table.version_names
    if len(versions) != len(hashes):
        return [(hash_, "") for hash_ in hashes]
    return [(h, names.get(v, "") if v > 1 else "") for h, v in zip(hashes, versions, strict=True)]


def is_bound_at_start(facts: SharedObject) -> bool:
    """Say whether all symbols of the object are looked up at once; others are when they are called."""
    return bool(facts.flags & DF_BIND_NOW or facts.flags_1 & DF_1_NOW)
