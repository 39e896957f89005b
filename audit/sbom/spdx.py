"""Writes an inventory as SPDX 2.3 (ISO/IEC 5962 and its 2.3 revision): the same inventory, the same bytes."""

import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from fleet_audit.audit.model.inventory import Component, Inventory, Sighting
from fleet_audit.audit.sbom.canonical import system_of
from fleet_audit.audit.sbom.cyclonedx import OWN, dependencies, gap_text, named_facts
from fleet_audit.audit.sbom.licences import is_expression
from fleet_audit.audit.sbom.shared_fields import shared_fields

NOT_SAID = "NOASSERTION"
_LONGEST = 60
_UNFIT = re.compile(r"[^A-Za-z0-9.-]+")
_DOCUMENT = "SPDXRef-DOCUMENT"
PURPOSES = {
    "application": "APPLICATION",
    "container": "CONTAINER",
    "file": "FILE",
    "framework": "FRAMEWORK",
    "library": "LIBRARY",
    "operating-system": "OPERATING_SYSTEM",
}
_HASHES = {"md5": "MD5", "sha1": "SHA1", "sha256": "SHA256", "sha384": "SHA384", "sha512": "SHA512"}
BUILT_FROM = "built package from: "
"""How trivy tells the source package (its pkg/sbom/spdx/marshal.go)."""

SEEN = f"{OWN}:seen"
"""Annotation with a place where a package was seen, where SPDX's field for that tells its source package."""

RELATIONS = {
    "depends": "DEPENDS_ON",
    "imports": "DEPENDS_ON",
    "needs": "DYNAMIC_LINK",
    "bundles": "CONTAINS",
    "contains": "CONTAINS",
}
"""How our links are called in SPDX (clause 11, table 68)."""

Document = dict[str, Any]


def spdx(inventory: Inventory, *, created: str, version: str) -> bytes:
    """Return the document, with a final line feed.

    `created` is the time that it bears (RFC 3339, whole seconds, UTC; SPDX asks for one). What SPDX has no
    field for stands in annotations, one fact in each. The namespace is made from the content.
    """
    ids = _ids(inventory)
    licences = _Licences()
    annotator = _Annotator(created, f"Tool: fleet-audit-{version}")
    document: Document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": inventory.subject.name,
        "creationInfo": {
            "created": created,
            "creators": [
                f"Tool: fleet-audit-{version}",
                *(f"Tool: {tool.name}-{tool.version}" for tool in inventory.tools),
            ],
            **_comment(inventory),
        },
        "documentDescribes": [ids[inventory.subject.ref]],
        "packages": [
            _package(component, ids[component.ref], licences, annotator)
            for component in (inventory.subject, *inventory.components)
        ],
        "relationships": list(_relationships(inventory, ids)),
    }
    if licences.extracted:
        document["hasExtractedLicensingInfos"] = licences.told()
    content = hashlib.sha256(msgspec.json.encode(document)).hexdigest()
    document["documentNamespace"] = uuid.uuid5(uuid.NAMESPACE_OID, content).urn
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


class _Annotator:
    def __init__(self, created: str, name: str) -> None:
        self._created = created
        self._name = name

    def annotations(self, facts: Iterable[tuple[str, str]]) -> list[Document]:
        return [
            {
                "annotationDate": self._created,
                "annotationType": "OTHER",
                "annotator": self._name,
                "comment": f"{name}: {value}",
            }
            for name, value in facts
        ]


class _Licences:
    """Gives every licence an SPDX expression; what is none is written out under a reference."""

    def __init__(self) -> None:
        self.extracted: dict[str, str] = {}

    def expression(self, licences: Iterable[str]) -> str:
        parts = [self._part(each) for each in licences if each.strip()]
        if not parts:
            return NOT_SAID
        return parts[0] if len(parts) == 1 else " AND ".join(_bracketed(part) for part in parts)

    def _part(self, text: str) -> str:
        if is_expression(text):
            return text
        name = _UNFIT.sub("-", text.partition("\n")[0]).strip("-")[:_LONGEST] or "licence"
        digest = hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()[:8]
        reference = f"LicenseRef-{name}-{digest}"
        self.extracted[reference] = text
        return reference

    def told(self) -> list[Document]:
        return [
            {"licenseId": each, "name": each.removeprefix("LicenseRef-"), "extractedText": text}
            for each, text in sorted(self.extracted.items())
        ]


