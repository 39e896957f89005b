"""What one more audit means for the findings of its image."""

from collections.abc import Mapping

import msgspec

from fleet_audit.audit.model.lifecycle import (
    AuditRecord,
    Change,
    Lifecycle,
    LifecycleState,
    Recorded,
    Sighting,
)


class Following(msgspec.Struct, frozen=True):
    """What has to be written: lifecycles that are new or different, and fingerprints of those to drop."""

    written: tuple[Lifecycle, ...]
    dropped: tuple[str, ...]
    recorded: Recorded


def followed(known: Mapping[str, Lifecycle], audit: AuditRecord) -> Following:
    """Return what an audit changes in the lifecycles of its image, which are given by fingerprint.

    What it has is open or waived from now on, and keeps the time when it was first seen. What it does not
    have is closed if the audit is complete; else it stays, as nobody looked. An audit of the same time as the
    one before takes its place, so that the same audit changes nothing a second time.
    """
    sightings = {sighting.fingerprint: sighting for sighting in audit.sightings}
    now = {each: _seen(known.get(each), sighting, audit) for each, sighting in sightings.items()}
    absent = [each for name, each in known.items() if name not in now and _is_there(each)]
    dropped: tuple[str, ...] = ()
    if audit.is_complete:
        # Only an audit of the same time can have seen first what is gone now: this one takes its place.
        dropped = tuple(sorted(each.fingerprint for each in absent if each.first_seen == audit.at))
        closed = [_closed(each, audit.at) for each in absent if each.first_seen != audit.at]
        now |= {each.fingerprint: each for each in closed}
    return Following(
        written=tuple(now[name] for name in sorted(now) if now[name] != known.get(name)),
        dropped=dropped,
        recorded=Recorded(
            opened=sum(name not in known for name in now),
            reopened=sum(name in known and not _is_there(known[name]) for name in sightings),
            closed=len(absent) - len(dropped) if audit.is_complete else 0,
            unseen=0 if audit.is_complete else len(absent),
        ),
    )


def changed(changes: tuple[Change, ...], change: Change) -> tuple[Change, ...]:
    """Return changes with one more at their end; what had changed at the same time or later is forgotten."""
    before = tuple(each for each in changes if each.since < change.since)
    return before if before and is_same(before[-1], change) else (*before, change)


def is_same(one: Change, other: Change) -> bool:
    """Say whether two changes say the same: how grave it was is nothing to what is gone."""
    if one.state is not other.state:
        return False
    return one.state is LifecycleState.CLOSED or one.severity is other.severity


def _seen(known: Lifecycle | None, sighting: Sighting, audit: AuditRecord) -> Lifecycle:
    state = LifecycleState.WAIVED if sighting.is_waived else LifecycleState.OPEN
    change = Change(audit.at, state, sighting.severity)
    return Lifecycle(
        image=audit.image,
        fingerprint=sighting.fingerprint,
        rule=sighting.rule,
        subject=sighting.subject,
        advisory=sighting.advisory,
        package=sighting.package,
        last_seen=audit.at,
        digest=audit.digest,
        changes=changed(known.changes if known else (), change),
    )


def _closed(known: Lifecycle, at: str) -> Lifecycle:
    change = Change(at, LifecycleState.CLOSED, known.severity)
    return msgspec.structs.replace(known, changes=changed(known.changes, change))


def _is_there(known: Lifecycle) -> bool:
    return known.state is not LifecycleState.CLOSED
