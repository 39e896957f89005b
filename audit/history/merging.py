"""What two histories say together."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from fleet_audit.audit.history.following import is_same
from fleet_audit.audit.model.lifecycle import Change, Lifecycle, LifecycleState, PastAudit

_WEIGHT = {LifecycleState.CLOSED: 0, LifecycleState.WAIVED: 1, LifecycleState.OPEN: 2}


def merged_audits(audits: Iterable[PastAudit]) -> tuple[PastAudit, ...]:
    """Return each audit once, in order; what two say differently of one is as the weaker of them says it."""
    together: dict[tuple[str, str], PastAudit] = {}
    for audit in audits:
        place = (audit.image, audit.at)
        together[place] = _weaker(together.get(place, audit), audit)
    return tuple(sorted(together.values()))


def _weaker(one: PastAudit, other: PastAudit) -> PastAudit:
    return PastAudit(one.image, one.at, max(one.digest, other.digest), one.is_complete and other.is_complete)


def merged_lifecycles(lifecycles: Iterable[Lifecycle], audits: Iterable[PastAudit]) -> tuple[Lifecycle, ...]:
    """Return each finding of each image once, by image and fingerprint.

    It was there whenever one of them has it so, at the latest when it was last seen; what a complete audit of
    its image later did not have is closed. Neither the order of histories nor saying one twice matters.
    """
    found: defaultdict[tuple[str, str], list[Lifecycle]] = defaultdict(list)
    for each in lifecycles:
        found[each.image, each.fingerprint].append(each)
    complete: defaultdict[str, list[str]] = defaultdict(list)
    for audit in sorted(audits):
        if audit.is_complete:
            complete[audit.image].append(audit.at)
    return tuple(_settled(_merged(same), complete[place[0]]) for place, same in sorted(found.items()))


def _merged(same: Sequence[Lifecycle]) -> Lifecycle:
    if len(same) == 1:
        return same[0]
    latest = max(same, key=lambda each: (each.last_seen, msgspec.structs.astuple(each)[2:8]))
    changes: list[Change] = []
    for at in sorted({at for each in same for at in (each.last_seen, *_times(each))}):
        change = max(_told(same, at), key=lambda each: (_WEIGHT[each.state], each.severity.rank))
        if not changes or not is_same(changes[-1], change):
            changes.append(msgspec.structs.replace(change, since=at))
    return msgspec.structs.replace(latest, changes=tuple(changes))


def _times(lifecycle: Lifecycle) -> list[str]:
    return [change.since for change in lifecycle.changes]


def _told(same: Sequence[Lifecycle], at: str) -> Iterator[Change]:
    """Yield what each says of a time: nothing of before it was first seen, or after it was last heard of."""
    for each in same:
        number = bisect_right(each.changes, at, key=lambda change: change.since)
        if number and (at <= each.last_seen or each.changes[number - 1].since == at):
            yield each.changes[number - 1]


def _settled(lifecycle: Lifecycle, complete: Sequence[str]) -> Lifecycle:
    later = next((at for at in complete if at > lifecycle.last_seen), None)
    if later is None or lifecycle.state is LifecycleState.CLOSED:
        return lifecycle
    change = Change(later, LifecycleState.CLOSED, lifecycle.severity)
    return msgspec.structs.replace(lifecycle, changes=(*lifecycle.changes, change))
