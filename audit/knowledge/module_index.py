"""Which distribution is known to hold a module: a list read off real wheels, for suggestions only."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType

from fleet_audit.audit.model.identity import DistributionName

_NONE: "Modules" = MappingProxyType({})

MOST_HOLDERS = 5
"""How many distributions are named for one module."""


Modules = Mapping[str, tuple[DistributionName, ...]]
"""Distributions by the name of a module that they hold."""


class ModuleIndex(Modules):
    """The shipped list of modules and the distributions that hold them, read when it is first needed.

    It has top-level modules, and below namespace packages their portions. What it says are facts about wheels
    on the day that its first line states, never an answer to what an image or a service has.
    """

    def __init__(self, listed: Callable[[], Modules] = lambda: _NONE, before: Modules = _NONE) -> None:
        """Take what reads the list, which is asked whenever it is needed, and rows that come before it."""
        self._read = listed
        self._before = before

    def behind(self, rows: Modules) -> "ModuleIndex":
        """Return the same list with other rows before it."""
        return ModuleIndex(self._read, rows)

    def __getitem__(self, module: str) -> tuple[DistributionName, ...]:
        """Return the distributions that hold a module, the usual one first."""
        return self._before[module] if module in self._before else self._read()[module]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the modules."""
        return iter({**self._before, **self._read()})

    def __len__(self) -> int:
        """Return how many modules there are."""
        return len(self._before.keys() | self._read().keys())

    @property
    def distributions(self) -> tuple[DistributionName, ...]:
        """Return every distribution in the list, sorted."""
        return tuple(sorted({name for held in self.values() for name in held}))


def read_modules(file: Traversable) -> Modules:
    """Return what a file lists: lines of a module and its distributions; ``#`` begins a comment."""
    lines = file.read_text(encoding="utf-8").splitlines()
    rows = (line.split() for line in lines if not line.startswith("#"))
    return {row[0]: tuple(map(DistributionName, row[1 : MOST_HOLDERS + 1])) for row in rows if len(row) > 1}


def packaged_module_index() -> ModuleIndex:
    """Return the list that comes with fleet-audit."""
    return ModuleIndex(_packaged)


@cache
def _packaged() -> Modules:
    return read_modules(files("fleet_audit") / "rules" / "knowledge" / "modules.txt")
