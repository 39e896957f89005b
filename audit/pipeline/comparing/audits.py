"""What documents of fleet-audit itself say of one image: ``deps/1``, ``vulns/1``, and whole audits."""

from collections.abc import Iterator, Sequence

import msgspec

from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.model.advisories import Advisory
from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.difference import AdvisoryState, Aspect, ComparedSide, FindingState, NeedState
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import Digest, ImageRef
from fleet_audit.audit.model.image import ImageIdentity
from fleet_audit.audit.model.inspection import LayerSize
from fleet_audit.audit.model.inventory import ToolUse
from fleet_audit.audit.model.stored_audit import AuditUnreadable, audit_of
from fleet_audit.audit.pipeline.comparing.side import (
    NO_SCANNER,
    Side,
    finding_state,
    need_state,
    own_package_set,
    told_settings,
    without_images,
)
from fleet_audit.audit.sbom.cyclonedx import OWN
from fleet_audit.audit.sbom.merging import part_of, told_by_inventory

_OURS = "fleet-audit."
_DEPS, _VULNS, _AUDIT = "fleet-audit.deps/1", "fleet-audit.vulns/1", "fleet-audit.audit/1"
_MAX_NAMED = 10
_NOT_TOLD = "an audit's document does not tell it"
_NO_IMAGE = "it had no image to look at"
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class NotCompareable(FleetAuditError):
    """A document that holds nothing of what is compared."""

    def __init__(self, name: str, why: str) -> None:
        """Keep the file and the reason."""
        super().__init__(name, why)
        self.name = name
        self.why = why

    def __str__(self) -> str:
        """Return one sentence."""
        return f"{self.name}: {self.why}"


class _Head(msgspec.Struct):
    schema: str = ""


class _Subject(msgspec.Struct):
    subject: str = ""


class _Several(msgspec.Struct):
    subjects: tuple[_Subject, ...] = ()


class _Image(msgspec.Struct):
    ref: str
    digest: str | None = None
    platform: str = ""


class _Reached(msgspec.Struct):
    service: str


class _Need(msgspec.Struct):
    kind: str
    name: str
    tier: str
    status: str
    reached_from: tuple[_Reached, ...] = ()


class _Place(msgspec.Struct):
    path: str
    line: int = 0


class _Finding(msgspec.Struct):
    rule: str
    severity: str
    subject: str
    message: str
    fingerprint: str
    location: _Place | None = None
    waiver: str | None = None


class _Gap(msgspec.Struct):
    stage: str
    kind: str
    what: str
    why: str
    blocking: bool = True


class _Tool(msgspec.Struct):
    name: str
    version: str


class _Advisory(msgspec.Struct):
    id: str
    ecosystem: str
    package: str
    severity: str
    installed: tuple[str, ...] = ()
    fixed_in: tuple[str, ...] = ()
    reach: str = ""
    exploited: bool | None = None


class _Sized(msgspec.Struct):
    installed_bytes: int = 0


class _Envelope(msgspec.Struct):
    """What is read of any document of one image; other fields may stand beside these."""

    tool: _Tool
    subject: str
    findings: tuple[_Finding, ...]
    gaps: tuple[_Gap, ...]
    image: _Image | None = None


class _Deps(_Envelope, kw_only=True):
    needs: tuple[_Need, ...]
    package_set: str | None = None
    proposal: _Sized = msgspec.field(default_factory=_Sized)
    surplus: tuple[_Sized, ...] = ()
    surplus_examined: bool = False


class _Vulns(_Envelope, kw_only=True):
    advisories: tuple[_Advisory, ...]
    tools: tuple[_Tool, ...] = ()
    examined: int = 0


def schema_of(body: bytes) -> str:
    """Return which document of fleet-audit a text is; empty for any other text."""
    try:
        schema = msgspec.json.decode(body, type=_Head).schema
    except _UNREADABLE:
        # Whoever reads it as an SBOM says what is wrong with it.
        return ""
    return schema if schema.startswith(_OURS) else ""


