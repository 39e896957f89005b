"""Where the loader looks for a soname, and which file it takes there (_dl_map_object, elf/dl-load.c)."""

import errno
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple, assert_never

from fleet_audit.audit.ldd.loader import Loader
from fleet_audit.audit.ldd.loader_cache import CACHE_PATH, CacheEntry
from fleet_audit.audit.ldd.world import PATH_MAX, Found, Opened, World
from fleet_audit.audit.model.elf import Attempt, Fatal, Missing, Unknown, WrongMachine
from fleet_audit.audit.model.finding import GapKind

MAX_DIRECTORIES = 1_024
"""Directories of one search; real ones have some twenty."""

MAX_EXPANDED = 2 * PATH_MAX

Unfound = Missing | Fatal | WrongMachine | Unknown
"""Why a search gives no file."""

_TOKEN = re.compile(r"\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_]))")


def expand(text: str, loader: Loader, origin: str | None) -> str | None:
    """Replace the dynamic string tokens in `text` (ld.so(8)); None where it has no value.

    That is where `$ORIGIN` is not known, and where the result could not be opened for its length.
    """
    if "$" not in text:
        return text
    values = {"ORIGIN": origin, "LIB": loader.lib, "PLATFORM": loader.platform}
    used = [values[found[1] or found[2]] for found in _TOKEN.finditer(text)]
    if None in used or len(text) + sum(len(value or "") for value in used) > MAX_EXPANDED:
        return None
    return _TOKEN.sub(lambda found: values[found[1] or found[2]] or "", text)


def directories(text: str | None, loader: Loader, origin: str | None) -> tuple[str, ...]:
    """Return the directories of an RPATH, RUNPATH or LD_LIBRARY_PATH, each once (fillin_rpath).

    An empty text gives none; an empty element is the current directory, ``.``. Those that do not
    begin with a slash are relative to the current directory. See `distinct` for the bound.
    """
    if not text:
        return ()
    expanded = ("." if element == "" else expand(element, loader, origin) for element in text.split(":"))
    return distinct(d.rstrip("/") or "/" for d in expanded if d)


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Return each directory once, in order: one more than `MAX_DIRECTORIES` at most."""
    found: dict[str, None] = {}
    for name in names:
        found[name] = None
        if len(found) > MAX_DIRECTORIES:
            break
    return tuple(found)


Lists = tuple[tuple[str, ...], ...]
"""Lists of directories, which are searched one after the other."""


def distinct_lists(lists: Iterable[tuple[str, ...]]) -> Lists:
    """Return each list once, in order, without empty ones; none after the one that exceeds `MAX_DIRECTORIES`.

    A list that was searched before has nothing new; one that only shares directories with it may have, where
    that search ended early.
    """
    found: dict[tuple[str, ...], None] = {}
    left = MAX_DIRECTORIES
    for names in lists:
        if names and names not in found:
            found[names] = None
            left -= len(names)
            if left < 0:
                break
    return tuple(found)


class Plan(NamedTuple):
    """The directories of one search: the lists before ld.so.cache, and whether to go on from there."""

    first: Lists
    skips_defaults: bool


class Astray(NamedTuple):
    """A name that is there and leads nowhere, in a circle or through a file: no more of its list is tried."""

    path: str


Place = tuple[str, Opened | Astray | None]
"""A folder, or the cache, with the file that is there under the name that is searched for."""


class _Trial(NamedTuple):
    """How one loader tries directories for a soname."""

    world: World
    loader: Loader

    def along(self, directories: Iterable["_Directory"], soname: str) -> Iterator[Place]:
        """Yield each place of one list; a name that leads astray is its last (open_path, elf/dl-load.c)."""
        for name, folders, closed in directories:
            if closed is not None:
                yield name, closed
                return
            is_there = False
            for folder in folders:
                is_there = soname in self.world.listing(folder)
                if is_there:
                    path = f"{folder.rstrip('/')}/{soname}"
                    opened = self.world.open(path, self.loader)
                    # What fails in a subfolder is forgotten over the next attempt.
                    astray = self._astray(path) if opened is None and folder == folders[-1] else None
                    yield folder, opened or astray
                    if astray is not None:
                        return
            if not is_there:
                yield name, None

    def _astray(self, path: str) -> Astray | None:
        """Judge a name that is there and cannot be opened; None where the loader goes on in its list."""
        why = self.world.why_absent(path)
        is_stop = why == errno.ELOOP or (why == errno.ENOTDIR and self.loader.stops_at_files)
        return Astray(path) if is_stop else None


class Defaults:
    """Where all searches of a loader end: ld.so.cache, and its default directories where they count."""

    def __init__(self, world: World, loader: Loader, *, skips_defaults: bool) -> None:
        """Take the loader, and whether an object says that it does without its default directories."""
        self._world = world
        self._loader = loader
        self._trial = _Trial(world, loader)
        self._skips_defaults = skips_defaults
        self.names = () if skips_defaults else loader.default_directories
        self._directories = _directories(world, loader, self.names)
        self._answers: dict[str, Opened | None] = {}

    def find(self, soname: str) -> Opened | None:
        """Return the file that is taken or refused, else one for another machine; None without any."""
        if soname not in self._answers:
            self._answers[soname] = _decision(self.places(soname))
        return self._answers[soname]

    def places(self, soname: str) -> Iterator[Place]:
        """Yield each place in the loader's order."""
        cached = self._cached(soname)
        unread = self._world.closed_cache() if cached is None else None
        yield CACHE_PATH, unread if cached is None else self._world.open(cached, self._loader)
        yield from self._trial.along(self._directories, soname)

    def _cached(self, soname: str) -> str | None:
        """Return the one path that the cache offers (search_cache, elf/dl-cache.c)."""
        loader = self._loader
        entries = self._world.cache(little_endian=loader.abi.is_little_endian).get(soname, ())
        usable = [e for e in entries if self._is_for_loader(e)]
        named = [e for e in usable if e.hwcaps in loader.hwcaps]
        plain = [e for e in usable if not e.hwcaps]
        best = min(named, key=lambda e: loader.hwcaps.index(e.hwcaps), default=None) or next(
            iter(plain), None
        )
        if best is None or (self._skips_defaults and self._is_default(best.path)):
            return None
        return best.path

    def _is_for_loader(self, entry: CacheEntry) -> bool:
        wanted = self._loader.cache_flags
        is_same_abi = entry.flags & 0xFF == 3 if wanted is None else entry.flags == wanted
        return is_same_abi and not entry.is_legacy_hwcap

    def _is_default(self, path: str) -> bool:
        return any(path.startswith(f"{folder}/") for folder in self._loader.default_directories)


