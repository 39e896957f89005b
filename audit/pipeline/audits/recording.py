"""Audits that were judged, in the history of findings."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from fleet_audit.audit.history.failure import AuditOutdated
from fleet_audit.audit.history.sightings import record_of
from fleet_audit.audit.history.store import History
from fleet_audit.audit.model.audit import AuditReport


class InHistory(msgspec.Struct, frozen=True):
    """What is to be said of a history afterwards: where a damaged one went, and what was too old for it."""

    damaged: Path | None = None
    outdated: tuple[str, ...] = ()


def recorded(audits: Iterable[AuditReport], path: Path, now: str) -> InHistory:
    """Record audits under their subjects, each whole or not at all.

    An audit that is older than the history of its image is left out, and told. Raises HistoryError where the
    history cannot be used; what was recorded before that stays.
    """
    outdated = []
    with History.open(path, now) as history:
        for audit in audits:
            digest = audit.image.ref.digest if audit.image is not None else ""
            try:
                history.record(record_of(audit, audit.subject, audit.created or now, digest or ""))
            except AuditOutdated as e:
                outdated.append(str(e))
        return InHistory(history.damaged, tuple(outdated))
