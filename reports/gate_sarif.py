"""The gate's answer as SARIF: one run for each image, as every other report has it."""

from collections.abc import Sequence

from fleet_audit.audit.model.finding import Finding
from fleet_audit.audit.model.gating import Age, GatedImage, GateReport
from fleet_audit.reports.documents import Fields
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.sarif import log_of, run_of


def gate_sarif(reports: Sequence[GateReport], options: RenderOptions) -> str:
    """Return a log of the images' findings, and of what could not be examined.

    Beside a baseline, what would block says whether it was there before (3.27.24).
    """
    runs = [_run(image, options) for report in reports for image in report.images]
    return log_of([*runs, *(run_of(report, options) for report in reports if report.gaps)])


def _run(image: GatedImage, options: RenderOptions) -> Fields:
    run = run_of(image, options)
    if image.comparison is not None:
        results = zip(run["results"], image.findings, strict=False)
        run["results"] = [{**result, **_state(finding, image)} for result, finding in results]
    return run


def _state(finding: Finding, image: GatedImage) -> Fields:
    if not finding.blocks:
        return {}
    return {"baselineState": "unchanged" if image.age(finding) is Age.KNOWN else "new"}
