"""How libraries, settings, needs, findings, sizes and layers of two sides differ."""

from collections.abc import Iterator, Mapping, Sequence

from fleet_audit.audit.model.difference import (
    AdvisoryChange,
    AdvisoryState,
    Change,
    FindingChange,
    FindingState,
    LayerChange,
    NeedChange,
    NeedState,
    SettingChange,
    SizeChange,
    SonameChange,
)
from fleet_audit.audit.model.inspection import LayerSize
from fleet_audit.audit.pipeline.comparing.side import Provided, Setting, Settings, Side

_MAX_ASKING = 5
"""Files that ask for a soname, of which as many are named."""

_LOST = ("missing", "not-available")
"""What tells these two apart is whether an archive was asked, and not what the image holds."""


def soname_changes(before: Side, after: Side) -> Iterator[SonameChange]:
    """Yield the sonames that only one side provides, or with other symbol versions, by name."""
    for soname in sorted(before.sonames.keys() | after.sonames.keys()):
        old, new = before.sonames.get(soname), after.sonames.get(soname)
        if old is None and new is not None:
            yield _one_sided(soname, Change.ADDED, new, before.asked)
        elif new is None and old is not None:
            yield _one_sided(soname, Change.REMOVED, old, after.asked)
        elif old is not None and new is not None and set(old.versions) != set(new.versions):
            yield SonameChange(
                soname,
                Change.CHANGED,
                before=old.files,
                after=new.files,
                versions_before=tuple(sorted(set(old.versions) - set(new.versions))),
                versions_after=tuple(sorted(set(new.versions) - set(old.versions))),
            )


def _one_sided(
    soname: str, change: Change, provided: Provided, asked: Mapping[str, tuple[str, ...]]
) -> SonameChange:
    is_new = change is Change.ADDED
    return SonameChange(
        soname,
        change,
        before=() if is_new else provided.files,
        after=provided.files if is_new else (),
        versions_before=() if is_new else provided.versions,
        versions_after=provided.versions if is_new else (),
        asked_by=tuple(sorted(asked.get(soname, ())))[:_MAX_ASKING],
    )


def setting_changes(before: Settings, after: Settings) -> Iterator[SettingChange]:
    """Yield the settings that differ, of groups that both sides tell."""
    for group in sorted(before.keys() & after.keys()):
        old, new = before[group], after[group]
        for name in sorted(old.keys() | new.keys()):
            first, second = old.get(name), new.get(name)
            if first is None or second is None or not first.is_same(second):
                yield SettingChange(group, name, _shown(first), _shown(second))


def _shown(setting: Setting | None) -> str | None:
    return None if setting is None else setting.shown


def need_changes(before: Sequence[NeedState], after: Sequence[NeedState]) -> Iterator[NeedChange]:
    """Yield the needs that only one side has, or that are met otherwise or as badly wanted as not before."""
    old = {(need.kind, need.name): need for need in before}
    new = {(need.kind, need.name): need for need in after}
    for kind, name in sorted(old.keys() | new.keys()):
        first, second = old.get((kind, name)), new.get((kind, name))
        if _standing(first) != _standing(second):
            yield NeedChange(kind, name, first, second)


def _standing(need: NeedState | None) -> tuple[str, str] | None:
    if need is None:
        return None
    return need.tier, _LOST[0] if need.status in _LOST else need.status


def finding_changes(before: Sequence[FindingState], after: Sequence[FindingState]) -> Iterator[FindingChange]:
    """Yield the findings that only one side has, or that it waives or grades otherwise, by rule."""
    old = {finding.fingerprint: finding for finding in before}
    new = {finding.fingerprint: finding for finding in after}
    changes = []
    for fingerprint in old.keys() | new.keys():
        first, second = old.get(fingerprint), new.get(fingerprint)
        if _grade(first) != _grade(second):
            changes.append(FindingChange(first, second))
    yield from sorted(changes, key=_finding_order)


def _grade(finding: FindingState | None) -> tuple[str, bool] | None:
    return None if finding is None else (finding.severity, finding.waived)


def _finding_order(change: FindingChange) -> tuple[str, str, str]:
    sides = (each for each in (change.before, change.after) if each is not None)
    return min((each.rule, each.subject, each.fingerprint) for each in sides)


def advisory_changes(
    before: Sequence[AdvisoryState], after: Sequence[AdvisoryState]
) -> Iterator[AdvisoryChange]:
    """Yield the advisories that only one side has, or that stand otherwise there, by number and package."""
    old = {(each.id, each.ecosystem, each.package): each for each in before}
    new = {(each.id, each.ecosystem, each.package): each for each in after}
    for key in sorted(old.keys() | new.keys()):
        first, second = old.get(key), new.get(key)
        if _weight(first) != _weight(second):
            yield AdvisoryChange(first, second)


def _weight(advisory: AdvisoryState | None) -> tuple[str, bool, str, bool | None] | None:
    """Return how an advisory stands; which version mends it is of the archive, and not of the image."""
    if advisory is None:
        return None
    return advisory.severity, bool(advisory.fixed_in), advisory.reach, advisory.exploited


def total_changes(before: Mapping[str, int], after: Mapping[str, int]) -> Iterator[SizeChange]:
    """Yield the sizes that both sides tell, whether or not they differ."""
    for what in sorted(before.keys() & after.keys()):
        yield SizeChange(what, before[what], after[what])


def size_changes(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[SizeChange, ...]:
    """Return what has not the same size on both sides, the greatest difference first."""
    changes = [
        SizeChange(what, before.get(what), after.get(what))
        for what in before.keys() | after.keys()
        if before.get(what) != after.get(what)
    ]
    return tuple(sorted(changes, key=lambda change: (-abs(change.growth), change.what)))


def layer_changes(
    before: Sequence[LayerSize], after: Sequence[LayerSize]
) -> tuple[int, tuple[LayerChange, ...]]:
    """Return how many layers both have, and those of one side: A's from the lowest up, then B's.

    A layer is known by its diffID, wherever it lies.
    """
    old, new = {layer.diff_id for layer in before}, {layer.diff_id for layer in after}
    changes = (
        *(_layer(layer, is_added=False) for layer in before if layer.diff_id not in new),
        *(_layer(layer, is_added=True) for layer in after if layer.diff_id not in old),
    )
    return len(old & new), changes


def _layer(layer: LayerSize, *, is_added: bool) -> LayerChange:
    return LayerChange(
        layer.diff_id,
        is_added,
        layer.stored_bytes,
        layer.unpacked_bytes if layer.unpacked_bytes >= 0 else None,
        layer.created_by,
    )
