"""What musl's loader would load (ldso/dynlink.c: load_library, path_open, fixup_rpath, load_direct_deps).

Unlike glibc's it never looks at DT_SONAME, has no cache and no versions, takes the first file that opens
whatever is in it, gives RPATH and RUNPATH the same meaning, and is itself the C library under all its names.
"""

import errno
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fleet_audit.audit.images.tree import FileUnreadable, basename, parent
from fleet_audit.audit.ldd.definitions import Definitions
from fleet_audit.audit.ldd.layout import ET_DYN, ET_EXEC
from fleet_audit.audit.ldd.loader import Abi, abi_of, machine_name
from fleet_audit.audit.ldd.refusal import GLIBC_ALONE
from fleet_audit.audit.ldd.search import MAX_DIRECTORIES, MAX_EXPANDED
from fleet_audit.audit.ldd.symbol_table import gnu_hash
from fleet_audit.audit.ldd.world import PATH_MAX, World
from fleet_audit.audit.model.elf import (
    Attempt,
    Fatal,
    Missing,
    RelativeDirectory,
    Request,
    Resolution,
    Resolved,
    SharedObject,
    Step,
    Unknown,
    WrongMachine,
)
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import ImagePath, Soname

MAX_REQUESTS = 50_000
NAME_MAX = 255
DEFAULT_PATH = "/lib:/usr/local/lib:/usr/lib"

_LOADER = re.compile(r"ld-musl-([A-Za-z0-9_-]+)\.so\.1")
_OWN_NAME = re.compile(r"lib(?:c|pthread|rt|m|dl|util|xnet)\.")
_SEPARATORS = re.compile(r"[:\n]+")
_ORIGIN = re.compile(r"\$(?:ORIGIN|\{ORIGIN\})")
_NOT_LOOKED_AT = (*GLIBC_ALONE, "ELF file's phentsize")
"""Beginnings of what glibc's loader refuses and musl's never looks at."""


def is_musl_loader(path: str) -> bool:
    """Tell musl's loader by its file name."""
    return _LOADER.fullmatch(basename(ImagePath(path))) is not None


class Loaded(NamedTuple):
    """An object in a process: its canonical path, the path that it was opened by, who asked for it."""

    path: ImagePath
    used: str
    facts: SharedObject
    needed_by: "Loaded | None" = None


class _Place(NamedTuple):
    directory: str
    rule: str
    owner: ImagePath | None = None


class Process:
    """A process of one musl loader. `held` is what it has loaded, by canonical path, the loader first."""

    def __init__(self, world: World, loader: ImagePath, abi: Abi) -> None:
        """Begin with the loader alone."""
        self.world = world
        self.loader = loader
        self.abi = abi
        self.libc = world.tree.realpath(loader) or loader
        self.main: Loaded | None = None
        self.held: dict[ImagePath, Loaded] = {}
        self.short_names: dict[str, Loaded] = {}
        self.load: Load | None = None
        self._system_path: tuple[str, ...] | None = None
        facts = world.elf.get(self.libc)
        if facts is not None:
            self.held[self.libc] = Loaded(self.libc, loader, facts)

    def start(self, path: ImagePath, facts: SharedObject, *, is_told: bool = False) -> None:
        """Load a program, what LD_PRELOAD names, and everything they need."""
        self.main = Loaded(path, path, facts)
        load = Load(self, is_told=is_told)
        load.begin(self.main)
        for name in filter(None, re.split(r"[:\s]+", self.world.env.get("LD_PRELOAD", ""))):
            load.preload(name)
        load.run()
        self.held |= load.new
        self.short_names |= load.short_names
        self.load = load

    def is_own(self, name: str) -> bool:
        """Say whether the loader itself answers a name, as the C library or by its path."""
        return _OWN_NAME.match(name) is not None or name == self.loader

    @property
    def system_path(self) -> tuple[str, ...]:
        """Return the directories of ``/etc/ld-musl-ARCH.path``, else the built-in ones."""
        if self._system_path is None:
            self._system_path = tuple(_elements(self._configured()))
        return self._system_path

    def _configured(self) -> str:
        found = _LOADER.fullmatch(basename(self.loader))
        prefix = parent(parent(self.loader)).rstrip("/")
        file = ImagePath(f"{prefix}/etc/ld-musl-{found[1] if found else ''}.path")
        if self.world.tree.realpath(file) is None:
            return DEFAULT_PATH
        try:
            text = self.world.tree.read(file, limit=1 << 20)
        except FileUnreadable:
            return ""
        return text.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def _elements(path: str) -> Iterator[str]:
    """Yield the directories of a search path; empty ones are passed over (path_open)."""
    for count, element in enumerate(filter(None, _SEPARATORS.split(path))):
        if count > MAX_DIRECTORIES:
            return
        yield element.rstrip("/") or "/"


