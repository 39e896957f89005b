"""Objects of a process: what each inherits, where each searches, and by which names they are known."""

from typing import NamedTuple

from fleet_audit.audit.ldd.layout import DF_1_NODEFLIB
from fleet_audit.audit.ldd.loader import Loader
from fleet_audit.audit.ldd.search import Answer, Plan, Search, directories, distinct, expand, outcome
from fleet_audit.audit.ldd.world import Found, World
from fleet_audit.audit.model.elf import Attempt, Missing, SharedObject
from fleet_audit.audit.model.identity import ImagePath


class Loaded(NamedTuple):
    """An object in a process. `rpath` are the RPATH directories that its dependencies inherit."""

    path: ImagePath
    used: str
    facts: SharedObject
    rpath: tuple[str, ...]
    search: Search
    relative: tuple[str, ...] = ()


class Space:
    """Makes the objects of one loader, sharing whatever is equal between them.

    `env_origin` is the folder that `$ORIGIN` means in LD_LIBRARY_PATH: the program's own.
    """

    def __init__(self, world: World, loader: Loader, env_origin: str | None = None) -> None:
        """Take the loader and the environment's search path from the world."""
        self.world = world
        self.loader = loader
        self.env_directories = directories(world.env.get("LD_LIBRARY_PATH"), loader, env_origin, ":;")
        self._searches: dict[Plan, Search] = {}
        self._objects: dict[tuple[str, ImagePath, tuple[str, ...]], Loaded] = {}

    def loaded(self, found: Found, inherited: tuple[str, ...]) -> Loaded:
        """Return the object that `found` becomes, below loaders with the RPATH directories `inherited`."""
        key = (found.used, found.path, inherited)
        if key not in self._objects:
            self._objects[key] = self._make(found, inherited)
        return self._objects[key]

    def _make(self, found: Found, inherited: tuple[str, ...]) -> Loaded:
        facts = found.facts
        origin = found.used.rpartition("/")[0] or "/"
        runpath = directories(facts.runpath, self.loader, origin)
        # Of both, RPATH is ignored; and an object with RUNPATH asks nobody's RPATH (elf_get_dynamic_info).
        own = () if facts.runpath is not None else directories(facts.rpath, self.loader, origin)
        rpath = distinct((*own, *inherited))
        asked = () if facts.runpath is not None else rpath
        plan = Plan(distinct((*asked, *self.env_directories, *runpath)), bool(facts.flags_1 & DF_1_NODEFLIB))
        if plan not in self._searches:
            self._searches[plan] = Search(self.world, self.loader, plan)
        relative = tuple(d for d in (*own, *runpath) if not d.startswith("/"))
        return Loaded(found.path, found.used, facts, rpath, self._searches[plan], relative)

    def answer(self, wanting: Loaded, name: str) -> Answer:
        """Return what the loader finds for `name` on behalf of `wanting`; a path is opened as it is."""
        path = self._path(wanting, name)
        if path is None:
            return wanting.search.find(name)
        return self.world.open(path, self.loader) or Missing((path.rpartition("/")[0] or "/",))

    def trace(self, wanting: Loaded, name: str) -> tuple[Attempt, ...]:
        """Return every place that `answer` looks at."""
        path = self._path(wanting, name)
        if path is None:
            return wanting.search.trace(name)
        return (Attempt(path, outcome(self.world.open(path, self.loader))),)

    def _path(self, wanting: Loaded, name: str) -> str | None:
        """Return the path that a name with a slash means; None for a name that is searched for."""
        expanded = expand(name, self.loader, wanting.used.rpartition("/")[0] or "/")
        if expanded is None or "/" not in expanded:
            return None
        return self.world.absolute(expanded)


class LinkMaps:
    """Loaded objects by the names that requests match, and by canonical path.

    `called` holds the names that objects were loaded by; DT_SONAMEs that nobody asked for are only
    in `names` (the loader compares versions by the former, _dl_name_match_p). Of several objects with
    one name the first counts.
    """

    def __init__(self) -> None:
        """Begin with nothing loaded."""
        self.names: dict[str, Loaded] = {}
        self.called: dict[str, Loaded] = {}
        self.by_path: dict[ImagePath, Loaded] = {}

    def add(self, item: Loaded, name: str) -> None:
        """Add an object that was asked for by `name`."""
        self.by_path[item.path] = item
        for called in (name, item.used):
            self.names.setdefault(called, item)
            self.called.setdefault(called, item)
        if item.facts.soname:
            self.names.setdefault(item.facts.soname, item)

    def also_called(self, item: Loaded, name: str) -> None:
        """Note that `name` was answered by an object that is loaded already."""
        self.names.setdefault(name, item)
        self.called.setdefault(name, item)

    def update(self, other: "LinkMaps") -> None:
        """Add what `other` has beside this."""
        self.names |= other.names
        self.called |= other.called
        self.by_path |= other.by_path
