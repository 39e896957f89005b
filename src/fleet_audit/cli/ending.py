"""How a command ends: the exit code of its reports."""

from collections.abc import Iterable

from fleet_audit.audit.model.finding import combined
from fleet_audit.audit.model.report import Judged


def exit_code(reports: Iterable[Judged]) -> int:
    """Return 0, 1 or 3 (CONTRACT), the same for every output format."""
    from fleet_audit.reports.summary import EXIT_CODES  # noqa: PLC0415  (not for --help)

    return EXIT_CODES[combined(report.verdict for report in reports)]