def _own_directories(item: Loaded) -> tuple[str, ...]:
    """Return RUNPATH, else RPATH, with ``$ORIGIN`` (fixup_rpath); nothing where it has another token."""
    text = item.facts.runpath if item.facts.runpath is not None else item.facts.rpath
    if not text:
        return ()
    origin = item.used.rpartition("/")[0] if "/" in item.used else "."
    if "$" in _ORIGIN.sub("", text) or len(text) + text.count("$") * len(origin) > MAX_EXPANDED:
        return ()
    return tuple(_elements(_ORIGIN.sub(lambda _: origin, text)))


class Load:
    """One breadth-first load on top of what a process has loaded already."""

    def __init__(self, process: Process, *, is_told: bool = False) -> None:
        """Begin with nothing new; with `is_told`, `steps` says how each request was answered."""
        self.process = process
        self.order: list[Loaded] = []
        self.requests: list[Request] = []
        self.unanswered: set[Soname] = set()
        self.steps: list[Step] = []
        self.new: dict[ImagePath, Loaded] = {}
        self.short_names: dict[str, Loaded] = {}
        self._is_told = is_told
        self._done = 0

    def begin(self, root: Loaded) -> None:
        """Load the first object."""
        self._add(root)

    def preload(self, name: str) -> None:
        """Load what LD_PRELOAD names; what cannot be is passed over.

        Nobody asks for it (load_preload), so that no search path of the program serves it or what it needs.
        """
        self._answer(None, name)

    def run(self) -> None:
        """Load what the objects need, in the order in which they were loaded."""
        while self._done < len(self.order) and len(self.requests) < MAX_REQUESTS:
            wanting = self.order[self._done]
            self._done += 1
            for soname in dict.fromkeys(wanting.facts.needed):
                self.request(wanting, soname)
        if len(self.requests) >= MAX_REQUESTS:
            why = f"its closure has over {MAX_REQUESTS} requests"
            self._note(Request(Soname(""), self.order[0].path, Unknown(why, GapKind.LIMIT_REACHED)))

    def request(self, wanting: Loaded, soname: Soname) -> None:
        """Satisfy one DT_NEEDED, or a name that the program opens."""
        attempts: list[Attempt] = []
        if not soname:
            why = Fatal(wanting.path, "it needs a library without a name")
            self._note(Request(soname, wanting.path, why))
            return
        resolution, note = self._answer(wanting, soname, attempts)
        self._note(Request(soname, wanting.path, resolution), attempts, note)

    def _note(self, request: Request, attempts: Iterable[Attempt] = (), note: str = "") -> None:
        self.requests.append(request)
        if not isinstance(request.resolution, Resolved):
            self.unanswered.add(request.soname)
        if self._is_told:
            self.steps.append(Step(request, tuple(attempts), note))

    def _answer(
        self, wanting: Loaded | None, name: str, attempts: list[Attempt] | None = None
    ) -> tuple[Resolution, str]:
        process = self.process
        if process.is_own(name):
            return Resolved(process.libc), "musl's loader is this library itself"
        if "/" not in name:
            held = process.short_names.get(name) or self.short_names.get(name)
            if held is not None:
                return Resolved(held.path), "already loaded under this name"
            if len(name.encode()) > NAME_MAX:
                return Missing(), ""
        return self._search(wanting, name, attempts), ""

    def _search(self, wanting: Loaded | None, name: str, attempts: list[Attempt] | None) -> Resolution:
        places = [_Place("", "path")] if "/" in name else list(self._places(wanting))
        for place in places:
            used = name if place.rule == "path" else f"{place.directory.rstrip('/')}/{name}"
            found = self.open_path(used, wanting)
            if attempts is not None and self._is_told:
                shown = used if place.rule == "path" else place.directory
                attempts.append(Attempt(shown, _outcome(found, used), place.rule, place.owner))
            if isinstance(found, Loaded):
                return self._taken(found, None if place.rule == "path" else name)
            if found is not None:
                return found
        if len(places) > MAX_DIRECTORIES:
            return Unknown(f"its search path has over {MAX_DIRECTORIES} directories", GapKind.LIMIT_REACHED)
        searched = (parent(ImagePath(name)),) if "/" in name else tuple(p.directory for p in places)
        return Missing(tuple(dict.fromkeys(searched)))

    def _places(self, wanting: Loaded | None) -> Iterator[_Place]:
        for directory in _elements(self.process.world.env.get("LD_LIBRARY_PATH", "")):
            yield _Place(directory, "ld-library-path")
        item = wanting
        count = 0
        while item is not None and count <= MAX_DIRECTORIES:
            rule = "runpath" if item.facts.runpath is not None else "rpath"
            for directory in _own_directories(item):
                count += 1
                yield _Place(directory, rule, item.path)
            item = item.needed_by
        for directory in self.process.system_path:
            yield _Place(directory, "default")

    def open_path(
        self, used: str, needed_by: Loaded | None
    ) -> Loaded | Fatal | WrongMachine | Unknown | None:
        """Judge the file at `used` (map_library); None where none can be opened there."""
        world = self.process.world
        at = world.absolute(used)
        path = None if len(at) >= PATH_MAX else world.tree.realpath(ImagePath(at))
        if path is None:
            is_looping = world.why_absent(at) == errno.ELOOP
            return Fatal(ImagePath(at), "Symbolic link loop") if is_looping else world.closed(at)
        facts = world.elf.get(path)
        if facts is None:
            found = world.not_elf(path)
            return Fatal(path, "Exec format error") if isinstance(found, Fatal) else found
        return self._judge(path, facts) or Loaded(path, used, facts, needed_by)

    def _judge(self, path: ImagePath, facts: SharedObject) -> Fatal | WrongMachine | Unknown | None:
        if facts.elf_class == 0:
            return Fatal(path, "Exec format error")
        if abi_of(facts) != self.process.abi:
            return WrongMachine(path, machine_name(abi_of(facts)))
        if facts.elf_type not in (ET_DYN, ET_EXEC):
            return Fatal(path, "Exec format error")
        if facts.refusal and not facts.refusal.startswith(_NOT_LOOKED_AT):
            return Fatal(path, f"Exec format error ({facts.refusal})")
        if facts.oddity:
            return Unknown(f"{path}: {facts.oddity}", GapKind.UNREADABLE_ELF)
        return None if facts.is_dynamic else Fatal(path, "Exec format error")

    def _taken(self, found: Loaded, short_name: str | None) -> Resolution:
        process = self.process
        held = process.held.get(found.path) or self.new.get(found.path)
        if held is None and self._is_libc(found.path):
            return Resolved(process.libc)
        if held is None:
            held = found
            self._add(found)
        if short_name is not None:
            # An object has one short name, from the first search that found it.
            name = basename(ImagePath(held.used))
            self.short_names.setdefault(name, held)
        return Resolved(held.path)

    def _is_libc(self, path: ImagePath) -> bool:
        """Say whether this is another C library, instead of which the loader takes itself."""
        symbols = self.process.world.symbols
        table = None if symbols is None else symbols(path)
        if table is None or table.damage:
            return False
        has = Definitions(table).has
        return has(gnu_hash(b"__libc_start_main")) and has(gnu_hash(b"stdin"))

    def _add(self, item: Loaded) -> None:
        self.order.append(item)
        self.new[item.path] = item

    def relative_directories(self) -> tuple[RelativeDirectory, ...]:
        """Return the search directories of new objects that depend on the current directory."""
        return tuple(
            RelativeDirectory(item.path, directory)
            for item in self.order
            for directory in _own_directories(item)
            if not directory.startswith("/")
        )


def _outcome(found: Loaded | Fatal | WrongMachine | Unknown | None, used: str) -> str:
    match found:
        case None:
            return "not there"
        case Loaded(path):
            return f"taken: {used}" if used == path else f"taken: {used}, which is {path}"
        case WrongMachine(path, machine):
            return f"refused: {path} is built for {machine}"
        case Fatal(path, why):
            return f"refused: {path}: {why}"
        case Unknown(why):
            return f"not known: {why}"
