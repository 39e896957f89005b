"""Which symbols would not be found when an entry point's libraries are bound (_dl_lookup_symbol_x of glibc).

Each object looks in what the program loaded at its start, then in everything that was loaded together with
it, breadth first. What `dlopen` adds is bound at once: Python asks for RTLD_NOW, and so does ctypes.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import repeat
from typing import NamedTuple

from fleet_audit.audit.ldd.definitions import Definitions
from fleet_audit.audit.ldd.symbol_table import SymbolTable, gnu_hash, numbers
from fleet_audit.audit.ldd.world import Symbols
from fleet_audit.audit.model.elf import SymbolProblem
from fleet_audit.audit.model.identity import ImagePath

MAX_PROBLEMS = 20
"""Symbols of one file that are named; the loader itself stops at the first."""


class SymbolAnswer(NamedTuple):
    """Symbols that are not there, and why that could not be said of some files."""

    problems: tuple[SymbolProblem, ...] = ()
    unknown: tuple[tuple[ImagePath, str], ...] = ()


Wanted = dict[str, set[int]]
"""Symbols that a file wants, by version: the hashes of their names."""


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
        self._wanted: dict[ImagePath, Wanted] = {}
        self._found_in: dict[ImagePath, frozenset[ImagePath]] = {}
        self._started: dict[tuple[ImagePath, ...], _Scope] = {}

    def answer(
        self,
        new: Sequence[ImagePath],
        held: Collection[ImagePath],
        bound: Iterable[ImagePath],
        lazy: Collection[ImagePath] = (),
    ) -> SymbolAnswer:
        """Return what those of the `new` files that are `bound` now want in vain.

        Of `lazy` ones, what is only called is looked up when it is. `held` is what the process had loaded
        before. Where one of all these files has symbols that are not
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
        problems = (p for path in bound for p in self._problems(path, scopes, is_lazy=path in lazy))
        return SymbolAnswer(tuple(problems))

    def is_bound_to(  # noqa: PLR0913  (a file, what is asked of it, and the same scope as above)
        self,
        path: ImagePath,
        provider: ImagePath,
        versions: Iterable[str],
        new: Sequence[ImagePath],
        held: Collection[ImagePath],
        *,
        is_lazy: bool,
    ) -> bool:
        """Say whether a symbol that a file wants in one of some versions is found in `provider` first.

        `new` and `held` are as in `answer`; of a lazy file, what is only called does not count. True where
        the file wants them weakly alone, because those symbols are not known; False where the symbols of one
        of these files could not be read.
        """
        paths = [other for other in new if other not in held]
        if any(self._why_unknown(other) for other in (path, *held, *paths)):
            return False
        wanted = {name: self._wanted_by(path).get(name, set()) for name in versions}
        if not any(wanted.values()):
            return True
        if is_lazy:
            later = self._called_by(path)
            wanted = {name: hashes - later for name, hashes in wanted.items()}
        for scope in (self._started_scope(tuple(held)), self._scope(paths)):
            wanted, definers = scope.look_up(wanted)
            if provider in definers:
                return True
        return False

    def _called_by(self, path: ImagePath) -> frozenset[int]:
        """Return the hashes of what a file only calls."""
        hashes, _, _ = self._wanted_in_order(path)
        called = numbers((self._table(path) or SymbolTable()).called, "I")
        return frozenset(hashes[at] for at in called if at < len(hashes))

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

    def _problems(
        self, path: ImagePath, scopes: Sequence["_Scope"], *, is_lazy: bool
    ) -> Iterator[SymbolProblem]:
        wanted = self._wanted_by(path)
        found_in: set[ImagePath] = set()
        for scope in scopes:
            left, definers = scope.look_up(wanted)
            found_in |= definers
            wanted = left
        if wanted:
            yield from self._named(path, wanted, is_lazy=is_lazy)
        else:
            self._found_in[path] = frozenset(found_in)

    def _wanted_by(self, path: ImagePath) -> Wanted:
        if path not in self._wanted:
            hashes, numbered, names = self._wanted_in_order(path)
            wanted: Wanted = {name: set() for name in names.values()}
            put = {number: wanted[name].add for number, name in names.items()}
            for hash_, number in zip(hashes, numbered, strict=False):
                put[number](hash_)
            self._wanted[path] = wanted
        return self._wanted[path]

    def _wanted_in_order(self, path: ImagePath) -> tuple[list[int], Iterable[int], dict[int, str]]:
        """Return the hashes of what a file wants, the number of the version of each, and those versions."""
        table = self._table(path) or SymbolTable()
        hashes = list(numbers(table.wanted, "I"))
        versions = list(numbers(table.wanted_versions, "H"))
        if not self._heeds_versions or len(versions) != len(hashes):
            return hashes, repeat(0), {0: ""}
        return hashes, versions, {v: table.version_names.get(v, "") if v > 1 else "" for v in set(versions)}

    def _named(self, path: ImagePath, missing: Wanted, *, is_lazy: bool) -> Iterator[SymbolProblem]:
        """Yield a problem for each symbol that is nowhere: those that stop the file first, in its order.

        Of each sort up to MAX_PROBLEMS.
        """
        table = self._table(path) or SymbolTable()
        names = table.wanted_names()
        called = frozenset(numbers(table.called, "I")) if is_lazy else frozenset()
        hashes, numbered, versions = self._wanted_in_order(path)
        order = enumerate(zip(hashes, map(versions.__getitem__, numbered), strict=False))
        left = [(at, version) for at, (hash_, version) in order if hash_ in missing.get(version, ())]
        for waits in (False, True):
            sort = [(at, version) for at, version in left if (at in called) is waits]
            for at, version in sort[:MAX_PROBLEMS]:
                name = names[at] if at < len(names) else ""
                yield SymbolProblem(name, version, path, len(sort) - 1, is_lazy=waits)


class _Scope:
    """Files that are searched for symbols, in order; each symbol is searched for once."""

    def __init__(self, files: Sequence[tuple[ImagePath, Definitions]]) -> None:
        self._files = files
        self._known: defaultdict[str, dict[int, ImagePath | None]] = defaultdict(dict)

    def look_up(self, wanted: Wanted) -> tuple[Wanted, set[ImagePath]]:
        """Return the symbols that no file defines, and the files that define the others."""
        left: Wanted = {}
        definers: set[ImagePath | None] = set()
        for version, hashes in wanted.items():
            known = self._known[version]
            if new := hashes.difference(known):
                self._search(known, new, version)
            answers = set(map(known.__getitem__, hashes))
            if None in answers:
                left[version] = {hash_ for hash_ in hashes if known[hash_] is None}
            definers |= answers
        return left, {path for path in definers if path is not None}

    def _search(self, known: dict[int, ImagePath | None], new: set[int], version: str) -> None:
        for path, file in self._files:
            found = file.defined(new, version)
            known.update(dict.fromkeys(found, path))
            new = new - found
            if not new:
                return
        known.update(dict.fromkeys(new))


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
