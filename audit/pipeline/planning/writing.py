"""Writes reports' proposals into the Dockerfiles that they were made for."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from fleet_audit.audit.dockerfiles.addition.applying import ChangeDoesNotFit, applied
from fleet_audit.audit.images.tree import normalise
from fleet_audit.audit.model.apt import AptPlan, Placement
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.audit.tools.rewriting import RewriteRefused, rewrite


def written(reports: Sequence[DepsReport], root: Path | None) -> list[DepsReport]:
    """Apply the patches of the reports' proposals to the repository at `root`; return reports that say so.

    Each Dockerfile that a proposal stands in is written: the family's own, and those of families below it
    where a part belongs to them. A patch that several reports have is applied once. Where nothing is written,
    the placement says why: there is nothing to add, no patch, the proposal was tried and not verified, or the
    file is not as it was read (`rewriting.rewrite`).
    """
    writer = _Writer(root)
    return [
        msgspec.structs.replace(report, proposal=_written_plan(report.proposal, writer)) for report in reports
    ]


def _written_plan(plan: AptPlan, writer: "_Writer") -> AptPlan:
    place = plan.placement
    if plan.verification is not None and plan.verification.outcome != "verified":
        why = "the proposal was to be verified, and was not"
        also = tuple(_refused(other, why) for other in place.also)
        return msgspec.structs.replace(
            plan, placement=msgspec.structs.replace(_refused(place, why), also=also)
        )
    also = tuple(writer.written(other) for other in place.also)
    if plan.is_empty and not place.patch:
        place = _refused(place, "nothing is to be added")
    else:
        place = writer.written(place)
    return msgspec.structs.replace(plan, placement=msgspec.structs.replace(place, also=also))


class _Writer:
    """Writes into one repository, no patch twice."""

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._done: dict[tuple[str, str, str], str] = {}

    def written(self, place: Placement) -> Placement:
        """Return a placement that says whether its patch is in the file now."""
        if self._root is None or place.dockerfile is None or not place.patch:
            return _refused(place, place.why_no_patch or "no Dockerfile is known for it")
        path = place.dockerfile.path
        key = path, place.digest, place.patch
        if key not in self._done:
            self._done[key] = _why_not_applied(place, path, self._root)
        why = self._done[key]
        return _refused(place, why) if why else msgspec.structs.replace(place, is_written=True)


def _refused(place: Placement, why: str) -> Placement:
    return msgspec.structs.replace(place, is_written=False, why_not_written=why)


def _why_not_applied(place: Placement, path: str, root: Path) -> str:
    """Write the patch; return what keeps it from being written, empty where it was."""

    def change(body: bytes) -> bytes:
        return applied(body.decode(), place.patch).encode()

    try:
        # The name by which it was read: of links in the manifest's path none leads out of the repository.
        rewrite(root, normalise(path).removeprefix("/"), change, sha256=place.digest)
    except (RewriteRefused, ChangeDoesNotFit) as e:
        return str(e)
    return ""
