"""What a document says, to be compared: an SBOM of anybody, or an audit that fleet-audit wrote."""

from collections.abc import Iterator

import msgspec

from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.model.difference import Aspect, ComparedSide, FindingState, NeedState
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import Digest
from fleet_audit.audit.model.inventory import Component, ToolUse
from fleet_audit.audit.pipeline.comparing.side import (
    NO_SCANNER,
    Side,
    own_package_set,
    told_settings,
    without_images,
)
from fleet_audit.audit.pipeline.inventories.documents import told_by
from fleet_audit.audit.sbom.cyclonedx import OWN
from fleet_audit.audit.sbom.merging import gaps_told, part_of
from fleet_audit.audit.sbom.reading import IMAGE, MERGED, Told

_OURS = "fleet-audit."
_AUDIT = "deps"
_MAX_NAMED = 10
_FORM = "document-form"

_NOT_IN_SBOMS = "an SBOM does not tell it"
_NOT_IN_AUDITS = "an audit's document does not tell it"
_OTHER_TOOL = "the tool that wrote the document does not tell it"
_SEVERAL = "it is of several images"
_OF_SBOMS = frozenset(
    {
        Aspect.PACKAGES,
        Aspect.OTHER_KINDS,
        Aspect.PROGRAMS,
        Aspect.BUNDLED,
        Aspect.LICENCES,
        Aspect.CONFIGURATION,
    }
)


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


def document_side(name: str, body: bytes) -> Side:
    """Return what a document says.

    Raises ForeignUnreadable for what is no SBOM, NotCompareable for a document of fleet-audit that is no
    audit of one image.
    """
    try:
        schema = msgspec.json.decode(body, type=_Head).schema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Whoever reads it as an SBOM says what is wrong with it.
        schema = ""
    return _audit(name, body, schema) if schema.startswith(_OURS) else _sbom(name, told_by(name, body))


def _sbom(name: str, told: Told) -> Side:
    part = part_of(told)
    images = [each for each in part.components if (MERGED, IMAGE) in each.properties]
    image = images[0] if len(images) == 1 else Component(ref="", name=name)
    facts = dict(image.properties)
    tools = told.tools
    is_ours = any(tool.name == OWN for tool in tools)
    components = without_images(part.components)
    settings = told_settings(image) if is_ours else {}
    silent = {aspect: _NOT_IN_SBOMS for aspect in Aspect if aspect not in _OF_SBOMS}
    if {tool.name for tool in tools} == {OWN}:
        silent[Aspect.OTHER_KINDS] = NO_SCANNER
    if not is_ours:
        silent[Aspect.BUNDLED] = _OTHER_TOOL
    if not settings:
        silent[Aspect.CONFIGURATION] = _SEVERAL if len(images) > 1 else _OTHER_TOOL
    if not any(each.licenses for each in components):
        silent[Aspect.LICENCES] = "it tells no licence at all"
    return Side(
        ComparedSide(
            name=name,
            kind=facts.get(_FORM, "SBOM"),
            reference=image.name,
            digest=image.version if image.version.startswith("sha256:") else "",
            platform=facts.get("image-platform", ""),
            tools=tuple(sorted(tools, key=lambda tool: (tool.name, tool.version))),
            gaps=tuple(gaps_told(told)),
        ),
        components=components,
        silent=silent,
        settings=settings,
        own_package_set=own_package_set(components) if is_ours else None,
    )


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


class _Tool(msgspec.Struct):
    name: str
    version: str


class _Proposal(msgspec.Struct):
    installed_bytes: int = 0


class _Surplus(msgspec.Struct):
    installed_bytes: int = 0


class _Deps(msgspec.Struct):
    """What is read of ``deps/1``; other fields may stand beside these."""

    tool: _Tool
    subject: str
    needs: tuple[_Need, ...]
    findings: tuple[_Finding, ...]
    gaps: tuple[_Gap, ...]
    image: _Image | None = None
    package_set: str | None = None
    proposal: _Proposal = msgspec.field(default_factory=_Proposal)
    surplus: tuple[_Surplus, ...] = ()
    surplus_examined: bool = False


class _Subject(msgspec.Struct):
    subject: str = ""


class _Several(msgspec.Struct):
    subjects: tuple[_Subject, ...] = ()


def audited_subject(body: bytes) -> str:
    """Return whose needs an audit's document tells; empty for any other document."""
    try:
        head = msgspec.json.decode(body, type=_Head)
        is_audit = head.schema.startswith(f"{_OURS}{_AUDIT}/")
        return msgspec.json.decode(body, type=_Subject).subject if is_audit else ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _audit(name: str, body: bytes, schema: str) -> Side:
    if schema != f"{_OURS}{_AUDIT}/1":
        why = f"is a document {schema[:60]}; of our own, SBOMs and {_OURS}{_AUDIT}/1 are compared"
        raise NotCompareable(name, why)
    try:
        several = msgspec.json.decode(body, type=_Several).subjects
        if several:
            names = [each.subject for each in several]
            listed = ", ".join(names[:_MAX_NAMED]) + (", …" if len(names) > _MAX_NAMED else "")
            why = f"is of {len(names)} images ({listed}); write that of one: fleet-audit deps NAME"
            raise NotCompareable(name, why)
        document = msgspec.json.decode(body, type=_Deps)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise NotCompareable(name, f"is no sound {schema}: {e}") from e
    return _of_deps(name, document)


def _of_deps(name: str, document: _Deps) -> Side:
    image = document.image or _Image("")
    told = {Aspect.NEEDS, Aspect.FINDINGS} if document.image is not None else set()
    why = _NOT_IN_AUDITS if document.image is not None else "it had no image to look at"
    totals = {"proposed packages": document.proposal.installed_bytes}
    if document.surplus_examined:
        totals["packages that nothing needs"] = sum(each.installed_bytes for each in document.surplus)
    return Side(
        ComparedSide(
            name=name,
            kind=f"audit of {document.subject}",
            reference=image.ref,
            digest=image.digest or "",
            platform=image.platform,
            tools=(ToolUse(document.tool.name, document.tool.version),),
            gaps=tuple(_gaps(document)),
        ),
        silent={aspect: _NOT_IN_AUDITS if told else why for aspect in Aspect if aspect not in told},
        needs=tuple(_need(need) for need in document.needs),
        findings=tuple(_finding(finding) for finding in document.findings),
        audited_by=_AUDIT,
        totals=totals,
        own_package_set=Digest(document.package_set) if document.package_set else None,
    )


def _gaps(document: _Deps) -> Iterator[Gap]:
    kinds = set(GapKind)
    for gap in document.gaps:
        kind = GapKind(gap.kind) if gap.kind in kinds else GapKind.INCOMPLETE_DOCUMENT
        yield Gap(gap.stage, kind, gap.what, gap.why)


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
