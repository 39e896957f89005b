"""Writes a report's proposal into the Dockerfile that it was made for."""

from pathlib import Path

import msgspec

from fleet_audit.audit.dockerfiles.addition.patching import patch
from fleet_audit.audit.images.tree import normalise
from fleet_audit.audit.model.apt import AptPlan, Placement
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.audit.tools.rewriting import RewriteRefused, rewrite


def written(report: DepsReport, root: Path | None) -> DepsReport:
    """Apply the patch of a report's proposal to the repository at `root`; return the report that says so.

    Where nothing is written, it says why: there is nothing to add, no patch, or the file is not as it was
    read (`rewriting.rewrite`).
    """
    plan = report.proposal
    why = _why_not(plan, root)
    return msgspec.structs.replace(
        report,
        proposal=msgspec.structs.replace(
            plan,
            placement=msgspec.structs.replace(plan.placement, is_written=not why, why_not_written=why),
        ),
    )


def _why_not(plan: AptPlan, root: Path | None) -> str:
    """Write the patch; return what keeps it from being written, empty where it was."""
    place = plan.placement
    if plan.is_empty:
        return "nothing is to be added"
    if root is None or place.dockerfile is None or not place.patch:
        return place.why_no_patch or "no Dockerfile is known for it"
    try:
        _apply(plan, place, place.dockerfile.path, root)
    except RewriteRefused as e:
        return str(e)
    return ""


def _apply(plan: AptPlan, place: Placement, path: str, root: Path) -> None:
    def change(body: bytes) -> bytes:
        # These are the bytes that the proposal's patch was made for, so what comes of them is what it shows.
        return patch(body.decode(), plan, path=path).after.encode()

    # The name by which it was read: of links in the manifest's path none leads out of the repository.
    rewrite(root, normalise(path).removeprefix("/"), change, sha256=place.digest)
