"""Laws of histories: of audits one after the other, of two histories together, of what is counted by day."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.history import opening
from fleet_audit.audit.history.exchange import exported, imported
from fleet_audit.audit.history.following import followed
from fleet_audit.audit.history.merging import merged_audits, merged_lifecycles
from fleet_audit.audit.history.store import History
from fleet_audit.audit.history.trend import trend
from fleet_audit.audit.model.finding import Severity
from fleet_audit.audit.model.lifecycle import (
    AuditRecord,
    Lifecycle,
    LifecycleState,
    PastAudit,
    Recorded,
    change_columns,
)
from tests.support.laws import examples
from tests.support.lifecycles import audit, day, sighting

NAMES = ("a", "b", "c")
LAST = day(60)

found = st.dictionaries(
    st.sampled_from(NAMES), st.tuples(st.sampled_from(Severity), st.booleans()), max_size=len(NAMES)
)
hours = st.lists(st.integers(1, 60), max_size=7)


@st.composite
def audits(draw: st.DrawFn, image: str = "vision") -> list[AuditRecord]:
    """Draw audits of one image, one after the other."""
    at, drawn = 0, []
    for gap in draw(hours):
        at += gap
        sightings = [
            sighting(name, severity, is_waived=is_waived)
            for name, (severity, is_waived) in draw(found).items()
        ]
        drawn.append(
            audit(day(1, at), *sightings, image=image, is_complete=draw(st.booleans()), digest=f"sha256:{at}")
        )
    return drawn


def lifecycles_of(series: Sequence[AuditRecord]) -> dict[str, Lifecycle]:
    known: dict[str, Lifecycle] = {}
    for each in series:
        following = followed(known, each)
        known |= {lifecycle.fingerprint: lifecycle for lifecycle in following.written}
        for fingerprint in following.dropped:
            del known[fingerprint]
    return known


def history_of(series: Sequence[AuditRecord]) -> tuple[tuple[Lifecycle, ...], tuple[PastAudit, ...]]:
    known = lifecycles_of(series)
    past = [PastAudit(each.image, each.at, each.digest, each.is_complete) for each in series]
    return tuple(known[name] for name in sorted(known)), tuple(sorted(past))


def together(
    *histories: tuple[tuple[Lifecycle, ...], tuple[PastAudit, ...]],
) -> tuple[tuple[Lifecycle, ...], tuple[PastAudit, ...]]:
    all_audits = merged_audits(each for _, past in histories for each in past)
    return merged_lifecycles((each for known, _ in histories for each in known), all_audits), all_audits


@given(audits())
def test_the_same_audit_changes_nothing_a_second_time(series: list[AuditRecord]) -> None:
    known = lifecycles_of(series)
    for last in series[-1:]:
        again = followed(known, last)

        assert (again.written, again.dropped) == ((), ())
        assert (again.recorded.opened, again.recorded.reopened, again.recorded.closed) == (0, 0, 0)


@given(audits())
def test_a_finding_is_as_the_last_audit_has_it_that_says_anything_of_it(series: list[AuditRecord]) -> None:
    known = lifecycles_of(series)
    for name in NAMES:
        having = [each for each in series if any(seen.fingerprint == name for seen in each.sightings)]
        telling = [each for each in series if each.is_complete or each in having]
        if not having:
            assert name not in known
            continue
        assert known[name].first_seen == having[0].at
        assert known[name].last_seen == having[-1].at
        assert (known[name].state is LifecycleState.CLOSED) == (telling[-1] not in having)


@given(audits())
def test_a_history_added_to_itself_or_to_what_came_of_it_changes_nothing(series: list[AuditRecord]) -> None:
    whole = history_of(series)

    assert together(whole, whole) == whole
    for length in range(len(series)):
        assert together(whole, history_of(series[:length])) == whole


@given(audits(), audits())
def test_it_does_not_matter_which_history_is_added_to_which(
    one: list[AuditRecord], other: list[AuditRecord]
) -> None:
    both = together(history_of(one), history_of(other))

    assert together(history_of(other), history_of(one)) == both
    assert together(both, history_of(one)) == both
    assert together(both, history_of(other)) == both


@given(audits(), audits())
def test_nothing_that_either_history_has_is_lost_in_both(
    one: list[AuditRecord], other: list[AuditRecord]
) -> None:
    both = {each.fingerprint: each for each in together(history_of(one), history_of(other))[0]}
    for known in (lifecycles_of(one), lifecycles_of(other)):
        for name, lifecycle in known.items():
            assert both[name].first_seen <= lifecycle.first_seen
            assert both[name].last_seen >= lifecycle.last_seen


@given(audits(), audits("other"))
def test_what_is_exported_can_be_imported_as_it_was(one: list[AuditRecord], other: list[AuditRecord]) -> None:
    known, past = together(history_of(one), history_of(other))
    text = exported(known, past)

    taken = imported("x", text.encode(), LAST)

    assert (taken.lifecycles, taken.audits) == (known, past)
    assert exported(reversed(taken.lifecycles), reversed(taken.audits)) == text


@examples(40)
@given(audits(), audits())
def test_the_file_keeps_what_was_followed_and_takes_histories_as_they_are(
    one: list[AuditRecord], other: list[AuditRecord]
) -> None:
    # As the law is not about power cuts, it waits for no disk.
    with (
        patch.object(opening, "DURABILITY", "OFF"),
        TemporaryDirectory() as folder,
        History.open(Path(folder) / "h.sqlite", day(1)) as history,
    ):
        for each in one:
            history.record(each)
        assert (history.lifecycles(), history.audits()) == history_of(one)

        history.merge(*history_of(other))
        both = (history.lifecycles(), history.audits())
        assert both == together(history_of(one), history_of(other))
        assert history.merge(*history_of(other)) == 0
        assert (history.lifecycles(), history.audits()) == both


@examples(60)
@given(audits(), audits("other"), st.integers(1, 20), st.integers(1, 30))
def test_what_a_trend_counts_is_what_is_open_at_the_end_of_each_day(
    one: list[AuditRecord], other: list[AuditRecord], number: int, last: int
) -> None:
    known, past = together(history_of(one), history_of(other))

    told = trend(change_columns(known), past, days=number, until=day(last))

    assert len(told) == number
    for each in told:
        end = (date.fromisoformat(each.day) + timedelta(days=1)).isoformat()
        before = [[change for change in lifecycle.changes if change.since < end] for lifecycle in known]
        at_end = [changes[-1] for changes in before if changes]
        for severity in Severity:
            assert each.open[severity] == sum(
                change.state is LifecycleState.OPEN and change.severity is severity for change in at_end
            )
        assert each.waived == sum(change.state is LifecycleState.WAIVED for change in at_end)
        assert each.audits == sum(audit.at.startswith(each.day) for audit in past)


@given(audits())
def test_what_recording_tells_adds_up(series: list[AuditRecord]) -> None:
    known: dict[str, Lifecycle] = {}
    there = 0
    for each in series:
        following = followed(known, each)
        known |= {lifecycle.fingerprint: lifecycle for lifecycle in following.written}
        told: Recorded = following.recorded
        there += told.opened + told.reopened - told.closed
        assert there == sum(one.state is not LifecycleState.CLOSED for one in known.values())
