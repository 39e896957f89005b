"""Which of a service's own files are imported under the name of something that the image has."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import msgspec

from fleet_audit.audit.images.tree import FileTree, FileUnreadable
from fleet_audit.audit.model.identity import DistributionName, ImagePath, ModuleName
from fleet_audit.audit.model.imports import ImportContext, Level, Shadowing
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.static_imports.distributions.distributions import Distributions
from fleet_audit.audit.static_imports.reachability.nodes import location, node_name
from fleet_audit.audit.static_imports.reachability.reach import Reached
from fleet_audit.audit.static_imports.resolution.finder import Module, Place, Side

Find = Callable[[str], Module | None]

_LIMIT = 8 << 20


class Places(msgspec.Struct, frozen=True):
    """Where a name leads: on the service's whole search path, and on that of the image alone.

    `standard_library` are the folders that came with Python.
    """

    service: Find
    image: Find
    trees: Mapping[Side, FileTree]
    distributions: Distributions
    standard_library: Collection[ImagePath]


def shadowings(
    reached: Iterable[Reached], places: Places, first_party: Collection[str]
) -> tuple[Shadowing, ...]:
    """Return the own files that stand before a distribution or a module of Python, each with who imports it.

    None are: names in `first_party`, which the manifest claims; a file of the same contents; what was
    installed from a folder, as the service's own code is; a name that nothing imports.
    """
    modules = tuple(reached)
    names = {ModuleName(found.module.name.partition(".")[0]) for found in modules if _is_own(found)}
    hidden = {name: file for name in names - set(first_party) if (file := _hidden(name, places)) is not None}
    importers = _importers(modules, hidden)
    return tuple(_shadowing(name, hidden[name], importers[name]) for name in sorted(importers))


def _importers(
    reached: Iterable[Reached], names: Collection[ModuleName]
) -> dict[ModuleName, list[tuple[Reached, Level, int]]]:
    """Return who imports each of these top-level names, at which level and on which line."""
    importers: defaultdict[ModuleName, list[tuple[Reached, Level, int]]] = defaultdict(list)
    for found in reached if names else ():
        for link in () if found.expansion is None else found.expansion.links:
            top = ModuleName(link.target.partition(".")[0])
            if top in names and link.context is not ImportContext.TYPING:
                importers[top].append((found, max(found.level, link.level), link.line))
    return importers


class _Hidden(msgspec.Struct, frozen=True):
    """An own file, and the image's file that its name would mean otherwise; Python's own have no `owner`."""

    own: Place
    other: Place
    owner: DistributionName | None


def _hidden(name: ModuleName, places: Places) -> _Hidden | None:
    """Return what an own file of this name hides; None where nothing is hidden."""
    own, other = places.service(name), places.image(name)
    if own is None or own.file is None or own.file.side is not Side.SOURCES:
        return None
    if other is None or other.file is None or _has_same_contents(own.file, other.file, places.trees):
        return None
    owner = places.distributions.owner(other.file.path)
    is_standard = any(other.file.path.startswith(f"{folder}/") for folder in places.standard_library)
    if owner is None and not is_standard:
        return None
    is_own_code = owner is not None and places.distributions.is_from_folder(owner)
    return None if is_own_code else _Hidden(own.file, other.file, owner)


def _has_same_contents(one: Place, other: Place, trees: Mapping[Side, FileTree]) -> bool:
    try:
        bodies = [trees[place.side].read(place.path, limit=_LIMIT) for place in (one, other)]
    except FileUnreadable:
        return False
    return bodies[0] == bodies[1]


def _shadowing(name: ModuleName, hidden: _Hidden, importers: list[tuple[Reached, Level, int]]) -> Shadowing:
    return Shadowing(
        module=name,
        file=SourceLocation(hidden.own.path.removeprefix("/")),
        shadowed=hidden.other.path,
        level=min(level for _, level, _ in importers),
        distribution=hidden.owner,
        locations=tuple(sorted(set(_own_lines(importers)))),
        wanted_by=tuple(sorted({node_name(f.module) for f, _, _ in importers if not _is_own(f)})),
    )


def _own_lines(importers: list[tuple[Reached, Level, int]]) -> Iterator[SourceLocation]:
    for found, _, line in importers:
        where = location(found.module.file, line) if found.module.file is not None else None
        shown = where if isinstance(where, SourceLocation) else found.own_line
        if shown is not None:
            yield shown


def _is_own(found: Reached) -> bool:
    return found.module.file is not None and found.module.file.side is Side.SOURCES
