"""Which of a service's own files its image will not have: not there, and not copied by its Dockerfile."""

from collections.abc import Iterator
from contextlib import suppress

import msgspec

from fleet_audit.audit.dockerfiles.copying.context_files import Contexts
from fleet_audit.audit.dockerfiles.copying.copies import CopiedFiles, copied_files, repository_name
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.images.tree import FileUnreadable, SearchedTree, normalise
from fleet_audit.audit.model.evidence import EvidenceGraph, Node, NodeKind
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.fleet import Fleet, Service
from fleet_audit.audit.model.imports import ServiceImports, UnshippedModule
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.pipeline.run.examined import Examined
from fleet_audit.audit.pipeline.run.scene import Scene
from fleet_audit.audit.static_imports.reachability.nodes import own_name
from fleet_audit.audit.static_imports.resolution.finder import source_place

STAGE = "dockerfiles"

_LIMIT = 1 << 20


class Shipping(msgspec.Struct, frozen=True):
    """What is not shipped, by service, and of which Dockerfiles that cannot be told."""

    unshipped: dict[str, tuple[UnshippedModule, ...]] = {}
    gaps: tuple[Gap, ...] = ()


def shipping(examined: Examined, fleet: Fleet | None) -> Shipping:
    """Return what of the services' own code is neither in the image nor copied by their Dockerfiles.

    Nothing is claimed of a service without a Dockerfile in the manifest, nor of one whose Dockerfile starts
    from another image, or may bring files in a way that its COPY lines do not show.
    """
    subject, scene = examined.subject, examined.scene
    if fleet is None or subject.family is None or subject.sources is None or not scene.is_whole:
        return Shipping()
    settings = {service.name: service for service in fleet.manifest.services}
    unshipped: dict[str, tuple[UnshippedModule, ...]] = {}
    gaps: list[Gap] = []
    for service in examined.services:
        if service.service in settings:
            look = _Look(fleet, settings[service.service], subject.sources, scene)
            left = tuple(look.left_behind(service, examined.graph))
            unshipped.update({service.service: left} if left else {})
            gaps += look.gaps
    return Shipping(unshipped, tuple(gaps))


class _Look:
    """Looks at one service's Dockerfiles, each on its own: every image that they make must hold the code."""

    def __init__(self, fleet: Fleet, service: Service, sources: SearchedTree, scene: Scene) -> None:
        self.gaps: list[Gap] = []
        self._fleet = fleet
        self._service = service
        self._sources = sources
        self._scene = scene
        self._context = normalise(service.context or fleet.manifest.defaults.build_context).removeprefix("/")
        self._contexts = Contexts(Repository(sources))

    def left_behind(self, service: ServiceImports, graph: EvidenceGraph) -> Iterator[UnshippedModule]:
        absent = [path for path in service.files if not self._is_in_image(path)]
        for dockerfile in self._service.dockerfiles if absent else ():
            copied = self._copied(dockerfile)
            left = [path for path in absent if copied is not None and not self._is_held(copied, path)]
            if copied is None or not left:
                continue
            if why := self._doubt(copied):
                self._add_gap(dockerfile, f"what it copies is not known: {why}")
                continue
            line = SourceLocation(dockerfile, copied.line)
            for path in left:
                yield from self._told(path, _left_with(path, frozenset(left)), line, graph)

    def _told(
        self, path: str, whole: str, dockerfile: SourceLocation, graph: EvidenceGraph
    ) -> Iterator[UnshippedModule]:
        start = Node(NodeKind.SERVICE, self._service.name)
        chain = graph.chain(start, Node(NodeKind.MODULE, own_name(source_place(path))))
        if chain is None or chain.own_line is None:
            return
        yield UnshippedModule(
            module=own_name(source_place(whole)),
            path=whole,
            location=chain.own_line,
            dockerfile=dockerfile,
            level=max(edge.level for edge in chain.edges),
            is_guarded=any(edge.is_guarded for edge in chain.edges),
        )

    def _is_in_image(self, path: str) -> bool:
        """Say whether the image has the file itself, in a folder from which it could be imported."""
        image, interpreter = self._scene.image, self._scene.interpreter
        folders = [
            image.identity.config.working_dir,
            *(() if interpreter is None else interpreter.search_path),
        ]
        return any(image.tree.realpath(normalise(f"{folder}/{path}")) is not None for folder in folders)

    def _is_held(self, copied: CopiedFiles, path: str) -> bool:
        below = f"{self._context}/" if self._context else ""
        return path.startswith(below) and copied.hold(path.removeprefix(below))

    def _doubt(self, copied: CopiedFiles) -> str:
        family = self._fleet.family_name(repository_name(copied.base)) if copied.base else None
        if family is None or family != self._fleet.family_name(self._service.family):
            return f"it does not start from {self._service.family}"
        return copied.unknown or self._left_to_do(family)

    def _left_to_do(self, family: str) -> str:
        """Say which Dockerfile above has instructions that only the service's build carries out (ONBUILD)."""
        for name in (family, *self._fleet.ancestors(family)):
            for path in self._fleet.manifest.families[name].dockerfiles:
                with suppress(FileUnreadable):
                    if any(each.keyword == "ONBUILD" for each in parse(self._text(path)).instructions):
                        return f"{path} has ONBUILD instructions"
        return ""

    def _copied(self, dockerfile: str) -> CopiedFiles | None:
        try:
            text = self._text(dockerfile)
        except FileUnreadable as error:
            self._add_gap(dockerfile, f"{error.why}, so what it copies is not known")
            return None
        found = copied_files(
            text,
            target=self._service.target,
            build_args=self._service.build_args,
            ignored=self._contexts.rules(self._context, dockerfile),
        )
        if found is None:
            self._add_gap(dockerfile, "it has no stage to build, so what it copies is not known")
        return found

    def _text(self, path: str) -> str:
        return self._sources.read(normalise(path), limit=_LIMIT).decode(errors="replace")

    def _add_gap(self, dockerfile: str, why: str) -> None:
        self.gaps.append(Gap(STAGE, GapKind.NOT_EXAMINED, dockerfile, why, SourceLocation(dockerfile)))


def _left_with(path: str, left: frozenset[str]) -> str:
    """Return the outermost package that is left behind with a file: one COPY brings all of it."""
    whole = path
    folder = path.rpartition("/")[0]
    while folder and f"{folder}/__init__.py" in left:
        whole, folder = folder, folder.rpartition("/")[0]
    return whole
