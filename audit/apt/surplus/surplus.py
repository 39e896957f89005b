"""Which packages of an image serve nobody, why that is so, and how sure it is."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from fleet_audit.audit.apt.installed.state import InstalledRecord
from fleet_audit.audit.apt.surplus.contents import (
    is_without_files,
    plugin_of,
    system_plugin_of,
    use_doubts,
)
from fleet_audit.audit.apt.surplus.dependencies import Dependencies
from fleet_audit.audit.apt.surplus.doubt import Doubt, confidence_of, gravest, rank
from fleet_audit.audit.apt.surplus.keeping import keep_set
from fleet_audit.audit.apt.surplus.kinds import (
    BUILD_TOOL,
    DEVELOPMENT,
    DOCUMENTATION,
    UNNEEDED,
    kind_of,
)
from fleet_audit.audit.apt.surplus.leaving import leaving
from fleet_audit.audit.model.apt import Surplus
from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.identity import ImagePath, PackageName
from fleet_audit.audit.model.location import SourceLocation

_MANAGERS = (PackageName("apt"), PackageName("dpkg"))
_MAX_DOUBTS = 2
_MAX_ROUNDS = 50
"""How long names that stand for names are followed; what is left then stays."""

_REASONS = {
    BUILD_TOOL: "a tool for building, which no service runs",
    DEVELOPMENT: "what compilers and linkers read, and nothing that runs",
    DOCUMENTATION: "documentation, which nothing that runs reads",
    UNNEEDED: "no service loads, runs or imports what it brings",
}


class Brought(msgspec.Struct, frozen=True):
    """How a package came into the image; the fields of the same names in `Surplus` say more.

    `is_base` where the base image has it that the lowest Dockerfile starts from, `is_named` where a person
    asked for it by name.
    """

    origin: str
    layer: str = ""
    created_by: str = ""
    dockerfile: SourceLocation | None = None
    is_inherited: bool = False
    is_base: bool = False
    is_named: bool = False


class Circumstances(msgspec.Struct, frozen=True):
    """What is known beside the packages themselves.

    `needed` says of each package that is needed for what; `brought` how each came. A package of which it is
    not known how it came is kept. `doubts` are those on single packages, `general` those on all; `files` are
    what packages brought. `built_with` says of packages where the image's own build uses them.
    """

    needed: Mapping[PackageName, str] = {}
    brought: Mapping[PackageName, Brought] = {}
    doubts: Mapping[PackageName, tuple[Doubt, ...]] = {}
    general: tuple[Doubt, ...] = ()
    files: Mapping[PackageName, tuple[ImagePath, ...]] = {}
    built_with: Mapping[PackageName, str] = {}


def candidates(records: Iterable[InstalledRecord], known: Circumstances) -> frozenset[PackageName]:
    """Return the packages that nothing needs as far as dependencies go: `surplus_of` looks closer at them."""
    dependencies = Dependencies(records)
    return frozenset(dependencies.records) - keep_set(dependencies, _floor(dependencies, known))


def surplus_of(records: Iterable[InstalledRecord], known: Circumstances) -> tuple[Surplus, ...]:
    """Return the packages that serve nobody, those that a person would name first, the largest first.

    What stays is closed under Depends and Pre-Depends and holds all that is needed, packages that are
    Essential, protected, held or required, the package managers, the base image, what packages of foreign
    architectures depend on, and what was asked for by name and stands for something needed. No package is
    told to be surer than those that depend on it.
    """
    dependencies = Dependencies(records)
    told = {each.package: each for each in _Look(dependencies, known).found()}
    found = _as_sure_as_what_asks(dependencies, told)
    return tuple(sorted(found, key=lambda s: (bool(s.goes_with), -s.installed_bytes, s.package)))


def _as_sure_as_what_asks(dependencies: Dependencies, found: dict[PackageName, Surplus]) -> Iterable[Surplus]:
    """Return packages of which none is surer than those that depend on it: where they stay, so does it."""
    pending = sorted(found)
    while pending:
        name = pending.pop()
        asking = found[name]
        for answer in sorted({a for answers in dependencies.of(name) for a in answers if a in found}):
            asked = found[answer]
            if rank(Confidence(asked.confidence)) < rank(Confidence(asking.confidence)):
                why = f"{name}, which depends on it, may be needed"
                found[answer] = msgspec.structs.replace(
                    asked, confidence=asking.confidence, doubt="; ".join(filter(None, (why, asked.doubt)))
                )
                pending.append(answer)
    return found.values()


def _floor(dependencies: Dependencies, known: Circumstances) -> frozenset[PackageName]:
    return frozenset(
        name
        for name, record in dependencies.records.items()
        if name in known.needed
        or name in _MANAGERS
        or name in dependencies.wanted_by_foreign
        or record.package.is_essential
        or record.is_protected
        or record.is_held
        or record.priority == "required"
        or name not in known.brought
        or known.brought[name].is_base
    )


def _kept(dependencies: Dependencies, known: Circumstances) -> frozenset[PackageName]:
    floor = _floor(dependencies, known)
    named = [name for name, came in known.brought.items() if came.is_named and name in dependencies]
    for _ in range(_MAX_ROUNDS):
        kept = keep_set(dependencies, floor)
        more = [n for n in named if n not in kept and _stands_for(dependencies, n, kept, known)]
        if not more:
            return kept
        floor = floor.union(more)
    return keep_set(dependencies, floor.union(named))


def _stands_for(
    dependencies: Dependencies, name: PackageName, kept: frozenset[PackageName], known: Circumstances
) -> bool:
    """Say whether a package is the usual name for something needed: nobody would name the other instead.

    So ``python3`` stands for ``python3-minimal``, built from the same source, and a package without files of
    its own for what it depends on. What is for building stands for nothing, nor does an old name.
    """
    record = dependencies.records[name]
    if kind_of(record) != UNNEEDED or record.section.rpartition("/")[2] == "oldlibs":
        return False
    serving = _hosts(dependencies, name, kept, known)
    sources = {dependencies.records[host].package.source for host in serving}
    return record.package.source in sources or (bool(serving) and is_without_files(known.files.get(name, ())))


def _hosts(
    dependencies: Dependencies, name: PackageName, kept: frozenset[PackageName], known: Circumstances
) -> list[PackageName]:
    """Return what stays of a package's dependencies, the base image's aside."""
    answers = (answer for each in dependencies.of(name) for answer in each)
    return [each for each in answers if each in kept and not known.brought.get(each, _OF_BASE).is_base]


_OF_BASE = Brought("", is_base=True)


class _Look:
    """A look at one image, once it is known what stays."""

    def __init__(self, dependencies: Dependencies, known: Circumstances) -> None:
        self._dependencies = dependencies
        self._known = known
        self._kept = _kept(dependencies, known)
        named = frozenset(name for name, came in known.brought.items() if came.is_named or came.is_base)
        self._how = leaving(dependencies, self._kept, named & dependencies.records.keys())
        self._recommenders = _recommenders(dependencies, self._kept)

    def found(self) -> Iterator[Surplus]:
        """Yield each package that does not stay."""
        followers: defaultdict[PackageName, list[PackageName]] = defaultdict(list)
        for name, root in self._how.goes_with.items():
            followers[root].append(name)
        for root in self._how.roots:
            own = (*self._doubts(root), *self._doubts_of_use(root))
            shared = [doubt for name in followers[root] for doubt in self._shared_by(name)]
            uses = (self._known.built_with.get(name, "") for name in (root, *followers[root]))
            told = self._told(root, (*own, *shared))
            yield msgspec.structs.replace(told, built_with=next(filter(None, uses), ""))
            for name in followers[root]:
                yield self._told(name, (*own, *self._doubts(name)), root)

    def _doubts(self, name: PackageName) -> tuple[Doubt, ...]:
        doubts = [*self._known.general, *self._known.doubts.get(name, ())]
        if name in self._recommenders:
            why = f"{self._recommenders[name]}, which stays, recommends it"
            doubts.append(Doubt(Confidence.LIKELY, why))
        if plugin := self._plugin(name):
            why = f"{plugin} is a plugin: what loads it does not name it"
            doubts.append(Doubt(Confidence.POSSIBLE, why))
        return tuple(doubts)

    def _shared_by(self, name: PackageName) -> Iterator[Doubt]:
        """Yield the doubts on what came along that its root shares: who takes out one takes out both."""
        for doubt in self._known.doubts.get(name, ()):
            if doubt.is_own:
                continue
            yield msgspec.structs.replace(doubt, why=f"{name} came with it: {doubt.why}")
        if plugin := self._plugin(name):
            yield Doubt(Confidence.LIKELY, f"{name} came with it, and {plugin} is a plugin")

    def _doubts_of_use(self, name: PackageName) -> Iterator[Doubt]:
        """Yield the doubts on what was asked for by name; what nobody asked for is not used by chance."""
        if kind_of(self._dependencies.records[name]) == UNNEEDED:
            yield from use_doubts(self._known.files.get(name, ()))

    def _plugin(self, name: PackageName) -> str:
        """Return a plugin of a package, where what would load it stays."""
        if kind_of(self._dependencies.records[name]) != UNNEEDED:
            return ""
        files = self._known.files.get(name, ())
        if _hosts(self._dependencies, name, self._kept, self._known) and (plugin := plugin_of(files)):
            return plugin
        return system_plugin_of(files)

    def _told(self, name: PackageName, doubts: tuple[Doubt, ...], root: PackageName | None = None) -> Surplus:
        record, came = self._dependencies.records[name], self._known.brought[name]
        kind = kind_of(record)
        reason = self._reason(name, kind, root)
        return Surplus(
            package=name,
            version=record.version,
            installed_bytes=record.package.installed_bytes,
            origin=came.origin,
            reason=reason,
            confidence=confidence_of(doubts),
            kind=kind,
            layer=came.layer,
            created_by=came.created_by,
            # What came along is taken out where its root stands.
            dockerfile=self._known.brought[root or name].dockerfile,
            goes_with=root or "",
            doubt="; ".join(gravest(doubts, _MAX_DOUBTS)),
            is_inherited=came.is_inherited,
            instead=tuple(map(self._pin, self._how.instead.get(name, ()))),
            built_with=self._known.built_with.get(name, ""),
        )

    def _reason(self, name: PackageName, kind: str, root: PackageName | None) -> str:
        if root is not None:
            return f"came with {root}; nothing that stays depends on it"
        recommender = self._recommenders.get(name)
        if recommender is not None and not self._known.brought[name].is_named:
            return f"came because {recommender} recommends it: --no-install-recommends leaves it out"
        return _REASONS[kind]

    def _pin(self, name: PackageName) -> str:
        return f"{name}={self._dependencies.records[name].version}"


def _recommenders(dependencies: Dependencies, kept: frozenset[PackageName]) -> dict[PackageName, PackageName]:
    found: dict[PackageName, PackageName] = {}
    for name in sorted(kept):
        for recommended in dependencies.recommended(name):
            found.setdefault(recommended, name)
    return found
