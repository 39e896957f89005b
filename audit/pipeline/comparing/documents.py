"""What a document says, to be compared: an SBOM of anybody, or an audit that fleet-audit wrote."""

from fleet_audit.audit.model.difference import Aspect, ComparedSide
from fleet_audit.audit.model.inventory import Component
from fleet_audit.audit.pipeline.comparing.audits import audit_side, schema_of
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

_FORM = "document-form"
_NOT_IN_SBOMS = "an SBOM does not tell it"
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


def document_side(name: str, body: bytes) -> Side:
    """Return what a document says.

    Raises ForeignUnreadable for what is no SBOM, NotCompareable for a document of fleet-audit that is no
    audit of one image.
    """
    schema = schema_of(body)
    return audit_side(name, body, schema) if schema else _sbom(name, told_by(name, body))


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
