"""Audits of images as a history records them, one a day."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from fleet_audit.audit.history.store import History
from fleet_audit.audit.model.finding import Severity
from fleet_audit.audit.model.lifecycle import AuditRecord, Lifecycle, Sighting

IMAGE = "family-vision"
_FIRST = datetime(2026, 11, 1, 6, tzinfo=UTC)


def day(number: int, hour: int = 6) -> str:
    """Return a time on a day of November 2026; numbers go on into the months after."""
    at = _FIRST + timedelta(days=number - 1, hours=hour - 6)
    return at.isoformat().replace("+00:00", "Z")


def sighting(name: str, severity: Severity = Severity.ERROR, *, is_waived: bool = False) -> Sighting:
    """Return a finding that is told from others by its name."""
    return Sighting(name, "FA-VULN-001", severity, f"vuln:{name}", "CVE-2026-1", "zlib1g", is_waived)


def audit(
    at: str,
    *found: str | Sighting,
    image: str = IMAGE,
    is_complete: bool = True,
    digest: str = "sha256:1",
) -> AuditRecord:
    """Return an audit that had these findings."""
    sightings = tuple(sighting(each) if isinstance(each, str) else each for each in found)
    return AuditRecord(image, at, sightings, is_complete, digest)


def recorded(path: Path, *audits: AuditRecord) -> dict[str, Lifecycle]:
    """Record audits in a history, and return its lifecycles by fingerprint; images are told by their own."""
    with History.open(path, day(1)) as history:
        for each in audits:
            history.record(each)
        return {each.fingerprint: each for each in history.lifecycles()}
