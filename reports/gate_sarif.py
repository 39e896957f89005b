"""The gate's answer as SARIF: one run for each image, as every other report has it."""

from collections.abc import Sequence

from fleet_audit.audit.model.gating import GateReport
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.sarif import sarif


def gate_sarif(reports: Sequence[GateReport], options: RenderOptions) -> str:
    """Return a log of the images' findings, and of what could not be examined."""
    images = [image for report in reports for image in report.images]
    return sarif([*images, *(report for report in reports if report.gaps)], options)
