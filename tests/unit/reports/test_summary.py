"""What is counted of findings."""

from fleet_audit.reports.summary import count_findings
from tests.support.reports import finding


def test_what_is_suppressed_counts_as_waived_alone_and_what_is_downgraded_by_its_severity_too() -> None:
    suppressed = finding(waiver="W-1", waived_by="W-1")
    downgraded = finding(waiver="W-2", waived_by="W-2", is_downgraded=True)

    counts = count_findings([suppressed, downgraded])

    assert (counts.error, counts.waived, counts.blocking) == (1, 2, 0)
