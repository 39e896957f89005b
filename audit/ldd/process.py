"""One process of the image: what is loaded in it, and what one more object would bring.

Follows _dl_map_object and _dl_map_object_deps of glibc (elf/dl-load.c, elf/dl-deps.c).
"""

import re
from collections.abc import Iterator, Sequence

from fleet_audit.audit.images.tree import FileUnreadable
from fleet_audit.audit.ldd.objects import LinkMaps, Loaded, Space
from fleet_audit.audit.ldd.refusal import refusal_as_library, refusal_of_dlopen
from fleet_audit.audit.ldd.search import Lists
from fleet_audit.audit.ldd.world import Found
from fleet_audit.audit.model.elf import (
    Fatal,
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


class Process:
    """What is loaded in one process.

    `main` is its program, `caller` the object in it that calls dlopen, and `load` how it was started;
    each is None until `start`.
    """

    def __init__(self, space: Space) -> None:
        """Begin with the loader itself, which is in every process."""
        self.space = space
        self.maps = LinkMaps()
        self.main: Loaded | None = None
        self.caller: Loaded | None = None
        self.load: Load | None = None
        loader = space.world.open(space.loader.path, space.loader)
        if isinstance(loader, Found):
            self.maps.add(space.loaded(loader, ()), space.loader.path)

    @property
    def rpath(self) -> Lists:
        """Return the lists of RPATH that serve all objects: the program's, not dlopen's caller's."""
        return () if self.main is None else self.main.scope.rpath

    def start(self, program: Found) -> None:
        """Load the program, what LD_PRELOAD names, and everything they need."""
        # The kernel tells a program its canonical path (_dl_get_origin reads /proc/self/exe).
        found = Found(program.path, program.path, program.facts)
        self.main = self.space.loaded(found, ())
        load = Load(self, is_dlopened=False)
        load.begin(self.main, "", tuple(self._preloads(self.main, load)))
        load.run()
        self.load = load
        self.maps.update(load.maps)
        self.caller = next((o for o in load.order if _is_libpython(o)), self.main)

    def _preloads(self, main: Loaded, load: "Load") -> Iterator[tuple[str, Loaded]]:
        """Yield what is preloaded; what cannot be is only warned about (do_preload, elf/rtld.c)."""
        names = [*re.split("[ :]", self.space.world.env.get("LD_PRELOAD", "")), *self._preload_file()]
        for name in filter(None, names):
            answer = self.space.answer(main, name)
            if isinstance(answer, Loaded) and load.refusal(answer.facts) is None:
                yield name, answer

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


def _may_depend_on_its_folder(item: Loaded) -> bool:
    """Say whether it matters which of several hard links of a file came first.

    Where a need has no tokens, the second one asks for names that have been answered.
    """
    return item.wants != item.facts.needed


class Load:
    """One breadth-first load on top of what a process has loaded already."""

    def __init__(self, process: Process, *, is_dlopened: bool) -> None:
        """Begin with nothing new."""
        self.process = process
        self.order: list[Loaded] = []
        self.requests: list[Request] = []
        self.searched: dict[int, Loaded] = {}
        """By the number of a request the object whose search answered it, unless it was loaded already."""
        self.unanswered: set[Soname] = set()
        """The names that no request found a file for."""
        self.maps = LinkMaps()
        self._held = process.maps
        self._space = process.space
        self._is_dlopened = is_dlopened
        self._done = 0

    def begin(self, root: Loaded, name: str, preloads: Sequence[tuple[str, Loaded]] = ()) -> None:
        """Load the root and what is preloaded with it, before anything that they need."""
        self._add(root, name)
        for preload_name, item in preloads:
            if item.path not in self.maps.by_path:
                self._add(item, preload_name)

    def run(self) -> None:
        """Load, level by level, what the objects need."""
        while self._done < len(self.order) and len(self.requests) < MAX_REQUESTS:
            wanting = self.order[self._done]
            self._done += 1
            self.request(wanting, *wanting.wants)
            for soname in wanting.auxiliaries:
                self._request_auxiliary(wanting, soname)
        if len(self.requests) >= MAX_REQUESTS:
            why = f"its closure has over {MAX_REQUESTS} requests"
            self._answer(Request(Soname(""), self.order[0].path, Unknown(why, GapKind.LIMIT_REACHED)))

    def request(self, wanting: Loaded, *sonames: Soname) -> None:
        """Satisfy each DT_NEEDED from what is loaded, or load what answers it."""
        new, before, called = self.maps.names, self._held.names, self.maps.called
        for soname in sonames:
            # The older of two objects with one name stands earlier among those that are compared.
            held = before.get(soname) or new.get(soname)
            if held is not None:
                called.setdefault(soname, held)
                self.requests.append(Request(soname, wanting.path, held.resolved))
            else:
                self.searched[len(self.requests)] = wanting
                self._answer(Request(soname, wanting.path, self._open(wanting, soname)))

    def _answer(self, request: Request) -> None:
        self.requests.append(request)
        if not isinstance(request.resolution, Resolved):
            self.unanswered.add(request.soname)

    def _request_auxiliary(self, wanting: Loaded, soname: Soname) -> None:
        """Load what answers DT_AUXILIARY; nobody is told where nothing does (openaux, elf/dl-deps.c)."""
        answer = self._space.answer(wanting, soname)
        if isinstance(answer, Loaded) and self.refusal(answer.facts) is None:
            self.request(wanting, soname)

    def _open(self, wanting: Loaded, soname: Soname) -> Resolution:
        answer = self._space.answer(wanting, soname)
        if not isinstance(answer, Loaded):
            return answer
        held = self.maps.by_path.get(answer.path) or self._held.by_path.get(answer.path)
        if held is None and _may_depend_on_its_folder(answer):
            file = self._space.file_of(answer)
            held = self.maps.by_file.get(file) or self._held.by_file.get(file)
        if held is not None:
            self.maps.also_called(held, soname)
            return held.resolved
        refusal = self.refusal(answer.facts) if answer.may_be_refused else None
        if refusal is not None:
            return Fatal(answer.path, refusal)
        self._add(self._opened(answer) if self._is_first else answer, soname)
        return answer.resolved

    @property
    def _is_first(self) -> bool:
        return self._is_dlopened and not self.order

    def _opened(self, item: Loaded) -> Loaded:
        """Return an object that dlopen opens by name: nobody counts as its loader (l_loader)."""
        return self._space.loaded(Found(item.path, item.used, item.facts), self.process.rpath)

    def _add(self, item: Loaded, name: str) -> None:
        self.order.append(item)
        self.maps.add(item, name)
        if _may_depend_on_its_folder(item):
            self.maps.by_file[self._space.file_of(item)] = item

    def refusal(self, facts: SharedObject) -> str | None:
        """Return why a file that can be opened cannot be loaded here; None where it can."""
        refused = refusal_as_library(facts, self._space.loader)
        if refused is None and self._is_dlopened:
            main = self.process.main
            return refusal_of_dlopen(facts, main.facts if main else None, self._space.loader)
        return refused

    def relative_directories(self) -> tuple[RelativeDirectory, ...]:
        """Return the search directories of new objects that depend on the current directory."""
        return tuple(RelativeDirectory(o.path, d) for o in self.order for d in o.relative)
