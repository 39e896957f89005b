"""The whole audit of one image: what was seen, what rules judge, and the verdict (CONTRACT ``audit/1``)."""

from typing import Any

import msgspec

from fleet_audit.audit.model.advisories import Advisory
from fleet_audit.audit.model.apt import AptPlan, Surplus
from fleet_audit.audit.model.exemption import Exemption
from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.identity import DiffID
from fleet_audit.audit.model.image import ImageIdentity
from fleet_audit.audit.model.imports import ServiceImports
from fleet_audit.audit.model.inventory import Inventory, ToolUse
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.need import Need
from fleet_audit.audit.model.pragma import Pragma
from fleet_audit.audit.model.report import Judged
from fleet_audit.audit.model.waiver import WaiverUse


class Statement(msgspec.Struct, frozen=True):
    """One thing that rules may judge: a record of typed facts, kept by its kind's name.

    `facts` has the record's fields that differ from their defaults. `name`, `confidence` and the places are
    those that a finding on it bears.
    """

    kind: str
    facts: dict[str, Any]
    name: str
    confidence: Confidence = Confidence.CERTAIN
    location: SourceLocation | None = None
    related: tuple[SourceLocation, ...] = ()


class EvidencePart(msgspec.Struct, frozen=True):
    """What one stage saw, with the comments in source that waive something of it.

    `settled` are the kinds of statements of which nothing was left out, `own_files` those whose comments
    stand for this image's services alone.
    """

    stage: str
    statements: tuple[Statement, ...] = ()
    pragmas: tuple[Pragma, ...] = ()
    settled: tuple[str, ...] = ()
    own_files: tuple[str, ...] = ()


class LayerOrigin(msgspec.Struct, frozen=True):
    """Who brought a layer, and how large it is once it is unpacked (None where that is not known)."""

    diff_id: DiffID
    origin: str = ""
    unpacked_bytes: int | None = None


class AuditReport(Judged, frozen=True, kw_only=True):
    """Everything that is known of one image, and what the policy says of it.

    Of a repository alone (the claims of a fleet that belong to no single image) `image` and `inventory` are
    None. `names` are those of the families whose image it is, aliases included. `evidence` is all that rules
    judge: an audit that was stored is judged again without reading an image. `created` is when the image was
    looked at (RFC 3339), `revision` the commit of the repository then, empty where that is not known.
    `scanned_digest` and `listed_digest` are those of the image that the advisories and the inventory are of.
    `waivers` says what became of those that concern the image.
    """

    family: str | None = None
    names: tuple[str, ...] = ()
    image: ImageIdentity | None = None
    services: tuple[str, ...] = ()
    created: str = ""
    revision: str = ""
    origins: tuple[LayerOrigin, ...] = ()
    imports: tuple[ServiceImports, ...] = ()
    needs: tuple[Need, ...] = ()
    proposal: AptPlan = AptPlan()
    surplus: tuple[Surplus, ...] = ()
    is_surplus_known: bool = False
    inventory: Inventory | None = None
    listed_digest: str = ""
    advisories: tuple[Advisory, ...] = ()
    examined: int = 0
    is_end_of_life: bool | None = None
    scanned_digest: str = ""
    tools: tuple[ToolUse, ...] = ()
    evidence: tuple[EvidencePart, ...] = ()
    exemptions: tuple[Exemption, ...] = ()
    waivers: WaiverUse = WaiverUse()
