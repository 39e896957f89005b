"""Writes an inventory as CycloneDX 1.6 (ECMA-424): the same inventory, the same bytes."""

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from fleet_audit.audit.model.finding import Gap
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.inventory import Component, ImportedBy, Inventory, ToolUse
from fleet_audit.audit.sbom.canonical import system_of
from fleet_audit.audit.sbom.licences import is_expression, spdx_ids
from fleet_audit.audit.sbom.shared_fields import shared_fields

OWN = "fleet-audit"

_TECHNIQUES = {
    "package-database": "manifest-analysis",
    "metadata": "manifest-analysis",
    "elf": "binary-analysis",
    "binary": "binary-analysis",
}
TECHNIQUES_OF_FORM = frozenset(
    {
        *(
            "source-code-analysis",
            "binary-analysis",
            "manifest-analysis",
            "ast-fingerprint",
            "hash-comparison",
        ),
        *("instrumentation", "dynamic-analysis", "filename", "attestation", "other"),
    }
)
"""How CycloneDX names techniques; those of documents that were read stay as they are."""

SURE = {"manifest-analysis": 1.0, "binary-analysis": 0.8}
"""How sure each technique is: what a package manager wrote down is certain, the name of a file is not."""

UNSURE = 0.5
KINDS = frozenset({"application", "framework", "library", "container", "operating-system", "file"})
_HASHES = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}
_LONGEST_NAME = 200
_NEEDS = "needs"
_MAX_REASONS = 3
"""Files that are told for each component that another one loads; SPDX documents have more of them."""


_HEAD = {
    "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
}

Document = dict[str, Any]


def cyclonedx(inventory: Inventory, *, created: str, version: str) -> bytes:
    """Return the document, with a final line feed.

    `created` is the time that it bears (RFC 3339; left out where empty), `version` our own. The serial number
    is made from the content. Components keep their refs, so that every reference in it leads somewhere.
    """
    document: Document = {
        **_HEAD,
        "version": 1,
        "metadata": _metadata(inventory, created, version),
        "components": list(_components(inventory)),
        "dependencies": dependencies(inventory),
        **_compositions(inventory),
    }
    content = hashlib.sha256(msgspec.json.encode(document)).hexdigest()
    serial = uuid.uuid5(uuid.NAMESPACE_OID, content).urn
    whole = {**_HEAD, "serialNumber": serial, **document}
    return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"


def _metadata(inventory: Inventory, created: str, version: str) -> Document:
    tools = [ToolUse(OWN, version), *inventory.tools]
    facts = [("package-set", inventory.package_set or "")]
    facts += [("gap", gap_text(gap)) for gap in inventory.gaps]
    facts += [
        (f"database-date:{tool.name}", tool.database_date) for tool in inventory.tools if tool.database_date
    ]
    return {
        **({"timestamp": created} if created else {}),
        "tools": {
            "components": [
                {"type": "application", "name": tool.name, "version": tool.version} for tool in tools
            ]
        },
        "component": _component(inventory.subject, ()),
        "properties": _properties(facts),
    }


def gap_text(gap: Gap) -> str:
    """Return what could not be examined, in one line."""
    return f"{gap.stage}: {gap.what}: {gap.reason}"


def _components(inventory: Inventory) -> Iterator[Document]:
    imported: defaultdict[str, list[ImportedBy]] = defaultdict(list)
    for each in inventory.imported:
        imported[each.ref].append(each)
    needs: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for link in inventory.links:
        if link.how == _NEEDS:
            # CycloneDX has no place for the reason of a dependency.
            needs[link.source] += ((_NEEDS, told) for told in link.evidence[:_MAX_REASONS])
    for component in inventory.components:
        yield _component(component, imported.get(component.ref, ()), needs.get(component.ref, ()))


def _component(
    component: Component, imported: Iterable[ImportedBy], needs: Iterable[tuple[str, str]] = ()
) -> Document:
    evidence = _evidence(component, imported)
    texts, component = shared_fields(component)
    described: Document = {
        "type": component.kind if component.kind in KINDS else "library",
        "bom-ref": component.ref,
        "supplier": {"name": component.supplier} if component.supplier else None,
        "name": component.name,
        "version": component.version,
        "description": texts.get("description"),
        "hashes": _hashes(component.hashes),
        "licenses": _licences(component.licenses),
        "copyright": texts.get("copyright"),
        "cpe": component.cpes[0] if component.cpes else None,
        "purl": component.purl,
        "evidence": evidence,
        "properties": [
            *_properties((*_facts(component), *needs)),
            *trivy_properties(component),
            *({"name": name, "value": value} for name, value in component.foreign_properties),
        ],
    }
    return {key: value for key, value in described.items() if value or key == "name"}


def _facts(component: Component) -> Iterator[tuple[str, str]]:
    yield from component.properties
    yield "architecture", component.architecture
    yield "bundled-in", component.bundled_in
    for name in component.found_by:
        yield "found-by", name
    yield "layer", component.layer or ""
    yield "origin", component.origin
    yield "source-package", component.source_name
    yield "source-version", component.source_version


