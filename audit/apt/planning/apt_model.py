"""What apt-get would install on an image, told to install some packages."""

from collections.abc import Iterable

from fleet_audit.audit.apt.debian.packages import PackageTable
from fleet_audit.audit.apt.debian.versions import satisfies
from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.apt.planning.closure import Closure, closure
from fleet_audit.audit.apt.planning.universe import Universe
from fleet_audit.audit.model.identity import PackageName

_BY_SOURCE = "2.6"
"""From this version on apt upgrades what was built from the same source along with what it installs."""


class Apt:
    """The apt of one image, with one archive; what it was asked once, it is not asked again."""

    def __init__(self, table: PackageTable, universe: Universe, state: InstalledState) -> None:
        """Take what the archive offers, and what is installed."""
        self._table = table
        self._universe = universe
        # A program of another architecture serves all where it is ``Multi-Arch: foreign``.
        self._installed = tuple(
            record
            for record in state.records
            if (native := universe.replaced(record.name)) is record
            or (native is None and record.multi_arch == "foreign")
        )
        self._held = frozenset(record.name for record in self._installed if record.is_held)
        self._asked: dict[frozenset[str], Closure] = {}
        apt = universe.replaced("apt")
        self.upgrades_by_source = apt is not None and satisfies(apt.version, ">=", _BY_SOURCE)

    def closure(self, names: Iterable[str]) -> Closure:
        """Return everything that comes when `names` are typed."""
        key = frozenset(names)
        if key not in self._asked:
            self._asked[key] = closure(
                self._table,
                [PackageName(name) for name in sorted(key)],
                installed=self._installed,
                held=self._held,
                upgrades_by_source=self.upgrades_by_source,
            )
        return self._asked[key]

    def follow(self, names: Iterable[str]) -> frozenset[str] | None:
        """Return the packages that come when `names` are typed; None where that cannot or must not be."""
        found = self.closure(names)
        come = frozenset(map(str, found.names))
        is_allowed = all(self._universe.candidate(name) is not None for name in come)
        return come if is_allowed and not found.unmet else None
