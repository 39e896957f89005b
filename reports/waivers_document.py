"""Waivers as ``waivers/1``."""

from collections.abc import Sequence

from fleet_audit.audit.model.waiver import WaiverLine, WaiversReport
from fleet_audit.reports.documents import Fields, document_of, place_fields
from fleet_audit.reports.options import RenderOptions


def waivers_document(reports: Sequence[WaiversReport], options: RenderOptions) -> str:
    """Return ``waivers/1``."""
    return document_of("waivers", reports, options, _fields)


def _fields(report: WaiversReport) -> Fields:
    days = report.limits.max_days
    return {
        "today": report.today.isoformat(),
        "audits": report.audits,
        "limits": {
            "max_days": {
                "critical": days.critical,
                "error": days.error,
                "warn": days.warn,
                "info": days.info,
            },
            "warn_days": report.limits.warn_days,
        },
        "waivers": [_waiver(line) for line in report.waivers],
    }


def _waiver(line: WaiverLine) -> Fields:
    account, waiver = line.account, line.account.waiver
    return {
        "id": waiver.id,
        "rule": waiver.rule,
        "match": [{"key": key, "value": value} for key, value in waiver.match],
        "scope": {"image": waiver.image or None, "sbom": waiver.package_set, "digest": waiver.digest},
        "effect": waiver.effect,
        "owner": waiver.owner,
        "approved_by": waiver.approved_by or None,
        "justification": waiver.justification or None,
        "reason": waiver.reason,
        "ticket": waiver.ticket or None,
        "created": waiver.created.isoformat(),
        "expires": waiver.expires.isoformat(),
        "state": account.state,
        "days_left": account.days_left,
        "expiring": line.is_expiring,
        "remark": account.remark or None,
        "location": place_fields(waiver.location),
        "findings": None
        if line.findings is None
        else [
            {
                "audit": each.audit,
                "fingerprint": each.fingerprint,
                "severity": each.severity,
                "subject": each.subject,
                "message": each.message,
            }
            for each in line.findings
        ],
    }
