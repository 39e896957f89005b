"""What each of some services reaches on one image: they share what the image's modules lead to."""

import re
from collections.abc import Mapping, Sequence
from itertools import chain

import msgspec

from fleet_audit.audit.images.tree import basename, normalise
from fleet_audit.audit.model.evidence import Edge
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import DistributionName
from fleet_audit.audit.model.imports import KnownImport, NameUse, ServiceImports, Shadowing
from fleet_audit.audit.static_imports import stdlib
from fleet_audit.audit.static_imports.account import Account, Demands
from fleet_audit.audit.static_imports.compiled.compiled_reach import CompiledImports
from fleet_audit.audit.static_imports.distributions.distributions import Distributions
from fleet_audit.audit.static_imports.distributions.requirements import (
    compared,
    marker_environment,
    read_requirements,
)
from fleet_audit.audit.static_imports.distributions.start_files import started_words
from fleet_audit.audit.static_imports.distributions.unused import SERVERS
from fleet_audit.audit.static_imports.examination import Examination
from fleet_audit.audit.static_imports.kept_examination import Found, World
from fleet_audit.audit.static_imports.library import STAGE, Library
from fleet_audit.audit.static_imports.providers import Origins, Providers
from fleet_audit.audit.static_imports.reachability.byte_code import unread_byte_code
from fleet_audit.audit.static_imports.reachability.computed import Computed
from fleet_audit.audit.static_imports.reachability.expander import Expander
from fleet_audit.audit.static_imports.reachability.reach import Reached, both, reach
from fleet_audit.audit.static_imports.reachability.search_path import SearchPath, service_path
from fleet_audit.audit.static_imports.reachability.shadowing import Places, shadowings
from fleet_audit.audit.static_imports.reachability.starting import MODULE, Starting
from fleet_audit.audit.static_imports.reachability.startup import startup
from fleet_audit.audit.static_imports.reachability.watching import Watcher
from fleet_audit.audit.static_imports.reachability.ways import KnownWays
from fleet_audit.audit.static_imports.resolution.archives import WithArchives
from fleet_audit.audit.static_imports.resolution.editables import Redirects
from fleet_audit.audit.static_imports.resolution.finder import (
    Finder,
    Place,
    Side,
    source_place,
)
from fleet_audit.audit.static_imports.resolution.interpreter import Interpreter
from fleet_audit.audit.static_imports.service_code import ServiceCode
from fleet_audit.audit.static_imports.source.store import RecordStore
from fleet_audit.audit.static_imports.source.syntax import Judge

DEFAULT_VERSION = (3, 11)
"""The Python that sources are read for where no image says."""


class Knowledge(msgspec.Struct, frozen=True):
    """What the knowledge base says: who holds which module, and what is imported by computed names.

    `watched` are names of modules whose every use is to be told.
    """

    suggestions: Mapping[str, tuple[DistributionName, ...]] = {}
    computed_imports: Sequence[KnownImport] = ()
    watched: Mapping[str, tuple[str, ...]] = {}


def examined(
    services: Sequence[ServiceCode],
    world: World,
    interpreter: Interpreter | None,
    records: RecordStore | None,
    knowledge: Knowledge,
) -> Found:
    """Return what `services` reach. `interpreter` is the image's, `records` those of files read before."""
    with Judge() as judge:
        return _Examiner(world, interpreter, records, knowledge, judge).run(services)


