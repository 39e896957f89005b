"""Advisories of every kind, for reports and rules."""

from fleet_audit.audit.model.advisories import (
    Advisory,
    Rating,
    Reach,
    ReachedBy,
    VexStatement,
    VulnsReport,
)
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import Distro, ImageRef, Purl
from fleet_audit.audit.model.image import ImageIdentity
from fleet_audit.audit.model.inventory import ToolUse
from fleet_audit.audit.model.location import SourceLocation

IMAGE = ImageIdentity(
    ImageRef("oci", "images:family-vision"), distro=Distro("debian", "12", "bookworm", "Debian 12")
)
APP = SourceLocation("services/face/app.py", 3)
REQUIREMENTS = SourceLocation("services/face/requirements.txt", 2)

WEBP = Advisory(
    id="CVE-2023-4863",
    package="libwebp",
    ecosystem="deb",
    affected=(Purl("pkg:deb/debian/libwebp7@1.2.4-0.2?arch=amd64"),),
    installed=("1.2.4-0.2",),
    aliases=("DSA-5497-1",),
    title="libwebp: heap buffer overflow | *in* the decoder",
    url="https://advisories.example/CVE-2023-4863",
    published="2023-09-12T15:15:00Z",
    severity="high",
    severity_source="nvd",
    ratings=(Rating("ghsa", "high"), Rating("nvd", "high", 8.8, "CVSS:3.1/AV:N")),
    cwes=("CWE-787",),
    fixed_in=("1.2.4-0.2+deb12u1",),
    status="fixed",
    epss=0.94,
    epss_percentile=0.99,
    is_exploited=True,
    reach=Reach.REACHED,
    reached_by=(
        ReachedBy(
            "Face",
            0,
            APP,
            (
                "service:Face",
                "starts module:services.face.app (services/face/app.py)",
                "imports module:cv2 (services/face/app.py:3)",
                "is file:/usr/lib/python3/dist-packages/cv2.so",
                "needs so:libwebp.so.7",
                "answered by file:/usr/lib/x86_64-linux-gnu/libwebp.so.7.1.5",
            ),
        ),
    ),
    origins=("family-vision",),
    brought_by=SourceLocation("docker/vision/Dockerfile", 7),
)
ZLIB = Advisory(
    id="CVE-2023-45853",
    package="zlib",
    ecosystem="deb",
    affected=(Purl("pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64"),),
    installed=("1:1.2.13.dfsg-1",),
    severity="critical",
    severity_source="nvd",
    ratings=(Rating("nvd", "critical", 9.8),),
    status="will_not_fix",
    vex=(VexStatement("not_affected", "vulnerable_code_not_present", "no minizip", "vex.json"),),
    reach=Reach.REACHED,
    reached_by=(
        ReachedBy("Dream", 0, None, ("service:Dream", "runs on file:/usr/bin/python3", "needs so:libz.so.1")),
    ),
    origins=("base",),
)
TORCH = Advisory(
    id="CVE-2025-32434",
    package="torch",
    ecosystem="pypi",
    affected=(Purl("pkg:pypi/torch@2.4.1"),),
    installed=("2.4.1",),
    severity="critical",
    severity_source="nvd",
    fixed_in=("2.6.0",),
    status="fixed",
    why_unknown="services/face/run.py:9 imports what only a run can tell (name)",
    brought_by=REQUIREMENTS,
)
PERL = Advisory(
    id="CVE-2011-4116",
    package="perl",
    ecosystem="deb",
    affected=(Purl("pkg:deb/debian/perl-base@5.36.0-7?arch=amd64"),),
    installed=("5.36.0-7",),
    severity="low",
    severity_source="debian",
    status="affected",
    reach=Reach.UNREACHED,
    origins=("base",),
)
EVERY = (ZLIB, TORCH, WEBP, PERL)


def vulns_report() -> VulnsReport:
    """Return advisories of every reach on one image, and a database that is old."""
    why = "it was made on 2026-10-01, 50 days ago, and 7 are allowed"
    return VulnsReport(
        subject="family-vision",
        family="family-vision",
        image=IMAGE,
        services=("Dream", "Face"),
        advisories=EVERY,
        examined=195,
        is_end_of_life=True,
        tools=(ToolUse("trivy", "0.68.2", "2026-10-01T00:00:00Z"),),
        gaps=(Gap("vulns", GapKind.STALE_DATABASE, "trivy's vulnerability database", why),),
    )
