"""Reads a CycloneDX document, whoever wrote it: what our model has no place for is kept as properties."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from fleet_audit.audit.model.identity import DiffID, ImagePath
from fleet_audit.audit.model.inventory import PURL_AS_GIVEN, Component, ImportedBy, Link, Sighting, ToolUse
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.sbom.canonical import canonical_purl, system_of
from fleet_audit.audit.sbom.cyclonedx import KINDS, OWN, SURE, TECHNIQUES_OF_FORM, UNSURE
from fleet_audit.audit.sbom.patching import MAX_COMPONENTS, ForeignUnreadable
from fleet_audit.audit.sbom.reading import (
    CREATED,
    INCOMPLETE,
    MERGED,
    NO_REF,
    ROOT,
    Fields,
    Told,
    hashes_of,
    kept,
    kept_value,
    licence_parts,
    sorted_out,
    source_facts,
    text_of,
)

_TRIVY = "aquasecurity:trivy:"
_SYFT = "syft:metadata:"
_TOLD_OF_SOURCE = ("PkgType", "SrcEpoch", "SrcName", "SrcRelease", "SrcVersion")
_LAYER = "layer "
_IMPORTED = "imported by "
_HANDLED = (
    *("type", "bom-ref", "supplier", "name", "version", "hashes", "licenses", "cpe", "purl", "evidence"),
    *("properties", "components"),
)
_HEAD = ("$schema", "bomFormat", "specVersion", "metadata", "components", "dependencies", "compositions")
_METADATA = ("component", "properties", "timestamp", "tools")
_COMPOSED = {"aggregate", "assemblies"}
_SEEN_TO = frozenset({"location", "line", "additionalContext"})

Pairs = list[tuple[str, str]]


def told_by_cyclonedx(name: str, document: Fields) -> Told:
    """Return what a document says; `name` is its file, which names what it is of where nothing else does.

    Raises ForeignUnreadable for one reference that names two components, and for too many components.
    AttributeError, TypeError, KeyError and ValueError mean that it is not as its specification says.
    """
    metadata = document.get("metadata") or {}
    top = metadata.get("component") or {}
    own, _ = sorted_out(_pairs(top.get("properties")))
    is_merged = (MERGED, ROOT) in own
    nested = list(_flat(name, document.get("components") or []))
    imported: list[ImportedBy] = []
    components = tuple(_component(fields, ref, imported) for ref, fields, _ in nested)
    subject = _component({**top, "name": top.get("name") or name}, "", imported)
    links, loose = _links(document, nested, text_of(top.get("bom-ref")))
    tools = tuple(_tools(metadata.get("tools")))
    facts = _of_merged(document, metadata) if is_merged else _of_document(document, metadata, tools)
    subject = _with(subject, [*facts, *loose])
    return Told(subject, components, links, tuple(imported), tools, is_merged)


def _flat(name: str, components: list[Fields]) -> Iterator[tuple[str, Fields, str]]:
    """Yield each component with its reference, made up where it has none, and that of the one around it.

    One that is written again word by word is the same (trivy does so, of a wheel's own SBOM).
    """
    pending = [(each, "") for each in reversed(components)]
    seen: dict[str, Fields] = {}
    while pending:
        fields, above = pending.pop()
        ref = text_of(fields.get("bom-ref")) or f"{NO_REF}{len(seen)}"
        if ref in seen:
            if fields == seen[ref]:
                continue
            raise ForeignUnreadable(name, f"gives the bom-ref {ref[:200]} to two components")
        seen[ref] = fields
        if len(seen) > MAX_COMPONENTS:
            raise ForeignUnreadable(name, f"lists more than {MAX_COMPONENTS} components")
        yield ref, fields, above
        pending.extend((each, ref) for each in reversed(fields.get("components") or []))


def _component(fields: Fields, ref: str, imported: list[ImportedBy]) -> Component:
    given = text_of(fields.get("purl"))
    purl = canonical_purl(given) if given else None
    own, foreign = sorted_out(_pairs(fields.get("properties")))
    own += kept(fields, _HANDLED)
    if given and given != purl:
        own.append((PURL_AS_GIVEN, given))
    supplier = fields.get("supplier") or {}
    if set(supplier) - {"name"}:
        own.append(kept_value("supplier", supplier))
    kind = text_of(fields.get("type"))
    if kind not in KINDS:
        own.append(kept_value("type", kind))
    hashes, others = hashes_of(
        (text_of(each["alg"]), text_of(each["content"])) for each in fields.get("hashes") or []
    )
    sightings, seen = _sightings(fields.get("evidence") or {}, ref, imported, has_purl=purl is not None)
    licences, unusual = _licences(fields.get("licenses") or [])
    own += [*others, *seen, *unusual]
    version = text_of(fields.get("version"))
    source, foreign = _source(given, version, text_of(fields.get("name")), foreign)
    cpe = text_of(fields.get("cpe"))
    return Component(
        ref=ref,
        name=text_of(fields.get("name")),
        version=version,
        purl=purl,
        kind=kind if kind in KINDS else "library",
        licenses=tuple(sorted(licences)),
        supplier=text_of(supplier.get("name")),
        sightings=sightings,
        found_by=tuple(sorted({value for key, value in own if key == "found-by"})),
        hashes=hashes,
        cpes=(cpe,) if cpe else (),
        properties=tuple(sorted({each for each in (*own, *source) if each[0] != "found-by"})),
        foreign_properties=tuple(sorted(set(foreign))),
    )


def _pairs(properties: Any) -> Pairs:
    return [(text_of(each.get("name")), text_of(each.get("value"))) for each in properties or []]


def _source(given: str, version: str, name: str, foreign: Pairs) -> tuple[Pairs, Pairs]:
    """Return which source package a system's package is of, by its URL or by what trivy and syft are told.

    What trivy is told is made anew when the document is written; so it is not repeated.
    """
    if not given or not system_of(canonical_purl(given) or ""):
        return [], foreign
    said = dict(foreign)
    told = {key.removeprefix(_TRIVY): value for key, value in foreign if key.startswith(_TRIVY)}
    epoch = f"{told['SrcEpoch']}:" if told.get("SrcEpoch", "0") != "0" else ""
    release = f"-{told['SrcRelease']}" if told.get("SrcRelease") else ""
    of_trivy = (told.get("SrcName", ""), f"{epoch}{told.get('SrcVersion', '')}{release}")
    of_syft = (said.get(f"{_SYFT}source", ""), said.get(f"{_SYFT}sourceVersion", ""))
    repeated = {f"{_TRIVY}{key}" for key in _TOLD_OF_SOURCE}
    left = [(key, value) for key, value in foreign if key not in repeated]
    return source_facts(given, name, version, (of_trivy, of_syft)), left


def _licences(entries: list[Fields]) -> tuple[set[str], Pairs]:
    found: set[str] = set()
    unusual: Pairs = []
    for entry in entries:
        licence = entry.get("license") or {}
        content = (licence.get("text") or {}).get("content")
        stated = text_of(content or licence.get("id") or licence.get("name") or entry.get("expression"))
        found.update(licence_parts(stated) if stated.strip() else ())
        is_usual = set(entry) in ({"license"}, {"expression"})
        if not is_usual or set(licence) - {"id", "name", "text"} or _is_richer(licence.get("text")):
            unusual.append(kept_value("license", entry))
    return found, unusual


def _is_richer(text: Fields | None) -> bool:
    return bool(set(text or {}) - {"content"})


def _sightings(
    evidence: Fields, ref: str, imported: list[ImportedBy], *, has_purl: bool
) -> tuple[tuple[Sighting, ...], Pairs]:
    left = kept(evidence, ("identity", "occurrences"))
    places: list[tuple[str, str]] = []
    for each in evidence.get("occurrences") or []:
        context = text_of(each.get("additionalContext"))
        if context.startswith(_IMPORTED) and set(each) <= _SEEN_TO:
            found = _imported(each, context.removeprefix(_IMPORTED), ref)
            imported.append(found)
            left.append(("imported-by", f"{found.service} {found.location or ''}".strip()))
        elif set(each) <= {"location", "additionalContext"} and (not context or context.startswith(_LAYER)):
            places.append((text_of(each["location"]), context.removeprefix(_LAYER)))
        else:
            left.append(kept_value("occurrence", each))
    identity = evidence.get("identity") or []
    techniques: set[str] = set()
    for entry in [identity] if isinstance(identity, dict) else identity:
        found_in = [text_of(method.get("technique")) for method in entry.get("methods") or []]
        techniques.update(each for each in found_in if each in TECHNIQUES_OF_FORM)
        if not places or not _is_as_ours(entry, has_purl=has_purl):
            left.append(kept_value("identity", entry))
    sightings = {
        Sighting(ImagePath(path), technique, DiffID(layer) if layer else None)
        for path, layer in places
        for technique in techniques or {""}
    }
    return tuple(sightings), left


def _is_as_ours(entry: Fields, *, has_purl: bool) -> bool:
    """Say whether an entry tells nothing that is not told again when its techniques are written."""
    methods = entry.get("methods") or []
    sure = [SURE.get(each.get("technique"), UNSURE) for each in methods]
    told = [
        {"technique": each.get("technique"), "confidence": at} for each, at in zip(methods, sure, strict=True)
    ]
    own = {"field": "purl" if has_purl else "name", "confidence": max(sure, default=0.0), "methods": told}
    return bool(methods) and entry == own and all(each["technique"] in TECHNIQUES_OF_FORM for each in told)


def _imported(occurrence: Fields, service: str, ref: str) -> ImportedBy:
    path, line = text_of(occurrence.get("location")), occurrence.get("line", 0)
    if not isinstance(line, int):
        raise TypeError("a line is no number")
    return ImportedBy(service, ref, None if path == service and not line else SourceLocation(path, line))


def _links(
    document: Fields, nested: list[tuple[str, Fields, str]], top: str
) -> tuple[tuple[Link, ...], Pairs]:
    """Return what hangs on what, and rows that name what the document does not list."""
    known = {ref for ref, _, _ in nested}
    links = {Link(above, ref, "contains") for ref, _, above in nested if above}
    loose: Pairs = []
    for row in document.get("dependencies") or []:
        source = text_of(row.get("ref"))
        if source == top:
            continue
        targets = [text_of(each) for each in row.get("dependsOn") or []]
        if source not in known or not known.issuperset(targets) or set(row) - {"ref", "dependsOn"}:
            loose.append(kept_value("dependency", row))
        links.update(Link(source, each, "depends") for each in targets if source in known and each in known)
    return tuple(sorted(links)), loose


def _tools(tools: Any) -> Iterator[ToolUse]:
    """Yield the tools as CycloneDX 1.4 or 1.5 lists them."""
    for each in (tools or {}).get("components") or [] if isinstance(tools, dict) else tools or []:
        yield ToolUse(text_of(each.get("name")), text_of(each.get("version")))


def _of_merged(document: Fields, metadata: Fields) -> Iterator[tuple[str, str]]:
    """Yield what somebody added to a merged document; what belongs to it is made anew when it is written."""
    _, foreign = sorted_out(_pairs(metadata.get("properties")))
    if foreign:
        yield kept_value("metadata.properties", [list(each) for each in foreign])
    yield from kept(document, (*_HEAD, "serialNumber", "version"))
    yield from _kept_of_metadata(metadata)


def _kept_of_metadata(metadata: Fields) -> Iterator[tuple[str, str]]:
    for name, value in kept(metadata, _METADATA):
        yield name.replace("kept:", "kept:metadata."), value


def _of_document(document: Fields, metadata: Fields, tools: Iterable[ToolUse]) -> Iterator[tuple[str, str]]:
    own, foreign = sorted_out(_pairs(metadata.get("properties")))
    yield from own
    if foreign:
        yield kept_value("metadata.properties", [list(each) for each in foreign])
    yield from kept(document, _HEAD)
    yield from _kept_of_metadata(metadata)
    yield from (("document-tool", f"{tool.name} {tool.version}".strip()) for tool in tools)
    if created := text_of(metadata.get("timestamp")):
        yield CREATED, created
    yield "document-form", f"CycloneDX {text_of(document.get('specVersion'))}".strip()
    told = document.get("compositions") or []
    if any(text_of(each.get("aggregate")).startswith("incomplete") for each in told):
        yield INCOMPLETE, "yes"
    if not any(tool.name == OWN for tool in tools) or any(set(each) - _COMPOSED for each in told):
        yield from kept({"compositions": told}, ())


def _with(component: Component, properties: Iterable[tuple[str, str]]) -> Component:
    return msgspec.structs.replace(component, properties=tuple(sorted({*component.properties, *properties})))