class _Examiner:
    """Holds what all services of one examination share."""

    def __init__(
        self,
        world: World,
        interpreter: Interpreter | None,
        records: RecordStore | None,
        knowledge: Knowledge,
        judge: Judge,
    ) -> None:
        self._suggestions = knowledge.suggestions
        self._computed = Computed(
            knowledge.computed_imports, () if interpreter is None else interpreter.modules_named
        )
        self._sources, self._image = world.sources, world.image
        self._interpreter = interpreter if world.image is not None else None
        self._version = interpreter.version if interpreter is not None else DEFAULT_VERSION
        self._trees = {Side.SOURCES: WithArchives(world.sources, self._version)}
        if world.image is not None:
            self._trees[Side.IMAGE] = WithArchives(world.image, self._version)
        self._common: Expander | None = None
        self._ways = KnownWays()
        self._image_finder: Finder | None = None
        self._library = Library(self._trees, self._version, records, judge)
        self._watcher = Watcher(self._library, knowledge.watched)
        self._distributions = (
            Distributions(self._trees[Side.IMAGE], self._interpreter.site_folders)
            if world.image is not None and self._interpreter is not None
            else None
        )
        self._compiled = CompiledImports(self._trees, self._distributions, world.compiled)
        self._origins = Origins(self._interpreter, self._distributions)

    def run(self, services: Sequence[ServiceCode]) -> Found:
        """Examine every service, in the order of their names."""
        self._share()
        answers: list[ServiceImports] = []
        edges: dict[int, tuple[Edge, ...]] = {}
        for service in sorted(services, key=lambda service: service.name):
            answer, found = self._examine(service)
            answers.append(answer)
            # Most are the same objects for every service: looking at each as a value takes far longer.
            edges.update((id(group), group) for group in found)
        whole = Examination(
            services=tuple(answers),
            edges=tuple(dict.fromkeys(chain.from_iterable(edges.values()))),
            gaps=self._shared_gaps(),
            parsed=self._library.parsed,
            cached=self._library.cached,
            shared_files=() if self._distributions is None else self._distributions.shared_files(),
        )
        return Found(whole, is_sure=not self._library.is_doubtful)

    def _shared_gaps(self) -> tuple[Gap, ...]:
        gaps = [self._library.gaps[place] for place in sorted(self._library.gaps)]
        gaps += [self._compiled.gaps[place] for place in sorted(self._compiled.gaps)]
        gaps += [] if self._interpreter is None else self._interpreter.gaps
        gaps += [gap for tree in self._trees.values() for gap in tree.gaps]
        gaps += [] if self._distributions is None else self._distributions.gaps
        if self._image is not None and self._interpreter is None:
            why = "no Python with a standard library was found"
            gaps.append(Gap(STAGE, GapKind.NO_INTERPRETER, "image", why))
        return tuple(gaps)

    def _examine(self, service: ServiceCode) -> tuple[ServiceImports, tuple[tuple[Edge, ...], ...]]:
        starting = Starting(service, self._sources, self._library)
        path = self._search_path(service, starting)
        finder = self._finder(path)
        gaps = [*starting.gaps, *starting.unresolved(finder.find)]
        expander = self._expander(finder)
        if self._common is not None and all(
            place.side is Side.SOURCES for place in (*path.before, *path.after)
        ):
            expander.shared_with(self._common, self._names_in(path))
        reached = reach(service.name, starting.starts(finder.find), expander, known=self._ways)
        if self._common is not None and self._interpreter is not None:
            reached = both(reached, startup(service.name, self._interpreter, self._common, self._ways))
        if reached.is_cut:
            gaps.append(
                Gap(STAGE, GapKind.LIMIT_REACHED, service.name, "reaches too many modules or calls to follow")
            )
        gaps += unread_byte_code(reached.modules)
        requirements = read_requirements(self._sources, service.requirements, self._markers())
        required, unread = requirements.installs, requirements.gaps
        can_judge = self._interpreter is not None or (bool(required) and not service.family)
        providers = Providers(self._origins, required, self._suggestions, judges_absence=can_judge)
        demands = self._demands(service, requirements.asked)
        account = Account(service, reached, providers, self._library, finder.find)
        answer = account.imports(service.entry or None, starting.files, demands, path.edits, (*gaps, *unread))
        answer = msgspec.structs.replace(
            answer,
            requirements=compared(requirements, self._versions()),
            shadowings=self._shadowings(service, reached.modules, finder),
            watched=self._watched(reached.modules),
        )
        return answer, (*reached.edges, tuple(account.edges()))

    def _watched(self, reached: tuple[Reached, ...]) -> tuple[NameUse, ...]:
        found = {use for each in reached for use in self._watcher.uses(each)}
        return tuple(sorted(found, key=lambda use: (use.module, use.name, use.user, str(use.location))))

    def _versions(self) -> dict[DistributionName, str]:
        known = {} if self._distributions is None else self._distributions.installed
        return {name: found.version for name, found in known.items()}

    def _markers(self) -> dict[str, str] | None:
        if self._interpreter is None:
            return None
        machine = re.search(r"-(\w+)-linux-", self._interpreter.suffixes[0])
        return marker_environment(self._version, machine[1] if machine else "x86_64")

    def _shadowings(
        self, service: ServiceCode, reached: tuple[Reached, ...], finder: Finder
    ) -> tuple[Shadowing, ...]:
        if self._interpreter is None or self._distributions is None or self._image_finder is None:
            return ()
        places = Places(
            service=finder.find,
            image=self._image_finder.find,
            trees=self._trees,
            distributions=self._distributions,
            standard_library=self._interpreter.standard_library,
        )
        claimed = [normalise(folder).rpartition("/")[2] for folder in service.first_party_imports]
        return shadowings(reached, places, claimed)

    def _demands(self, service: ServiceCode, asked: frozenset[DistributionName]) -> Demands:
        commands = self._commands(service)
        named = {basename(normalise(service.entry)), service.entry.partition(":")[0], service.entry}
        is_start_known = bool(service.commands) or not (named - {""}).isdisjoint(commands)
        return Demands(asked, commands | self._servers(service), is_start_known)

    def _commands(self, service: ServiceCode) -> frozenset[str]:
        """Return the words of every command line that is known to run, without folders."""
        words = {*service.commands, *started_words(self._sources, service.source_paths)}
        words.update(() if self._interpreter is None else self._interpreter.command)
        return frozenset(word.rpartition("/")[2] for word in words)

    @staticmethod
    def _servers(service: ServiceCode) -> frozenset[str]:
        """Return the commands that may start what the entry ``module:attribute`` names."""
        return SERVERS if ":" in service.entry.removeprefix(MODULE) else frozenset()

    def _search_path(self, service: ServiceCode, starting: Starting) -> SearchPath:
        has_script_folder = self._interpreter is None or self._interpreter.has_script_folder
        base = [
            *starting.folders(has_script_folder=has_script_folder),
            *(source_place(folder) for folder in service.pythonpath),
        ]
        claimed = [source_place(f"{folder}/..") for folder in service.first_party_imports]
        claimed += [source_place(folder) for folder in service.source_paths]

        def search(path: SearchPath) -> tuple[Reached, ...]:
            # Only the repository's files edit the path: the image is not looked at yet.
            finder = Finder({Side.SOURCES: self._trees[Side.SOURCES]}, _sources_only(path), (), frozenset())
            return reach(service.name, starting.starts(finder.find), self._expander(finder)).modules

        return service_path(tuple(dict.fromkeys(base)), tuple(dict.fromkeys(claimed)), service.root, search)

    def _share(self) -> None:
        """Make what answers for the image's modules alone, the same for every service."""
        if self._interpreter is not None and len(self._trees) > 1:
            folders = tuple(Place(Side.IMAGE, folder) for folder in self._interpreter.search_path)
            redirects = self._interpreter.redirects
            finder = Finder(self._trees, folders, self._suffixes(), self._assumed(), redirects)
            self._image_finder = finder
            self._common = self._expander(finder)
            self._ways = KnownWays(self._common)

    def _names_in(self, path: SearchPath) -> frozenset[str]:
        """Return the top-level names that the service's own folders could answer."""
        folders = (*path.before, *path.after)
        return frozenset(
            name.partition(".")[0]
            for place in folders
            for name in self._trees[place.side].listing(place.path)
        )

    def _finder(self, path: SearchPath) -> Finder:
        folders = () if self._interpreter is None else self._interpreter.search_path
        image = tuple(Place(Side.IMAGE, folder) for folder in folders)
        own = _sources_only(path) if self._interpreter is None else None
        places = own if own is not None else (*path.before, *image, *path.after)
        redirects = Redirects() if self._interpreter is None else self._interpreter.redirects
        return Finder(self._trees, places, self._suffixes(), self._assumed(), redirects)

    def _expander(self, finder: Finder) -> Expander:
        environment = frozenset() if self._interpreter is None else self._interpreter.environment
        expander = Expander(finder, self._library, self._version, self._computed, environment)
        if self._distributions is not None:
            expander.with_plugins(self._distributions.plugins)
        return expander.with_compiled(self._compiled)

    def _assumed(self) -> frozenset[str]:
        return stdlib.COMPILED if self._interpreter is not None else stdlib.modules(self._version[1])

    def _suffixes(self) -> tuple[str, ...]:
        return self._interpreter.suffixes if self._interpreter is not None else (".abi3.so", ".so")


def _sources_only(path: SearchPath) -> tuple[Place, ...]:
    return tuple(place for place in (*path.before, *path.after) if place.side is Side.SOURCES)
