"""A history as JSON Lines: whatever is wrong with it is told at once."""

import pytest

from fleet_audit.audit.configuration.problems import ConfigurationError
from fleet_audit.audit.history.exchange import exported, imported
from fleet_audit.audit.model.finding import Severity
from fleet_audit.audit.model.lifecycle import Change, Lifecycle, LifecycleState, PastAudit
from tests.support.lifecycles import IMAGE, day

NOW = day(28)
HEAD = '{"kind":"history","schema":"fleet-audit.history/1"}'
FOUND = Lifecycle(
    image=IMAGE,
    fingerprint="a1",
    rule="FA-X-001",
    subject="so:x\n\x1b",
    advisory="",
    package="",
    last_seen=day(2),
    digest="sha256:1",
    changes=(
        Change(day(1), LifecycleState.OPEN, Severity.WARN),
        Change(day(3), LifecycleState.CLOSED, Severity.WARN),
    ),
)
AUDIT = PastAudit(IMAGE, day(3), "sha256:1", is_complete=True)


def complaints(*lines: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        imported("history.jsonl", "\n".join(lines).encode(), NOW)
    return [f"{problem.line}: {problem.message}" for problem in caught.value.problems]


def finding_line(**changes: str) -> str:
    line = exported([FOUND], []).splitlines()[1]
    for before, after in changes.items():
        line = line.replace(f'"{before}":', after, 1)
    return line


def test_an_export_has_a_head_then_audits_then_findings() -> None:
    lines = exported([FOUND], [AUDIT]).splitlines()

    assert lines[0] == HEAD
    assert lines[1].startswith('{"kind":"audit","image":"family-vision"')
    assert lines[2].startswith('{"kind":"finding","image":"family-vision","fingerprint":"a1"')


def test_an_empty_history_is_a_head_alone() -> None:
    taken = imported("x", exported([], []).encode(), NOW)

    assert (taken.lifecycles, taken.audits) == ((), ())


def test_blank_lines_say_nothing() -> None:
    taken = imported("x", f"{HEAD}\n\n{finding_line()}\r\n\n".encode(), NOW)

    assert taken.lifecycles == (FOUND,)


@pytest.mark.parametrize("text", ["", "\n", "{}", "null", "\udcff", "[" * 100_000, '{"kind":"history"}'])
def test_what_is_no_export_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="no line of it says that its schema is"):
        imported("x", text.encode(errors="surrogateescape"), NOW)


def test_all_that_is_wrong_is_told_at_once_with_its_lines() -> None:
    told = complaints(
        HEAD,
        "{",
        finding_line().replace('"warn"', '"bad"'),
        "",
        finding_line().replace("so:x", "so:y").replace('"rule"', '"rules"'),
        '{"kind":"audit","image":"","at":"x","digest":"","is_complete":true}',
        '{"kind":"audit","image":"i","at":"2026-02-30T00:00:00Z","digest":"","is_complete":true}',
        '{"kind":"audit","image":"i","at":"2027-01-01T00:00:00Z","digest":"","is_complete":true}',
        '{"kind":"lifecycle"}',
    )

    assert [each.partition(":")[0] for each in told] == ["2", "3", "5", "6", "7", "8", "9"]
    assert "Invalid enum value 'bad'" in told[1]
    assert "unknown field `rules`" in told[2]
    assert "is no time" in told[4]
    assert "is in the future" in told[5]


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        (day(3), day(1), "its changes are not in order of time"),
        ('"state":"open"', '"state":"closed"', "it begins with being closed"),
        (f'"last_seen":"{day(2)}"', f'"last_seen":"{day(5)}"', "it was closed before it was last seen"),
        (f'"last_seen":"{day(2)}"', '"last_seen":"2026-10-01T00:00:00Z"', "it was there after it was last"),
        (day(3), day(40), "is in the future"),
        (day(3), "yesterday", "is no time"),
    ],
)
def test_a_course_that_cannot_be_is_refused(before: str, after: str, complaint: str) -> None:
    told = complaints(HEAD, finding_line().replace(before, after))

    assert any(complaint in each for each in told), told


def test_what_is_said_twice_is_refused() -> None:
    audit_line = exported([], [AUDIT]).splitlines()[1]

    told = complaints(HEAD, finding_line(), finding_line(), audit_line, audit_line, HEAD)

    assert told == ["3: this finding is there twice", "5: this audit is there twice", "6: a second head"]


def test_a_finding_without_changes_is_refused() -> None:
    line = finding_line().partition('"changes"')[0] + '"changes":[]}'

    assert "Expected `array` of length >= 1" in complaints(HEAD, line)[0]


def test_after_many_problems_the_rest_is_not_looked_at() -> None:
    told = complaints(HEAD, *["{"] * 1000)

    assert len(told) == 51
    assert told[-1] == "52: from here on it was not looked at"


def test_a_name_that_is_no_text_is_refused() -> None:
    line = finding_line().replace("so:x", "\\ud800")

    assert "surrogate" in complaints(HEAD, line)[0]
