"""Which packages supply what is missing: direct providers, and everything that comes with them.

The packages that ship the missing names are what to type; the rest follows from their dependencies as apt
would choose them. Where several packages ship a name, the smallest addition is taken. The plan is what apt
will do; that nothing smaller would do is not proved.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from fleet_audit.audit.apt.archive.index import ArchiveIndex
from fleet_audit.audit.apt.debian.packages import ArchivePackage
from fleet_audit.audit.apt.debian.versions import compare_versions, satisfies
from fleet_audit.audit.apt.installed.state import InstalledRecord, InstalledState
from fleet_audit.audit.apt.planning.closure import Chosen, Closure, closure
from fleet_audit.audit.model.apt import AptPlan, PlannedPackage, Unsatisfied
from fleet_audit.audit.model.identity import PackageName
from fleet_audit.audit.model.need import NeedKind

_STEM = re.compile(r"(.+?\.so)(?:\..*)?")
_MAX_SUGGESTIONS = 3

_APT_BY_SOURCE = "2.6"
"""From this version on apt upgrades what was built from the same source along with what it installs."""


class Wanted(msgspec.Struct, frozen=True):
    """One thing that is missing: `need` as people type it (``so:libGL.so.1``), `kind` SONAME or PROGRAM.

    Any of `alternatives` would do as well as `name`.
    """

    need: str
    kind: NeedKind
    name: str
    alternatives: tuple[str, ...] = ()


def propose(
    wanted: Iterable[Wanted],
    state: InstalledState,
    index: ArchiveIndex,
    *,
    prefer: Mapping[str, str] = {},
    avoid: Mapping[str, Collection[str]] = {},
) -> AptPlan:
    """Return what to add to an image with this `state` so that everything `wanted` is supplied.

    Each root directly ships, or provides, at least one thing that is wanted; of several packages that could,
    `prefer` (need to package) decides, then one that is installed or comes anyway, then the least
    additional bytes, then the name; those that `avoid` names for a need come only where there is no other.
    What nobody ships, and what cannot be installed beside the rest, is
    `unsatisfied` and no part of the plan.
    """
    return _Planner(state, index, prefer, avoid).plan(sorted(set(wanted), key=lambda item: item.need))


class _Planner:
    def __init__(
        self,
        state: InstalledState,
        index: ArchiveIndex,
        prefer: Mapping[str, str],
        avoid: Mapping[str, Collection[str]],
    ) -> None:
        self._index = index
        self._prefer = prefer
        self._avoid = avoid
        self._installed = tuple(_native(state.records, index.architecture))
        self._versions: dict[str, str] = {record.name: record.version for record in self._installed}
        self._held = frozenset(record.name for record in self._installed if record.is_held)
        self._upgrades_by_source = satisfies(self._versions.get("apt", "0"), ">=", _APT_BY_SOURCE)
        self._needs_of: defaultdict[PackageName, list[str]] = defaultdict(list)
        self._unsatisfied: list[Unsatisfied] = []

    def plan(self, wanted: Sequence[Wanted]) -> AptPlan:
        options = {item: self._providers(item) for item in wanted}
        # Names with one provider leave no choice; what they bring may decide the others.
        for item in sorted(wanted, key=lambda item: (len(options[item]) > 1, item.need)):
            self._supply(item, options[item])
        return self._result(self._possible())

    def _supply(self, item: Wanted, options: Sequence[ArchivePackage]) -> None:
        if not options:
            self._unsatisfied.append(Unsatisfied(item.need, self._absence(item)))
            return
        root = options[0] if len(options) == 1 else self._least(options)
        if self._is_exhausted(root):
            version = self._versions[root.name]
            why = f"{root.name} {version} is installed and should ship it, yet the image lacks it"
            self._unsatisfied.append(Unsatisfied(item.need, why))
        else:
            self._needs_of[root.name].append(item.need)

    def _providers(self, item: Wanted) -> list[ArchivePackage]:
        preferred = self._index.packages.get(self._prefer.get(item.need, ""))
        if preferred is not None:
            return [preferred]
        shipped = self._index.sonames if item.kind is NeedKind.SONAME else self._index.programs
        names = sorted(
            {package for name in (item.name, *item.alternatives) for package in shipped.get(name, ())}
        )
        found = (self._index.packages.get(name) for name in names)
        offered = [package for package in found if package is not None]
        avoided = self._avoid.get(item.need, ())
        return [package for package in offered if package.name not in avoided] or offered

    def _least(self, options: Sequence[ArchivePackage]) -> ArchivePackage:
        so_far = self._closure(self._needs_of)
        return min(options, key=lambda package: self._cost(package, so_far))

    def _cost(self, package: ArchivePackage, so_far: Closure) -> tuple[bool, bool, bool, int, str]:
        is_there = package.name in so_far.names or package.name in self._versions
        with_it = self._closure((*self._needs_of, package.name))
        return (
            len(with_it.unmet) > len(so_far.unmet),
            self._is_exhausted(package),
            not is_there,
            with_it.installed_bytes - so_far.installed_bytes,
            package.name,
        )

    def _is_exhausted(self, package: ArchivePackage) -> bool:
        # What is installed is no older than what the archive has, and still the image lacks what it ships:
        # files were removed, or the other version never had them.
        installed = self._versions.get(package.name)
        return installed is not None and compare_versions(installed, package.version) >= 0

    def _closure(self, roots: Iterable[PackageName]) -> Closure:
        return closure(
            self._index.packages,
            tuple(roots),
            installed=self._installed,
            held=self._held,
            upgrades_by_source=self._upgrades_by_source,
        )

    def _absence(self, item: Wanted) -> str:
        if item.kind is not NeedKind.SONAME:
            return f"no package ships a program of this name ({self._index.snapshot})"
        similar = ", ".join(f"{name} ({', '.join(packages)})" for name, packages in self._similar(item.name))
        hint = f"; it has {similar}, which is another interface" if similar else ""
        return f"no package ships a library of this name ({self._index.snapshot}){hint}"

    def _similar(self, soname: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        match = _STEM.fullmatch(soname)
        if match:
            prefix = match[1] + "."
            names = [name for name in self._index.sonames if name.startswith(prefix)]
            yield from ((name, self._index.sonames[name]) for name in sorted(names)[:_MAX_SUGGESTIONS])

    def _possible(self) -> Closure:
        """Return the closure of the roots that can be installed; the others become unsatisfied.

        One impossible root would make apt-get refuse all of them.
        """
        complete = self._closure(self._needs_of)
        while complete.unmet:
            reasons: defaultdict[PackageName, list[str]] = defaultdict(list)
            for unmet in complete.unmet:
                root = (*complete.chain_to(unmet.package), unmet.package)[0]
                reasons[root].append(f"{unmet.package} {unmet.why}")
            # One at a time: of two that exclude each other, the first by name goes, and the other may stay.
            worst = min(reasons)
            needs = self._needs_of.pop(worst)
            self._unsatisfied += (Unsatisfied(need, why) for need in needs for why in reasons[worst])
            complete = self._closure(self._needs_of)
        return complete

    def _result(self, complete: Closure) -> AptPlan:
        packages = tuple(
            sorted((self._planned(choice, complete) for choice in complete.chosen), key=lambda p: p.name)
        )
        roots = tuple(sorted(c.package.pin for c in complete.chosen if c.package.name in self._needs_of))
        return AptPlan(
            snapshot=self._index.snapshot,
            roots=roots,
            packages=packages,
            installed_bytes=sum(package.installed_bytes for package in packages),
            download_bytes=sum(package.download_bytes for package in packages),
            unsatisfied=tuple(sorted(set(self._unsatisfied), key=lambda u: (u.need, u.verdict))),
        )

    def _planned(self, choice: Chosen, complete: Closure) -> PlannedPackage:
        package = choice.package
        chain = complete.chain_to(package.name)
        # A package that supplies a need itself is there for that need, whoever else depends on it.
        start = package.name if package.name in self._needs_of else chain[0]
        steps = (start,) if start == package.name else chain
        return PlannedPackage(
            name=package.name,
            version=package.version,
            installed_bytes=package.installed_bytes,
            download_bytes=package.download_bytes,
            because=(*self._needs_of.get(start, [])[:1], *steps),
            is_root=package.name in self._needs_of,
            supplies=tuple(sorted(self._needs_of.get(package.name, ()))),
        )


def _native(records: Iterable[InstalledRecord], architecture: str) -> Iterator[InstalledRecord]:
    return (record for record in records if record.package.architecture in (architecture, "all", ""))
