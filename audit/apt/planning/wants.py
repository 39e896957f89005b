"""Which packages of an archive supply what is missing, and what to say where none does."""

import re
from collections.abc import Collection, Iterator, Mapping

import msgspec

from fleet_audit.audit.apt.archive.index import ArchiveIndex
from fleet_audit.audit.apt.planning.universe import Universe
from fleet_audit.audit.model.need import NeedKind

_STEM = re.compile(r"(.+?\.so)(?:\..*)?")
_MAX_SUGGESTIONS = 3


class Wanted(msgspec.Struct, frozen=True):
    """One thing that is missing: `need` as people type it (``so:libGL.so.1``), `kind` SONAME or PROGRAM.

    Any of `alternatives` would do as well as `name`.
    """

    need: str
    kind: NeedKind
    name: str
    alternatives: tuple[str, ...] = ()


class Providers:
    """Finds the packages that ship what is wanted."""

    def __init__(
        self, index: ArchiveIndex, prefer: Mapping[str, str], avoid: Mapping[str, Collection[str]]
    ) -> None:
        """Take which package `prefer` names for a need, and which ones to `avoid` for it."""
        self._index = index
        self._prefer = prefer
        self._avoid = avoid

    def of(self, item: Wanted) -> tuple[str, ...]:
        """Return the packages that ship it, in order of names.

        The one that is preferred stands alone; those to avoid are left out where there are others.
        """
        preferred = self._prefer.get(item.need, "")
        if self._index.packages.get(preferred) is not None:
            return (preferred,)
        shipped = self._index.sonames if item.kind is NeedKind.SONAME else self._index.programs
        names = {package for name in (item.name, *item.alternatives) for package in shipped.get(name, ())}
        offered = sorted(name for name in names if self._index.packages.get(name) is not None)
        avoided = self._avoid.get(item.need, ())
        return tuple([name for name in offered if name not in avoided] or offered)

    def absence(self, item: Wanted, offered: tuple[str, ...], universe: Universe) -> str:
        """Return why none of the packages `offered` supplies it."""
        for name in offered:
            replaced = universe.replaced(name)
            refusal = universe.refusal(name)
            # What is installed is no older than what the archive has, and still the image lacks what it
            # ships: files were removed, or the other version never had them.
            if replaced is not None and refusal.startswith("is installed"):
                return f"{name} {replaced.version} is installed and should ship it, yet the image lacks it"
        if offered:
            return "; ".join(f"{name} {universe.refusal(name)}" for name in offered)
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
