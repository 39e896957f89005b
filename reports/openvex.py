"""What waivers say of vulnerabilities, as an OpenVEX document."""

from collections.abc import Sequence

from fleet_audit.audit.errors import UsageError
from fleet_audit.audit.model.vex import VexReport
from fleet_audit.audit.policy.openvex import openvex
from fleet_audit.reports.options import RenderOptions


def vex_openvex(reports: Sequence[VexReport], options: RenderOptions) -> str:
    """Return one report as OpenVEX 0.2.0; raises VexInvalid where that is not valid."""
    if len(reports) > 1:
        raise UsageError("one document holds the statements of one author; name one")
    return openvex(reports[0], options.version).decode() if reports else ""