def audited_subject(body: bytes) -> str:
    """Return whose needs a document tells; empty where it tells none."""
    try:
        is_told = schema_of(body) in (_DEPS, _AUDIT)
        return msgspec.json.decode(body, type=_Subject).subject if is_told else ""
    except _UNREADABLE:
        # Whoever reads all of it says what is wrong with it.
        return ""


def audit_side(name: str, body: bytes, schema: str) -> Side:
    """Return what a document of fleet-audit says of one image.

    Raises NotCompareable for one that tells nothing of what is compared, or that is damaged.
    """
    if schema not in (_DEPS, _VULNS, _AUDIT):
        known = f"{_DEPS}, {_VULNS} and {_AUDIT}"
        raise NotCompareable(name, f"is a document {schema[:60]}; of our own, SBOMs, {known} are compared")
    try:
        if schema == _AUDIT:
            return _of_audit(name, audit_of(body, name))
        _refuse_several(name, msgspec.json.decode(body, type=_Several).subjects, schema)
        if schema == _DEPS:
            return _of_deps(name, msgspec.json.decode(body, type=_Deps))
        return _of_vulns(name, msgspec.json.decode(body, type=_Vulns))
    except AuditUnreadable as e:
        raise NotCompareable(name, e.why) from e
    except _UNREADABLE as e:
        raise NotCompareable(name, f"is no sound {schema}: {e}") from e


def _refuse_several(name: str, subjects: Sequence[_Subject], schema: str) -> None:
    if subjects:
        names = [each.subject for each in subjects]
        listed = ", ".join(names[:_MAX_NAMED]) + (", …" if len(names) > _MAX_NAMED else "")
        command = schema.removeprefix(_OURS).partition("/")[0]
        why = f"is of {len(names)} images ({listed}); write that of one: fleet-audit {command} NAME"
        raise NotCompareable(name, why)


def _of_deps(name: str, document: _Deps) -> Side:
    told = {Aspect.NEEDS, Aspect.FINDINGS} if document.image is not None else set()
    totals = {"proposed packages": document.proposal.installed_bytes}
    if document.surplus_examined:
        totals["packages that nothing needs"] = sum(each.installed_bytes for each in document.surplus)
    return Side(
        _compared(name, document, (ToolUse(document.tool.name, document.tool.version),)),
        silent=_silent(told, document.image is not None),
        needs=tuple(_need(need) for need in document.needs),
        findings=tuple(_finding(finding) for finding in document.findings),
        judged_by="deps",
        totals=totals,
        own_package_set=Digest(document.package_set) if document.package_set else None,
    )


def _of_vulns(name: str, document: _Vulns) -> Side:
    tools = tuple(ToolUse(tool.name, tool.version) for tool in (document.tool, *document.tools))
    # Where no package was examined, that there is no advisory says nothing.
    told = {Aspect.ADVISORIES, Aspect.FINDINGS} if document.examined else set()
    return Side(
        _compared(name, document, tools),
        silent=_silent(told, document.examined > 0),
        findings=tuple(_finding(finding) for finding in document.findings),
        judged_by="vulns",
        advisories=tuple(
            AdvisoryState(*(getattr(each, field) for field in AdvisoryState.__struct_fields__))
            for each in document.advisories
        ),
    )


def _silent(told: set[Aspect], is_looked_at: bool) -> dict[Aspect, str]:
    why = _NOT_TOLD if is_looked_at else _NO_IMAGE
    return {aspect: why for aspect in Aspect if aspect not in told}


def _compared(name: str, document: _Envelope, tools: tuple[ToolUse, ...]) -> ComparedSide:
    image = document.image or _Image("")
    return ComparedSide(
        name=name,
        kind=f"audit of {document.subject}",
        reference=image.ref,
        digest=image.digest or "",
        platform=image.platform,
        tools=tools,
        gaps=tuple(_gaps(document.gaps)),
    )


