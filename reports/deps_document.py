"""The main job's answer as ``deps/1`` (CONTRACT: Documents)."""

from collections.abc import Sequence

import msgspec

from fleet_audit.audit.model.apt import (
    AptPlan,
    OtherPlan,
    Placement,
    PlannedPackage,
    Remedy,
    Share,
    Step,
    Surplus,
    Verification,
)
from fleet_audit.audit.model.need import Need, ReachedFrom
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.reports.documents import Fields, document_of, image_fields, place_fields, unparsed_fields
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.proposal_words import places


def deps_document(reports: Sequence[DepsReport], options: RenderOptions) -> str:
    """Return ``deps/1``: one document, or one for each of several images."""
    return document_of("deps", reports, options, _deps)


def _deps(report: DepsReport) -> Fields:
    return {
        "image": image_fields(report.image),
        "family": report.family,
        "package_set": report.package_set,
        "services": list(report.services),
        "needs": [_need(need) for need in report.needs],
        "proposal": _proposal(report.proposal),
        "surplus": [_surplus(surplus) for surplus in report.surplus],
        "surplus_examined": report.is_surplus_known,
        "unparsed": [unparsed_fields(file) for file in report.unparsed],
    }


def _need(need: Need) -> Fields:
    return {
        "kind": need.kind,
        "name": need.name,
        "tier": need.tier,
        "status": need.status,
        "resolution": {
            key: value for key, value in msgspec.to_builtins(need.resolution).items() if key != "type"
        },
        "wanted_by": list(need.wanted_by),
        "via": need.via,
        "alternatives": list(need.alternatives),
        "reached_from": [_reached(reached) for reached in need.reached_from],
    }


def _reached(reached: ReachedFrom) -> Fields:
    return {
        "service": reached.service,
        "path": reached.location.path if reached.location else None,
        "line": reached.location.line if reached.location else None,
        "level": int(reached.level),
        "chain": list(reached.chain),
    }


def _proposal(plan: AptPlan) -> Fields:
    return {
        "roots": list(plan.roots),
        "steering": list(plan.steering),
        "packages": [_package(package) for package in plan.packages],
        "installed_bytes": plan.installed_bytes,
        "download_bytes": plan.download_bytes,
        "optimal": plan.is_optimal,
        "certificate": plan.certificate,
        "steps": [_step(step) for step in plan.steps],
        "snapshot": plan.snapshot,
        "apt_default": None if plan.apt_default is None else _other(plan.apt_default),
        "others": [_other(other) for other in plan.others],
        "hints": [{"need": hint.need, "packages": list(hint.packages), "by": hint.by} for hint in plan.hints],
        "unsatisfied": [{"need": row.need, "verdict": row.verdict} for row in plan.unsatisfied],
        "remedies": [_remedy(remedy) for remedy in plan.remedies],
        "shares": [_share(share) for share in plan.shares],
        "verification": None if plan.verification is None else _verification(plan.verification),
        **_place(plan.placement),
        "also": [_place(place) for place in places(plan.placement) if place is not plan.placement],
        "instructions": plan.instructions or None,
    }


def _package(package: PlannedPackage) -> Fields:
    return {
        "name": package.name,
        "version": package.version,
        "replaces": package.replaces or None,
        "because": list(package.because),
        "supplies": list(package.supplies),
        "installed_bytes": package.installed_bytes,
        "download_bytes": package.download_bytes,
    }


def _step(step: Step) -> Fields:
    return {
        "package": step.package,
        "because": step.because,
        "excluded": list(step.excluded),
        "choice": step.is_choice,
    }


def _other(other: OtherPlan) -> Fields:
    return {
        "roots": list(other.roots),
        "packages": list(other.packages),
        "installed_bytes": other.installed_bytes,
        "download_bytes": other.download_bytes,
        "why_not": other.why_not,
    }


def _remedy(remedy: Remedy) -> Fields:
    return {
        "id": remedy.id,
        "needs": list(remedy.needs),
        "action": remedy.action,
        "change": remedy.change,
        "saved_bytes": remedy.saved_bytes,
        "confidence": remedy.confidence,
        "evidence": list(remedy.evidence),
        "locations": [place_fields(place) for place in remedy.locations],
        "row": remedy.row,
        "references": list(remedy.references),
    }


def _share(share: Share) -> Fields:
    return {
        "family": share.family,
        "roots": list(share.roots),
        "installed_bytes": share.installed_bytes,
        "for_families": list(share.for_families),
        "needs": {need: list(packages) for need, packages in sorted(share.needs.items())},
        "why": share.why,
        "option": share.is_option,
        "separate_bytes": share.separate_bytes,
        "carried_by": list(share.carried_by),
    }


def _verification(verification: Verification) -> Fields:
    return {
        "outcome": verification.outcome,
        "how": verification.how,
        "why": verification.why,
        "installed": list(verification.installed),
        "loaded": list(verification.loaded),
        "failed": [{"name": name, "why": why} for name, why in verification.failed],
    }


def _place(place: Placement) -> Fields:
    """Return where an addition belongs, how the Dockerfile changes, and what became of that."""
    file = place.dockerfile
    return {
        "placement": place.family,
        "dockerfile": None
        if file is None
        else {"path": file.path, "line": file.line, "why": place.why, "patch": place.patch or None},
        "why_no_patch": place.why_no_patch or None,
        "written": place.is_written,
        "why_not_written": place.why_not_written or None,
    }


def _surplus(surplus: Surplus) -> Fields:
    return {
        "package": surplus.package,
        "version": surplus.version,
        "installed_bytes": surplus.installed_bytes,
        "origin": surplus.origin,
        "inherited": surplus.is_inherited,
        "kind": surplus.kind,
        "reason": surplus.reason,
        "confidence": surplus.confidence,
        "doubt": surplus.doubt,
        "goes_with": surplus.goes_with or None,
        "instead": list(surplus.instead),
        "built_with": surplus.built_with or None,
        "dockerfile": place_fields(surplus.dockerfile),
        "layer": surplus.layer,
        "created_by": surplus.created_by,
    }
