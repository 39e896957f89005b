"""What closures mean to the other stages: edges of evidence, problems of entry points, gaps."""

from collections.abc import Iterable, Iterator
from typing import assert_never

import msgspec

from fleet_audit.audit.images.tree import basename
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import (
    Closure,
    Declared,
    EntryKind,
    Fatal,
    HostDriver,
    Missing,
    NotAvailable,
    OrderDependent,
    Request,
    Resolved,
    SymbolProblem,
    Unknown,
    VersionProblem,
    WrongMachine,
    WrongVariant,
)
from fleet_audit.audit.model.evidence import Edge, Node, NodeKind
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import ImagePath, Soname
from fleet_audit.audit.model.report import Problem

STAGE = "ldd"


def missing_sonames(closure: Closure) -> set[Soname]:
    """Return the sonames that no file answers, nor could any that was found."""
    return {r.soname for r in closure.requests if isinstance(r.resolution, Missing | Fatal | WrongMachine)}


def edges(closures: Iterable[Closure]) -> tuple[Edge, ...]:
    """Return who needs which soname and which file answers it, each edge once, in order.

    A chain leads from ``file:`` of an entry point through every library on the way:
    ``file: -needs-> so: -answered by-> file: -needs-> so:``, or to a symbol that is not there:
    ``file: -wants-> symbol:``.
    """
    found = {edge for closure in closures for edge in _edges(closure)}
    return tuple(sorted(found, key=lambda edge: (edge.source, edge.target, edge.how)))


def _edges(closure: Closure) -> Iterator[Edge]:
    entry = closure.entry.path
    if closure.loaded and closure.loaded[0] != entry:
        yield Edge(_file(entry), _file(closure.loaded[0]), "is")
    for request in closure.requests:
        soname = Node(NodeKind.SONAME, request.soname)
        yield Edge(_file(request.wanted_by), soname, "needs")
        if isinstance(request.resolution, Resolved):
            yield Edge(soname, _file(request.resolution.path), "answered by")
    for problem in closure.symbol_problems:
        symbol = Node(NodeKind.SYMBOL, problem.name)
        yield Edge(
            _file(problem.wanted_by), Node(NodeKind.SONAME, basename(problem.wanted_by)), "is loaded as"
        )
        yield Edge(_file(problem.wanted_by), symbol, "wants")
        if problem.elsewhere is not None:
            yield Edge(symbol, _file(problem.elsewhere), "would be defined by")


def _file(path: ImagePath) -> Node:
    return Node(NodeKind.FILE, path)


def problems(closure: Closure) -> tuple[Problem, ...]:
    """Return every reason why the entry point does not load, or may load what it should not.

    What could not be decided is a `Gap` (see `gaps`) and no problem. What a plugin lacks is `optional`, as is
    what could not be decided of it.
    """
    found = _problems(closure)
    if closure.entry.kind is EntryKind.PLUGIN:
        shown = (p if p.kind == "host-driver" else _optional(p) for p in found)
        return (*shown, *_undecided(closure))
    return tuple(found)


def start_problems(refused: Fatal) -> tuple[Problem, ...]:
    """Return why a program that is there is not started."""
    return (Problem("fatal", Soname(""), refused.path, detail=f"{refused.path}: {refused.why}"),)


def _undecided(closure: Closure) -> Iterator[Problem]:
    """Yield what is not known of a plugin: it keeps nobody waiting, so that there is no gap."""
    for request in closure.requests:
        if isinstance(request.resolution, Unknown):
            detail = f"not known: {request.resolution.why}"
            yield Problem("optional", request.soname, request.wanted_by, detail=detail)
    for path, why in closure.unread_symbols:
        yield Problem("optional", Soname(""), path, detail=f"not known: its symbols: {why}")


def _optional(problem: Problem) -> Problem:
    detail = f"{problem.kind}: {problem.detail}" if problem.detail else f"{problem.kind} for this plugin"
    return msgspec.structs.replace(problem, kind="optional", detail=detail)


