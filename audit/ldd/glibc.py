"""What the image's loader would load with each entry point, and what it would not find.

The rules of glibc's loader are followed here; those of musl's are in `musl`.
"""

from collections.abc import Sequence

from fleet_audit.audit.images.tree import basename, parent
from fleet_audit.audit.ldd import musl
from fleet_audit.audit.ldd.loader import Abi, Loader, abi_of
from fleet_audit.audit.ldd.objects import Loaded, Space, environment_path
from fleet_audit.audit.ldd.process import Load, Process
from fleet_audit.audit.ldd.refusal import refusal_as_program
from fleet_audit.audit.ldd.relocations import is_bound_at_start
from fleet_audit.audit.ldd.remarks import remarks_on
from fleet_audit.audit.ldd.symbol_check import SymbolAnswer, SymbolCheck
from fleet_audit.audit.ldd.telling import told
from fleet_audit.audit.ldd.version_check import VersionCheck
from fleet_audit.audit.ldd.world import Found, World, interpreter_of, unusable_interpreter
from fleet_audit.audit.model.elf import (
    Closure,
    EntryKind,
    EntryPoint,
    Fatal,
    Missing,
    Request,
    Resolution,
    Resolved,
    SharedObject,
    Step,
    Trace,
    Unknown,
    VersionProblem,
)
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import ImagePath, Soname

MAX_REQUESTS = 5_000_000
"""Requests of all entry points together; the largest real images have some hundred thousand."""


def examine(
    world: World, entries: Sequence[EntryPoint], interpreter: ImagePath | None
) -> tuple[Closure, ...]:
    """Return the closure of each entry point, in the order of `entries`.

    Executables are processes of their own. Everything else is loaded by the Python `interpreter`:
    what its own closure has loaded, and its RPATH, count for each of them; entries know nothing of
    one another. Without an interpreter each is loaded by the image's loader into an empty process.
    Entries of a loader whose rules are not known here get `Unknown` for all that they need.
    """
    audit = _Examination(world, interpreter)
    return tuple(audit.closure(entry) for entry in entries)


def dlopen(
    world: World,
    names: Sequence[Soname],
    interpreter: ImagePath | None,
    opener: EntryPoint | None = None,
) -> tuple[Closure, ...]:
    """Return what ``dlopen`` of each name from Python (ctypes, cffi) would load.

    The first request of each closure is the name itself, wanted by the interpreter; its entry point
    is the file that answers, or the interpreter where none does. With glibc the search is on behalf of the
    object that calls dlopen: of `opener`, the extension module of ctypes, where that is a file and loads.
    """
    audit = _Examination(world, interpreter)
    caller = None if opener is None else audit.caller(opener)
    return tuple(audit.dlopen(name, caller) for name in names)


def examine_after(
    world: World, entry: EntryPoint, earlier: EntryPoint, interpreter: ImagePath | None
) -> Closure:
    """Return the closure of an entry point that is loaded after another one into the same process.

    The earlier one is taken as loaded, whatever it lacks itself. Its symbols and those of its libraries are
    only for those that need the same files (RTLD_LOCAL).
    """
    audit = _Examination(world, interpreter)
    audit.keep(audit.load(earlier))
    return audit.closure(entry)


def trace(world: World, entry: EntryPoint, interpreter: ImagePath | None) -> Trace:
    """Return how one entry point is loaded, step by step, in the loader's order; see `examine`."""
    audit = _Examination(world, interpreter, is_told=True)
    found = audit.load(entry)
    if isinstance(found, Closure):
        return Trace(found, steps=tuple(Step(request) for request in found.requests))
    if isinstance(found, musl.Load):
        program = found.process.main
        return Trace(
            closure=audit.finished(entry, found),
            loader=found.process.loader,
            program=None if program in (None, found.order[0]) else program.path,
            held=tuple(path for path in found.process.held if path not in found.new),
            steps=tuple(found.steps),
        )
    return told(audit.finished(entry, found), found)


