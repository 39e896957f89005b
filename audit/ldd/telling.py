"""How a load came about, told so that a person can follow it: every place, and by which rule it was tried."""

from collections.abc import Iterable, Iterator

import msgspec

from fleet_audit.audit.ldd.loader_cache import CACHE_PATH
from fleet_audit.audit.ldd.objects import Loaded, Space
from fleet_audit.audit.ldd.process import Load
from fleet_audit.audit.ldd.search import directories
from fleet_audit.audit.model.elf import Attempt, Closure, Request, Resolved, Step, Trace
from fleet_audit.audit.model.identity import ImagePath

MAX_ATTEMPTS = 100_000
"""Places named in one trace; real ones have some hundreds."""


def told(closure: Closure, load: Load) -> Trace:
    """Return the steps of a load that has run, whose closure this is."""
    loader = load.process.space.loader
    program = load.process.main
    return Trace(
        closure=closure,
        loader=loader.path,
        loader_version=".".join(str(part) for part in loader.version or ()),
        program=None if program is None or program.path in closure.loaded[:1] else program.path,
        held=_held(load),
        steps=tuple(_Telling(load).steps()),
    )


def _held(load: Load) -> tuple[ImagePath, ...]:
    new = {item.path for item in load.order}
    return tuple(path for path in load.process.maps.by_path if path not in new)


class _Telling:
    def __init__(self, load: Load) -> None:
        self._load = load
        self._space = load.process.space
        self._attempts = 0
        self._opened = set(_held(load))
        self._loaders: dict[ImagePath, Loaded] = {}
        for other in (load.process.load, load):
            if other is not None:
                self._note_loaders(other)

    def _note_loaders(self, load: Load) -> None:
        for number, wanting in load.searched.items():
            resolution = load.requests[number].resolution
            if isinstance(resolution, Resolved):
                self._loaders.setdefault(resolution.path, wanting)

    def steps(self) -> Iterator[Step]:
        for number, request in enumerate(self._load.requests):
            wanting = self._load.searched.get(number)
            if wanting is None:
                yield Step(request, note=self._held_as(request))
            elif self._attempts > MAX_ATTEMPTS:
                yield Step(request, note="the places that were tried are left out: there are too many")
            else:
                yield self._searched(request, wanting)

    def _held_as(self, request: Request) -> str:
        """Say by which name an object that is loaded already answers (_dl_map_object, elf/dl-load.c)."""
        maps = self._load.process.maps.names, self._load.maps.names
        held = next((names[request.soname] for names in maps if request.soname in names), None)
        if held is None:
            return ""
        if held.facts.soname == request.soname:
            return "already loaded, with this DT_SONAME"
        return "already loaded under this name"

    def _searched(self, request: Request, wanting: Loaded) -> Step:
        attempts = tuple(self._ruled(wanting, self._space.trace(wanting, request.soname), request.soname))
        self._attempts += len(attempts)
        note = ""
        if isinstance(request.resolution, Resolved):
            path = request.resolution.path
            if path in self._opened:
                note = "this file is loaded already; it now answers this name too"
            self._opened.add(path)
        return Step(request, attempts, note)

    def _ruled(self, wanting: Loaded, attempts: Iterable[Attempt], name: str) -> Iterator[Attempt]:
        if "/" in name:
            yield from (msgspec.structs.replace(attempt, rule="path") for attempt in attempts)
            return
        rules = self._rules(wanting)
        is_before_cache = True
        for attempt in attempts:
            if attempt.place == CACHE_PATH and is_before_cache:
                is_before_cache = False
                is_empty = attempt.outcome == "not there"
                outcome = "no entry that can be opened" if is_empty else attempt.outcome
                yield msgspec.structs.replace(attempt, rule="cache", outcome=outcome)
            elif is_before_cache:
                rule, owner = rules.get(attempt.place, ("path", None))
                yield msgspec.structs.replace(attempt, rule=rule, owner=owner)
            else:
                yield msgspec.structs.replace(attempt, rule="default")

    def _rules(self, wanting: Loaded) -> dict[str, tuple[str, ImagePath | None]]:
        """Return by which rule each folder is tried before ld.so.cache; the first that names it counts."""
        found: dict[str, tuple[str, ImagePath | None]] = {}
        space = self._space
        for item in self._asked_for_rpath(wanting):
            _name(found, space, _directories(space, item, item.facts.rpath), ("rpath", item.path))
        _name(found, space, space.env_directories, ("ld-library-path", None))
        own = _directories(space, wanting, wanting.facts.runpath)
        _name(found, space, own, ("runpath", wanting.path))
        return found

    def _asked_for_rpath(self, wanting: Loaded) -> Iterator[Loaded]:
        """Yield the objects whose RPATH serves `wanting`: itself, its loaders, the program."""
        if wanting.facts.runpath is not None:
            return
        chain = dict[ImagePath, Loaded]()
        item: Loaded | None = wanting
        while item is not None and item.path not in chain:
            chain[item.path] = item
            item = self._loaders.get(item.path)
        main = self._load.process.main
        if main is not None:
            chain.setdefault(main.path, main)
        yield from (item for item in chain.values() if item.facts.runpath is None)


def _directories(space: Space, item: Loaded, text: str | None) -> tuple[str, ...]:
    return directories(text, space.loader, item.used.rpartition("/")[0] or "/")


def _name(
    found: dict[str, tuple[str, ImagePath | None]],
    space: Space,
    names: Iterable[str],
    rule: tuple[str, ImagePath | None],
) -> None:
    for name in names:
        base = space.world.absolute(name)
        below = (f"{base}/{subfolder}" for subfolder in space.loader.subfolders)
        for place in (name, base, *below):
            found.setdefault(place, rule)
