"""A verdict fails on what blocks, is incomplete where something was not seen, and passes otherwise."""

import re
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.model.finding import (
    Confidence,
    Finding,
    Gap,
    GapKind,
    Mode,
    Severity,
    Verdict,
    verdict,
)
from fleet_audit.audit.model.location import SourceLocation

DOCUMENTED = Path(__file__).resolve().parents[4] / "docs" / "gaps.md"


def _finding(
    severity: Severity = Severity.ERROR,
    mode: Mode = Mode.ENFORCE,
    *,
    waiver: str | None = None,
    line: int = 3,
) -> Finding:
    return Finding(
        rule="FA-NEED-001",
        severity=severity,
        confidence=Confidence.CERTAIN,
        mode=mode,
        subject="so:libGL.so.1",
        message="libGL.so.1 is missing",
        location=SourceLocation("app.py", line),
        waiver=waiver,
    )


def _gap(kind: GapKind) -> Gap:
    return Gap("images", kind, "layer 3", "truncated")


FINDINGS = st.builds(_finding, st.sampled_from(Severity), st.sampled_from(Mode))
GAPS = st.builds(_gap, st.sampled_from(GapKind))


def test_an_enforced_error_fails_and_a_waived_or_quieter_one_does_not() -> None:
    assert verdict((_finding(),), ()) is Verdict.FAIL
    for harmless in (_finding(Severity.WARN), _finding(mode=Mode.WARN), _finding(waiver="W-2026-001")):
        assert verdict((harmless,), ()) is Verdict.PASS


def test_a_blocking_gap_is_incomplete_and_a_harmless_one_passes() -> None:
    assert verdict((), (_gap(GapKind.UNREADABLE_LAYER),)) is Verdict.INCOMPLETE
    assert verdict((), (_gap(GapKind.PATH_EDIT),)) is Verdict.PASS


def test_what_already_fails_is_a_failure_whatever_was_not_seen() -> None:
    assert verdict((_finding(),), (_gap(GapKind.UNREADABLE_LAYER),)) is Verdict.FAIL


@given(st.lists(FINDINGS), st.lists(GAPS), FINDINGS, GAPS)
def test_nothing_that_is_added_turns_a_verdict_to_pass(
    findings: list[Finding], gaps: list[Gap], finding: Finding, gap: Gap
) -> None:
    before = verdict(tuple(findings), tuple(gaps))

    for after in (verdict((*findings, finding), tuple(gaps)), verdict(tuple(findings), (*gaps, gap))):
        assert after is before or after is not Verdict.PASS


def test_a_fingerprint_survives_moved_lines_and_changes_with_the_file() -> None:
    moved = _finding(line=40)
    elsewhere = msgspec.structs.replace(_finding(), location=SourceLocation("other.py", 3))

    assert moved.fingerprint == _finding().fingerprint
    assert elsewhere.fingerprint != _finding().fingerprint


def test_every_kind_of_gap_is_documented_with_whether_it_blocks() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (yes|no) \|", DOCUMENTED.read_text(), re.MULTILINE)

    assert dict(rows) == {kind.value: "yes" if kind.is_blocking else "no" for kind in GapKind}
