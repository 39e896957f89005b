"""One process of the image: what is loaded in it, and what one more object would bring.

Follows _dl_map_object and _dl_map_object_deps of glibc (elf/dl-load.c, elf/dl-deps.c).
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fleet_audit.audit.images.tree import FileUnreadable, parent
from fleet_audit.audit.ldd.layout import DF_1_NODEFLIB, DF_1_NOOPEN, DF_1_PIE, ET_EXEC
from fleet_audit.audit.ldd.loader import Loader
from fleet_audit.audit.ldd.search import Answer, Plan, Search, directories, distinct, expand, outcome
from fleet_audit.audit.ldd.world import Found, World
from fleet_audit.audit.model.elf import (
    Attempt,
    Fatal,
    Missing,
    RelativeDirectory,
    Request,
    Resolution,
    Resolved,
    SharedObject,
    Unknown,
)
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import ImagePath, Soname

MAX_REQUESTS = 50_000
"""Requests of one closure; real ones have some hundreds."""

PRELOAD_FILE = ImagePath("/etc/ld.so.preload")


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
        self._env = directories(world.env.get("LD_LIBRARY_PATH"), loader, env_origin, ":;")
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
        plan = Plan(distinct((*asked, *self._env, *runpath)), bool(facts.flags_1 & DF_1_NODEFLIB))
        if plan not in self._searches:
            self._searches[plan] = Search(self.world, self.loader, plan)
        relative = tuple(d for d in (*own, *runpath) if not d.startswith("/"))
        return Loaded(found.path, found.used, facts, rpath, self._searches[plan], relative)

    def answer(self, wanting: Loaded, name: str) -> Answer:
        """Return what the loader finds for `name` on behalf of `wanting`; a path is opened as it is."""
        origin = wanting.used.rpartition("/")[0] or "/"
        expanded = expand(name, self.loader, origin)
        if expanded is None or "/" not in expanded:
            return wanting.search.find(expanded or name)
        path = self.world.absolute(expanded)
        return self.world.open(path, self.loader) or Missing((path.rpartition("/")[0] or "/",))

    def trace(self, wanting: Loaded, name: str) -> tuple[Attempt, ...]:
        """Return every place that `answer` looks at."""
        if "/" not in name:
            return wanting.search.trace(name)
        answer = self.answer(wanting, name)
        opened = None if isinstance(answer, Missing) else answer
        return (Attempt(name, outcome(opened)),)


class Process:
    """What is loaded in one process: by the names that requests match, and by canonical path.

    `called` holds the names that objects were loaded by; DT_SONAMEs that nobody asked for are only
    in `names` (the loader compares versions by the former, _dl_name_match_p).
    """

    def __init__(self, space: Space) -> None:
        """Begin with the loader itself, which is in every process."""
        self.space = space
        self.names: dict[str, Loaded] = {}
        self.called: dict[str, Loaded] = {}
        self.by_path: dict[ImagePath, Loaded] = {}
        self.main: Loaded | None = None
        self.caller: Loaded | None = None
        self.load: Load | None = None
        loader = space.world.open(space.loader.path, space.loader)
        if isinstance(loader, Found):
            self._register(space.loaded(loader, ()), space.loader.path)

    def _register(self, item: Loaded, name: str) -> None:
        self.by_path[item.path] = item
        for called in (name, item.used):
            self.names.setdefault(called, item)
            self.called.setdefault(called, item)
        if item.facts.soname:
            self.names.setdefault(item.facts.soname, item)

    def start(self, program: Found) -> None:
        """Load the program, what LD_PRELOAD names, and everything they need."""
        # The kernel tells a program its canonical path (_dl_get_origin reads /proc/self/exe).
        found = Found(program.path, program.path, program.facts)
        self.main = self.space.loaded(found, ())
        load = Load(self, is_dlopened=False)
        load.begin(self.main, "", tuple(self._preloads(self.main, load)))
        load.run()
        self.load = load
        self.names |= load.names
        self.called |= load.called
        self.by_path |= load.by_path
        self.caller = next((o for o in load.order if _is_libpython(o)), self.main)

    def _preloads(self, main: Loaded, load: "Load") -> Iterator[tuple[str, Loaded]]:
        """Yield what is preloaded; what cannot be is only warned about (do_preload, elf/rtld.c)."""
        names = [*re.split("[ :]", self.space.world.env.get("LD_PRELOAD", "")), *self._preload_file()]
        for name in filter(None, names):
            answer = self.space.answer(main, name)
            if isinstance(answer, Found) and load.refusal(answer) is None:
                yield name, self.space.loaded(answer, main.rpath)

    def _preload_file(self) -> list[str]:
        tree = self.space.world.tree
        if tree.realpath(PRELOAD_FILE) is None:
            return []
        try:
            content = tree.read(PRELOAD_FILE, limit=64 << 10).decode("utf-8", "backslashreplace")
        except FileUnreadable:
            return []
        lines = (line.partition("#")[0] for line in content.splitlines())
        return [name for line in lines for name in re.split(r"[ \t:]", line)]


def _is_libpython(item: Loaded) -> bool:
    """Say whether this library holds the interpreter, and so is the one that calls dlopen."""
    return (item.facts.soname or "").startswith("libpython") and item.facts.soname != "libpython3.so"


class Load:
    """One breadth-first load on top of what a process has loaded already."""

    def __init__(self, process: Process, *, is_dlopened: bool) -> None:
        """Begin with nothing new."""
        self.process = process
        self.order: list[Loaded] = []
        self.requests: list[Request] = []
        self.searched: list[Loaded | None] = []
        """For each request the object whose search answered it; None where it was loaded already."""
        self.names: dict[str, Loaded] = {}
        self.called: dict[str, Loaded] = {}
        self.by_path: dict[ImagePath, Loaded] = {}
        self._space = process.space
        self._is_dlopened = is_dlopened
        self._done = 0

    def begin(self, root: Loaded, name: str, preloads: Sequence[tuple[str, Loaded]] = ()) -> None:
        """Load the root and what is preloaded with it, before anything that they need."""
        self._add(root, name)
        for preload_name, item in preloads:
            if item.path not in self.by_path:
                self._add(item, preload_name)

    def run(self) -> None:
        """Load, level by level, what the objects need."""
        while self._done < len(self.order) and len(self.requests) < MAX_REQUESTS:
            wanting = self.order[self._done]
            self._done += 1
            for soname in dict.fromkeys(wanting.facts.needed):
                self.request(wanting, soname)
        if len(self.requests) >= MAX_REQUESTS:
            why = f"its closure has over {MAX_REQUESTS} requests"
            self.requests.append(Request(Soname(""), self.order[0].path, Unknown(why, GapKind.LIMIT_REACHED)))
            self.searched.append(None)

    def request(self, wanting: Loaded, soname: Soname) -> None:
        """Satisfy one DT_NEEDED from what is loaded, or load what answers it."""
        held = self.names.get(soname) or self.process.names.get(soname)
        self.searched.append(wanting if held is None else None)
        resolution: Resolution
        if held is None:
            resolution = self._open(wanting, soname)
        else:
            self.called.setdefault(soname, held)
            resolution = Resolved(held.path)
        self.requests.append(Request(soname, wanting.path, resolution))

    def _open(self, wanting: Loaded, soname: Soname) -> Resolution:
        answer = self._space.answer(wanting, soname)
        if not isinstance(answer, Found):
            return answer
        held = self.by_path.get(answer.path) or self.process.by_path.get(answer.path)
        if held is not None:
            self.names[soname] = self.called[soname] = held
            return Resolved(held.path)
        refusal = self.refusal(answer)
        if refusal is not None:
            return Fatal(answer.path, refusal)
        self._add(self._space.loaded(answer, wanting.rpath), soname)
        return Resolved(answer.path)

    def _add(self, item: Loaded, name: str) -> None:
        self.order.append(item)
        self.by_path[item.path] = item
        for called in (name, item.used):
            self.names.setdefault(called, item)
            self.called.setdefault(called, item)
        if item.facts.soname:
            self.names.setdefault(item.facts.soname, item)

    def refusal(self, found: Found) -> str | None:
        """Return why a well-formed file still cannot be loaded here (_dl_map_object_from_fd)."""
        facts, loader = found.facts, self._space.loader
        if facts.elf_type == ET_EXEC:
            return "cannot dynamically load executable"
        knows_pie = loader.version is None or loader.version >= (2, 30)
        if facts.flags_1 & DF_1_PIE and knows_pie:
            return "cannot dynamically load position-independent executable"
        if not self._is_dlopened:
            return None
        if facts.flags_1 & DF_1_NOOPEN:
            return "shared object cannot be dlopen()ed"
        if loader.refuses_executable_stacks and self._wants_executable_stack(facts):
            return "cannot enable executable stack as shared object requires"
        return None

    def _wants_executable_stack(self, facts: SharedObject) -> bool:
        main = self.process.main
        return self._is_stack_executable(facts) and not (main and self._is_stack_executable(main.facts))

    def _is_stack_executable(self, facts: SharedObject) -> bool:
        if facts.has_executable_stack is None:
            return self._space.loader.stack_is_executable
        return facts.has_executable_stack

    def relative_directories(self) -> tuple[RelativeDirectory, ...]:
        """Return the search directories of new objects that depend on the current directory."""
        return tuple(RelativeDirectory(o.path, d) for o in self.order for d in o.relative)


def folder_of(path: ImagePath) -> tuple[str]:
    """Return what was searched for a file that its own path names."""
    return (parent(path),)
