"""The gate's answer as a JSON document (CONTRACT: ``gate/1``), the summary of each image's ``audit/1``."""

from collections.abc import Sequence

from fleet_audit.audit.model.finding import Finding, combined
from fleet_audit.audit.model.gating import Comparison, GatedImage, GateReport
from fleet_audit.audit.model.waiver import WaiverAccount, WaiverUse
from fleet_audit.reports.documents import (
    Fields,
    encode,
    envelope,
    finding_fields,
    gap_fields,
    head_of,
    image_fields,
    place_fields,
)
from fleet_audit.reports.gate_words import fields_of_counts
from fleet_audit.reports.options import RenderOptions


def gate_document(reports: Sequence[GateReport], options: RenderOptions) -> str:
    """Return ``gate/1``; `findings` are those that block, would without a baseline, or are waived."""
    head = head_of("gate", options)
    documents = [head | _image(image) for report in reports for image in report.images]
    absent = [name for report in reports for name in report.absent]
    gaps = [gap_fields(gap) for report in reports for gap in report.gaps]
    idle = [_waiver(account) for report in reports for account in report.idle]
    if len(documents) == 1 and not (absent or gaps or idle):
        return encode(documents[0])
    whole: Fields = {"subjects": documents, "absent": absent, "idle_waivers": idle, "gaps": gaps}
    return encode(head | whole | {"verdict": combined(report.verdict for report in reports)})


def _image(image: GatedImage) -> Fields:
    audit = image.audit
    body: Fields = {
        "family": audit.family,
        "image": image_fields(audit.image),
        "audited": audit.created,
        "audit": image.file or None,
        "counts": fields_of_counts(image.findings),
        "tools": [
            {"name": tool.name, "version": tool.version, "database_date": tool.database_date or None}
            for tool in audit.tools
        ],
        "package_set": None if audit.inventory is None else audit.inventory.package_set,
        "waivers": _waivers(audit.waivers),
        "baseline": None if image.comparison is None else _baseline(image.comparison),
    }
    whole = envelope(image, body)
    shown = (f for f in image.findings if f.blocks or f.waiver is not None)
    blocking = frozenset(image.blocking)
    whole["findings"] = [
        {**finding_fields(finding), "blocks": finding in blocking, "age": _age(finding, image)}
        for finding in shown
    ]
    return whole


def _age(finding: Finding, image: GatedImage) -> str | None:
    return image.age(finding) if finding.blocks and image.comparison is not None else None


def _baseline(comparison: Comparison) -> Fields:
    return {
        "audited": comparison.base,
        "digest": comparison.base_digest or None,
        "database_date": comparison.database_before or None,
        "database_date_now": comparison.database_now or None,
        "known": list(comparison.known),
        "disclosed": list(comparison.disclosed),
        "fixed": [finding_fields(finding) for finding in comparison.fixed],
        "waived_since": list(comparison.waived_since),
    }


def _waivers(use: WaiverUse) -> Fields:
    return {name: [_waiver(account) for account in getattr(use, name)] for name in use.__struct_fields__}


def _waiver(account: WaiverAccount) -> Fields:
    waiver = account.waiver
    return {
        "id": waiver.id,
        "rule": waiver.rule,
        "owner": waiver.owner,
        "reason": waiver.reason,
        "ticket": waiver.ticket or None,
        "expires": waiver.expires.isoformat(),
        "days_left": account.days_left,
        "findings": list(account.findings),
        "location": place_fields(waiver.location),
    }
