"""What of a report its history keeps."""

import pytest

from fleet_audit.audit.history.sightings import record_of, sightings
from fleet_audit.audit.model.finding import Confidence, Finding, Gap, GapKind, Mode, Severity
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.report import Judged
from tests.support.lifecycles import day


def finding(severity: Severity = Severity.ERROR, line: int = 1, **fields: object) -> Finding:
    place = SourceLocation("Dockerfile", line)
    words = {"mode": Mode.ENFORCE, "location": place} | fields
    return Finding("FA-X-001", severity, Confidence.CERTAIN, subject="so:x", message="m", **words)  # type: ignore[arg-type]  # the fields of a test's own


def test_a_finding_is_named_by_its_cve_and_its_package() -> None:
    matter = (
        ("package", "zlib"),
        ("purl", "pkg:deb/debian/zlib1g@1"),
        ("vuln", "CVE-2026-1"),
        ("vuln", "ALAS-1"),
    )
    (seen,) = sightings([finding(matter=matter)])

    assert (seen.advisory, seen.package) == ("CVE-2026-1", "pkg:deb/debian/zlib1g@1")


def test_a_finding_about_neither_leaves_both_empty() -> None:
    (seen,) = sightings([finding(matter=(("need", "so:x"),))])

    assert (seen.advisory, seen.package) == ("", "")


def test_of_several_lines_the_gravest_decides_and_all_must_be_waived() -> None:
    (seen,) = sightings(
        [
            finding(Severity.WARN, waiver="W-1"),
            finding(Severity.CRITICAL, line=2, waiver="W-1"),
            finding(line=3),
        ]
    )

    assert (seen.severity, seen.is_waived) == (Severity.CRITICAL, False)


def test_what_is_waived_on_every_line_is_waived() -> None:
    (seen,) = sightings([finding(waiver="W-1"), finding(line=2, waiver="W-2")])

    assert seen.is_waived


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.OFF])
def test_a_rule_that_is_only_tried_leaves_no_trace(mode: Mode) -> None:
    assert sightings([finding(mode=mode)]) == ()


@pytest.mark.parametrize(
    ("gap", "is_complete"),
    [
        (Gap("vulns", GapKind.SCANNER_ABSENT, "trivy", "w"), False),
        (Gap("vulns", GapKind.SCANNER_ABSENT, "trivy", "w", is_blocking=False), False),
        (Gap("imports", GapKind.PATH_EDIT, "sys.path", "w"), True),
        (Gap("imports", GapKind.PATH_EDIT, "sys.path", "w", is_blocking=True), False),
    ],
)
def test_an_audit_with_a_gap_is_incomplete_even_where_a_policy_lets_it_pass(
    gap: Gap, is_complete: bool
) -> None:
    report = Judged(subject="x", findings=(finding(),), gaps=(gap,))

    record = record_of(report, "family-x", day(1), "sha256:1")

    assert record.is_complete is is_complete
    assert (record.image, record.at, record.digest, len(record.sightings)) == (
        "family-x",
        day(1),
        "sha256:1",
        1,
    )
