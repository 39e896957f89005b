"""Where the loader looks for a soname, and which file it takes there (_dl_map_object, elf/dl-load.c)."""

import errno
import re
from collections.abc import Iterable, Iterator, Sequence
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


class Plan(NamedTuple):
    """The directories of one search: those before ld.so.cache, and whether to go on from there."""

    first: tuple[str, ...]
    skips_defaults: bool


class Search:
    """Finds sonames for all objects whose plan is the same; each answer is worked out once."""

    def __init__(self, world: World, loader: Loader, plan: Plan) -> None:
        """Take the plan of an object that `loader` loads."""
        self._world = world
        self._loader = loader
        self._plan = plan
        self._answers: dict[str, Found | Unfound] = {}
        self._first = _directories(world, loader, plan.first[:MAX_DIRECTORIES])
        defaults = () if plan.skips_defaults else loader.default_directories
        self._defaults = _directories(world, loader, defaults)
        self.searched: tuple[str, ...] = (*plan.first[:MAX_DIRECTORIES], CACHE_PATH, *defaults)

    def find(self, soname: str) -> Found | Unfound:
        """Return what the loader makes of a soname without a slash."""
        if soname not in self._answers:
            self._answers[soname] = self._find(soname)
        return self._answers[soname]

    def trace(self, soname: str) -> tuple[Attempt, ...]:
        """Return every place that `find` looks at for a soname, up to the one that decides."""
        attempts: list[Attempt] = []
        for place, opened in self._places(soname):
            attempts.append(Attempt(place, outcome(opened)))
            if opened is not None and not isinstance(opened, WrongMachine):
                break
        return tuple(attempts)

    def _find(self, soname: str) -> Found | Unfound:
        passed_over: WrongMachine | None = None
        for _, opened in self._places(soname):
            if opened is None:
                continue
            if not isinstance(opened, WrongMachine):
                return opened
            passed_over = passed_over or opened
        if len(self._plan.first) > MAX_DIRECTORIES:
            return Unknown(f"its search path has over {MAX_DIRECTORIES} directories", GapKind.LIMIT_REACHED)
        return passed_over or Missing(self.searched)

    def _places(self, soname: str) -> Iterator[tuple[str, Opened | None]]:
        """Yield each place in the loader's order, with the file that is there under this name."""
        for directory in self._first:
            yield from self._in(directory, soname)
        cached = self._cached(soname)
        yield CACHE_PATH, None if cached is None else self._world.open(cached, self._loader)
        for directory in self._defaults:
            yield from self._in(directory, soname)

    def _in(self, directory: "_Directory", soname: str) -> Iterator[tuple[str, Opened | None]]:
        for folder in directory.folders:
            if soname in self._world.listing(folder):
                path = f"{folder.rstrip('/')}/{soname}"
                yield folder, self._world.open(path, self._loader) or self._astray(path)
            elif folder == directory.folders[-1]:
                yield directory.name, None
        if not directory.folders:
            yield directory.name, None

    def _astray(self, path: str) -> Unknown | None:
        """Judge a name that is there and cannot be opened; None where its link is only dangling.

        Any other failure ends the loader's list of directories, but not its search (open_path).
        """
        if self._world.why_absent(path) == errno.ENOENT:
            return None
        return Unknown(f"{path} leads in a circle or through a file, so a part of the search is left out")

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
        if best is None or (self._plan.skips_defaults and self._is_default(best.path)):
            return None
        return best.path

    def _is_for_loader(self, entry: CacheEntry) -> bool:
        wanted = self._loader.cache_flags
        is_same_abi = entry.flags & 0xFF == 3 if wanted is None else entry.flags == wanted
        return is_same_abi and not entry.is_legacy_hwcap

    def _is_default(self, path: str) -> bool:
        return any(path.startswith(f"{folder}/") for folder in self._loader.default_directories)


class _Directory(NamedTuple):
    """A directory by its name, and those of its subfolders and itself that exist, in order."""

    name: str
    folders: tuple[str, ...]


def _directories(world: World, loader: Loader, names: Sequence[str]) -> tuple[_Directory, ...]:
    return tuple(_Directory(name, tuple(_folders(world, loader, name))) for name in names)


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


def outcome(opened: Opened | None) -> str:
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
        case _:
            assert_never(opened)
