"""Objects of a process: what each inherits, where each searches, and by which names they are known."""

from typing import NamedTuple

from fleet_audit.audit.ldd.layout import DF_1_NODEFLIB
from fleet_audit.audit.ldd.loader import Loader
from fleet_audit.audit.ldd.refusal import may_be_refused
from fleet_audit.audit.ldd.search import (
    Defaults,
    Lists,
    Plan,
    Search,
    Unfound,
    directories,
    distinct_lists,
    expand,
    outcome,
)
from fleet_audit.audit.ldd.world import Found, World
from fleet_audit.audit.model.elf import Attempt, Missing, Resolved, SharedObject
from fleet_audit.audit.model.identity import ImagePath, Soname


class Scope:
    """Where some objects search, and the lists of RPATH that what they load inherits.

    `answers` holds what their requests came to, by names that mean the same to each of them.
    """

    __slots__ = ("answers", "rpath", "search")

    def __init__(self, rpath: Lists, search: Search) -> None:
        """Begin without answers."""
        self.rpath = rpath
        self.search = search
        self.answers: dict[str, Answer] = {}


class Loaded:
    """An object in a process, the same one wherever `used`, `path` and what it inherits are the same.

    `wants` are the names in DT_NEEDED and DT_FILTER, each once, and `auxiliaries` those in DT_AUXILIARY, with
    the values of their tokens; `relative` are the search directories of its own that depend on the current
    directory; `resolved` is what a request for it is answered with.
    """

    __slots__ = (
        "auxiliaries",
        "facts",
        "may_be_refused",
        "path",
        "relative",
        "resolved",
        "scope",
        "used",
        "wants",
    )

    def __init__(
        self,
        found: Found,
        scope: Scope,
        relative: tuple[str, ...],
        wants: tuple[Soname, ...],
        auxiliaries: tuple[Soname, ...],
    ) -> None:
        """Take the file, where it searches, and for what."""
        self.path: ImagePath = found.path
        self.used = found.used
        self.facts: SharedObject = found.facts
        self.scope = scope
        self.wants = wants
        self.auxiliaries = auxiliaries
        self.relative = relative
        self.resolved = Resolved(found.path)
        self.may_be_refused = may_be_refused(found.facts)


Answer = Loaded | Unfound
"""What the loader finds for a name: the object that the file becomes, or why there is none."""


class _Own(NamedTuple):
    """What an object says of its search; `runpath` is None where it has none."""

    rpath: tuple[str, ...]
    runpath: tuple[str, ...] | None
    skips_defaults: bool


_SILENT = (_Own((), None, skips_defaults=False), _Own((), None, skips_defaults=True))


