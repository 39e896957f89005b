"""Makes one difference of two sides: what both tell is compared, and what one of them cannot is named."""

from collections.abc import Collection, Iterable, Iterator

import msgspec

from fleet_audit.audit.model.difference import (
    Aspect,
    ComparedSide,
    DiffReport,
    NotCompared,
)
from fleet_audit.audit.model.identity import Digest
from fleet_audit.audit.model.inventory import Component
from fleet_audit.audit.pipeline.comparing.facts import (
    advisory_changes,
    finding_changes,
    layer_changes,
    need_changes,
    setting_changes,
    size_changes,
    soname_changes,
    total_changes,
)
from fleet_audit.audit.pipeline.comparing.packages import (
    aspect_of,
    entries,
    licence_changes,
    package_changes,
)
from fleet_audit.audit.pipeline.comparing.side import Side
from fleet_audit.audit.sbom.joining import package_set_of

_LISTED = (Aspect.PACKAGES, Aspect.OTHER_KINDS, Aspect.PROGRAMS)
"""What stands in one list of packages, as far as both sides tell it."""

_INSTALLED = (Aspect.PACKAGES, Aspect.OTHER_KINDS)
_OTHER_LIST = "another tool listed what no package manager installed, each has its own way to do so"


def compared(before: Side, after: Side) -> DiffReport:
    """Return how B differs from A, in all that both of them tell.

    The verdict is `incomplete` where a side could not be examined as a whole, and never `fail`: which of two
    things is the better one is not known here.
    """
    untold = {each.aspect: each for each in _untold(before, after)}
    told = frozenset(aspect for aspect in Aspect if aspect not in untold)
    listed = told.intersection(_LISTED)
    old, new = entries(before.components, listed), entries(after.components, listed)
    bundled = told.intersection({Aspect.BUNDLED})
    shared, layers = layer_changes(before.layers, after.layers) if Aspect.LAYERS in told else (0, ())
    changed = package_changes(old, new)
    first, second = _package_sets(before, after, told)
    return DiffReport(
        subject=f"{before.subject.name} → {after.subject.name}",
        gaps=(*before.subject.gaps, *after.subject.gaps),
        notes=tuple(_notes(before, after)),
        before=_side(before, first, told),
        after=_side(after, second, told),
        compared=tuple(aspect for aspect in Aspect if aspect in told),
        not_compared=(*(untold[aspect] for aspect in Aspect if aspect in untold), *_groups(before, after)),
        same_packages=len(old.keys() | new.keys()) - len(changed),
        shared_layers=shared,
        packages=changed,
        bundled=package_changes(entries(before.components, bundled), entries(after.components, bundled)),
        licences=licence_changes(old, new) if Aspect.LICENCES in told else (),
        sonames=tuple(soname_changes(before, after)) if Aspect.SONAMES in told else (),
        needs=tuple(need_changes(before.needs, after.needs)) if Aspect.NEEDS in told else (),
        findings_changed=tuple(finding_changes(before.findings, after.findings))
        if Aspect.FINDINGS in told
        else (),
        advisories=tuple(advisory_changes(before.advisories, after.advisories))
        if Aspect.ADVISORIES in told
        else (),
        settings=tuple(setting_changes(before.settings, after.settings)),
        totals=tuple(total_changes(before.totals, after.totals)),
        package_sizes=size_changes(before.package_bytes, after.package_bytes)
        if Aspect.PACKAGE_SIZES in told
        else (),
        layers=layers,
    )


def _untold(before: Side, after: Side) -> Iterator[NotCompared]:
    """Yield what one side at least cannot tell, or tells in another way than the other side."""
    for aspect in Aspect:
        first, second = before.silent.get(aspect, ""), after.silent.get(aspect, "")
        if aspect is Aspect.PROGRAMS and not (first or second):
            if before.has_own_readers != after.has_own_readers or _tools(before) != _tools(after):
                yield NotCompared(aspect, _OTHER_LIST, _OTHER_LIST)
        elif aspect is Aspect.FINDINGS and not (first or second):
            if before.judged_by != after.judged_by:
                yield NotCompared(aspect, f"those of {before.judged_by}", f"those of {after.judged_by}")
        elif first or second:
            yield NotCompared(aspect, first, second)


def _tools(side: Side) -> set[str]:
    return {tool.name for tool in side.subject.tools}


def _groups(before: Side, after: Side) -> Iterator[NotCompared]:
    """Yield the settings that only one side tells, where both tell some."""
    if before.settings and after.settings:
        for group in sorted(before.settings.keys() ^ after.settings.keys()):
            first = "" if group in before.settings else "does not tell it"
            second = "" if group in after.settings else "does not tell it"
            yield NotCompared(group, first, second)


def _package_sets(before: Side, after: Side, told: Collection[Aspect]) -> tuple[Digest | None, Digest | None]:
    """Return by what the packages of each side are known; None where that would not be comparable."""
    if Aspect.PACKAGES in told:
        wanted = [each for each in _INSTALLED if each in told]
        first, second = (package_set_of(_of(side.components, wanted)) for side in (before, after))
    elif before.own_package_set is not None and after.own_package_set is not None:
        first, second = before.own_package_set, after.own_package_set
    else:
        return None, None
    return first if before.is_whole else None, second if after.is_whole else None


def _side(side: Side, package_set: Digest | None, told: Collection[Aspect]) -> ComparedSide:
    wanted = [each for each in _INSTALLED if each in told]
    number = len({each.purl for each in _of(side.components, wanted)})
    return msgspec.structs.replace(side.subject, packages=number, package_set=package_set)


def _of(components: Iterable[Component], aspects: Collection[Aspect]) -> Iterator[Component]:
    return (each for each in components if aspect_of(each) in aspects)


def _notes(before: Side, after: Side) -> Iterator[str]:
    for letter, side in (("A", before), ("B", after)):
        yield from (f"{letter}: {note}" for note in side.notes)
    for letter, side in (("A", before), ("B", after)):
        if not side.is_whole:
            yield f"{letter} could not be read as a whole: what it seems not to have may well be there"
    first, second = before.scanners, after.scanners
    if first and second and first != second:
        yield (
            f"packages of A were listed by {', '.join(first)}, those of B by {', '.join(second)}: "
            "what only one of them looks for, or names in its own way, seems to have come or gone"
        )
