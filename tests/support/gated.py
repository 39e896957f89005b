"""Audits before the gate: one that blocks, one of which something is not known, one that passes."""

from typing import Any

from fleet_audit.audit.model.audit import AuditReport, EvidencePart, Statement
from fleet_audit.audit.model.finding import (
    Confidence,
    Finding,
    Gap,
    GapKind,
    Mode,
    PolicySummary,
    RuleSummary,
    Severity,
)
from fleet_audit.audit.model.gating import Comparison, GateReport, gated
from fleet_audit.audit.model.identity import Digest, Distro, ImageRef
from fleet_audit.audit.model.image import ImageIdentity
from fleet_audit.audit.model.inventory import ToolUse
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.waiver import Waiver, WaiverUse
from fleet_audit.audit.policy.waivers import account_of
from tests.support.waivers import TODAY, waiver

NEED = RuleSummary(
    "FA-NEED-001", "A required library is missing", "The loader ends.", Severity.ERROR, Mode.ENFORCE, "need"
)
VULN = RuleSummary(
    "FA-VULN-001", "A grave advisory is reached", "It can be used.", Severity.ERROR, Mode.ENFORCE, "advisory"
)
POLICY = PolicySummary("default", "125df0e0" * 8, (NEED, VULN))


def image(name: str, digits: str = "9b1e") -> ImageIdentity:
    """Return an image of this name, and of a digest of these digits."""
    ref = ImageRef("oci", f"build/images:{name}", Digest("sha256:" + digits * 16))
    return ImageIdentity(ref, Distro("debian", "12", "bookworm", "Debian GNU/Linux 12 (bookworm)"))


def blocking(subject: str = "so:libGL.so.1", *, rule: str = "FA-NEED-001", **fields: Any) -> Finding:
    """Return a finding that blocks, unless told otherwise."""
    usual: dict[str, Any] = {
        "severity": Severity.ERROR,
        "confidence": Confidence.CERTAIN,
        "mode": Mode.ENFORCE,
        "message": f"{subject} is missing | *here*",
        "remedy": "install libgl1=1.6.0-1 in the family's Dockerfile",
        "location": SourceLocation("docker/vision/Dockerfile", 18),
        "related": (SourceLocation("services/face/app.py", 12),),
    }
    return Finding(rule=rule, subject=subject, **{**usual, **fields})


def blocking_gap(what: str = "trivy", kind: GapKind = GapKind.SCANNER_ABSENT) -> Gap:
    """Return a gap that keeps an audit from passing."""
    return Gap("vulns", kind, what, "it was not found, so no advisory is known")


def audit(name: str = "vision", *findings: Finding, **fields: Any) -> AuditReport:
    """Return the audit of a family's image with these findings, and a statement of each kind."""
    statements = (Statement("need", {"name": "libGL.so.1"}, "so:libGL.so.1"), Statement("advisory", {}, "a"))
    usual: dict[str, Any] = {
        "family": name,
        "image": image(name),
        "created": "2026-11-20T09:00:00Z",
        "tools": (ToolUse("syft", "1.18.1"), ToolUse("trivy", "0.68.2", "2026-11-19T00:00:00Z")),
        "evidence": (EvidencePart("deps", statements),),
        "policy": POLICY,
    }
    return AuditReport(subject=name, findings=findings, **{**usual, **fields})


def use_of(*waivers: Waiver, fingerprints: tuple[str, ...] = ()) -> WaiverUse:
    """Return that these waivers are in effect, and name these findings."""
    return WaiverUse(
        applied=tuple(account_of(each, TODAY, findings=fingerprints) for each in waivers),
        expired=(account_of(waiver("W-0", expires=TODAY.replace(day=1)), TODAY),),
    )


def gate_report() -> GateReport:
    """Return the answer on four images, two of them beside a baseline, and on one that is not built."""
    waived = blocking(
        "advisory:CVE-1:deb/tiff", rule="FA-VULN-001", waiver="W-1 until 2026-12-19", waived_by="W-1"
    )
    dry = blocking("so:libdry.so", mode=Mode.DRY_RUN)
    later = blocking("advisory:CVE-2:deb/zlib", rule="FA-VULN-001", message="CVE-2 in zlib is high")
    old = blocking("so:libold.so")
    failing = audit("vision", blocking(), waived, dry, waivers=use_of(waiver(), fingerprints=("f" * 32,)))
    unknown = audit("llm", gaps=(blocking_gap(),), image=None, evidence=())
    compared = Comparison(
        base="2026-11-01T00:00:00Z",
        database_before="2026-10-31T00:00:00Z",
        database_now="2026-11-19T00:00:00Z",
        known=(old.fingerprint,),
        disclosed=(later.fingerprint,),
        fixed=(blocking("so:libgone.so"),),
        waived_since=("W-9",),
    )
    return GateReport(
        subject="vision, llm, web, torch",
        policy=POLICY,
        images=(
            gated(failing, file="audits/vision/9b1e.audit.json"),
            gated(unknown),
            gated(audit("web")),
            gated(audit("torch", later, old), comparison=compared),
        ),
        absent=("legacy",),
        idle=(account_of(waiver("W-8"), TODAY),),
    )