class Space:
    """Makes the objects of one loader, sharing whatever is equal between them.

    `env_directories` is the search path of the environment (see `environment_path`).
    """

    def __init__(self, world: World, loader: Loader, env_directories: tuple[str, ...] = ()) -> None:
        """Take the loader and the environment's search path."""
        self.world = world
        self.loader = loader
        self.env_directories = env_directories
        self._searches: dict[Plan, Search] = {}
        self._defaults = tuple(Defaults(world, loader, skips_defaults=skips) for skips in (False, True))
        self._paths: dict[tuple[str | None, str], tuple[str, ...]] = {}
        self._scopes: dict[tuple[_Own, Lists], Scope] = {}
        self._objects: dict[tuple[str, ImagePath, Lists], Loaded] = {}

    def loaded(self, found: Found, inherited: Lists) -> Loaded:
        """Return the object that `found` becomes, below loaders with the lists of RPATH `inherited`."""
        key = (found.used, found.path, inherited)
        known = self._objects.get(key)
        if known is None:
            known = self._objects[key] = self._make(found, inherited)
        return known

    def _make(self, found: Found, inherited: Lists) -> Loaded:
        own = self._said_by(found)
        key = (own, inherited)
        if key not in self._scopes:
            self._scopes[key] = self._scope(own, inherited)
        relative = tuple(d for d in (*own.rpath, *(own.runpath or ())) if not d.startswith("/"))
        wants = self._named(found, (*found.facts.needed, *found.facts.filters))
        return Loaded(found, self._scopes[key], relative, wants, self._named(found, found.facts.auxiliaries))

    def file_of(self, item: Loaded) -> tuple[int, ImagePath]:
        """Return what is the same for all hard links of a file, which the loader loads once."""
        entry = self.world.tree.entry(item.path)
        return (0, item.path) if entry is None else (entry.layer, entry.origin)

    def _named(self, found: Found, names: tuple[Soname, ...]) -> tuple[Soname, ...]:
        """Return each name once, as it is asked for: with its tokens' values (expand_dst, elf/dl-deps.c)."""
        if any("$" in name for name in names):
            origin = found.used.rpartition("/")[0] or "/"
            names = tuple(Soname(expand(name, self.loader, origin) or name) for name in names)
        return tuple(dict.fromkeys(names))

    def _said_by(self, found: Found) -> _Own:
        facts = found.facts
        skips_defaults = bool(facts.flags_1 & DF_1_NODEFLIB)
        if facts.rpath is None and facts.runpath is None:
            return _SILENT[skips_defaults]
        if facts.runpath is None:
            return _Own(self._directories(facts.rpath, found.used), None, skips_defaults)
        # Of both, RPATH is ignored (elf_get_dynamic_info).
        return _Own((), self._directories(facts.runpath, found.used), skips_defaults)

    def _directories(self, text: str | None, used: str) -> tuple[str, ...]:
        key = (text, used.rpartition("/")[0] or "/")
        if key not in self._paths:
            self._paths[key] = directories(text, self.loader, key[1])
        return self._paths[key]

    def _scope(self, own: _Own, inherited: Lists) -> Scope:
        rpath = distinct_lists((own.rpath, *inherited))
        # An object with RUNPATH asks nobody's RPATH.
        asked = rpath if own.runpath is None else ()
        lists = distinct_lists((*asked, self.env_directories, own.runpath or ()))
        plan = Plan(lists, own.skips_defaults)
        if plan not in self._searches:
            defaults = self._defaults[plan.skips_defaults]
            self._searches[plan] = Search(self.world, self.loader, plan, defaults)
        return Scope(rpath, self._searches[plan])

    def answer(self, wanting: Loaded, name: str) -> Answer:
        """Return what the loader finds for `name` on behalf of `wanting`; a path is opened as it is."""
        known = wanting.scope.answers.get(name)
        if known is not None:
            return known
        path = self._path(wanting, name)
        if path is None:
            found = wanting.scope.search.find(name)
        else:
            found = self.world.open(path, self.loader) or Missing((path.rpartition("/")[0] or "/",))
        answer = self.loaded(found, wanting.scope.rpath) if isinstance(found, Found) else found
        # What `$ORIGIN` means differs from object to object.
        if "$" not in name:
            wanting.scope.answers[name] = answer
        return answer

    def trace(self, wanting: Loaded, name: str) -> tuple[Attempt, ...]:
        """Return every place that `answer` looks at."""
        path = self._path(wanting, name)
        if path is None:
            return wanting.scope.search.trace(name)
        return (Attempt(path, outcome(self.world.open(path, self.loader))),)

    def _path(self, wanting: Loaded, name: str) -> str | None:
        """Return the path that a name with a slash means; None for a name that is searched for as it is."""
        if "/" not in name:
            return None
        expanded = expand(name, self.loader, wanting.used.rpartition("/")[0] or "/")
        return self.world.absolute(expanded or name)


def environment_path(world: World, loader: Loader, origin: str | None = None) -> tuple[str, ...]:
    """Return the directories of LD_LIBRARY_PATH; `$ORIGIN` in it means `origin`, the program's own folder."""
    return directories(world.env.get("LD_LIBRARY_PATH", "").replace(";", ":"), loader, origin)


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
        self.by_file: dict[tuple[int, ImagePath], Loaded] = {}
        """By `Space.file_of` those whose needs may mean other files in another folder."""

    def add(self, item: Loaded, name: str) -> None:
        """Add an object that was asked for by `name`."""
        self.by_path[item.path] = item
        self.also_called(item, name)
        self.also_called(item, item.used)
        if item.facts.soname:
            self.names.setdefault(item.facts.soname, item)

    def also_called(self, item: Loaded, name: str) -> None:
        """Note that `name` was answered by an object that is loaded already."""
        self.names.setdefault(name, item)
        self.called.setdefault(name, item)

    def update(self, other: "LinkMaps") -> None:
        """Add what `other`, which was loaded later, has beside this."""
        self.names = other.names | self.names
        self.called = other.called | self.called
        self.by_path |= other.by_path
        self.by_file |= other.by_file
