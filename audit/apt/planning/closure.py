"""What must be installed together with a set of packages, and why: chooses as apt does, proves nothing.

Dependencies are followed depth first in the order of the fields, Pre-Depends before Depends. Of
alternatives, one that is installed or already chosen counts; else the first that the archive can satisfy
without a conflict (Debian policy 7.1; apt's depcache). Recommends are not followed. An installed package is
upgraded where a dependency wants a newer version, or where a chosen package breaks the installed one, and
so are installed packages that such an upgrade would leave with an unmet dependency.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from fleet_audit.audit.apt.debian.packages import ArchivePackage, PackageTable, is_answered_by, is_provided
from fleet_audit.audit.apt.debian.relations import Clause, Relation, clause_text, parse_relations
from fleet_audit.audit.apt.debian.versions import compare_versions
from fleet_audit.audit.model.identity import PackageName


class Described(Protocol):
    """A package with its relationship fields as written, of an archive or of an installed state."""

    @property
    def name(self) -> PackageName: ...  # noqa: D102  (what a package's fields mean is deb-control(5)'s to say)
    @property
    def version(self) -> str: ...  # noqa: D102  (the same)
    @property
    def pre_depends(self) -> str: ...  # noqa: D102  (the same)
    @property
    def depends(self) -> str: ...  # noqa: D102  (the same)
    @property
    def provides(self) -> str: ...  # noqa: D102  (the same)
    @property
    def conflicts(self) -> str: ...  # noqa: D102  (the same)
    @property
    def breaks(self) -> str: ...  # noqa: D102  (the same)


class Reason(msgspec.Struct, frozen=True):
    """Why a package was chosen: `parent` asks for it by `clause`; a root has neither."""

    parent: PackageName | None = None
    clause: str = ""


class Chosen(msgspec.Struct, frozen=True):
    """One package of a closure; `is_upgrade` where another version of it is installed."""

    package: ArchivePackage
    reason: Reason
    is_upgrade: bool = False


class Unmet(msgspec.Struct, frozen=True):
    """What stands against the closure: a clause of `package` that cannot be met, or a conflict it has."""

    package: PackageName
    why: str


class Closure(msgspec.Struct, frozen=True):
    """The packages to install, roots first, in the order in which they were chosen."""

    chosen: tuple[Chosen, ...] = ()
    unmet: tuple[Unmet, ...] = ()

    @property
    def installed_bytes(self) -> int:
        """Return what the packages take once unpacked."""
        return sum(choice.package.installed_bytes for choice in self.chosen)

    @property
    def names(self) -> frozenset[PackageName]:
        """Return the names of the chosen packages."""
        return frozenset(choice.package.name for choice in self.chosen)

    def chain_to(self, name: PackageName) -> tuple[PackageName, ...]:
        """Return the packages that lead from a root to `name`, root first; empty where it was not chosen."""
        reasons: Mapping[PackageName, Reason] = {c.package.name: c.reason for c in self.chosen}
        chain: list[PackageName] = []
        at: PackageName | None = name
        while at is not None and at in reasons and at not in chain:
            chain.append(at)
            at = reasons[at].parent
        return tuple(reversed(chain))


def closure(
    table: PackageTable,
    roots: Sequence[PackageName],
    *,
    installed: Iterable[Described] = (),
    held: Collection[str] = (),
    upgrades_by_source: bool = False,
) -> Closure:
    """Return everything that installing `roots` adds to what is `installed`, or upgrades there.

    A root that is installed in the candidate's version adds nothing; one that the archive does not offer is
    unmet. The result holds no package twice; each dependency of each chosen package is met, and each
    conflict avoided, or it is listed as unmet. Of all `roots` it is known that they come before the first is
    followed; they are followed in their order, on which depends what alternatives find there.

    Installed packages that are `held` are never upgraded (apt-mark(8)). With `upgrades_by_source`, installed
    packages that were built from the same source as a chosen one are brought to the same version with it,
    as apt does from 2.6 on (APT::Get::Upgrade-By-Source-Package).
    """
    search = _Search(table, tuple(installed), frozenset(held), upgrades_by_source=upgrades_by_source)
    for name in dict.fromkeys(roots):
        search.add_root(name)
    search.follow()
    return Closure(tuple(search.chosen.values()), tuple(search.unmet()))


class _Search:
    """One closure while it grows; its stack is explicit, since chains in an archive can be deep."""

    def __init__(
        self,
        table: PackageTable,
        installed: Sequence[Described],
        held: frozenset[str],
        *,
        upgrades_by_source: bool,
    ) -> None:
        self.chosen: dict[PackageName, Chosen] = {}
        self._table = table
        self._present = _Present()
        self._installed = installed
        self._held = held
        self._unmet: dict[Unmet, None] = {}
        self._pending: list[tuple[PackageName, Clause]] = []
        self._fresh: list[ArchivePackage] = []
        for package in installed:
            self._present.add(package)
        self._siblings = self._outdated_by_source() if upgrades_by_source else {}

    def add_root(self, name: PackageName) -> None:
        candidate = self._table.get(name)
        version = self._present.version(name)
        if candidate is None:
            if version is None:
                self._unmet[Unmet(name, "is not in the archive")] = None
        elif self._may_come(candidate):
            self._choose(candidate, Reason())
        elif name in self._held:
            self._unmet[Unmet(name, f"is held at {version}, so {candidate.version} cannot come")] = None

    def follow(self) -> None:
        # Roots are all there before the first dependency is looked at, as for apt-get: they may answer it.
        for root in [choice.package for choice in self.chosen.values()]:
            self._pending.extend(reversed(_clauses(root)))
            self._drain()
        while self._repair():
            pass

    def unmet(self) -> Iterator[Unmet]:
        yield from self._unmet
        for choice in self.chosen.values():
            for text in self._present.conflicts_of(choice.package):
                yield Unmet(choice.package.name, text)
        # Only what replaces something can leave a dependency of others unmet that was met before.
        is_leaving = any(choice.is_upgrade for choice in self.chosen.values())
        for package in self._installed if is_leaving else ():
            broken = None if package.name in self.chosen else self._dependency_broken(package)
            if broken is not None and broken.parent is not None:
                yield Unmet(broken.parent, f"would be upgraded, but the installed {broken.clause}")

    def _drain(self) -> None:
        while self._pending or self._fresh:
            if self._fresh:
                self._bring_siblings(self._fresh.pop())
            else:
                self._meet(*self._pending.pop())

    def _outdated_by_source(self) -> Mapping[tuple[str, str], Sequence[ArchivePackage]]:
        found: defaultdict[tuple[str, str], list[ArchivePackage]] = defaultdict(list)
        for package in self._installed:
            candidate = self._table.get(package.name)
            if candidate is not None and self._may_come(candidate):
                found[candidate.built_from].append(candidate)
        return found

    def _bring_siblings(self, package: ArchivePackage) -> None:
        for sibling in self._siblings.get(package.built_from, ()):
            if self._may_come(sibling):
                source, version = sibling.built_from
                self._take(sibling, Reason(package.name, f"built from {source} {version} like it"))

    def _meet(self, parent: PackageName, clause: Clause) -> None:
        if self._present.meets(clause):
            return
        options = [p for relation in clause for p in self._table.satisfying(relation) if self._may_come(p)]
        peaceful = (p for p in options if not any(self._present.conflicts_of(p)))
        package = next(peaceful, options[0] if options else None)
        if package is None:
            held = [relation.name for relation in clause if relation.name in self._held]
            why = f"while {held[0]} is held" if held else "which the archive does not offer"
            self._unmet[Unmet(parent, f"depends on {clause_text(clause)}, {why}")] = None
        else:
            self._take(package, Reason(parent, clause_text(clause)))

    def _may_come(self, package: ArchivePackage) -> bool:
        version = self._present.version(package.name)
        if version is None:
            return True
        return package.name not in self._held and compare_versions(version, package.version) < 0

    def _take(self, package: ArchivePackage, reason: Reason) -> None:
        self._choose(package, reason)
        self._pending.extend(reversed(_clauses(package)))

    def _choose(self, package: ArchivePackage, reason: Reason) -> None:
        is_upgrade = self._present.version(package.name) is not None
        self.chosen[package.name] = Chosen(package, reason, is_upgrade)
        self._present.add(package)
        self._fresh.append(package)

    def _repair(self) -> bool:
        """Upgrade the installed packages that the choices so far would break; False where there are none."""
        before = len(self.chosen)
        for package in self._installed:
            candidate = self._table.get(package.name)
            if candidate is None or not self._may_come(candidate):
                continue
            reason = self._refused(package) or self._dependency_broken(package)
            if reason is not None:
                self._take(candidate, reason)
                self._drain()
        return len(self.chosen) > before

    def _refused(self, package: Described) -> Reason | None:
        for enemy, relation, field in self._present.enemies_of(package):
            if enemy in self.chosen:
                return Reason(enemy, f"{field}: {relation}")
        return None

    def _dependency_broken(self, package: Described) -> Reason | None:
        """Return the chosen package that leaves a dependency of an installed one unmet."""
        for parent, clause in _clauses(package):
            moved = next((relation.name for relation in clause if relation.name in self.chosen), None)
            if moved is not None and not self._present.meets(clause):
                return Reason(PackageName(moved), f"{parent} depends on {clause_text(clause)}")
        return None


class _Present:
    """The packages that are installed or chosen, and what they provide and refuse."""

    def __init__(self) -> None:
        self._packages: dict[str, Described] = {}
        self._provisions: defaultdict[str, list[tuple[Described, Relation]]] = defaultdict(list)
        self._refusals: defaultdict[str, list[tuple[Described, Relation, str]]] = defaultdict(list)

    def add(self, package: Described) -> None:
        self._packages[package.name] = package
        for provision in _relations(package.provides):
            self._provisions[provision.name].append((package, provision))
        for field, text in (("Conflicts", package.conflicts), ("Breaks", package.breaks)):
            for refusal in _relations(text):
                self._refusals[refusal.name].append((package, refusal, field))

    def version(self, name: str) -> str | None:
        package = self._packages.get(name)
        return None if package is None else package.version

    def meets(self, clause: Clause) -> bool:
        return any(True for relation in clause for _ in self._answering(relation))

    def conflicts_of(self, package: Described) -> Iterator[str]:
        """Yield why `package` and what is present exclude each other."""
        for field, text in (("Conflicts", package.conflicts), ("Breaks", package.breaks)):
            for refusal in _relations(text):
                for other in self._answering(refusal):
                    if other.name != package.name:
                        yield f"{_VERBS[field]} {refusal}, and {other.name} {other.version} is there"
        for enemy, relation, field in self.enemies_of(package):
            yield f"is refused by {enemy} ({field}: {relation})"

    def enemies_of(self, package: Described) -> Iterator[tuple[PackageName, Relation, str]]:
        """Yield the present packages that conflict with `package` or break it."""
        own = Relation(package.name, "=", package.version)
        for offer in (own, *_relations(package.provides)):
            for enemy, refusal, field in self._refusals.get(offer.name, ()):
                is_other = enemy.name != package.name and self._is_current(enemy)
                if is_other and is_provided(refusal, offer):
                    yield enemy.name, refusal, field

    def _answering(self, relation: Relation) -> Iterator[Described]:
        own = self._packages.get(relation.name)
        if own is not None and is_answered_by(relation, own.version):
            yield own
        for package, provision in self._provisions.get(relation.name, ()):
            if self._is_current(package) and is_provided(relation, provision):
                yield package

    def _is_current(self, package: Described) -> bool:
        return self._packages.get(package.name) is package


_VERBS = {"Conflicts": "conflicts with", "Breaks": "breaks"}


def _relations(field: str) -> Iterator[Relation]:
    return (clause[0] for clause in parse_relations(field)) if field else iter(())


def _clauses(package: Described) -> list[tuple[PackageName, Clause]]:
    fields = (package.pre_depends, package.depends)
    return [(package.name, clause) for field in fields for clause in parse_relations(field)]
