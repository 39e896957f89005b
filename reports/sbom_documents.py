"""An inventory in the two standard forms; each is checked by its specification's schema before it leaves."""

from collections.abc import Sequence

from fleet_audit.audit.errors import UsageError
from fleet_audit.audit.model.inventory import SbomReport
from fleet_audit.audit.sbom.cyclonedx import cyclonedx
from fleet_audit.audit.sbom.spdx import spdx
from fleet_audit.audit.sbom.validation import check_cyclonedx, check_spdx
from fleet_audit.reports.options import RenderOptions


def sbom_cyclonedx(reports: Sequence[SbomReport], options: RenderOptions) -> str:
    """Return one inventory as CycloneDX 1.6; raises InvalidDocument where that is not valid."""
    report = _only(reports)
    if report is None:
        return ""
    body = cyclonedx(report.inventory, created=report.created, version=options.version)
    check_cyclonedx(body)
    return body.decode()


def sbom_spdx(reports: Sequence[SbomReport], options: RenderOptions) -> str:
    """Return one inventory as SPDX 2.3; raises InvalidDocument where that is not valid."""
    report = _only(reports)
    if report is None:
        return ""
    # SPDX wants a time.
    body = spdx(report.inventory, created=report.created or options.created, version=options.version)
    check_spdx(body)
    return body.decode()


def _only(reports: Sequence[SbomReport]) -> SbomReport | None:
    if len(reports) > 1:
        raise UsageError("one document holds one image; name one")
    return next(iter(reports), None)