def _gaps(gaps: Sequence[_Gap]) -> Iterator[Gap]:
    kinds = set(GapKind)
    for gap in gaps:
        kind = GapKind(gap.kind) if gap.kind in kinds else GapKind.INCOMPLETE_DOCUMENT
        yield Gap(gap.stage, kind, gap.what, gap.why, is_blocking=gap.blocking)


def _need(need: _Need) -> NeedState:
    services = tuple(sorted({reached.service for reached in need.reached_from}))
    return NeedState(need.kind, need.name, need.tier, need.status, services)


def _finding(finding: _Finding) -> FindingState:
    place = finding.location
    return FindingState(
        fingerprint=finding.fingerprint,
        rule=finding.rule,
        severity=finding.severity,
        subject=finding.subject,
        message=finding.message,
        place="" if place is None else f"{place.path}:{place.line}" if place.line else place.path,
        waived=finding.waiver is not None,
    )


def _of_audit(name: str, audit: AuditReport) -> Side:
    """Return what a whole audit says: it has its inventory, and the advisories on it, in it."""
    image = audit.image or ImageIdentity(ImageRef("", ""))
    inventory = audit.inventory
    components = () if inventory is None else without_images(part_of(told_by_inventory(inventory)).components)
    settings = {} if inventory is None else told_settings(inventory.subject)
    tools = () if inventory is None else (ToolUse(OWN, ""), *inventory.tools)
    layers = tuple(_layers(audit, image))
    silent = dict.fromkeys((Aspect.SONAMES, Aspect.PACKAGE_SIZES), _NOT_TOLD)
    if audit.image is None or inventory is None:
        silent = dict.fromkeys(Aspect, _NO_IMAGE)
    elif not inventory.tools:
        silent |= {Aspect.OTHER_KINDS: NO_SCANNER, Aspect.LICENCES: NO_SCANNER}
    if not audit.examined:
        silent[Aspect.ADVISORIES] = "no package was looked up"
    if not layers:
        silent[Aspect.LAYERS] = _NOT_TOLD
    if not settings:
        silent[Aspect.CONFIGURATION] = _NOT_TOLD
    return Side(
        ComparedSide(
            name=name,
            kind=f"audit of {audit.subject}",
            reference=str(image.ref) if audit.image is not None else "",
            digest=image.ref.digest or "",
            platform=str(image.ref.platform) if audit.image is not None else "",
            tools=tools,
            gaps=audit.gaps,
        ),
        components=components,
        silent=silent,
        settings=settings,
        needs=tuple(need_state(need) for need in audit.needs),
        findings=tuple(finding_state(finding) for finding in audit.findings),
        judged_by="gate",
        advisories=tuple(_advisory(advisory) for advisory in audit.advisories),
        totals={"layers as stored": sum(layer.stored_bytes for layer in layers)} if layers else {},
        layers=layers,
        own_package_set=own_package_set(components),
        is_whole=all(gap.kind is not GapKind.UNREADABLE_LAYER for gap in audit.gaps),
    )


def _layers(audit: AuditReport, image: ImageIdentity) -> Iterator[LayerSize]:
    unpacked = {origin.diff_id: origin.unpacked_bytes for origin in audit.origins}
    for layer in image.layers:
        size = unpacked.get(layer.diff_id)
        yield LayerSize(layer.size, layer.created_by, layer.diff_id, -1 if size is None else size)


def _advisory(advisory: Advisory) -> AdvisoryState:
    return AdvisoryState(
        id=advisory.id,
        ecosystem=advisory.ecosystem,
        package=advisory.package,
        severity=advisory.severity,
        installed=advisory.installed,
        fixed_in=advisory.fixed_in,
        reach=advisory.reach,
        exploited=advisory.is_exploited,
    )
