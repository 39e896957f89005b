"""What two histories of one image say together."""

from collections.abc import Sequence

from fleet_audit.audit.history.merging import merged_audits, merged_lifecycles
from fleet_audit.audit.model.finding import Severity
from fleet_audit.audit.model.lifecycle import Change, Lifecycle, LifecycleState, PastAudit
from tests.support.lifecycles import IMAGE, day

OPEN, CLOSED = LifecycleState.OPEN, LifecycleState.CLOSED


def lifecycle(last_seen: str, *changes: tuple[str, LifecycleState], digest: str = "") -> Lifecycle:
    course = tuple(Change(since, state, Severity.WARN) for since, state in changes)
    return Lifecycle(IMAGE, "a", "r", "s", "", "", last_seen, digest, course)


def course(audits: Sequence[PastAudit], *lifecycles: Lifecycle) -> list[tuple[str, LifecycleState]]:
    (merged,) = merged_lifecycles(lifecycles, audits)
    return [(change.since, change.state) for change in merged.changes]


def complete(at: str) -> PastAudit:
    return PastAudit(IMAGE, at, "", is_complete=True)


def test_the_earlier_day_and_the_later_digest_are_kept() -> None:
    early, late = lifecycle(day(2), (day(1), OPEN)), lifecycle(day(5), (day(3), OPEN), digest="new")

    (merged,) = merged_lifecycles([late, early], [])

    assert (merged.first_seen, merged.last_seen, merged.digest) == (day(1), day(5), "new")


def test_what_was_seen_after_another_history_closed_it_came_back() -> None:
    closed = lifecycle(day(2), (day(1), OPEN), (day(3), CLOSED))
    seen = lifecycle(day(6), (day(6), OPEN))

    assert course([], closed, seen) == [(day(1), OPEN), (day(3), CLOSED), (day(6), OPEN)]


def test_a_complete_audit_of_one_history_closes_what_only_the_other_knew() -> None:
    assert course([complete(day(1)), complete(day(4))], lifecycle(day(2), (day(1), OPEN))) == [
        (day(1), OPEN),
        (day(4), CLOSED),
    ]


def test_an_incomplete_audit_and_one_of_another_image_close_nothing() -> None:
    audits = [
        PastAudit(IMAGE, day(4), "", is_complete=False),
        PastAudit("other", day(4), "", is_complete=True),
    ]

    assert course(audits, lifecycle(day(2), (day(1), OPEN))) == [(day(1), OPEN)]


def test_of_two_words_on_one_audit_the_weaker_holds() -> None:
    weak = PastAudit(IMAGE, day(4), "sha256:1", is_complete=False)

    assert merged_audits([complete(day(4)), weak, complete(day(3))]) == (complete(day(3)), weak)
