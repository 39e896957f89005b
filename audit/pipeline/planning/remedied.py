"""What wheels answer in place of packages, where a remedy was carried out: installed, and used as told."""

from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase

from fleet_audit.audit.images.tree import basename, join, parent
from fleet_audit.audit.knowledge.rows import BroughtFiles, RemedyRow
from fleet_audit.audit.model.elf import Missing, Resolution, Resolved
from fleet_audit.audit.model.evidence import Edge, EvidenceGraph, Node, NodeKind
from fleet_audit.audit.model.identity import DistributionName, ImagePath
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.model.need import NeedKind
from fleet_audit.audit.pipeline.needs.askers import askers_of
from fleet_audit.audit.pipeline.needs.needs import Ask, OwnOutcome
from fleet_audit.audit.pipeline.run.packages import installed_distributions
from fleet_audit.audit.pipeline.run.scene import Scene

Opens = Callable[[NeedKind, ImagePath], bool]
"""Says whether a file can be opened as a library, or started, with all that it needs."""

_PREFIX = {NeedKind.SONAME: "so", NeedKind.PROGRAM: "bin"}


class Remedied:
    """Answers for one image which of the things that are not found come with a wheel."""

    def __init__(self, scene: Scene, rows: Iterable[RemedyRow], graph: EvidenceGraph, opens: Opens) -> None:
        """Take the image, what is known of wheels, and who imports what in which line."""
        self._scene = scene
        self._rows = tuple(row for row in rows if row.brings is not None)
        self._graph = graph
        self._opens = opens

    def before(self, otherwise: OwnOutcome) -> OwnOutcome:
        """Return what becomes of an ask for one service: what a wheel answers, else what `otherwise` says."""

        def outcome(ask: Ask, service: str) -> Resolution:
            path = self._answer(ask, service) if isinstance(ask.resolution, Missing) else None
            return otherwise(ask, service) if path is None else Resolved(path)

        return outcome

    def _answer(self, ask: Ask, service: str) -> ImagePath | None:
        subject = f"{_PREFIX.get(ask.kind, '')}:{ask.name}"
        for row in self._rows:
            if row.brings is None or subject not in row.needs or not self._is_asked_by(ask, row.brings):
                continue
            wheel = row.add or row.swap or ""
            path = next(self._files(DistributionName(wheel), row.brings), None)
            if path is not None and self._is_used(row.brings, service) and self._opens(ask.kind, path):
                return path
        return None

    def _is_asked_by(self, ask: Ask, brings: BroughtFiles) -> bool:
        installed = installed_distributions(self._scene)
        askers = askers_of(
            ask.wanted_by, lambda path: self._scene.distributions.owners(ImagePath(path)), installed
        )
        return bool(askers) and askers <= set(brings.asked_by)

    def _files(self, wheel: DistributionName, brings: BroughtFiles) -> Iterator[ImagePath]:
        """Yield the files of a wheel that answer, in order."""
        tree = self._scene.image.tree
        found = installed_distributions(self._scene).get(wheel)
        if found is None:
            return
        for pattern in brings.files:
            folder = tree.realpath(join(parent(found.info), parent(ImagePath(f"/{pattern}"))[1:]))
            for name in sorted(() if folder is None else tree.listing(folder)):
                path = join(folder or ImagePath("/"), name)
                is_meant = fnmatchcase(name, basename(ImagePath(f"/{pattern}")))
                if is_meant and wheel in self._scene.distributions.owners(path):
                    yield path

    def _is_used(self, brings: BroughtFiles, service: str) -> bool:
        start = Node(NodeKind.SERVICE, service)
        return not brings.imported or is_imported_before(self._graph, start, brings.imported, brings.before)


def is_imported_before(graph: EvidenceGraph, start: Node, module: str, other: str) -> bool:
    """Say whether `module` surely is imported, and before anything may import `other` or a part of it.

    Modules are followed as an interpreter runs them: line by line, each import to its end. What only a call
    imports counts as imported where it stands, since the call may stand there, too.
    """
    seen: set[tuple[Node, bool]] = set()
    pending = [(start, True)]
    while pending:
        node, is_sure = at = pending.pop()
        if at in seen:
            continue
        seen.add(at)
        if node == Node(NodeKind.MODULE, module):
            if is_sure:
                return True
        elif _is_within(node, other):
            return False
        else:
            pending.extend(
                (edge.target, is_sure and edge.level is Level.CERTAIN)
                for edge in _last_first(graph.leaving(node), other)
            )
    return False


def _last_first(edges: Iterable[Edge], other: str) -> list[Edge]:
    """Return the imports among `edges`, the last line first; in one line, `other` is taken to run first."""
    imports = [e for e in edges if e.target.kind is NodeKind.MODULE and e.level <= Level.LAZY]
    return sorted(imports, key=lambda e: (_line(e), not _is_within(e.target, other), e.target), reverse=True)


def _line(edge: Edge) -> int:
    return 0 if edge.location is None else edge.location.line


def _is_within(node: Node, package: str) -> bool:
    return node.kind is NodeKind.MODULE and f"{node.name}.".startswith(f"{package}.")
