"""By which name an archive lists what is needed, and which of its packages ship it."""

import re
from collections.abc import Mapping
from typing import Protocol

from fleet_audit.audit.model.need import Need, NeedKind
from fleet_audit.audit.pipeline.needs.needs import Ask

_LISTED_FOLDERS = {
    NeedKind.PROGRAM: re.compile(r"/(?:usr/)?s?bin|/usr/games"),
    NeedKind.SONAME: re.compile(r"/(?:usr/)?lib(?:/[a-z0-9_]+-linux-[a-z0-9]+)?"),
}


def listed_name(kind: NeedKind, name: str) -> str:
    """Return the name by which the archive lists a program or library that is asked for by its path.

    A path outside the folders in which packages put such things stays as it is: no package ships it.
    """
    return name.rpartition("/")[2] if is_listed_place(kind, name) else name


def is_listed_place(kind: NeedKind, path: str) -> bool:
    """Say whether a path is one where packages put a library or program for everybody to find."""
    known = _LISTED_FOLDERS.get(kind)
    return known is not None and known.fullmatch(path.rpartition("/")[0]) is not None


class Shipping(Protocol):
    """What knows which packages ship which soname and program, by name."""

    @property
    def sonames(self) -> Mapping[str, tuple[str, ...]]:
        """Return the packages of each soname."""
        ...

    @property
    def programs(self) -> Mapping[str, tuple[str, ...]]:
        """Return the packages of each program."""
        ...


def shipping_packages(need: Need | Ask, index: Shipping | None) -> frozenset[str]:
    """Return the packages any of which supplies a library or program that is needed."""
    if index is None or need.kind not in _LISTED_FOLDERS:
        return frozenset()
    shipped = index.programs if need.kind is NeedKind.PROGRAM else index.sonames
    names = (listed_name(need.kind, name) for name in (need.name, *need.alternatives))
    return frozenset(package for name in names for package in shipped.get(name, ()))
