"""The waivers of a fleet, held against the audits that are stored."""

from collections.abc import Sequence
from pathlib import Path

from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.finding import Gap, GapKind, Mode
from fleet_audit.audit.model.waiver import Waiver, WaiversReport
from fleet_audit.audit.pipeline.audits.gating import gate, kept_audits, law_with
from fleet_audit.audit.pipeline.run.exceptions import today_of, waivers_of
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.policy.waivers_told import waivers_told


def waivers_report(
    shared: Shared, places: Sequence[Path] = (), *, audits: Path | None = None, is_checked: bool = False
) -> WaiversReport:
    """Return what is to be said of all waivers today.

    They are those of `places`, else the manifest's. With a folder of `audits`, the newest of each image tells
    what they name; one that cannot be read is a gap. Raises ConfigurationError, and AuditUnreadable where
    there is no such folder.
    """
    waivers = waivers_of(shared, places)
    stored, gaps = (None, ()) if audits is None else judged_audits(shared, waivers, audits)
    off = frozenset(rule.id for rule in shared.rules.rules if rule.mode is Mode.OFF)
    return WaiversReport(
        subject=_subject(shared, places),
        gaps=gaps,
        policy=shared.rules.summary(),
        waivers=waivers_told(waivers, today_of(shared.settings), shared.rules.waivers, stored, off=off),
        today=today_of(shared.settings),
        audits=None if stored is None else len(stored),
        limits=shared.rules.waivers,
        is_checked=is_checked,
    )


def judged_audits(
    shared: Shared, waivers: Sequence[Waiver], folder: Path
) -> tuple[list[AuditReport], tuple[Gap, ...]]:
    """Return the newest stored audit of each image as these waivers leave it, and what could not be read."""
    kept = kept_audits(folder)
    judged = [image.audit for image in gate(kept.audits.values(), law_with(shared, waivers))]
    unread = [gap for audit in judged for gap in audit.gaps if gap.kind is GapKind.NO_AUDIT]
    return judged, shared.rules.settled((*kept.refused, *unread))


def _subject(shared: Shared, places: Sequence[Path]) -> str:
    if places:
        return ", ".join(map(str, places))
    named = shared.fleet.manifest.waivers if shared.fleet else ""
    return named or "no waivers"