class _Examination:
    def __init__(self, world: World, interpreter: ImagePath | None, *, is_told: bool = False) -> None:
        self._world = world
        self._is_told = is_told
        self._musl: dict[tuple[ImagePath | None, ImagePath], musl.Process] = {}
        self._interpreter = interpreter
        self._processes: dict[ImagePath, Process] = {}
        self._bare: dict[Abi, Process | musl.Process] = {}
        self._spaces: dict[tuple[ImagePath, Abi, tuple[str, ...]], Space] = {}
        self._versions = VersionCheck()
        self._symbols = SymbolCheck(world.symbols)
        self._musl_symbols = SymbolCheck(world.symbols, heeds_versions=False)
        self._requests = 0
        self._kept: dict[ImagePath, list[ImagePath]] = {}
        """Files of earlier loads, each with those that answer its needs."""

    def closure(self, entry: EntryPoint) -> Closure:
        if self._requests > MAX_REQUESTS:
            why = f"the entry points together have over {MAX_REQUESTS} requests"
            return _failed(entry, Unknown(why, GapKind.LIMIT_REACHED))
        found = self.load(entry)
        closure = found if isinstance(found, Closure) else self.finished(entry, found)
        self._requests += len(closure.requests)
        return closure

    def keep(self, load: Load | musl.Load | Closure) -> None:
        """Let what was loaded stay in its process."""
        if isinstance(load, Closure):
            return
        self._kept |= {item.path: [] for item in load.order}
        for request in load.requests:
            if isinstance(request.resolution, Resolved) and request.wanted_by in self._kept:
                self._kept[request.wanted_by].append(request.resolution.path)
        if isinstance(load, Load):
            load.process.maps.update(load.maps)
        else:
            load.process.held |= load.new
            load.process.short_names |= load.short_names

    def load(self, entry: EntryPoint) -> Load | musl.Load | Closure:
        """Load one entry point; where nothing is loaded for it, return its closure at once."""
        path = self._world.tree.realpath(entry.path)
        if path is None:
            return _failed(entry, Missing((parent(entry.path),)))
        facts = self._world.elf.get(path)
        if facts is None:
            return _failed(entry, self._world.not_elf(path) or Missing((parent(path),)))
        if facts.elf_class == 0:
            return _failed(entry, Fatal(path, facts.refusal))
        if entry.kind is EntryKind.EXECUTABLE:
            return self._program(entry, Found(path, entry.path, facts))
        return self._library(entry, facts)

    def _program(self, entry: EntryPoint, program: Found) -> Load | musl.Load | Closure:
        facts = program.facts
        refusal = refusal_as_program(facts)
        if refusal and (facts.is_dynamic or facts.oddity):
            return _failed(entry, Fatal(program.path, refusal))
        if facts.oddity:
            return _failed(entry, Unknown(f"{program.path}: {facts.oddity}", GapKind.UNREADABLE_ELF))
        interpreter = interpreter_of(self._world, program.path)
        if interpreter is None:
            return Closure(entry=entry, loaded=(program.path,))
        unusable = unusable_interpreter(self._world, facts, interpreter)
        if unusable is not None:
            asked = Request(Soname(interpreter), program.path, unusable)
            return Closure(entry=entry, loaded=(program.path,), requests=(asked,))
        if musl.is_musl_loader(interpreter):
            started = self._musl_process(program, interpreter).load
            return started or _undecided(entry, program, interpreter)
        return self._process(program, interpreter).load or _undecided(entry, program, interpreter)

    def _library(self, entry: EntryPoint, facts: SharedObject) -> Load | musl.Load | Closure:
        process = self._host(facts)
        if isinstance(process, musl.Process):
            return self._musl_library(entry, process)
        space = process.space
        opened = self._world.open(entry.path, space.loader)
        if not isinstance(opened, Found):
            return _failed(entry, opened or Missing((parent(entry.path),)))
        if not space.loader.is_glibc:
            return _undecided(entry, opened, space.loader.path)
        if opened.path in process.maps.by_path:
            return Closure(entry=entry, loaded=(opened.path,))
        load = Load(process, is_dlopened=True)
        refusal = load.refusal(opened.facts)
        if refusal is not None:
            return _failed(entry, Fatal(opened.path, refusal))
        load.begin(space.loaded(opened, process.rpath), entry.path)
        load.run()
        return load

    def _musl_library(self, entry: EntryPoint, process: musl.Process) -> musl.Load | Closure:
        """Load a library by its path, which is opened like any name with a slash."""
        load = musl.Load(process, is_told=self._is_told)
        # Of dlopen it is the program that asks (load_library is given the head of the list).
        found = load.open_path(entry.path, process.main)
        if not isinstance(found, musl.Loaded):
            return _failed(entry, found or Missing((parent(entry.path),)))
        if found.path in process.held:
            return Closure(entry=entry, loaded=(found.path,))
        load.begin(found)
        load.run()
        return load

    def _musl_process(self, program: Found | None, loader: ImagePath, abi: Abi | None = None) -> musl.Process:
        key = (None if program is None else program.path, loader)
        if key not in self._musl:
            wanted = abi_of(program.facts) if program is not None else abi
            process = musl.Process(self._world, loader, wanted or Abi(64, True, 0))
            if program is not None:
                process.start(program.path, program.facts, is_told=self._is_told)
            self._musl[key] = process
        return self._musl[key]

    def caller(self, opener: EntryPoint) -> Loaded | None:
        """Load the object that is to call dlopen, and return it; None where it does not load."""
        self.keep(self.load(opener))
        process, path = self._own_process(), self._world.tree.realpath(opener.path)
        return process.maps.by_path.get(path) if isinstance(process, Process) and path is not None else None

    def dlopen(self, name: Soname, caller: Loaded | None = None) -> Closure:
        process = self._own_process()
        entry = EntryPoint(self._interpreter or ImagePath("/"), EntryKind.CTYPES_TARGET)
        if isinstance(process, musl.Process) and process.main is not None:
            opening = musl.Load(process)
            opening.request(process.main, name)
            return self._dlopened(entry, opening)
        if process is None:
            why = Unknown("there is no Python interpreter that could load it", GapKind.NO_INTERPRETER)
            return Closure(entry=entry, requests=(Request(name, entry.path, why),))
        if isinstance(process, musl.Process) or process.caller is None:
            where = process.loader if isinstance(process, musl.Process) else process.space.loader.path
            return Closure(entry=entry, requests=(Request(name, entry.path, _unknown_loader(where)),))
        load = Load(process, is_dlopened=True)
        load.request(caller or process.caller, name)
        return self._dlopened(entry, load)

    def _dlopened(self, entry: EntryPoint, load: Load | musl.Load) -> Closure:
        load.run()
        answer = load.requests[0].resolution
        if isinstance(answer, Resolved):
            used = load.order[0].used if load.order else answer.path
            entry = EntryPoint(ImagePath(used), EntryKind.CTYPES_TARGET)
        return self.finished(entry, load)

    def finished(self, entry: EntryPoint, load: Load | musl.Load) -> Closure:
        versions = self._version_problems(load) if isinstance(load, Load) else ()
        symbols = SymbolAnswer() if load.unanswered or versions else self._symbols_of(load)
        return Closure(
            entry=entry,
            loaded=tuple([item.path for item in load.order]),
            requests=tuple(load.requests),
            version_problems=versions,
            relative_directories=load.relative_directories(),
            remarks=remarks_on(load.order, self._world.isa),
            symbol_problems=symbols.problems,
            unread_symbols=symbols.unknown,
        )

    def _version_problems(self, load: Load) -> tuple[VersionProblem, ...]:
        """Return the versions for want of which the loader refuses to load, or ends the process."""
        found = self._versions.problems(load)
        return tuple(p for p in found if p.provider == p.wanted_by or self._is_fatal(load, p))

    def _is_fatal(self, load: Load, problem: VersionProblem) -> bool:
        """Say whether a version that a library lacks ends the process.

        Where the library has no versions at all, it does once a symbol of that version is found there
        (check_match, elf/dl-lookup.c).
        """
        provider = self._world.elf.get(problem.provider)
        if provider is None or provider.version_definitions:
            return True
        if not load.process.space.loader.insists_on_versions:
            return False
        if self._world.symbols is None or load.process.main is None:
            return True
        needs = self._world.elf[problem.wanted_by].version_needs
        versions = [name for n in needs if n.file == problem.soname for name in (*n.versions, *n.weak)]
        scope, held, lazy = self._scope_of(load)
        is_lazy = problem.wanted_by in lazy
        return self._symbols.is_bound_to(
            problem.wanted_by, problem.provider, versions, scope, held, is_lazy=is_lazy
        )

    def _scope_of(self, load: Load) -> tuple[list[ImagePath], list[ImagePath], set[ImagePath]]:
        """Return where symbols are looked up, last and first, and which objects bind what they call later."""
        scope = [*dict.fromkeys(item.path for item in load.order), *self._shared(load)]
        may_wait = load.process.load is load and not self._world.env.get("LD_BIND_NOW")
        lazy = {o.path for o in load.order if may_wait and not is_bound_at_start(o.facts)}
        return scope, [path for path in load.process.maps.by_path if path not in self._kept], lazy

    def _symbols_of(self, load: Load | musl.Load) -> SymbolAnswer:
        """Look symbols up, unless nobody knows what program the library is for."""
        if self._world.symbols is None or load.process.main is None:
            return SymbolAnswer()
        new = list(dict.fromkeys(item.path for item in load.order))
        if isinstance(load, musl.Load):
            held = [path for path in load.process.held if path not in self._kept]
            return self._musl_symbols.answer([*new, *self._shared(load)], held, new)
        scope, held, lazy = self._scope_of(load)
        return self._symbols.answer(scope, held, new, lazy)

    def _shared(self, load: Load | musl.Load) -> list[ImagePath]:
        """Return files of earlier loads that this one needs too; symbols of the others are not for it."""
        pending = [r.resolution.path for r in load.requests if isinstance(r.resolution, Resolved)]
        found: dict[ImagePath, None] = {}
        while pending:
            path = pending.pop()
            if path in self._kept and path not in found:
                found[path] = None
                pending.extend(self._kept[path])
        return list(found)

    def _host(self, facts: SharedObject) -> Process | musl.Process:
        """Return the process that a library is loaded into."""
        own = self._own_process()
        if own is not None:
            return own
        abi = abi_of(facts)
        if abi not in self._bare:
            self._bare[abi] = self._bare_process(abi)
        return self._bare[abi]

    def _bare_process(self, abi: Abi) -> Process | musl.Process:
        loader = self._world.likely_loader(abi)
        if musl.is_musl_loader(loader.path):
            return self._musl_process(None, loader.path, loader.abi)
        return Process(self._space(loader))

    def _space(self, loader: Loader, origin: str | None = None) -> Space:
        """Return what all processes of a loader share whose environment means the same directories."""
        path = environment_path(self._world, loader, origin)
        key = (loader.path, loader.abi, path)
        if key not in self._spaces:
            self._spaces[key] = Space(self._world, loader, path)
        return self._spaces[key]

    def _own_process(self) -> Process | musl.Process | None:
        path = None if self._interpreter is None else self._world.tree.realpath(self._interpreter)
        facts = None if path is None else self._world.elf.get(path)
        if path is None or facts is None or not facts.interpreter:
            return None
        interpreter = ImagePath(facts.interpreter)
        if musl.is_musl_loader(interpreter):
            return self._musl_process(Found(path, path, facts), interpreter)
        return self._process(Found(path, path, facts), interpreter)

    def _process(self, program: Found, interpreter: ImagePath) -> Process:
        if program.path not in self._processes:
            loader = self._world.loader(interpreter, abi_of(program.facts))
            origin = program.path.rpartition("/")[0] or "/"
            process = Process(self._space(loader, origin))
            if loader.is_glibc:
                process.start(program)
            self._processes[program.path] = process
        return self._processes[program.path]


def _failed(entry: EntryPoint, why: Resolution) -> Closure:
    request = Request(Soname(basename(entry.path)), entry.path, why)
    return Closure(entry=entry, requests=(request,))


def _undecided(entry: EntryPoint, found: Found, loader: str) -> Closure:
    why = _unknown_loader(loader)
    needed = dict.fromkeys(found.facts.needed)
    requests = tuple(Request(soname, found.path, why) for soname in needed)
    return Closure(entry=entry, loaded=(found.path,), requests=requests)


def _unknown_loader(path: str) -> Unknown:
    return Unknown(f"the rules of the loader {path} are not known here", GapKind.UNSUPPORTED_LOADER)
