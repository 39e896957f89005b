"""Whether a service loads what an advisory speaks of: packages and distributions, read from the evidence."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from urllib.parse import unquote

import msgspec
from packaging.utils import canonicalize_version

from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.apt.surplus.contents import files_of
from fleet_audit.audit.images.tree import basename, join, parent
from fleet_audit.audit.ldd import evidence as ldd_evidence
from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.model.advisories import Advisory, Reach, ReachedBy
from fleet_audit.audit.model.elf import EntryKind, EntryPoint
from fleet_audit.audit.model.evidence import Chain, Edge, EvidenceGraph, Node, NodeKind
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import DistributionName, ImagePath, PackageName, Purl
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.pipeline.advisories.started import Started
from fleet_audit.audit.pipeline.deps.analysis import Analysis
from fleet_audit.audit.pipeline.run.programs import find_program
from fleet_audit.audit.pipeline.run.scene import Scene
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject
from fleet_audit.audit.pipeline.surplus.in_use import module_name
from fleet_audit.audit.pipeline.surplus.unseen_uses import (
    Owned,
    doubts_on_all,
    named_where_started,
    unseen_uses,
)

AFFECTED = "is affected by"
_BELONGS = "belongs to"
_RUNS_ON = "runs on"


class Answer(msgspec.Struct, frozen=True):
    """Whether one component is reached, by whom, and where that is not known, why."""

    reach: Reach
    reached_by: tuple[ReachedBy, ...] = ()
    why_unknown: str = ""


class Reaching:
    """One image's evidence, asked for installed packages and distributions.

    What a service loads is certain only as far as its code could be read. So a component is `unreached` only
    where everything that could lead to it was seen, and `unknown` in every other case without a chain.
    """

    def __init__(
        self,
        subject: Subject,
        scene: Scene,
        shared: Shared,
        analysis: Analysis,
        names: Collection[PackageName],
    ) -> None:
        """Take the opened image, what was found in it, and the Debian packages that will be asked for."""
        self._subject = subject
        self._scene = scene
        self._shared = shared
        self._analysis = analysis
        self._names = frozenset(names)
        self._state = InstalledState.read(scene.image.tree)

    def package(self, name: PackageName) -> Answer:
        """Say whether a service loads, imports or starts something that this Debian package brought."""
        return self._answer(self._of_packages.get(name, ()), self._doubt_on(name))

    def distribution(self, name: DistributionName, version: str) -> Answer:
        """Say whether a service imports this distribution, or loads or starts one of its files.

        One that is not what the services' Python finds by this name (in another environment, or copied into
        another distribution) is reached by nobody that could be told.
        """
        if not self._is_found(name, version):
            place = f"{name} {version} lies where the services' Python does not look"
            why = f"{place}, and who uses it there is not known"
            return Answer(Reach.UNKNOWN, why_unknown=self._why_nothing_is_known or why)
        return self._answer(self._of_distribution(name), self._started.doubt_on(name))

    def _is_found(self, name: DistributionName, version: str) -> bool:
        found = self._scene.distributions.installed.get(name)
        return found is not None and canonicalize_version(found.version) == canonicalize_version(version)

    def evidence(self, advisories: Iterable[Advisory]) -> EvidenceGraph:
        """Return the whole evidence, with what each advisory affects and the files that bring it there."""
        found = list(self._graph.edges)
        for advisory in advisories:
            target = Node(NodeKind.ADVISORY, advisory.id)
            for purl in advisory.affected:
                found.extend(self._ending(purl, target))
        return EvidenceGraph(found)

    def _ending(self, purl: Purl, advisory: Node) -> Iterator[Edge]:
        kind, name = kind_and_name(purl)
        if kind == "deb":
            package = Node(NodeKind.PACKAGE, name)
            yield from (Edge(n, package, _BELONGS) for n in self._of_packages.get(PackageName(name), ()))
            yield Edge(package, advisory, AFFECTED)
            return
        version = version_of(purl)
        if kind == "pypi" and not self._is_found(DistributionName(name), version):
            yield Edge(Node(NodeKind.DISTRIBUTION, f"{name} {version}"), advisory, AFFECTED)
            return
        distribution = Node(NodeKind.DISTRIBUTION, name)
        for node in self._of_distribution(DistributionName(name)):
            if node != distribution:
                yield Edge(node, advisory, f"is of {name}, which {AFFECTED}")
        yield Edge(distribution, advisory, AFFECTED)

    def _answer(self, nodes: Iterable[Node], doubt: str) -> Answer:
        ways = [way for service in self._services if (way := self._way(service, nodes)) is not None]
        sure = tuple(way for way in ways if way.level < Level.STRING)
        if sure:
            return Answer(Reach.REACHED, sure)
        why = self._why_nothing_is_known
        if ways:
            why = why or f"only text names it, or what would load it can do without ({ways[0].chain[-1]})"
        why = why or doubt
        return Answer(Reach.UNKNOWN, tuple(ways), why) if why else Answer(Reach.UNREACHED)

    def _way(self, service: Node, nodes: Iterable[Node]) -> ReachedBy | None:
        found = [(distance, node) for node in nodes if (distance := self._graph.distance(service, node))]
        if not found:
            return None
        chain = self._graph.chain(service, min(found)[1]) or Chain()
        return ReachedBy(service.name, int(chain.level), chain.own_line, chain.steps())

    @property
    def _services(self) -> Sequence[Node]:
        return [Node(NodeKind.SERVICE, service.name) for service in self._subject.services]

    @cached_property
    def _graph(self) -> EvidenceGraph:
        """Return the audit's evidence, and that every service runs on the image's Python.

        What a plan would bring is left out: it is not there to be loaded.
        """
        audit = (edge for edge in self._analysis.graph.edges if edge.target.kind is not NodeKind.PACKAGE)
        return EvidenceGraph([*audit, *self._of_interpreter()])

    def _of_interpreter(self) -> Iterator[Edge]:
        python = self._scene.python
        if python is None:
            return
        node = Node(NodeKind.FILE, python)
        yield from (Edge(service, node, _RUNS_ON) for service in self._services)
        if python in self._scene.elf:
            entry = EntryPoint(python, EntryKind.EXECUTABLE)
            yield from ldd_evidence.edges(examine(self._scene.world, [entry], python))

    @cached_property
    def _of_packages(self) -> Mapping[PackageName, tuple[Node, ...]]:
        """Return the nodes of the evidence that stand for something a package brought."""
        found: defaultdict[PackageName, set[Node]] = defaultdict(set)
        for node in self._graph.nodes(NodeKind.FILE):
            for name in self._owners_of(ImagePath(node.name)):
                found[name].add(node)
        for node in self._graph.nodes(NodeKind.PROGRAM):
            path = find_program(self._scene.image.tree, self._scene.image.identity.config.env, node.name)
            for name in () if path is None else self._owners_of(path):
                found[name].add(node)
        for name, node in self._imported():
            found[name].add(node)
        return {name: tuple(sorted(nodes)) for name, nodes in found.items()}

    def _imported(self) -> Iterator[tuple[PackageName, Node]]:
        """Yield the packages of modules that are imported, and those of the standard library."""
        interpreter, tree = self._scene.interpreter, self._scene.image.tree
        if interpreter is None:
            return
        python = Node(NodeKind.FILE, interpreter.executable)
        standard = {tree.realpath(folder) for folder in interpreter.standard_library}
        folders = sorted(interpreter.search_path, key=len, reverse=True)
        beginnings = [f"{tree.realpath(folder) or folder}/" for folder in folders]
        modules = {node.name: node for node in self._graph.nodes(NodeKind.MODULE)}
        for path, owner in self._owners.items():
            if owner not in self._names or not path.endswith(".py"):
                continue
            if parent(path) in standard:
                # What the interpreter itself imports while it starts is no service's word.
                yield owner, python
            elif (node := modules.get(module_name(path, beginnings))) is not None:
                yield owner, node

    def _owners_of(self, path: ImagePath) -> Iterator[PackageName]:
        """Yield who brought a file, and who brought the link that leads to it."""
        tree = self._scene.image.tree
        folder = tree.realpath(parent(path))
        link = path if folder is None else join(folder, basename(path))
        for place in dict.fromkeys((tree.realpath(path) or link, link)):
            if place in self._owners:
                yield self._owners[place]

    @property
    def _owners(self) -> Mapping[ImagePath, PackageName]:
        return {} if self._state is None else self._state.ownership.owners

    def _of_distribution(self, name: DistributionName) -> tuple[Node, ...]:
        return (Node(NodeKind.DISTRIBUTION, name), *self._files_of_distributions.get(name, ()))

    @cached_property
    def _files_of_distributions(self) -> Mapping[DistributionName, tuple[Node, ...]]:
        found: defaultdict[DistributionName, list[Node]] = defaultdict(list)
        for node in self._graph.nodes(NodeKind.FILE):
            owner = self._scene.distributions.owner(ImagePath(node.name))
            if owner is not None:
                found[owner].append(node)
        for node in self._graph.nodes(NodeKind.PROGRAM):
            path = find_program(self._scene.image.tree, self._scene.image.identity.config.env, node.name)
            owner = None if path is None else self._scene.distributions.owner(path)
            if owner is not None:
                found[owner].append(node)
        return {name: tuple(nodes) for name, nodes in found.items()}

    @cached_property
    def _started(self) -> Started:
        named = named_where_started(
            self._subject, self._scene, self._analysis.services, self._owners, has_shims=False
        )
        return Started(self._scene, named, self._graph.nodes(NodeKind.PROGRAM))

    @cached_property
    def _why_nothing_is_known(self) -> str:
        """Say what keeps every component without a chain from being called unreached; empty for nothing."""
        if not self._subject.services:
            return "no services are given, so nobody says what is loaded"
        gaps = self._analysis.report.gaps
        if not self._scene.is_whole:
            return "a layer could not be read"
        dynamic = next((gap for gap in gaps if gap.kind is GapKind.DYNAMIC_IMPORT), None)
        if dynamic is not None:
            return f"{_place(dynamic)} imports what only a run can tell ({dynamic.what})"
        # Whose the layers are, for which a manifest is asked, is of no account here.
        asked = msgspec.structs.replace(self._subject, family=self._subject.family or self._subject.name)
        doubts = doubts_on_all(asked, self._analysis.services, gaps)
        return next((doubt.why for doubt in doubts), "")

    def _doubt_on(self, name: PackageName) -> str:
        """Say what uses this package may have that no import, load or call shows; empty for none."""
        if self._state is None or self._state.gaps or self._state.ownership.gaps:
            return "dpkg's own files could not all be read, so it is not known whose each file is"
        if not any(record.name == name for record in self._state.records):
            return "the image's package database does not list it"
        use = self._analysis.use
        if use is not None and name in use.known.needed:
            return use.known.needed[name]
        return self._unseen.get(name, "") or self._started.doubt_on_files(self._files_in_question[name])

    @cached_property
    def _files_in_question(self) -> Mapping[PackageName, Sequence[ImagePath]]:
        return files_of(self._owners, self._names)

    @cached_property
    def _unseen(self) -> Mapping[PackageName, str]:
        """Return for packages without a chain what names them in scripts, and what they go with."""
        quiet = self._names - self._of_packages.keys()
        loaded = {ImagePath(node.name) for node in self._graph.nodes(NodeKind.FILE)}
        owned = Owned(self._owners, loaded, files_of(self._owners, quiet))
        services = self._analysis.services
        unseen = unseen_uses(self._subject, self._scene, self._shared, services, owned)
        own = {name: next((d.why for d in found if d.is_own), "") for name, found in unseen.doubts.items()}
        return {**own, **unseen.needed}


def kind_and_name(purl: Purl) -> tuple[str, str]:
    """Return the type and the name of a canonical package URL."""
    kind, _, rest = purl.removeprefix("pkg:").partition("/")
    return kind, unquote(rest.partition("?")[0].partition("@")[0].rpartition("/")[2])


def version_of(purl: Purl) -> str:
    """Return the version that a canonical package URL gives; empty for none."""
    return unquote(purl.partition("?")[0].partition("@")[2])


def _place(gap: Gap) -> str:
    return str(gap.location) if gap.location is not None else "a service"
