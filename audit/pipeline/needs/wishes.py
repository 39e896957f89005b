"""What is asked for by name at run time: libraries that code opens and programs that it starts."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

import msgspec
from packaging.utils import canonicalize_name

from fleet_audit.audit.knowledge.base import Knowledge
from fleet_audit.audit.model.elf import Closure, Missing, Resolution, SharedObject
from fleet_audit.audit.model.evidence import Edge, Node, NodeKind
from fleet_audit.audit.model.identity import DistributionName, ImagePath
from fleet_audit.audit.model.imports import Level, LoadMethod, NativeLoad, ProgramCall, ServiceImports
from fleet_audit.audit.model.location import Location, SourceLocation
from fleet_audit.audit.model.need import NeedKind, Tier, Via
from fleet_audit.audit.pipeline.needs.needs import Ask, Asked
from fleet_audit.audit.pipeline.run.subject import Declared

Resolve = Callable[[NeedKind, str], Resolution]
Sonames = Callable[[str], Sequence[str]]
"""Returns the sonames that ``find_library`` could mean by a stem, the likeliest first; may be empty."""

_OTHER_SYSTEMS = (".dll", ".dylib", ".framework")
_STEM = re.compile(r"[A-Za-z0-9_+-]+")
_LIBRARY = re.compile(r"(?:/[^\0]*)?[^/\0\\\\]*\.so(?:\.[^/\0]*)?")
"""A soname, or an absolute path of a library: what an image can be asked for."""
_HASH = re.compile(r"-[0-9a-f]{8}$")
_LDCONFIG = ("ldconfig", "gcc", "ld")
"""What ctypes.util.find_library runs, in this order; any of them will do (Lib/ctypes/util.py)."""


class Wish(msgspec.Struct, frozen=True):
    """One name, or any of several, that `source` asks for; `how` is the verb of the evidence."""

    kind: NeedKind
    names: tuple[str, ...]
    source: Node
    how: str
    via: Via
    wanted_by: str
    level: Level = Level.CERTAIN
    location: Location | None = None
    tier: Tier | None = None


def grant(wishes: Iterable[Wish], resolve: Resolve) -> Asked:
    """Return one ask for each wish: for the first of its names that resolves, else for the first."""
    asks: list[Ask] = []
    edges: list[Edge] = []
    for wish in wishes:
        answers = [(name, resolve(wish.kind, name)) for name in wish.names]
        name, resolution = next((a for a in answers if not isinstance(a[1], Missing)), answers[0])
        target = Node(_NODE_KIND[wish.kind], name)
        edges.append(Edge(wish.source, target, wish.how, wish.level, wish.location))
        ask = Ask(
            kind=wish.kind,
            name=name,
            via=wish.via,
            wanted_by=wish.wanted_by,
            route=(wish.source, target),
            resolution=resolution,
            alternatives=tuple(n for n in wish.names if n != name),
            tier=wish.tier,
        )
        asks.append(ask)
    return Asked(tuple(asks), tuple(edges))


_NODE_KIND = {
    NeedKind.SONAME: NodeKind.SONAME,
    NeedKind.PROGRAM: NodeKind.PROGRAM,
    NeedKind.DISTRIBUTION: NodeKind.DISTRIBUTION,
}


def load_wishes(services: Iterable[ServiceImports], sonames: Sonames) -> Iterator[Wish]:
    """Yield the libraries that code opens by name; ``find_library`` also needs what it runs.

    Loads that stand for one another are one wish: ``CDLL(find_library("pulse") or "libpulse.so.0")`` is
    content with either.
    """
    lines: defaultdict[tuple[str, str, Level, int], list[NativeLoad]] = defaultdict(list)
    for load in {load for service in services for load in service.native_loads}:
        lines[load.module, str(load.location), load.level, load.choice].append(load)
    for _, loads in sorted(lines.items()):
        in_order = sorted(loads, key=lambda load: (load.method, load.names))
        names = tuple(dict.fromkeys(name for load in in_order for name in _names(load, sonames)))
        if not names:
            continue
        yield _load_wish(in_order[0], NeedKind.SONAME, names)
        if all(load.method is LoadMethod.FIND_LIBRARY for load in loads):
            yield _load_wish(in_order[0], NeedKind.PROGRAM, _LDCONFIG)


def _names(load: NativeLoad, sonames: Sonames) -> Iterator[str]:
    for name in load.names:
        if name.endswith(_OTHER_SYSTEMS):
            continue
        if _STEM.fullmatch(name):
            # cffi's dlopen, too, takes a bare stem to find_library (cffi/api.py, _load_backend_lib).
            yield from sonames(name) or (f"lib{name}.so",)
        elif load.method is LoadMethod.DLOPEN and _LIBRARY.fullmatch(name):
            yield name


def _load_wish(load: NativeLoad, kind: NeedKind, names: tuple[str, ...]) -> Wish:
    is_own = isinstance(load.location, SourceLocation)
    return Wish(
        kind=kind,
        names=names,
        source=Node(NodeKind.MODULE, load.module),
        how="loads" if kind is NeedKind.SONAME else "finds libraries with",
        via=Via(load.method.value),
        wanted_by=str(load.location),
        level=load.level,
        location=load.location,
        tier=_own_tier(is_own=is_own, is_handled=load.is_handled),
    )


def library_wishes(
    closures: Iterable[Closure],
    elf: Mapping[ImagePath, SharedObject],
    opened: Callable[[ImagePath], Sequence[str]],
) -> Iterator[Wish]:
    """Yield what the loaded libraries say, or look as if, they open by name.

    `opened` returns the names of libraries among the strings of a file. A string is no evidence that its
    library is needed, so that it is never more than optional.
    """
    for path in sorted({path for closure in closures for path in closure.loaded}):
        facts = elf.get(path)
        if facts is None:
            continue
        noted = [tuple(note.split("|")) for note in facts.dlopen_notes]
        for note, names in zip(facts.dlopen_notes, noted, strict=True):
            is_required = note in facts.dlopen_required
            yield _library_wish(path, names, Level.LAZY, None if is_required else Tier.OPTIONAL)
        linked = (facts.soname or "", *facts.needed, *(need.file for need in facts.version_needs))
        known = {_stem_of(name) for name in (*linked, *chain(*noted))}
        for name in opened(path):
            is_beside = ImagePath(f"{path.rpartition('/')[0]}/{name}") in elf
            if _stem_of(name) not in known and not is_beside:
                yield _library_wish(path, (name,), Level.STRING, Tier.OPTIONAL)


def _stem_of(soname: str) -> str:
    """Return a library's name without versions and without the hash that auditwheel puts into it.

    The names before that stay among the strings of a repaired wheel's files.
    """
    return _HASH.sub("", soname.partition(".so")[0])


def _library_wish(path: ImagePath, names: tuple[str, ...], level: Level, tier: Tier | None) -> Wish:
    return Wish(
        kind=NeedKind.SONAME,
        names=names,
        source=Node(NodeKind.FILE, path),
        how="may load",
        via=Via.DLOPEN,
        wanted_by=path,
        level=level,
        tier=tier,
    )


def program_wishes(services: Iterable[ServiceImports]) -> Iterator[Wish]:
    """Yield the programs that services, or what they import, start by name."""
    calls = {call for service in services for call in service.programs}
    for call in sorted(calls, key=lambda call: (call.program, call.module, str(call.location), call.level)):
        if "/" not in call.program or call.program.startswith("/"):
            yield _program_wish(call)


def _program_wish(call: ProgramCall) -> Wish:
    return Wish(
        kind=NeedKind.PROGRAM,
        names=(call.program,),
        source=Node(NodeKind.MODULE, call.module),
        how="runs",
        via=Via.SUBPROCESS,
        wanted_by=str(call.location),
        level=call.level,
        location=call.location,
        tier=_own_tier(is_own=call.is_own_code, is_handled=call.is_handled),
    )


def _own_tier(*, is_own: bool, is_handled: bool) -> Tier | None:
    """Return the tier of a name in reachable code (CONTRACT: what is needed how badly).

    Named in a service's own code it is required wherever it stands, unless its absence is handled there;
    elsewhere the certainty of the chain decides.
    """
    if is_handled:
        return Tier.OPTIONAL
    return Tier.REQUIRED if is_own else None


def hidden_wishes(distributions: Iterable[DistributionName], knowledge: Knowledge) -> Iterator[Wish]:
    """Yield what the knowledge base says that reached distributions load or run."""
    for distribution in sorted(set(distributions)):
        for row in knowledge.needs_of(distribution):
            in_module = Node(NodeKind.MODULE, row.module) if row.module else None
            source = in_module or Node(NodeKind.DISTRIBUTION, distribution)
            groups = [(*row.needs, *row.alternatives)] if row.alternatives else [(n,) for n in row.needs]
            for group in groups:
                kind, names = _split(group)
                yield Wish(
                    kind=kind,
                    names=names,
                    source=source,
                    how=f"uses, says rule {row.id},",
                    via=Via.RULE,
                    wanted_by=distribution,
                    level=_LEVEL_OF_TIER[row.tier],
                )


_LEVEL_OF_TIER = {Tier.REQUIRED: Level.CERTAIN, Tier.LAZY: Level.LAZY, Tier.OPTIONAL: Level.STRING}


def declared_wishes(declared: Iterable[Declared]) -> Iterator[Wish]:
    """Yield what the manifest's ``requires`` names: what no analysis can see."""
    for item in declared:
        kind, names = _split((item.need,))
        yield Wish(
            kind=kind,
            names=names,
            source=Node(NodeKind.SERVICE, item.service),
            how="requires",
            via=Via.MANIFEST,
            wanted_by=str(item.location or item.service),
            location=item.location,
            tier=Tier.REQUIRED,
        )


_KIND_OF_PREFIX = {"so": NeedKind.SONAME, "bin": NeedKind.PROGRAM, "dist": NeedKind.DISTRIBUTION}


def _split(needs: Sequence[str]) -> tuple[NeedKind, tuple[str, ...]]:
    kind = _KIND_OF_PREFIX[needs[0].partition(":")[0]]
    names = (need.partition(":")[2] for need in needs)
    return kind, tuple(canonicalize_name(n) if kind is NeedKind.DISTRIBUTION else n for n in names)
