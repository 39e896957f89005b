"""Builds the audit of one image with everything in it that an audit can hold."""

from datetime import timedelta
from typing import Any

from fleet_audit.audit.model.audit import AuditReport, EvidencePart, LayerOrigin, Statement
from fleet_audit.audit.model.elf import Fatal, HostDriver, Missing, Resolution, Resolved
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
from fleet_audit.audit.model.gating import GatedImage, gated
from fleet_audit.audit.model.identity import DiffID, Digest, Distro, ImagePath, ImageRef
from fleet_audit.audit.model.image import ImageIdentity, Layer
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.model.inventory import ToolUse
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.need import Need, NeedKind, ReachedFrom, Tier, Via
from fleet_audit.audit.model.waiver import WaiverUse
from fleet_audit.audit.policy.waivers import account_of
from tests.support.advisories import EVERY
from tests.support.gated import NEED, VULN
from tests.support.inventories import BASE, OWN, inventory
from tests.support.proposals import audio_plan, audio_surplus
from tests.support.waivers import TODAY, waiver

APP = SourceLocation("services/face/app.py", 3)
DIGEST = Digest("sha256:" + "4e09" * 16)
MIDDLE = DiffID("sha256:" + "3" * 64)
SERVICES = ("Dream", "Face")

SOURCE = RuleSummary(
    "FA-SRC-001", "A source file does not parse", "It cannot start.", Severity.ERROR, Mode.ENFORCE, "source"
)
LAZY = RuleSummary(
    "FA-NEED-005", "What may be asked for is missing", "It may.", Severity.INFO, Mode.WARN, "need"
)
PINNED = RuleSummary("FA-PIN-001", "A package at any version", "Moving.", Severity.WARN, Mode.WARN, "install")
OLD = RuleSummary(
    "FA-VULN-006", "Known to be exploited", "It is used.", Severity.CRITICAL, Mode.DRY_RUN, "advisory"
)
SCANNED = RuleSummary("FA-EVID-002", "No scan", "Nothing is known.", Severity.ERROR, Mode.ENFORCE, "evidence")
ROOT = RuleSummary("FA-IMG-002", "An image runs as root", "", Severity.ERROR, Mode.ENFORCE, "run_as")
POLICY = PolicySummary("default", "c6fdfa6f" * 8, (NEED, VULN, SOURCE, LAZY, PINNED, OLD, SCANNED, ROOT))


def full_audit(**fields: Any) -> AuditReport:
    """Return the audit of a family's image that fails, with something in each of its parts."""
    usual: dict[str, Any] = {
        "subject": "family-vision",
        "family": "family-vision",
        "names": ("family-vision", "vision"),
        "image": _image(),
        "services": SERVICES,
        "created": "2026-11-20T09:00:00Z",
        "revision": "0123abc",
        "origins": (
            LayerOrigin(BASE, "base-python", 169_000_000),
            LayerOrigin(MIDDLE, "base-python", None),
            LayerOrigin(OWN, "family-vision", 442_000_000),
        ),
        "needs": _needs(),
        "proposal": audio_plan(),
        "surplus": audio_surplus(),
        "is_surplus_known": True,
        "inventory": inventory(),
        "listed_digest": DIGEST,
        "advisories": EVERY,
        "examined": 195,
        "is_end_of_life": True,
        "scanned_digest": DIGEST,
        "tools": (ToolUse("syft", "1.18.1"), ToolUse("trivy", "0.68.2", "2026-11-19T00:00:00Z")),
        "evidence": (_evidence(),),
        "waivers": _waivers(),
        "findings": _findings(),
        "gaps": (
            Gap("ldd", GapKind.UNREADABLE_ELF, "/opt/x.so", "is cut off after 812 bytes"),
            Gap("imports", GapKind.PATH_EDIT, "sys.path", "the folder is computed", APP),
            Gap(
                "apt",
                GapKind.NO_ARCHIVE_INDEX,
                "bookworm",
                "no state of it is kept",
                command="fleet-audit index update",
            ),
        ),
        "notes": ("no archive signature was checked",),
        "policy": POLICY,
    }
    return AuditReport(**{**usual, **fields})


def full_image(**fields: Any) -> GatedImage:
    """Return that audit as reports take it, with the file in which it is stored."""
    return gated(full_audit(**fields), file="audits/family-vision/4e09.audit.json")


