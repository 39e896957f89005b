"""How two images, SBOMs or audits differ, as ``diff/1`` (CONTRACT: Documents)."""

from collections.abc import Sequence

from fleet_audit.audit.model.difference import (
    AdvisoryState,
    ComparedSide,
    DiffReport,
    FindingState,
    Held,
    NeedState,
    PackageChange,
)
from fleet_audit.reports.documents import Fields, document_of, gap_fields
from fleet_audit.reports.options import RenderOptions


def diff_document(reports: Sequence[DiffReport], options: RenderOptions) -> str:
    """Return ``diff/1``: all differences, with what each side says as ``a`` and ``b``."""
    return document_of("diff", reports, options, _diff)


def _diff(report: DiffReport) -> Fields:
    return {
        "a": _side(report.before),
        "b": _side(report.after),
        "same": report.is_same,
        "same_package_set": report.is_same_package_set,
        "compared": list(report.compared),
        "not_compared": [
            {"what": each.aspect, "a": each.why_before or None, "b": each.why_after or None}
            for each in report.not_compared
        ],
        "same_packages": report.same_packages,
        "packages": [_package(each) for each in report.packages],
        "bundled": [{"in": each.within, **_package(each)} for each in report.bundled],
        "licences": [
            {"package": each.key, "name": each.name, "a": list(each.before), "b": list(each.after)}
            for each in report.licences
        ],
        "sonames": [
            {
                "soname": each.soname,
                "change": each.change,
                "a": list(each.before),
                "b": list(each.after),
                "versions_a": list(each.versions_before),
                "versions_b": list(each.versions_after),
                "asked_by": list(each.asked_by),
            }
            for each in report.sonames
        ],
        "needs": [
            {"kind": each.kind, "name": each.name, "a": _need(each.before), "b": _need(each.after)}
            for each in report.needs
        ],
        "findings_changed": [
            {"a": _finding(each.before), "b": _finding(each.after)} for each in report.findings_changed
        ],
        "advisories": [
            {"a": _advisory(each.before), "b": _advisory(each.after)} for each in report.advisories
        ],
        "settings": [
            {"group": each.group, "name": each.name or None, "a": each.before, "b": each.after}
            for each in report.settings
        ],
        "sizes": _sizes(report),
    }


def _side(side: ComparedSide) -> Fields:
    return {
        "name": side.name,
        "kind": side.kind,
        "reference": side.reference or None,
        "digest": side.digest or None,
        "platform": side.platform or None,
        "package_set": side.package_set,
        "packages": side.packages,
        "tools": [{"name": tool.name, "version": tool.version} for tool in side.tools],
        "gaps": [gap_fields(gap) for gap in side.gaps],
    }


def _package(change: PackageChange) -> Fields:
    return {
        "package": change.key,
        "name": change.name,
        "ecosystem": change.ecosystem,
        "change": change.change,
        "a": [_held(each) for each in change.before],
        "b": [_held(each) for each in change.after],
        "both": [_held(each) for each in change.kept],
        "origins_a": list(change.origins_before),
        "origins_b": list(change.origins_after),
    }


def _held(held: Held) -> Fields:
    return {"version": held.version, "architecture": held.architecture or None}


def _need(need: NeedState | None) -> Fields | None:
    if need is None:
        return None
    return {"tier": need.tier, "status": need.status, "services": list(need.services)}


def _finding(finding: FindingState | None) -> Fields | None:
    if finding is None:
        return None
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "subject": finding.subject,
        "message": finding.message,
        "place": finding.place or None,
        "fingerprint": finding.fingerprint,
        "waived": finding.waived,
    }


def _advisory(advisory: AdvisoryState | None) -> Fields | None:
    if advisory is None:
        return None
    return {
        "id": advisory.id,
        "ecosystem": advisory.ecosystem,
        "package": advisory.package,
        "severity": advisory.severity,
        "installed": list(advisory.installed),
        "fixed_in": list(advisory.fixed_in),
        "reach": advisory.reach or None,
        "exploited": advisory.exploited,
    }


def _sizes(report: DiffReport) -> Fields:
    return {
        "totals": [{"what": each.what, "a": each.before, "b": each.after} for each in report.totals],
        "packages": [
            {"package": each.what, "a": each.before, "b": each.after} for each in report.package_sizes
        ],
        "shared_layers": report.shared_layers,
        "layers": [
            {
                "side": "b" if each.is_added else "a",
                "diff_id": each.diff_id,
                "stored_bytes": each.stored_bytes,
                "unpacked_bytes": each.unpacked_bytes,
                "created_by": each.created_by or None,
            }
            for each in report.layers
        ],
    }
