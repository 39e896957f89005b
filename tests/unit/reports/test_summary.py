"""What is counted of findings."""

from fleet_audit.reports.summary import count_findings
from tests.support.reports import finding


def test_what_a_waiver_suppresses_is_counted_as_waived_alone_and_a_downgraded_finding_by_its_severity() -> (
    None
):
    suppressed = finding(waiver="W-1", waived_by="W-1")
    downgraded = finding(waiver="W-2", waived_by="W-2", is_downgraded=True)

    counts = count_findings([suppressed, downgraded])

    assert (counts.error, counts.waived, counts.blocking) == (1, 2, 0)