def _image() -> ImageIdentity:
    return ImageIdentity(
        ref=ImageRef("oci", "build/images:family-vision", DIGEST),
        distro=Distro("debian", "12", "bookworm", "Debian GNU/Linux 12 (bookworm)"),
        layers=(
            Layer(BASE, size=64_000_000, created_by="ADD rootfs.tar / # Debian | *12*"),
            Layer(MIDDLE, size=243),
            Layer(OWN, size=166_000_000, created_by="RUN python3 -m pip install -r requirements.txt"),
        ),
    )


def _need(name: str, resolution: Resolution, tier: Tier = Tier.REQUIRED) -> Need:
    ways = tuple(ReachedFrom(service, APP, Level.CERTAIN, (f"service:{service}",)) for service in SERVICES)
    return Need(NeedKind.SONAME, name, tier, Via.NEEDED, resolution, ("/opt/app.so",), ways)


def _needs() -> tuple[Need, ...]:
    return (
        _need("libportaudio.so.2", Missing(("/usr/lib",))),
        _need("libbad.so.1", Fatal(ImagePath("/usr/lib/libbad.so.1"), "file too short")),
        _need("libjack.so.0", Missing(("/usr/lib",)), Tier.LAZY),
        _need("libcuda.so.1", HostDriver("nvidia-driver")),
        _need("libz.so.1", Resolved(ImagePath("/usr/lib/libz.so.1"))),
    )


def _evidence() -> EvidencePart:
    needs = tuple(Statement("need", {"name": need.name}, need.subject) for need in _needs())
    advisories = tuple(
        Statement("advisory", {}, f"advisory:{each.id}:{each.ecosystem}/{each.package}") for each in EVERY
    )
    files = (Statement("source", {}, "file:services/dream/old.py"), Statement("source", {}, "file:app.py"))
    others = (Statement("install", {}, "install:tini"), Statement("run_as", {}, "service:Face"))
    return EvidencePart("deps", (*needs, *advisories, *files, *others))


def _finding(rule: RuleSummary, subject: str, message: str, **fields: Any) -> Finding:
    usual: dict[str, Any] = {"severity": rule.severity, "confidence": Confidence.CERTAIN, "mode": rule.mode}
    return Finding(rule=rule.id, subject=subject, message=message, **{**usual, **fields})


def _findings() -> tuple[Finding, ...]:
    dockerfile = SourceLocation("docker/family-audio/Dockerfile", 7)
    services = tuple(("service", name) for name in SERVICES)
    exploited = "advisory:CVE-2023-4863:deb/libwebp"
    return (
        _finding(
            NEED,
            "so:libportaudio.so.2",
            "libportaudio.so.2 is missing | *here*",
            remedy="install libportaudio2=19.6.0-1.2 in the family's Dockerfile",
            location=APP,
            related=(dockerfile,),
            matter=(("need", "so:libportaudio.so.2"), *services),
        ),
        _finding(
            SOURCE,
            "file:services/dream/old.py",
            "services/dream/old.py does not parse",
            location=SourceLocation("services/dream/old.py", 7),
            matter=(("path", "services/dream/old.py"), ("service", "Dream")),
        ),
        _finding(
            VULN,
            "advisory:CVE-2023-45853:deb/zlib",
            "CVE-2023-45853 in zlib is critical",
            waiver="W-1 until 2026-12-19: no minizip (@platform)",
            waived_by="W-1",
            matter=(("package", "zlib"), ("vuln", "CVE-2023-45853")),
        ),
        _finding(OLD, exploited, "CVE-2023-4863 is exploited", matter=(("vuln", "CVE-2023-4863"),)),
        _finding(PINNED, "install:tini", "=tini is installed at any version", location=dockerfile),
        _finding(LAZY, "so:libjack.so.0", "libjack.so.0 is not there", matter=(("need", "so:libjack.so.0"),)),
    )


def _waivers() -> WaiverUse:
    day = timedelta(days=1)
    ending = account_of(waiver("W-1", expires=TODAY + 3 * day), TODAY, findings=("f" * 32,))
    return WaiverUse(
        applied=(ending, account_of(waiver("W-2", reason="a | <b>"), TODAY, findings=("e" * 32,))),
        expired=(account_of(waiver("W-3", expires=TODAY - day), TODAY),),
        unused=(account_of(waiver("W-4"), TODAY),),
        expiring=(ending,),
        pending=(account_of(waiver("W-5", created=TODAY + day), TODAY),),
    )
