"""The tables of needed and defined symbol versions (LSB Core, Symbol Versioning)."""

from collections.abc import Callable

from fleet_audit.audit.ldd.layout import VER_FLG_BASE, VER_FLG_WEAK, Layout
from fleet_audit.audit.ldd.window import Damaged, Window
from fleet_audit.audit.model.elf import VersionNeed
from fleet_audit.audit.model.identity import Soname

MAX_VERSIONS = 4_096
INDEX_MASK = 0x7FFF
"""The rest of an entry of DT_VERSYM says that the version is hidden: no default."""

_NEEDED = "the table of needed versions"
_DEFINED = "the table of defined versions"


def version_needs(
    window: Window, start: int, count: int, layout: Layout, string: Callable[[int], str]
) -> tuple[VersionNeed, ...]:
    """Return DT_VERNEED, `count` entries at file offset `start`; raise `Damaged` where it misleads.

    A link of zero ends a chain before its count does, as in the loader (elf/dl-version.c).
    """
    found: list[VersionNeed] = []
    left = MAX_VERSIONS
    for _ in range(count):
        _, names, file, first, following = window.unpack(layout.version_need, start, _NEEDED)
        left -= names + 1
        if left < 0:
            raise Damaged(f"{_NEEDED} has over {MAX_VERSIONS} entries")
        versions, weak = _needed_names(window, start + first, names, layout, string)
        found.append(VersionNeed(Soname(string(file)), versions, weak))
        if following == 0:
            break
        start += following
    return tuple(found)


def _needed_names(
    window: Window, at: int, count: int, layout: Layout, string: Callable[[int], str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of one entry that are not weak, and those that are."""
    names: list[str] = []
    weak: list[str] = []
    for _ in range(count):
        _, flags, _, name, following = window.unpack(layout.version_need_aux, at, _NEEDED)
        (weak if flags & VER_FLG_WEAK else names).append(string(name))
        if following == 0:
            break
        at += following
    return tuple(names), tuple(weak)


def version_definitions(
    window: Window, start: int, count: int, layout: Layout, string: Callable[[int], str]
) -> tuple[str, ...]:
    """Return the names in DT_VERDEF, the base definition among them: the loader compares it too."""
    if count > MAX_VERSIONS:
        raise Damaged(f"{_DEFINED} has over {MAX_VERSIONS} entries")
    names: list[str] = []
    for _ in range(count):
        *_, first, following = window.unpack(layout.version_definition, start, _DEFINED)
        name, _ = window.unpack(layout.version_definition_aux, start + first, _DEFINED)
        names.append(string(name))
        if following == 0:
            break
        start += following
    return tuple(names)


def needed_by_index(
    window: Window, start: int, count: int, layout: Layout, string: Callable[[int], str]
) -> dict[int, str]:
    """Return the needed versions by the index that DT_VERSYM gives them (``vna_other``)."""
    found: dict[int, str] = {}
    for _ in range(min(count, MAX_VERSIONS)):
        _, names, _, first, following = layout.version_need.unpack(
            window.at(start, layout.version_need.size, _NEEDED)
        )
        at = start + first
        for _ in range(min(names, MAX_VERSIONS - len(found))):
            raw = window.at(at, layout.version_need_aux.size, _NEEDED)
            _, _, index, name, more = layout.version_need_aux.unpack(raw)
            found[index & INDEX_MASK] = string(name)
            if more == 0:
                break
            at += more
        if following == 0:
            break
        start += following
    return found


def defined_by_index(
    window: Window, start: int, count: int, layout: Layout, string: Callable[[int], str]
) -> dict[int, str]:
    """Return the defined versions by their index in DT_VERSYM, without the base definition.

    The loader gives the base definition no name, so that it answers every version (elf/dl-version.c).
    """
    found: dict[int, str] = {}
    for _ in range(min(count, MAX_VERSIONS)):
        raw = window.at(start, layout.version_definition.size, _DEFINED)
        _, flags, index, *_, first, following = layout.version_definition.unpack(raw)
        if not flags & VER_FLG_BASE:
            aux = window.at(start + first, layout.version_definition_aux.size, _DEFINED)
            found[index & INDEX_MASK] = string(layout.version_definition_aux.unpack(aux)[0])
        if following == 0:
            break
        start += following
    return found
