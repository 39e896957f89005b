"""The document of somebody else, written anew in another form."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from fleet_audit.audit.model.identity import Purl
from fleet_audit.audit.model.inventory import (
    PURL_AS_GIVEN,
    Component,
    ImportedBy,
    Inventory,
    Link,
    SbomReport,
)
from fleet_audit.audit.pipeline.inventories.documents import told_by
from fleet_audit.audit.pipeline.inventories.inventory import written_time
from fleet_audit.audit.sbom.cyclonedx import OWN
from fleet_audit.audit.sbom.joining import package_set_of
from fleet_audit.audit.sbom.merging import gaps_told, settled
from fleet_audit.audit.sbom.reading import CREATED, NO_REF, Told

FROM = "converted-from"
"""Property of what a document is of: name and digest of the file that it was made from."""

_CPE = "cpe"
_PACKAGE_SET = "package-set"


def converted(name: str, body: bytes) -> SbomReport:
    """Return the report on what a document lists, to be written in any form.

    What a form has a field for stands in it, all else in properties (CycloneDX) or annotations (SPDX). One
    that says of itself that something is missing is a gap. Raises ForeignUnreadable.
    """
    told = told_by(name, body)
    components = [_with_name_as_given(settled([each]), each) for each in told.components]
    refs = _refs(told)
    package_set = package_set_of(components)
    made_from = f"{Path(name).name} sha256:{hashlib.sha256(body).hexdigest()}"
    subject = _renamed(settled([told.subject]), refs)
    facts = {*subject.properties, (FROM, made_from)} - {(_PACKAGE_SET, package_set or "")}
    gaps = gaps_told(told)
    inventory = Inventory(
        subject=msgspec.structs.replace(subject, properties=tuple(sorted(facts))),
        components=tuple(sorted((_renamed(each, refs) for each in components), key=lambda each: each.ref)),
        links=tuple(sorted(Link(refs[each.source], refs[each.target], each.how) for each in told.links)),
        imported=tuple(ImportedBy(each.service, refs[each.ref], each.location) for each in told.imported),
        package_set=package_set,
        tools=tuple(tool for tool in told.tools if tool.name != OWN),
        gaps=gaps,
    )
    times = (value for key, value in told.subject.properties if key == CREATED)
    created = max((written_time(each) for each in times), default="")
    return SbomReport(subject=told.subject.name, gaps=gaps, inventory=inventory, created=created)


def _with_name_as_given(component: Component, given: Component) -> Component:
    """Return a component with the platform name (CPE) that its document gives first: the best guess."""
    if component.cpes == given.cpes or not given.cpes:
        return component
    properties = {*component.properties, *((_CPE, each) for each in component.cpes)}
    left = properties - {(_CPE, each) for each in given.cpes}
    return msgspec.structs.replace(component, cpes=given.cpes, properties=tuple(sorted(left)))


def _refs(told: Told) -> Mapping[str, str]:
    """Return the ref of everything by that which it has in the document; what has none there is given one."""
    found = {each.ref: each.ref for each in told.components if not each.ref.startswith(NO_REF)}
    known = set(found)
    for each in (told.subject, *told.components):
        if each.ref not in found:
            ref = each.ref if each.ref and not each.ref.startswith(NO_REF) else f"unnamed-{len(found)}"
            while ref in known:
                ref += "-"
            known.add(ref)
            found[each.ref] = ref
    return found


def _renamed(component: Component, refs: Mapping[str, str]) -> Component:
    """Return a component under its ref, and under its URL as that was given: with all its qualifiers."""
    given = [value for name, value in component.properties if name == PURL_AS_GIVEN]
    if component.purl is None or len(given) != 1:
        return msgspec.structs.replace(component, ref=refs[component.ref])
    return msgspec.structs.replace(
        component,
        ref=refs[component.ref],
        purl=Purl(given[0]),
        properties=tuple(each for each in component.properties if each[0] != PURL_AS_GIVEN),
    )
