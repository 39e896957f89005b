"""What audits mean for findings: they come, stay, go, and come back."""

from pathlib import Path

import pytest

from fleet_audit.audit.history.failure import AuditOutdated, HistoryError
from fleet_audit.audit.history.store import History
from fleet_audit.audit.model.finding import Severity
from fleet_audit.audit.model.lifecycle import AuditRecord, LifecycleState, PastAudit, Recorded, Sighting
from tests.support.lifecycles import IMAGE, audit, day, recorded, sighting


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


def test_a_finding_is_open_since_it_was_first_seen(path: Path) -> None:
    (found,) = recorded(path, audit(day(1), "a"), audit(day(2), "a", digest="sha256:2")).values()

    assert (found.state, found.first_seen, found.last_seen) == (LifecycleState.OPEN, day(1), day(2))
    assert (found.digest, found.closed_on, found.reopened) == ("sha256:2", "", 0)
    assert (found.rule, found.subject, found.advisory, found.package) == (
        "FA-VULN-001",
        "vuln:a",
        "CVE-2026-1",
        "zlib1g",
    )


def test_what_a_complete_audit_does_not_have_is_closed(path: Path) -> None:
    found = recorded(path, audit(day(1), "a", "b"), audit(day(2), "b"))

    assert (found["a"].state, found["a"].closed_on, found["a"].last_seen) == (
        LifecycleState.CLOSED,
        day(2),
        day(1),
    )
    assert found["b"].state is LifecycleState.OPEN


def test_what_an_incomplete_audit_does_not_have_stays_as_it_was(path: Path) -> None:
    found = recorded(path, audit(day(1), "a"), audit(day(2), "b", is_complete=False))

    assert (found["a"].state, found["a"].last_seen) == (LifecycleState.OPEN, day(1))
    assert found["b"].state is LifecycleState.OPEN


def test_what_comes_back_keeps_the_day_when_it_was_first_seen(path: Path) -> None:
    found = recorded(path, audit(day(1), "a"), audit(day(2)), audit(day(3), "a"))["a"]

    assert (found.state, found.first_seen, found.there_since, found.reopened) == (
        LifecycleState.OPEN,
        day(1),
        day(3),
        1,
    )


def test_a_change_of_severity_is_kept_with_its_day(path: Path) -> None:
    found = recorded(path, audit(day(1), "a"), audit(day(2), sighting("a", Severity.CRITICAL)))["a"]

    assert found.severity is Severity.CRITICAL
    assert [(change.since, change.severity) for change in found.changes] == [
        (day(1), Severity.ERROR),
        (day(2), Severity.CRITICAL),
    ]


def test_a_waiver_that_ends_opens_a_finding_again_and_it_was_never_gone(path: Path) -> None:
    found = recorded(path, audit(day(1), sighting("a", is_waived=True)), audit(day(2), "a"))["a"]

    assert [change.state for change in found.changes] == [LifecycleState.WAIVED, LifecycleState.OPEN]
    assert (found.reopened, found.there_since) == (0, day(1))


def test_images_have_histories_of_their_own(path: Path) -> None:
    with History.open(path, day(1)) as history:
        history.record(audit(day(1), "a"))
        history.record(audit(day(1), image="other"))
        history.record(audit(day(2), "a", image="other"))

        assert [(each.image, each.state) for each in history.lifecycles()] == [
            (IMAGE, LifecycleState.OPEN),
            ("other", LifecycleState.OPEN),
        ]
        assert [each.first_seen for each in history.lifecycles("other")] == [day(2)]
        assert history.first_seen(IMAGE, "a") == day(1)
        assert history.first_seen("nobody", "a") is None


def test_recording_tells_what_it_changed(path: Path) -> None:
    with History.open(path, day(1)) as history:
        assert history.record(audit(day(1), "a", "b")) == Recorded(opened=2)
        assert history.record(audit(day(2), "c", is_complete=False)) == Recorded(opened=1, unseen=2)
        assert history.record(audit(day(3), "c")) == Recorded(closed=2)
        assert history.record(audit(day(4), "a", "c")) == Recorded(reopened=1)


def test_the_same_audit_changes_nothing_a_second_time(path: Path) -> None:
    twice = [audit(day(1), "a", "b"), audit(day(2), "b"), audit(day(2), "b")]

    with History.open(path, day(1)) as history:
        told = [history.record(each) for each in twice]
        assert told[-1] == Recorded()
        assert [each.state for each in history.lifecycles()] == [LifecycleState.CLOSED, LifecycleState.OPEN]


def test_an_audit_of_the_same_time_takes_the_place_of_the_one_before(path: Path) -> None:
    found = recorded(path, audit(day(1), "a"), audit(day(2), "b"), audit(day(2), "a"))

    assert list(found) == ["a"]
    assert [change.state for change in found["a"].changes] == [LifecycleState.OPEN]


def test_an_older_audit_than_the_last_is_refused_and_changes_nothing(path: Path) -> None:
    with History.open(path, day(1)) as history:
        history.record(audit(day(3), "a"))
        with pytest.raises(AuditOutdated, match="older than the last one that was recorded"):
            history.record(audit(day(2), "b"))

        assert [each.fingerprint for each in history.lifecycles()] == ["a"]
        assert history.audits() == (PastAudit(IMAGE, day(3), "sha256:1", is_complete=True),)


@pytest.mark.parametrize("at", ["", "yesterday", "2026-02-30T00:00:00Z", "2026-11-20T06:00:00+01:00"])
def test_a_time_that_is_none_is_refused(path: Path, at: str) -> None:
    with History.open(path, day(1)) as history, pytest.raises(HistoryError, match="no time as"):
        history.record(audit(at, "a"))


def test_names_that_no_database_takes_are_kept_escaped(path: Path) -> None:
    (found,) = recorded(path, audit(day(1), "lib\udcff\0'; DROP TABLE lifecycle; --")).values()

    assert found.subject == "vuln:lib\\udcff\0'; DROP TABLE lifecycle; --"


def test_texts_that_are_all_as_long_as_they_may_be_are_no_damage(path: Path) -> None:
    long = "\U0001f40d" * 5000
    seen = Sighting(long, long, Severity.WARN, long, long, long)

    with History.open(path, day(1)) as history:
        history.record(AuditRecord(long, day(1), (seen,), digest=long))
        history.record(AuditRecord(long, day(2), (seen,), digest=long))

        assert history.damaged is None
        assert [each.last_seen for each in history.lifecycles()] == [day(2)]


def test_a_name_without_end_is_cut(path: Path) -> None:
    (found,) = recorded(path, audit(day(1), "x" * 1_000_000)).values()

    assert len(found.subject) == 4096
