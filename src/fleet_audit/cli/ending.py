"""How a command ends: the exit code of its reports."""

from collections.abc import Iterable

from fleet_audit.audit.model.finding import Verdict, combined
from fleet_audit.audit.model.report import Judged

_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCOMPLETE: 3}


def exit_code(reports: Iterable[Judged]) -> int:
    """Return 0, 1 or 3 (CONTRACT), the same for every output format."""
    return _CODES[combined(report.verdict for report in reports)]
