"""What was open, came and went, day by day."""

from fleet_audit.audit.history.trend import trend
from fleet_audit.audit.model.finding import Severity
from fleet_audit.audit.model.lifecycle import (
    Change,
    DayOfTrend,
    Lifecycle,
    LifecycleState,
    PastAudit,
    change_columns,
)
from tests.support.lifecycles import IMAGE, day

OPEN, WAIVED, CLOSED = LifecycleState.OPEN, LifecycleState.WAIVED, LifecycleState.CLOSED


def lifecycle(*changes: tuple[str, LifecycleState], severity: Severity = Severity.ERROR) -> Lifecycle:
    course = tuple(Change(since, state, severity) for since, state in changes)
    return Lifecycle(IMAGE, "a", "FA-X-001", "so:x", "", "", changes[-1][0], "", course)


def days(*lifecycles: Lifecycle, number: int = 4, until: str = day(4)) -> tuple[DayOfTrend, ...]:
    return trend(change_columns(lifecycles), (), days=number, until=until)


def errors(told: tuple[DayOfTrend, ...]) -> list[int]:
    return [each.open[Severity.ERROR] for each in told]


def test_a_finding_counts_at_the_end_of_each_day_until_it_is_closed() -> None:
    told = days(lifecycle((day(2), OPEN), (day(4), CLOSED)))

    assert [each.day for each in told] == ["2026-11-01", "2026-11-02", "2026-11-03", "2026-11-04"]
    assert errors(told) == [0, 1, 1, 0]
    assert [each.opened for each in told] == [0, 1, 0, 0]
    assert [each.closed for each in told] == [0, 0, 0, 1]


def test_what_was_open_before_the_first_day_is_counted_on_it() -> None:
    told = days(lifecycle((day(1), OPEN)), number=2, until=day(30))

    assert errors(told) == [1, 1]
    assert [each.opened for each in told] == [0, 0]


def test_what_comes_later_than_the_last_day_is_not_counted() -> None:
    assert errors(days(lifecycle((day(5), OPEN)))) == [0, 0, 0, 0]


def test_what_was_gone_in_between_is_not_counted_as_open_then() -> None:
    told = days(lifecycle((day(1), OPEN), (day(2), CLOSED), (day(4), OPEN)))

    assert errors(told) == [1, 0, 0, 1]
    assert [each.opened for each in told] == [1, 0, 0, 1]


def test_what_is_waived_is_counted_apart() -> None:
    told = days(lifecycle((day(1), OPEN), (day(2), WAIVED), (day(4), OPEN)))

    assert errors(told) == [1, 0, 0, 1]
    assert [each.waived for each in told] == [0, 1, 1, 0]
    assert [each.opened for each in told] == [1, 0, 0, 0]


def test_a_finding_counts_as_grave_as_it_was_that_day() -> None:
    course = (Change(day(1), OPEN, Severity.WARN), Change(day(3), OPEN, Severity.CRITICAL))
    (one,) = [Lifecycle(IMAGE, "a", "r", "s", "", "", day(3), "", course)]
    told = days(one)

    assert [each.open[Severity.WARN] for each in told] == [1, 1, 0, 0]
    assert [each.open[Severity.CRITICAL] for each in told] == [0, 0, 1, 1]


def test_what_comes_and_goes_on_one_day_is_open_at_no_end_of_day() -> None:
    told = days(lifecycle((day(2, 7), OPEN), (day(2, 9), CLOSED)))

    assert errors(told) == [0, 0, 0, 0]
    assert (told[1].opened, told[1].closed) == (1, 1)


def test_findings_side_by_side_are_kept_apart() -> None:
    told = days(
        lifecycle((day(1), OPEN)),
        lifecycle((day(2), OPEN), (day(3), CLOSED)),
        lifecycle((day(3), OPEN), severity=Severity.WARN),
    )

    assert errors(told) == [1, 2, 1, 1]
    assert told[3].open == {
        Severity.CRITICAL: 0,
        Severity.ERROR: 1,
        Severity.WARN: 1,
        Severity.INFO: 0,
    }


def test_a_day_tells_how_often_somebody_looked_and_how_often_not_at_everything() -> None:
    audits = [
        PastAudit(IMAGE, day(2), "", is_complete=True),
        PastAudit(IMAGE, day(2, 9), "", is_complete=False),
        PastAudit("other", day(9), "", is_complete=True),
    ]
    told = trend(change_columns(()), audits, days=2, until=day(3))

    assert [(each.audits, each.incomplete) for each in told] == [(2, 1), (0, 0)]


def test_an_empty_history_has_days_without_findings() -> None:
    assert errors(days()) == [0, 0, 0, 0]
