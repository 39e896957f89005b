"""Which packages came, went and moved, by their canonical URLs without versions."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from fleet_audit.audit.model.difference import Aspect, Change, Held, LicenceChange, PackageChange
from fleet_audit.audit.model.identity import Purl
from fleet_audit.audit.model.inventory import Component
from fleet_audit.audit.pipeline.comparing.side import OWN_ECOSYSTEMS, named
from fleet_audit.audit.pipeline.comparing.version_order import moved
from fleet_audit.audit.sbom.canonical import canonical_purl
from fleet_audit.audit.sbom.joining import is_installed
from fleet_audit.audit.sbom.reading import licence_parts

_ABI = "abi-version"


class Entry(NamedTuple):
    """All versions of one package that one side has."""

    name: str
    ecosystem: str
    within: str
    held: set[Held]
    origins: set[str]
    licences: set[str]


Entries = Mapping[str, Entry]


def aspect_of(component: Component) -> Aspect | None:
    """Return as what a component is compared; None for what is none of a package, a program or a library.

    What a package manager installed is a package; other URLs name programs that a file was taken for.
    """
    if component.bundled_in:
        return Aspect.BUNDLED
    if component.purl is None:
        return None
    if not is_installed(component.purl):
        return Aspect.PROGRAMS
    is_own = named(component.purl).ecosystem in OWN_ECOSYSTEMS
    return Aspect.PACKAGES if is_own else Aspect.OTHER_KINDS


def entries(components: Iterable[Component], aspects: Collection[Aspect]) -> Entries:
    """Return what of these aspects is among components, by key."""
    found: dict[str, Entry] = {}
    for component in components:
        if aspect_of(component) not in aspects:
            continue
        key, ecosystem, within, held = _identified(component)
        entry = found.setdefault(key, Entry(component.name, ecosystem, within, set(), set(), set()))
        entry.held.add(held)
        entry.origins.update({component.origin} - {""})
        # Some documents tell licences that hold together one by one, others as one expression.
        entry.licences.update(part for text in component.licenses for part in licence_parts(text))
    return found


def _identified(component: Component) -> tuple[str, str, str, Held]:
    if component.bundled_in:
        return _bundled(component)
    url = named(Purl(component.purl or ""))
    return url.key, url.ecosystem, "", Held(url.version, url.architecture)


def _bundled(component: Component) -> tuple[str, str, str, Held]:
    """Return what a bundled library is known by: what is around it, and its name.

    Where its release is not told, the number of its interface stands for it.
    """
    around = canonical_purl(component.bundled_in)
    within = component.bundled_in if around is None else named(around).key
    ecosystem = "" if component.purl is None else named(component.purl).ecosystem
    abi = dict(component.properties).get(_ABI, "")
    version = component.version or (f"interface {abi}" if abi else "")
    return f"{within}#{ecosystem}:{component.name}", ecosystem, within, Held(version)


def package_changes(before: Entries, after: Entries) -> tuple[PackageChange, ...]:
    """Return the packages that are not in the same versions on both sides, by key."""
    return tuple(
        _change(key, before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if _held(before.get(key)) != _held(after.get(key))
    )


def _held(entry: Entry | None) -> set[Held]:
    return set() if entry is None else entry.held


def _change(key: str, before: Entry | None, after: Entry | None) -> PackageChange:
    sides = [each for each in (before, after) if each is not None]
    old, new = _held(before) - _held(after), _held(after) - _held(before)
    return PackageChange(
        key=key,
        name=min(each.name for each in sides),
        ecosystem=sides[0].ecosystem,
        change=_direction(sides[0].ecosystem, old, new),
        before=tuple(sorted(old)),
        after=tuple(sorted(new)),
        kept=tuple(sorted(_held(before) & _held(after))),
        within=sides[0].within,
        origins_before=() if before is None else tuple(sorted(before.origins)),
        origins_after=() if after is None else tuple(sorted(after.origins)),
    )


def _direction(ecosystem: str, old: set[Held], new: set[Held]) -> Change:
    if not old:
        return Change.ADDED
    if not new:
        return Change.REMOVED
    return moved(ecosystem, (each.version for each in old), (each.version for each in new))


def licence_changes(before: Entries, after: Entries) -> tuple[LicenceChange, ...]:
    """Return the packages that both sides have, and of which they tell other licences, by key."""
    return tuple(_licence_changes(before, after))


def _licence_changes(before: Entries, after: Entries) -> Iterator[LicenceChange]:
    for key in sorted(before.keys() & after.keys()):
        old, new = before[key], after[key]
        if old.licences != new.licences:
            yield LicenceChange(
                key=key,
                name=min(old.name, new.name),
                ecosystem=old.ecosystem,
                before=tuple(sorted(old.licences)),
                after=tuple(sorted(new.licences)),
            )
