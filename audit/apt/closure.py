"""What must be installed together with a set of packages, and why: chooses as apt does, proves nothing.

Dependencies are followed depth first in the order of the fields, Pre-Depends before Depends. Of
alternatives, one that is installed or already chosen counts; else the first that the archive can satisfy
(apt's depcache; Debian policy 7.1). Recommends are not followed.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from fleet_audit.audit.apt.packages import (
    ArchivePackage,
    PackageTable,
    is_answered_by,
    is_provided,
)
from fleet_audit.audit.apt.relations import Clause, Relation, clause_text, parse_relations
from fleet_audit.audit.model.identity import PackageName


class Described(Protocol):
    """A package with its relationship fields, of an archive or of an installed state."""

    @property
    def name(self) -> PackageName:
        """Return the package's name."""
        ...

    @property
    def version(self) -> str:
        """Return the package's version."""
        ...

    @property
    def provides(self) -> str:
        """Return the field Provides as written."""
        ...


class Reason(msgspec.Struct, frozen=True):
    """Why a package was chosen: `parent` depends on it through `clause`; a root has neither."""

    parent: PackageName | None = None
    clause: str = ""


class Chosen(msgspec.Struct, frozen=True):
    """One package of a closure; `replaces_installed` holds where it upgrades an installed version."""

    package: ArchivePackage
    reason: Reason
    replaces_installed: bool = False


class UnmetDependency(msgspec.Struct, frozen=True):
    """A clause of `package` that nothing installed, chosen or offered satisfies."""

    package: PackageName
    clause: str


class Closure(msgspec.Struct, frozen=True):
    """The packages to install, roots first, in the order in which they were chosen."""

    chosen: tuple[Chosen, ...] = ()
    unmet: tuple[UnmetDependency, ...] = ()

    @property
    def installed_bytes(self) -> int:
        """Return what the packages take once unpacked."""
        return sum(choice.package.installed_bytes for choice in self.chosen)

    @property
    def names(self) -> frozenset[PackageName]:
        """Return the names of the chosen packages."""
        return frozenset(choice.package.name for choice in self.chosen)


def closure(
    table: PackageTable, roots: Sequence[PackageName], *, installed: Iterable[Described] = ()
) -> Closure:
    """Return everything that installing `roots` adds to what is `installed`.

    A root that is installed already adds nothing; one that the archive does not offer is unmet. The result
    holds no package twice, and each dependency of each chosen package is met or listed as unmet.
    """
    search = _Search(table, installed)
    for name in roots:
        search.add_root(name)
    search.follow()
    return Closure(tuple(search.chosen.values()), tuple(search.unmet))


class _Search:
    """One closure while it grows; explicit stack, since chains of an archive can be deep."""

    def __init__(self, table: PackageTable, installed: Iterable[Described]) -> None:
        self.table = table
        self.chosen: dict[str, Chosen] = {}
        self.unmet: list[UnmetDependency] = []
        self._present: dict[str, str] = {}
        self._provisions: dict[str, list[tuple[str, Relation]]] = {}
        self._pending: list[tuple[PackageName, Clause]] = []
        for package in installed:
            self._make_present(package)

    def add_root(self, name: PackageName) -> None:
        package = self.table.get(name)
        if name in self._present or name in self.chosen:
            return
        if package is None:
            self.unmet.append(UnmetDependency(name, name))
        else:
            self._choose(package, Reason())

    def follow(self) -> None:
        roots = [choice.package for choice in self.chosen.values()]
        for root in roots:
            self._pending.extend(reversed(_clauses(root)))
            while self._pending:
                self._meet(*self._pending.pop())

    def _meet(self, parent: PackageName, clause: Clause) -> None:
        if any(self._is_met(relation) for relation in clause):
            return
        package = next((p for relation in clause for p in self.table.satisfying(relation)), None)
        if package is None:
            self.unmet.append(UnmetDependency(parent, clause_text(clause)))
            return
        self._choose(package, Reason(parent, clause_text(clause)))
        self._pending.extend(reversed(_clauses(package)))

    def _choose(self, package: ArchivePackage, reason: Reason) -> None:
        self.chosen[package.name] = Chosen(package, reason, package.name in self._present)
        self._make_present(package)

    def _make_present(self, package: Described) -> None:
        self._present[package.name] = package.version
        for clause in parse_relations(package.provides):
            self._provisions.setdefault(clause[0].name, []).append((package.name, clause[0]))

    def _is_met(self, relation: Relation) -> bool:
        version = self._present.get(relation.name)
        if version is not None and is_answered_by(relation, version):
            return True
        return any(
            is_provided(relation, provision) for _, provision in self._provisions.get(relation.name, ())
        )


def _clauses(package: ArchivePackage) -> list[tuple[PackageName, Clause]]:
    fields = (package.pre_depends, package.depends)
    return [(package.name, clause) for field in fields for clause in parse_relations(field)]


def chain_to(closure: Closure, name: PackageName) -> tuple[Chosen, ...]:
    """Return the choices that lead from a root to `name`, root first; empty where it was not chosen."""
    by_name: Mapping[str, Chosen] = {choice.package.name: choice for choice in closure.chosen}
    chain: list[Chosen] = []
    at: PackageName | None = name
    while at is not None and at in by_name and len(chain) <= len(by_name):
        chain.append(by_name[at])
        at = by_name[at].reason.parent
    return tuple(reversed(chain))
