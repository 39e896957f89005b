"""Waivers, and findings that they may name."""

from datetime import date, timedelta
from typing import Any

from fleet_audit.audit.model.finding import Confidence, Finding, Gap, GapKind, Mode, PolicySummary, Severity
from fleet_audit.audit.model.identity import Digest
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.vex import VexClaim, VexProduct, VexReport
from fleet_audit.audit.model.waiver import (
    WaivedFinding,
    Waiver,
    WaiverEffect,
    WaiverLine,
    WaiversReport,
)
from fleet_audit.audit.policy.waivers import account_of

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


def waivers_report() -> WaiversReport:
    """Return a check of waivers of every state, with what they name and text that forms something."""
    day, place = timedelta(days=1), SourceLocation("waivers.yaml", 3)
    ticket: dict[str, Any] = {"approved_by": "security", "ticket": "SEC-12"}
    ended = waiver("W-1", expires=TODAY - day, image="vision", location=place, **ticket)
    ending = waiver("W-2", rule="FA-NEED-001", match=(("need", "so:libGL.so.1"),), expires=TODAY + 3 * day)
    holding = waiver(
        "W-3",
        match=(("purl", TIFF), ("vuln", "CVE-1")),
        package_set=Digest("sha256:" + "b" * 64),
        effect=WaiverEffect.SUPPRESS,
        justification="vulnerable_code_not_in_execute_path",
        reason="a <b>reason</b> | with a bar",
    )
    later = waiver("W-4", match=(), image="*", created=TODAY + day)
    found = WaivedFinding("vision", "0" * 32, Severity.ERROR, "advisory:CVE-1", "CVE-1 in tiff")
    remark = f"it is for the packages {holding.package_set}, which have changed"
    return WaiversReport(
        subject="waivers.yaml",
        today=TODAY,
        audits=2,
        is_checked=True,
        policy=PolicySummary("default", "d" * 64),
        gaps=(Gap("gate", GapKind.NO_AUDIT, "audits/a.audit.json", "is no audit, or damaged"),),
        waivers=(
            WaiverLine(account_of(ended, TODAY, findings=(found.fingerprint,)), findings=(found,)),
            WaiverLine(account_of(ending, TODAY), is_expiring=True, findings=()),
            WaiverLine(account_of(holding, TODAY, remark=remark), findings=()),
            WaiverLine(account_of(later, TODAY), findings=(found, found)),
        ),
    )


def vex_report() -> VexReport:
    """Return what one waiver says of an image, and what another one says of a package."""
    image = f"pkg:oci/family-vision@sha256:{'a' * 64}"
    harmless = VexClaim(
        vulnerability="CVE-1",
        waiver="W-3",
        status="not_affected",
        why="only an offline tool reads it",
        since=TODAY,
        products=(VexProduct(image, (f"{TIFF}?arch=amd64",)),),
        aliases=("GHSA-1",),
        justification="vulnerable_code_not_in_execute_path",
        notes="W-3 by vision-team, until 2026-12-19",
    )
    accepted = VexClaim(
        vulnerability="CVE-2",
        waiver="W-4",
        status="affected",
        why="accepted until 2026-12-19: the next base image mends it",
        since=TODAY,
        products=(VexProduct(TIFF),),
        notes="W-4 by platform, approved by security, until 2026-12-19 (SEC-12)",
    )
    return VexReport(
        subject="house", author="house", issued="2026-11-20T00:00:00Z", claims=(harmless, accepted)
    )
