"""What closures and imports ask for, and whether it is there."""

from collections.abc import Iterable, Iterator, Mapping

from fleet_audit.audit.images.tree import basename
from fleet_audit.audit.model.elf import (
    Closure,
    Declared,
    EntryPoint,
    Fatal,
    Missing,
    OrderDependent,
    Resolved,
    SymbolProblem,
)
from fleet_audit.audit.model.evidence import Edge, Node, NodeKind
from fleet_audit.audit.model.identity import DistributionName, ImagePath
from fleet_audit.audit.model.imports import (
    ImportContext,
    ImportedModule,
    Level,
    MissingModule,
    ProviderKind,
    ServiceImports,
    name_of_absent,
    provided_tops,
)
from fleet_audit.audit.model.need import NeedKind, Tier, Via
from fleet_audit.audit.pipeline.needs.judge import Judge
from fleet_audit.audit.pipeline.needs.needs import Ask, Asked


def closure_asks(closures: Iterable[Closure], judge: Judge, *, tier: Tier | None) -> Iterator[Ask]:
    """Yield one ask for each request of each closure, and for each version that is not defined.

    `tier` is set where nobody can say what is reached (an image without services).
    """
    for closure in closures:
        entry = Node(NodeKind.FILE, closure.entry.path)
        for request in closure.requests:
            wanting = Node(NodeKind.FILE, request.wanted_by)
            yield Ask(
                kind=NeedKind.SONAME,
                name=request.soname,
                via=Via.NEEDED,
                wanted_by=request.wanted_by,
                route=(entry, wanting, Node(NodeKind.SONAME, request.soname)),
                resolution=judge.judged(request.soname, request.resolution),
                tier=tier,
            )
        for problem in closure.version_problems:
            yield Ask(
                kind=NeedKind.SYMBOL_VERSION,
                name=f"{problem.version} of {problem.soname}" if problem.version else problem.soname,
                via=Via.NEEDED,
                wanted_by=problem.wanted_by,
                route=(entry, Node(NodeKind.FILE, problem.wanted_by)),
                resolution=judge.judged(problem.soname, Missing((problem.provider,))),
                tier=tier,
            )
        for undefined in closure.symbol_problems:
            yield _symbol_ask(entry, undefined, judge, tier)


def _symbol_ask(entry: Node, problem: SymbolProblem, judge: Judge, tier: Tier | None) -> Ask:
    """Return the ask for a file that is there and cannot be bound."""
    version = f", version {problem.version}" if problem.version else ""
    path = problem.wanted_by
    refused = Fatal(path, f"undefined symbol: {problem.name}{version}")
    elsewhere = None if problem.elsewhere is None else OrderDependent(f"{problem.elsewhere} (RTLD_GLOBAL)")
    return Ask(
        kind=NeedKind.SONAME,
        name=basename(path),
        via=Via.NEEDED,
        wanted_by=entry.name,
        route=(entry, Node(NodeKind.FILE, path)),
        resolution=judge.judged(basename(path), elsewhere or refused),
        tier=Tier.LAZY if problem.is_lazy else tier,
    )


def start_asks(refused: Mapping[EntryPoint, Fatal], judge: Judge, *, tier: Tier | None) -> Iterator[Ask]:
    """Yield one ask for each program that is there and that the kernel does not start."""
    for entry, fatal in refused.items():
        yield Ask(
            kind=NeedKind.PROGRAM,
            name=entry.path,
            via=Via.SUBPROCESS,
            wanted_by="the image's configuration",
            route=(Node(NodeKind.FILE, entry.path),),
            resolution=judge.judged(entry.path, fatal),
            tier=tier,
        )


def distribution_asks(services: Iterable[ServiceImports], judge: Judge) -> Asked:
    """Return what services import from distributions, found or not, with the lines that do."""
    asks: list[Ask] = []
    edges: list[Edge] = []
    services = tuple(services)
    provided = provided_tops(imported for service in services for imported in service.imports)
    for service in services:
        start = Node(NodeKind.SERVICE, service.service)
        for imported in service.imports:
            if imported.distribution is not None and imported.context is not ImportContext.TYPING:
                target = Node(NodeKind.DISTRIBUTION, imported.distribution)
                asks.append(_import_ask(imported, imported.distribution, target))
                edges.append(Edge(start, target, "imports", imported.level, imported.locations[0]))
        for missing in service.missing:
            name = name_of_absent(missing.module, provided)
            # What the repository would have to answer for, no distribution can.
            if missing.context is not ImportContext.TYPING and not missing.is_first_party:
                target = Node(NodeKind.DISTRIBUTION, name)
                asks.append(_absence_ask(missing, target, judge))
                edges.append(Edge(start, target, "imports", missing.level, missing.locations[0]))
    return Asked(tuple(asks), tuple(edges))


def _import_ask(imported: ImportedModule, distribution: DistributionName, target: Node) -> Ask:
    is_declared = imported.provided_by is ProviderKind.SERVICE
    found = (
        Declared("the service's requirements") if is_declared else Resolved(imported.file or ImagePath("/"))
    )
    return Ask(
        kind=NeedKind.DISTRIBUTION,
        name=distribution,
        via=Via.NEEDED,
        wanted_by=str(imported.locations[0]),
        route=(target,),
        resolution=found,
        tier=_import_tier(imported.context, imported.level),
    )


def _absence_ask(missing: MissingModule, target: Node, judge: Judge) -> Ask:
    return Ask(
        kind=NeedKind.DISTRIBUTION,
        name=target.name,
        via=Via.NEEDED,
        wanted_by=str(missing.locations[0]),
        route=(target,),
        resolution=judge.judged(target.name, Missing()),
        alternatives=missing.suggestions,
        tier=_import_tier(missing.context, missing.level),
    )


def _import_tier(context: ImportContext, level: Level) -> Tier:
    if context is ImportContext.GUARDED:
        return Tier.OPTIONAL
    return Tier.REQUIRED if level is Level.CERTAIN else Tier.LAZY
