"""What one line on each of several images says, in the same numbers in every format for people."""

from fleet_audit.audit.model.report import DepsReport
from fleet_audit.reports.summary import blocking_gaps, group_needs
from fleet_audit.reports.terminal import size

COLUMNS = ("family", "verdict", ">missing", ">to add", ">installed", ">surplus", ">gaps")
"""How many packages are to be added and what they take, what taking surplus out of the image saves, and how
many gaps block."""

NOTHING = "–"


def totals(report: DepsReport) -> tuple[str, ...]:
    """Return the cells behind the family and the verdict; `NOTHING` for what there is none of."""
    plan = report.proposal
    return (
        str(len(group_needs(report.needs).required)),
        str(len(plan.packages)),
        size(plan.installed_bytes) if plan.packages else NOTHING,
        _surplus(report),
        str(len(blocking_gaps(report.gaps))),
    )


def _surplus(report: DepsReport) -> str:
    if not report.is_surplus_known:
        return "unknown"
    own = sum(surplus.installed_bytes for surplus in report.surplus if not surplus.is_inherited)
    return size(own) if own else NOTHING
