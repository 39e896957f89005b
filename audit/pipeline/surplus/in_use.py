"""Which packages of one image are in use: by its services, by what starts in it, by what builds on it."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import msgspec

from fleet_audit.audit.apt.installed.state import InstalledRecord, InstalledState
from fleet_audit.audit.apt.surplus.companions import Surroundings, companions
from fleet_audit.audit.apt.surplus.contents import files_of
from fleet_audit.audit.apt.surplus.doubt import Doubt
from fleet_audit.audit.apt.surplus.kinds import FOR_BUILDING, kind_of
from fleet_audit.audit.apt.surplus.surplus import Circumstances, candidates
from fleet_audit.audit.images.tree import FileKind, FileTree, basename, join, normalise, parent
from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.ldd.programs import executables
from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint, Resolved
from fleet_audit.audit.model.evidence import EvidenceGraph, NodeKind
from fleet_audit.audit.model.finding import Confidence, Gap, GapKind
from fleet_audit.audit.model.identity import ImagePath, PackageName
from fleet_audit.audit.model.imports import ServiceImports
from fleet_audit.audit.model.need import NeedKind
from fleet_audit.audit.pipeline.needs.needs import Ask
from fleet_audit.audit.pipeline.run.programs import DEFAULT_PATH, MAX_FOLDERS, find_program
from fleet_audit.audit.pipeline.run.scene import Scene, missing_image, open_scene
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject
from fleet_audit.audit.pipeline.surplus.brought import Arrivals
from fleet_audit.audit.pipeline.surplus.built_with import build_uses, compiling_above
from fleet_audit.audit.pipeline.surplus.unseen_uses import Owned, Unseen, doubts_on_all, unseen_uses

_MAX_LINKS = 40

_BUILDERS = re.compile(
    r"(?:_?distutils|setuptools|pkg_resources|pip|wheel|numpy\.(?:distutils|f2py)|scipy\._build_utils|cffi"
    r"|Cython|pyximport|mesonpy|ctypes\.util|torch\.utils\.cpp_extension)(?:\..*)?"
)
"""Modules that call compilers where something is built; installed packages carry them along."""


class PackageUse(msgspec.Struct, frozen=True):
    """What one image's packages are used for, as far as its own services show.

    `gap` says why it is not known; the other fields are then empty.
    """

    records: tuple[InstalledRecord, ...] = ()
    known: Circumstances = Circumstances()
    gap: Gap | None = None


class Evidence(msgspec.Struct, frozen=True):
    """What an audit found that says which files of an image are used."""

    services: tuple[ServiceImports, ...]
    closures: Sequence[Closure]
    asks: Sequence[Ask]
    graph: EvidenceGraph
    gaps: Sequence[Gap]


def package_use(
    subject: Subject, scene: Scene, shared: Shared, state: InstalledState | None, evidence: Evidence
) -> PackageUse:
    """Return which packages of the subject's image are in use, and for the others what is known of them.

    Nothing is said of an image without dpkg, of one that packages cannot be taken out of, and of one that
    was not seen whole.
    """
    gap = _why_unknown(subject, scene, state)
    if gap is not None or state is None:
        return PackageUse(gap=gap)
    return _Look(subject, scene, shared, state, evidence).use()


def use_without_services(subject: Subject, shared: Shared) -> PackageUse:
    """Return what an image's packages are used for by what starts in it and by what is built on it.

    That is all that a family without services of its own shows. Raises ImageError where it cannot be opened.
    """
    gap = missing_image(subject)
    if gap is not None or subject.image is None:
        return PackageUse(gap=gap)
    with open_scene(subject.image, shared.settings, python=subject.python) as scene:
        state = InstalledState.read(scene.image.tree)
        return package_use(subject, scene, shared, state, Evidence((), (), (), EvidenceGraph(()), ()))


def _why_unknown(subject: Subject, scene: Scene, state: InstalledState | None) -> Gap | None:
    if state is None or not state.has_apt:
        why = "packages that nothing needs are looked for in images with dpkg and apt, and this has not both"
    elif not scene.is_whole:
        why = "packages that nothing needs are not looked for, as a layer could not be read"
    elif state.gaps or state.ownership.gaps:
        why = "packages that nothing needs are not looked for, as dpkg's own files could not all be read"
    else:
        return None
    return Gap("apt", GapKind.NOT_EXAMINED, f"surplus of {subject.name}", why)


class _Look:
    def __init__(
        self, subject: Subject, scene: Scene, shared: Shared, state: InstalledState, evidence: Evidence
    ) -> None:
        self._subject = subject
        self._scene = scene
        self._shared = shared
        self._state = state
        self._evidence = evidence
        self._needed: dict[PackageName, str] = {}
        self._doubts: defaultdict[PackageName, list[Doubt]] = defaultdict(list)

    def use(self) -> PackageUse:
        arrivals = Arrivals(self._subject, self._scene, self._shared)
        records = self._state.records
        brought = arrivals.of(records)
        self._need_promised()
        self._need_loaded()
        self._need_started()
        self._need_interpreter()
        self._need_programs()
        self._need_companions(records)
        known = Circumstances(needed=self._needed, brought=brought)
        left = candidates(records, known)
        if left:
            unseen = self._unseen(left)
            for name, found in unseen.doubts.items():
                self._doubts[name] += found
            known = msgspec.structs.replace(known, needed={**unseen.needed, **self._needed})
            left = candidates(records, known)
        self._doubt_for_building(left & _for_building(records))
        files = files_of(self._owners, left)
        known = msgspec.structs.replace(
            known,
            doubts={name: tuple(sorted(set(found))) for name, found in sorted(self._doubts.items())},
            general=tuple(doubts_on_all(self._subject, self._evidence.services, self._evidence.gaps)),
            files=files,
            built_with=build_uses(arrivals.dockerfiles, brought, files, _for_building(records)),
        )
        return PackageUse(records, known)

    @property
    def _owners(self) -> Mapping[ImagePath, PackageName]:
        return self._state.ownership.owners

    @property
    def _tree(self) -> FileTree:
        return self._scene.image.tree

    def _need(self, name: PackageName | None, why: str) -> None:
        if name is not None:
            self._needed.setdefault(name, why)

    def _need_path(self, path: ImagePath, why: str) -> None:
        """Need whoever brought a file, and every link on the way to it."""
        at: ImagePath | None = path
        for _ in range(_MAX_LINKS):
            folder = None if at is None else self._tree.realpath(parent(at))
            if at is None or folder is None:
                return
            at = join(folder, basename(at))
            self._need(self._owners.get(at), why)
            entry = self._tree.entry(at)
            if entry is None or entry.kind is not FileKind.SYMLINK:
                return
            at = normalise(entry.link if entry.link.startswith("/") else f"{folder}/{entry.link}")

    def _need_promised(self) -> None:
        """Need what the manifest says of the family, of those below it, and of those above."""
        fleet, family = self._shared.fleet, self._subject.family
        if fleet is None or family is None:
            return
        codename = self._scene.image.identity.distro.codename
        above = (name for name in fleet.manifest.families if family in fleet.ancestors(name))
        for name in (family, *fleet.ancestors(family), *above):
            settings = fleet.manifest.families[name]
            for package in (*settings.apt.keep, *settings.must_contain_apt):
                for meant in (package, self._shared.knowledge.package_meant(package, codename)):
                    self._need(PackageName(meant), f"the manifest keeps it for {name}")

    def _need_loaded(self) -> None:
        seen: set[ImagePath] = set()
        for closure in self._closures:
            # What a package's program loads stays as far as the program does: its package depends on it.
            if closure.entry.kind is EntryKind.EXECUTABLE and closure.entry.path in self._owners:
                continue
            for path in _loaded(closure):
                if path not in seen:
                    seen.add(path)
                    self._need_path(path, f"{path} is loaded with {closure.entry.path}")

    @cached_property
    def _starts(self) -> Sequence[EntryPoint]:
        image = self._scene.image
        return executables(image.tree, self._scene.elf, image.identity.config, self._find)

    @cached_property
    def _closures(self) -> Sequence[Closure]:
        """Return the closures of the audit, and those of what starts in the image."""
        entries = {entry.path: entry for entry in self._starts}
        if (python := self._scene.python) is not None and python in self._scene.elf:
            entries[python] = EntryPoint(python, EntryKind.EXECUTABLE)
        in_order = [entries[path] for path in sorted(entries)]
        return (*self._evidence.closures, *examine(self._scene.world, in_order, self._scene.python))

    def _need_started(self) -> None:
        """Need the programs that the image's configuration starts."""
        for entry in self._starts:
            self._need_path(entry.path, "the image's configuration starts it")

    def _need_interpreter(self) -> None:
        """Need Python itself, and the packages whose modules are reached."""
        interpreter = self._scene.interpreter
        if interpreter is None:
            return
        self._need_path(interpreter.executable, "the services' Python")
        for path in self._places("python3"):
            # People start it by this name, which another package may bring.
            if self._tree.realpath(path) == interpreter.executable:
                self._need_path(path, "starts the services' Python")
        folders = sorted(interpreter.search_path, key=len, reverse=True)
        beginnings = [(f"{self._tree.realpath(folder) or folder}/") for folder in folders]
        for path, owner in self._owners.items():
            if owner not in self._needed and path.endswith(".py"):
                name = module_name(path, beginnings)
                if name in self._modules:
                    self._need(owner, f"the module {name} is imported")

    @cached_property
    def _modules(self) -> frozenset[str]:
        return frozenset(node.name for node in self._evidence.graph.nodes(NodeKind.MODULE))

    def _need_programs(self) -> None:
        """Need the programs that code runs; what only builders would run is a doubt."""
        for ask in self._evidence.asks:
            if ask.kind is not NeedKind.PROGRAM or not isinstance(ask.resolution, Resolved):
                continue
            source = ask.route[0]
            is_builder = source.kind is NodeKind.MODULE and _BUILDERS.fullmatch(source.name) is not None
            for path in self._places(ask.name):
                if is_builder:
                    owner = self._state.owner(path)
                    why = f"{source.name} may run {ask.name} where it builds something"
                    self._doubts[PackageName(owner or "")].append(Doubt(Confidence.LIKELY, why))
                else:
                    self._need_path(path, f"{ask.wanted_by} runs {ask.name}")

    def _places(self, program: str) -> Iterator[ImagePath]:
        if "/" in program:
            yield normalise(program)
            return
        path = self._scene.image.identity.config.env.get("PATH", DEFAULT_PATH)
        for folder in path.split(":")[:MAX_FOLDERS]:
            place = join(normalise(folder), program)
            if self._tree.realpath(place) is not None:
                yield place
                return

    def _need_companions(self, records: Iterable[InstalledRecord]) -> None:
        loaded = {basename(path) for closure in self._closures for path in _loaded(closure)}
        around = Surroundings(loaded, self._modules, self._scene.image.identity.config.env)
        for name, why in companions((record.name for record in records), around).items():
            self._need(name, why)

    def _unseen(self, left: Collection[PackageName]) -> Unseen:
        reached = {path for closure in self._closures for path in closure.loaded}
        owned = Owned(self._owners, reached, files_of(self._owners, left))
        return unseen_uses(self._subject, self._scene, self._shared, self._evidence.services, owned)

    def _doubt_for_building(self, names: Collection[PackageName]) -> None:
        """Doubt tools and headers where an image that is built on this one may compile."""
        fleet, family, sources = self._shared.fleet, self._subject.family, self._subject.sources
        if not names or fleet is None or family is None or sources is None:
            return
        if place := compiling_above(fleet, family, sources):
            for name in names:
                self._doubts[name].append(Doubt(Confidence.LIKELY, f"{place}, which may compile with it"))

    def _find(self, name: str) -> ImagePath | None:
        return find_program(self._tree, self._scene.image.identity.config.env, name)


def _for_building(records: Iterable[InstalledRecord]) -> frozenset[PackageName]:
    return frozenset(record.name for record in records if kind_of(record) in FOR_BUILDING)


def _loaded(closure: Closure) -> Iterator[ImagePath]:
    yield from closure.loaded
    for request in closure.requests:
        if isinstance(request.resolution, Resolved):
            yield request.resolution.path


def module_name(path: ImagePath, beginnings: Sequence[str]) -> str:
    """Return the module that a file is below the first of these folders that holds it; empty below none."""
    beginning = next((begin for begin in beginnings if path.startswith(begin)), None)
    if beginning is None:
        return ""
    name = path[len(beginning) :].removesuffix(".py").removesuffix("/__init__")
    return name.replace("/", ".")
