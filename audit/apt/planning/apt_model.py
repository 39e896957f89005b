"""What apt-get would install on an image, told to install some packages."""

from collections.abc import Iterable, Iterator, Sequence

from fleet_audit.audit.apt.debian.packages import PackageTable
from fleet_audit.audit.apt.debian.versions import satisfies
from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.apt.planning.closure import Closure, closure
from fleet_audit.audit.apt.planning.universe import Universe
from fleet_audit.audit.model.identity import PackageName

_BY_SOURCE = "2.6"
"""From this version on apt upgrades what was built from the same source along with what it installs."""

_AS_TYPED = "2.5.3"
"""From this version on apt follows what is typed in that order (its changelog); before, in the order in which
the names first occur in its cache: any order, for those who do not have the cache."""


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
        self._asked: dict[Sequence[str], Closure] = {}
        apt = universe.replaced("apt")
        self._follows_as_typed = apt is None or satisfies(apt.version, ">=", _AS_TYPED)
        self.upgrades_by_source = apt is not None and satisfies(apt.version, ">=", _BY_SOURCE)

    def closure(self, names: Iterable[str]) -> Closure:
        """Return everything that comes when `names` are typed, in the order of the alphabet."""
        return self._closure(tuple(sorted(set(names))))

    def follow(self, names: Iterable[str]) -> frozenset[str] | None:
        """Return the packages that come when `names` are typed; None where that cannot or must not be.

        None as well where what comes depends on which of them is followed first, and this apt does not say.
        """
        typed = sorted(set(names))
        come = self._coming(tuple(typed))
        return come if come is not None and self.brings(typed, come) else None

    def brings(self, names: Iterable[str], planned: frozenset[str]) -> bool:
        """Say whether exactly `planned` comes when `names` are typed, whichever of them is followed first."""
        return all(self._coming(order) == planned for order in self._orders(sorted(set(names))))

    def _orders(self, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
        yield tuple(names)
        if not self._follows_as_typed:
            # What follows first finds least there: whatever can differ does so with one of these.
            for first in names:
                yield (first, *(name for name in names if name != first))

    def _coming(self, order: Sequence[str]) -> frozenset[str] | None:
        found = self._closure(order)
        come = frozenset(map(str, found.names))
        is_allowed = all(self._universe.candidate(name) is not None for name in come)
        return come if is_allowed and not found.unmet else None

    def _closure(self, order: Sequence[str]) -> Closure:
        if order not in self._asked:
            self._asked[order] = closure(
                self._table,
                [PackageName(name) for name in order],
                installed=self._installed,
                held=self._held,
                upgrades_by_source=self.upgrades_by_source,
            )
        return self._asked[order]
