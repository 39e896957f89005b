"""Writes a choice of packages down as a plan."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from fleet_audit.audit.apt.debian.packages import PackageTable
from fleet_audit.audit.apt.planning.universe import Universe
from fleet_audit.audit.model.apt import AptPlan, OtherPlan, PlannedPackage
from fleet_audit.audit.model.identity import PackageName

Chains = Mapping[str, Sequence[str]]
"""For each package the packages that lead to it, itself last; the first one supplies a need."""


def suppliers(options: Mapping[str, Sequence[str]], coming: frozenset[str]) -> dict[str, str]:
    """Return for each need the package to type for it: one of those that come and ship it.

    Where several do, one that is typed for another need anyway, else the first by name. A need of which no
    provider comes has none.
    """
    found: dict[str, str] = {}
    possible = {need: [name for name in names if name in coming] for need, names in options.items()}
    for need, names in sorted(possible.items(), key=lambda row: (len(row[1]), row[0])):
        if names:
            typed = [name for name in names if name in found.values()]
            found[need] = min(typed or names)
    return found


class Draft:
    """Plans of one image and one archive."""

    def __init__(self, table: PackageTable, universe: Universe) -> None:
        """Take the packages that may be planned."""
        self._table = table
        self._universe = universe

    def plan(
        self, coming: Iterable[str], typed: Mapping[str, str], steering: Sequence[str], chains: Chains
    ) -> AptPlan:
        """Return the plan in which `coming` come, `typed` (by need) and `steering` being what to type."""
        needs: defaultdict[str, list[str]] = defaultdict(list)
        for need, name in sorted(typed.items()):
            needs[name].append(need)
        packages = tuple(self._planned(name, needs, chains) for name in sorted(coming))
        return AptPlan(
            roots=self._pins({*needs, *steering}),
            packages=packages,
            installed_bytes=sum(package.installed_bytes for package in packages),
            download_bytes=sum(package.download_bytes for package in packages),
            steering=self._pins(steering),
        )

    def other(self, coming: Iterable[str], roots: Iterable[str], why_not: str) -> OtherPlan:
        """Return a plan that is not the one that is proposed."""
        names = sorted(coming)
        return OtherPlan(
            roots=self._pins(roots),
            packages=self._pins(names),
            installed_bytes=self.bytes_of(names),
            download_bytes=self.download_of(names),
            why_not=why_not,
        )

    def bytes_of(self, names: Iterable[str]) -> int:
        """Return by how much the image grows by all of these."""
        return sum(map(self._universe.growth, names))

    def download_of(self, names: Iterable[str]) -> int:
        """Return what is downloaded for all of these."""
        return sum(package.download_bytes for name in names if (package := self._table.get(name)))

    def _planned(self, name: str, needs: Mapping[str, Sequence[str]], chains: Chains) -> PlannedPackage:
        package = self._table.get(name)
        assert package is not None  # noqa: S101  (only what the table has can come)
        # A package that supplies a need itself is there for that need, whoever else depends on it.
        path = (name,) if name in needs else tuple(chains[name])
        replaced = self._universe.replaced(name)
        return PlannedPackage(
            name=PackageName(name),
            version=package.version,
            installed_bytes=self._universe.growth(name),
            download_bytes=package.download_bytes,
            because=(*needs.get(path[0], ())[:1], *path),
            is_root=name in needs,
            supplies=tuple(needs.get(name, ())),
            replaces="" if replaced is None else replaced.version,
        )

    def _pins(self, names: Iterable[str]) -> tuple[str, ...]:
        packages = [self._table.get(name) for name in sorted(names)]
        return tuple(package.pin for package in packages if package is not None)
