"""The gate's answer for a terminal: the whole report on one image, or a line for each of several."""

from collections.abc import Sequence

from fleet_audit.audit.model.gating import GatedImage, GateReport
from fleet_audit.reports.audit_text import write_image
from fleet_audit.reports.gate_text import write_gate
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.terminal import Page


def gate_answer(reports: Sequence[GateReport], options: RenderOptions) -> str:
    """Return the verdict, what to do, and what the verdict rests on.

    Beside a baseline, what is new comes first also of one image.
    """
    page = Page(options)
    for report in reports:
        image = _sole(report)
        if image is None:
            write_gate(page, report)
        else:
            write_image(page, image)
    return page.text()


def _sole(report: GateReport) -> GatedImage | None:
    if len(report.images) != 1 or report.absent or report.gaps:
        return None
    (image,) = report.images
    return image if image.comparison is None else None