def _bracketed(expression: str) -> str:
    return f"({expression})" if " " in expression else expression


def _ids(inventory: Inventory) -> dict[str, str]:
    """Return the id of each component: its name as far as SPDX allows its characters, made unique by its ref.

    trivy knows the operating system by the beginning of its id (its pkg/sbom/spdx/unmarshal.go).
    """
    found = {}
    for component in (inventory.subject, *inventory.components):
        kind = "OperatingSystem" if component.kind == "operating-system" else "Package"
        readable = _UNFIT.sub("-", component.name).strip("-")[:_LONGEST]
        digest = hashlib.sha256(component.ref.encode(errors="backslashreplace")).hexdigest()[:16]
        found[component.ref] = f"SPDXRef-{kind}-{readable}-{digest}"
    return found


def _comment(inventory: Inventory) -> Document:
    told = [f"{'incomplete' if gap.blocking else 'note'}: {gap_text(gap)}" for gap in inventory.gaps]
    if inventory.package_set is not None:
        told.append(f"package set: {inventory.package_set}")
    return {"comment": "\n".join(told)} if told else {}


def _package(component: Component, spdx_id: str, licences: _Licences, annotator: _Annotator) -> Document:
    texts, component = shared_fields(component)
    built_from, seen = source_told(component), source_info(component.sightings)
    facts = [(SEEN, each) for each in seen if built_from] + named_facts(component)
    package: Document = {
        "SPDXID": spdx_id,
        "name": component.name,
        "versionInfo": component.version,
        "supplier": f"Organization: {component.supplier}" if component.supplier else NOT_SAID,
        "downloadLocation": NOT_SAID,
        "filesAnalyzed": False,
        "checksums": [
            {"algorithm": _HASHES[name], "checksumValue": value}
            for name, value in sorted(component.hashes.items())
            if name in _HASHES
        ],
        "licenseConcluded": NOT_SAID,
        "licenseDeclared": licences.expression(component.licenses),
        "copyrightText": texts.get("copyright", NOT_SAID),
        "description": texts.get("description", ""),
        "primaryPackagePurpose": PURPOSES.get(component.kind, "OTHER"),
        "sourceInfo": built_from or "; ".join(seen),
        "externalRefs": list(_external(component)),
        "annotations": annotator.annotations(facts),
    }
    return {key: value for key, value in package.items() if value not in ("", []) or key == "name"}


def source_told(component: Component) -> str:
    """Return the source package of a system's package, in the one form in which trivy reads it from SPDX.

    Empty for any other component. Without it trivy finds none of Debian's advisories, and does not say so.
    """
    name = component.source_name or component.name
    version = component.source_version or component.version
    is_told = component.purl is not None and system_of(component.purl) and name and version
    return "" if not is_told or " " in name + version else f"{BUILT_FROM}{name} {version}"


def source_info(sightings: Iterable[Sighting]) -> tuple[str, ...]:
    """Return where a package was seen and how, each once; SPDX has no place for the layer."""
    told = (f"{each.technique}: {each.path}" if each.technique else each.path for each in sightings)
    return tuple(dict.fromkeys(told))


def _external(component: Component) -> Iterator[Document]:
    for cpe in component.cpes[:1]:
        yield _reference("SECURITY", "cpe23Type", cpe)
    if component.purl is not None:
        yield _reference("PACKAGE-MANAGER", "purl", component.purl)


def _reference(category: str, kind: str, locator: str) -> Document:
    return {"referenceCategory": category, "referenceType": kind, "referenceLocator": locator}


def _relationships(inventory: Inventory, ids: dict[str, str]) -> Iterator[Document]:
    root = ids[inventory.subject.ref]
    yield _related(_DOCUMENT, "DESCRIBES", root)
    for ref in dependencies(inventory)[0]["dependsOn"]:
        yield _related(root, "DEPENDS_ON", ids[ref])
    for component in inventory.components:
        yield _related(root, "CONTAINS", ids[component.ref])
    for link in inventory.links:
        related = _related(ids[link.source], RELATIONS.get(link.how, "OTHER"), ids[link.target])
        yield {**related, "comment": "\n".join((link.how, *link.evidence))}


def _related(source: str, how: str, target: str) -> Document:
    return {"spdxElementId": source, "relationshipType": how, "relatedSpdxElement": target}