def _problems(closure: Closure) -> list[Problem]:
    found = [p for request in closure.requests if (p := _request_problem(request)) is not None]
    found.extend(_version_problem(problem) for problem in closure.version_problems)
    found.extend(_symbol_problem(problem) for problem in closure.symbol_problems)
    found.extend(
        Problem(
            kind="relative-rpath",
            soname="",
            wanted_by=relative.wanted_by,
            detail=f"it searches {relative.directory!r}, which depends on the current directory",
        )
        for relative in closure.relative_directories
    )
    found.extend(
        Problem(remark.kind, Soname(""), remark.path, detail=remark.detail) for remark in closure.remarks
    )
    return found


def _request_problem(request: Request) -> Problem | None:
    soname, wanted_by = request.soname, request.wanted_by
    match request.resolution:
        case Resolved() | Declared() | Unknown():
            return None
        case Missing(searched):
            return Problem("missing", soname, wanted_by, searched)
        case Fatal(path, why):
            return Problem("fatal", soname, wanted_by, detail=f"{path}: {why}")
        case WrongMachine(path, machine):
            return Problem("wrong-machine", soname, wanted_by, detail=f"{path} is built for {machine}")
        case other:
            return _judged_problem(request, other)


def _judged_problem(
    request: Request, resolution: OrderDependent | WrongVariant | HostDriver | NotAvailable
) -> Problem:
    soname, wanted_by = request.soname, request.wanted_by
    match resolution:
        case OrderDependent(provider):
            how = "opened" if provider.startswith("/") else "imported"
            detail = f"found only when {provider} has been {how} before"
            return Problem("order-dependent", soname, wanted_by, detail=detail)
        case WrongVariant(why):
            return Problem("wrong-variant", soname, wanted_by, detail=why)
        case HostDriver(_, why):
            return Problem("host-driver", soname, wanted_by, detail=why)
        case NotAvailable(why):
            return Problem("missing", soname, wanted_by, detail=why)
        case _:
            assert_never(resolution)


def _version_problem(problem: VersionProblem) -> Problem:
    detail = problem.why or f"{problem.provider} does not define {problem.version}"
    return Problem("version", problem.soname, problem.wanted_by, detail=detail)


def _symbol_problem(problem: SymbolProblem) -> Problem:
    version = f", version {problem.version}" if problem.version else ""
    others = f" (and {problem.others} more)" if problem.others else ""
    detail = f"undefined symbol: {problem.name}{version}{others}"
    if problem.is_lazy:
        detail = f"symbol: {detail}, looked up only when it is called"
        return Problem("optional", Soname(""), problem.wanted_by, detail=detail)
    if problem.elsewhere is not None:
        detail += f"; {problem.elsewhere} defines it, and would have to be opened with RTLD_GLOBAL before"
        return Problem("order-dependent", Soname(""), problem.wanted_by, detail=detail)
    return Problem("symbol", Soname(""), problem.wanted_by, detail=detail)


def gaps(world: World, closures: Iterable[Closure]) -> tuple[Gap, ...]:
    """Return what of these closures could not be decided, each once, in order.

    Only files that an entry point reaches count: a damaged file that nothing loads keeps nobody waiting.
    """
    found = {gap for closure in closures for gap in _gaps(closure)}
    if world.cache_damage:
        found.add(Gap(STAGE, GapKind.UNREADABLE_FILE, "/etc/ld.so.cache", world.cache_damage))
    return tuple(sorted(found, key=lambda gap: (gap.kind, gap.what, gap.why)))


def _gaps(closure: Closure) -> Iterator[Gap]:
    for request in closure.requests:
        match request.resolution:
            case Unknown(why, kind):
                yield Gap(STAGE, kind, request.wanted_by, why)
            case _:
                pass
    for path, why in closure.unread_symbols:
        yield Gap(STAGE, GapKind.UNREADABLE_ELF, path, f"no symbol can be called undefined: {why}")