def named_facts(component: Component) -> list[tuple[str, str]]:
    """Return what neither specification has a field for, by name (``fleet-audit:…``), in order.

    Properties that other tools named come behind, under their names.
    """
    return [*_named(_facts(component)), *component.foreign_properties]


def _named(facts: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    prefix = f"{OWN}:"
    return sorted({(f"{prefix}{name.removeprefix(prefix)}", value) for name, value in facts if value})


def _properties(facts: Iterable[tuple[str, str]]) -> list[Document]:
    return [{"name": name, "value": value} for name, value in _named(facts)]


def trivy_properties(component: Component) -> list[Document]:
    """Return what trivy has to be told: it looks Debian's advisories up by source package.

    Names are those of its own documents (pkg/sbom/cyclonedx/marshal.go).
    """
    system = "" if component.purl is None else system_of(component.purl)
    if not system:
        return []
    epoch, separator, rest = (component.source_version or component.version).partition(":")
    upstream, _, release = (rest if separator else epoch).rpartition("-")
    facts = {
        "PkgType": system,
        "SrcEpoch": epoch if separator and epoch != "0" else "",
        "SrcName": component.source_name or component.name,
        "SrcRelease": release if upstream else "",
        "SrcVersion": upstream or release,
    }
    return [{"name": f"aquasecurity:trivy:{key}", "value": value} for key, value in facts.items() if value]


def _hashes(hashes: Mapping[str, str]) -> list[Document]:
    return [{"alg": _HASHES[name], "content": hashes[name]} for name in sorted(hashes) if name in _HASHES]


def _licences(licences: tuple[str, ...]) -> list[Document]:
    """Return the licences as the schema wants them: one expression, or any number of ids and names."""
    if len(licences) == 1 and licences[0] not in spdx_ids() and is_expression(licences[0]):
        return [{"expression": licences[0]}]
    return [{"license": _licence(each)} for each in licences if each]


def _licence(text: str) -> Document:
    if text in spdx_ids():
        return {"id": text}
    # Some packages give the whole text where a name is asked for.
    title, separator, _ = text.partition("\n")
    if not separator and len(text) <= _LONGEST_NAME:
        return {"name": text}
    return {"name": title.strip()[:_LONGEST_NAME] or "licence", "text": {"content": text}}


def _evidence(component: Component, imported: Iterable[ImportedBy]) -> Document:
    # Which technique found which place is not told; so it must not decide upon their order.
    places = sorted({(sighting.path, sighting.layer or "") for sighting in component.sightings})
    occurrences = [_occurrence(path, layer) for path, layer in places]
    occurrences += [_import(each) for each in imported]
    methods = {_technique(sighting.technique) for sighting in component.sightings if sighting.technique}
    evidence: Document = {}
    if methods:
        field = "purl" if component.purl else "name"
        sure = {each: SURE.get(each, UNSURE) for each in sorted(methods)}
        told = [{"technique": each, "confidence": confidence} for each, confidence in sure.items()]
        surest = max(sure.values())
        evidence["identity"] = [{"field": field, "confidence": surest, "methods": told}]
    if occurrences:
        evidence["occurrences"] = occurrences
    return evidence


def _technique(name: str) -> str:
    return _TECHNIQUES.get(name, name if name in TECHNIQUES_OF_FORM else "other")


def _occurrence(path: ImagePath, layer: str) -> Document:
    return {"location": path, **({"additionalContext": f"layer {layer}"} if layer else {})}


def _import(each: ImportedBy) -> Document:
    context = {"additionalContext": f"imported by {each.service}"}
    if each.location is None:
        return {"location": each.service, **context}
    line = {"line": each.location.line} if each.location.line else {}
    return {"location": each.location.path, **line, **context}


def dependencies(inventory: Inventory) -> list[Document]:
    """Return for every component what it hangs on; from the image itself every one can be reached.

    The image hangs on the services and on what nothing else does, and of packages that only hang on one
    another, on the first by name.
    """
    targets: defaultdict[str, set[str]] = defaultdict(set)
    for link in inventory.links:
        targets[link.source].add(link.target)
    roots = _roots([component.ref for component in inventory.components], targets)
    rows = [{"ref": inventory.subject.ref, "dependsOn": roots}]
    for component in inventory.components:
        below = sorted(targets.get(component.ref, ()))
        rows.append({"ref": component.ref, **({"dependsOn": below} if below else {})})
    return rows


def _roots(refs: list[str], targets: Mapping[str, set[str]]) -> list[str]:
    below = {target for each in targets.values() for target in each}
    roots: list[str] = []
    reached: set[str] = set()
    for ref in (*(ref for ref in refs if ref not in below), *refs):
        if ref in reached:
            continue
        roots.append(ref)
        pending = [ref]
        while pending:
            at = pending.pop()
            if at not in reached:
                reached.add(at)
                pending += targets.get(at, ())
    return sorted(roots)


def _compositions(inventory: Inventory) -> Document:
    """Say that something is missing where it is; that nothing is can never be known."""
    if not any(gap.blocking for gap in inventory.gaps):
        return {}
    return {"compositions": [{"aggregate": "incomplete", "assemblies": [inventory.subject.ref]}]}
