"""Waivers, and findings that they may name."""

from datetime import date
from typing import Any

from fleet_audit.audit.model.finding import Confidence, Finding, Mode, Severity
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.waiver import Waiver

TODAY = date(2026, 11, 20)
TIFF = "pkg:deb/debian/libtiff6@4.5.0-6%2Bdeb12u2"

ENTRY = """\
- id: W-2026-014
  rule: FA-VULN-001
  match: {vuln: CVE-2024-7006, purl: "pkg:deb/debian/libtiff6@4.5.0-6+deb12u2"}
  scope: {image: family-vision}
  effect: suppress
  owner: vision-team
  approved_by: security
  justification: vulnerable_code_not_in_execute_path
  reason: only an offline tool reads TIFF files
  ticket: SEC-12
  created: 2026-11-01
  expires: 2026-12-19
"""


def waiver(name: str = "W-1", **fields: Any) -> Waiver:
    """Return a waiver that holds on TODAY for an advisory on libtiff, unless told otherwise."""
    usual: dict[str, Any] = {
        "rule": "FA-VULN-001",
        "owner": "vision-team",
        "reason": "only an offline tool reads it",
        "created": date(2026, 11, 1),
        "expires": date(2026, 12, 19),
        "match": (("vuln", "CVE-1"),),
    }
    return Waiver(id=name, **{**usual, **fields})


def tiff_finding(**fields: Any) -> Finding:
    """Return what blocks because of an advisory on libtiff, unless told otherwise."""
    usual: dict[str, Any] = {
        "rule": "FA-VULN-001",
        "severity": Severity.ERROR,
        "confidence": Confidence.CERTAIN,
        "mode": Mode.ENFORCE,
        "subject": "advisory:CVE-1:deb/tiff",
        "message": "CVE-1 in tiff is critical",
        "location": SourceLocation("app.py", 3),
        "matter": (
            ("package", "tiff"),
            ("purl", f"{TIFF}?arch=amd64"),
            ("service", "face"),
            ("vuln", "CVE-1"),
            ("vuln", "GHSA-1"),
        ),
    }
    return Finding(**{**usual, **fields})