class Search:
    """Finds sonames for all objects whose plan is the same; each answer is worked out once."""

    def __init__(self, world: World, loader: Loader, plan: Plan, defaults: Defaults) -> None:
        """Take the plan of an object that `loader` loads, and where its searches end."""
        self._answers: dict[str, Found | Unfound] = {}
        self._trial = _Trial(world, loader)
        first = tuple(dict.fromkeys(chain.from_iterable(plan.first)))
        self._is_too_long = len(first) > MAX_DIRECTORIES
        self._first = [_directories(world, loader, names[:MAX_DIRECTORIES]) for names in plan.first]
        self._defaults = defaults
        self.searched: tuple[str, ...] = (*first[:MAX_DIRECTORIES], CACHE_PATH, *defaults.names)

    def find(self, soname: str) -> Found | Unfound:
        """Return what the loader makes of a soname without a slash."""
        if soname not in self._answers:
            self._answers[soname] = self._find(soname)
        return self._answers[soname]

    def trace(self, soname: str) -> tuple[Attempt, ...]:
        """Return every place that `find` looks at for a soname, up to the one that decides."""
        attempts: list[Attempt] = []
        for place, opened in chain(self._places(soname), self._defaults.places(soname)):
            attempts.append(Attempt(place, outcome(opened)))
            if _is_decisive(opened):
                break
        return tuple(attempts)

    def _find(self, soname: str) -> Found | Unfound:
        early = _decision(self._places(soname))
        late = None if _is_decisive(early) else self._defaults.find(soname)
        found = late if _is_decisive(late) else early or late
        if self._is_too_long and not _is_decisive(found):
            return Unknown(f"its search path has over {MAX_DIRECTORIES} directories", GapKind.LIMIT_REACHED)
        return found or Missing(self.searched)

    def _places(self, soname: str) -> Iterator[Place]:
        """Yield each place before ld.so.cache in the loader's order, with the file under this name."""
        for directories in self._first:
            yield from self._trial.along(directories, soname)


def _decision(places: Iterable[Place]) -> Opened | None:
    """Return the file that ends a search, else the first that is passed over; None where there is neither."""
    passed_over: WrongMachine | None = None
    for _, opened in places:
        if isinstance(opened, WrongMachine):
            passed_over = passed_over or opened
        elif opened is not None and not isinstance(opened, Astray):
            return opened
    return passed_over


def _is_decisive(opened: Opened | Astray | None) -> bool:
    return not isinstance(opened, WrongMachine | Astray | None)


class _Directory(NamedTuple):
    """A directory by its name, and those of its subfolders and itself that exist, in order.

    `closed` is why that is not known.
    """

    name: str
    folders: tuple[str, ...]
    closed: Unknown | None = None


def _directories(world: World, loader: Loader, names: Sequence[str]) -> tuple[_Directory, ...]:
    return tuple(
        _Directory(name, tuple(_folders(world, loader, name)), world.closed(world.absolute(name)))
        for name in names
    )


def _folders(world: World, loader: Loader, name: str) -> Iterator[str]:
    """Yield the folder's subfolders for particular processors, then itself; nothing where it is none."""
    base = world.absolute(name)
    listed = world.listing(base)
    if not listed:
        return
    for subfolder in loader.subfolders:
        if subfolder.partition("/")[0] in listed and world.listing(f"{base}/{subfolder}"):
            yield f"{base}/{subfolder}"
    yield base


def outcome(opened: Opened | Astray | None) -> str:
    """Return in words what became of one candidate."""
    match opened:
        case None:
            return "not there"
        case Found(path, used, _):
            return f"taken: {used}" if used == path else f"taken: {used}, which is {path}"
        case WrongMachine(path, machine):
            return f"passed over: {path} is built for {machine}"
        case Fatal(path, why):
            return f"refused: {path}: {why}"
        case Unknown(why):
            return f"not known: {why}"
        case Astray(path):
            return f"{path} leads in a circle or through a file: the rest of this list is not tried"
        case _:
            assert_never(opened)
