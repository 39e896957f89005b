"""Reads an SPDX document, whoever wrote it: what our model has no place for is kept as properties."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

import msgspec

from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.inventory import PURL_AS_GIVEN, Component, Link, Sighting, ToolUse
from fleet_audit.audit.sbom.canonical import canonical_purl, system_of
from fleet_audit.audit.sbom.cyclonedx import OWN, TECHNIQUES_OF_FORM
from fleet_audit.audit.sbom.patching import MAX_COMPONENTS, ForeignUnreadable
from fleet_audit.audit.sbom.reading import (
    CREATED,
    INCOMPLETE,
    MERGED,
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
from fleet_audit.audit.sbom.spdx import BUILT_FROM, NOT_SAID, PURPOSES, RELATIONS, SEEN, source_info

_NOTHING = ("", NOT_SAID, "NONE")
_KIND_OF = {
    # The specification's own spelling; that of its schema is what is written here.
    "OPERATING-SYSTEM": "operating-system",
    **{purpose: kind for kind, purpose in PURPOSES.items()},
}
_HOWS = frozenset(RELATIONS)
_DEPENDENCIES = {"DEPENDS_ON": "depends", "DYNAMIC_LINK": "needs", "CONTAINS": "contains"}
_REVERSED = {"DEPENDENCY_OF": "depends", "CONTAINED_BY": "contains"}
_TECHNIQUES = TECHNIQUES_OF_FORM | {"package-database", "metadata", "elf", "binary"}
_HANDLED = (
    *("SPDXID", "name", "versionInfo", "supplier", "downloadLocation", "filesAnalyzed", "checksums"),
    *("licenseConcluded", "licenseDeclared", "copyrightText", "primaryPackagePurpose", "sourceInfo"),
    *("externalRefs", "annotations"),
)
_KEPT_AS = {
    "copyrightText": "copyright",
    "downloadLocation": "downloadLocation",
    "licenseConcluded": "licenseConcluded",
}
_HEAD = (
    *("spdxVersion", "dataLicense", "SPDXID", "name", "creationInfo", "documentDescribes", "packages"),
    *("relationships", "hasExtractedLicensingInfos"),
)
_BY_US = f"Tool: {OWN}-"
_SEEN_IN = SEEN.partition(":")[2]
_REASONS = "incomplete: "
_NOTES = "note: "

Pairs = list[tuple[str, str]]
Rows = list[Fields]


def told_by_spdx(name: str, document: Fields) -> Told:
    """Return what a document says; `name` is its file, which names what it is of where nothing else does.

    Raises ForeignUnreadable for one SPDXID of two packages, and for too many packages. AttributeError,
    TypeError, KeyError and ValueError mean that it is not as its specification says.
    """
    packages = document.get("packages") or []
    if len(packages) > MAX_COMPONENTS:
        raise ForeignUnreadable(name, f"lists more than {MAX_COMPONENTS} packages")
    extracted = {
        text_of(each["licenseId"]): text_of(each.get("extractedText"))
        for each in document.get("hasExtractedLicensingInfos") or []
    }
    by_id: dict[str, Component] = {}
    for fields in packages:
        ref = text_of(fields["SPDXID"])
        if ref in by_id:
            raise ForeignUnreadable(name, f"gives the SPDXID {ref[:200]} to two packages")
        by_id[ref] = _component(fields, ref, extracted)
    rows = document.get("relationships") or []
    about = _described(document, rows) & by_id.keys()
    top = by_id.pop(next(iter(about))) if len(about) == 1 else None
    subject = top or Component(ref="", name=text_of(document.get("name")) or name, kind="container")
    read = _Links(by_id, {text_of(document.get("SPDXID")), subject.ref})
    for row in rows:
        read.add(row)
    tools = tuple(_tools(document))
    is_merged = (MERGED, ROOT) in subject.properties
    facts = kept(document, (*_HEAD, "documentNamespace")) if is_merged else _of_document(document, tools)
    licences = {text for each in (subject, *by_id.values()) for text in each.licenses}
    unused = [
        kept_value("extracted-license", each)
        for each in document.get("hasExtractedLicensingInfos") or []
        if each.get("extractedText") not in licences
    ]
    told = [*facts, *read.loose, *unused]
    components = tuple(_also(each, read.evidence[ref]) for ref, each in by_id.items())
    return Told(
        subject=_also(subject, told),
        components=components,
        links=tuple(sorted(read.links)),
        tools=tools,
        is_merged=is_merged,
    )


def _described(document: Fields, rows: Rows) -> set[str]:
    found = {text_of(each) for each in document.get("documentDescribes") or []}
    found |= {
        text_of(row["relatedSpdxElement"]) for row in rows if row.get("relationshipType") == "DESCRIBES"
    }
    return found


def _component(fields: Fields, ref: str, extracted: Mapping[str, str]) -> Component:
    own, foreign = _annotated(fields.get("annotations") or [])
    own += kept(fields, _HANDLED)
    for key, name in _KEPT_AS.items():
        if text_of(fields.get(key)) not in _NOTHING:
            own.append(kept_value(name, fields[key]))
    if fields.get("filesAnalyzed"):
        own.append(kept_value("filesAnalyzed", fields["filesAnalyzed"]))
    purls, cpes, others = _references(fields.get("externalRefs") or [])
    purl = canonical_purl(purls[0]) if purls else None
    own += [*others, *((PURL_AS_GIVEN, each) for each in purls if each != purl)]
    info = text_of(fields.get("sourceInfo"))
    is_of_system = bool(purl) and bool(system_of(purl or ""))
    of_info = _sightings(info)
    sightings, own = (*of_info, *_seen(own)), [each for each in own if each[0] != _SEEN_IN]
    if is_of_system:
        own += _source(fields, purls[0])
    if info and not of_info and not (is_of_system and info.startswith(BUILT_FROM)):
        own.append(kept_value("sourceInfo", info))
    hashes, odd = hashes_of(
        (text_of(each["algorithm"]), text_of(each["checksumValue"])) for each in fields.get("checksums") or []
    )
    supplier = text_of(fields.get("supplier"))
    if supplier not in _NOTHING and not supplier.startswith("Organization: "):
        own.append(kept_value("supplier", supplier))
    purpose = text_of(fields.get("primaryPackagePurpose"))
    if purpose and purpose not in _KIND_OF:
        own.append(kept_value("primaryPackagePurpose", purpose))
    properties = {*own, *odd, *(("cpe", each) for each in cpes[1:])}
    return Component(
        ref=ref,
        name=text_of(fields.get("name")),
        version=text_of(fields.get("versionInfo")),
        purl=purl,
        kind=_KIND_OF.get(purpose, "library"),
        licenses=tuple(sorted(_licences(text_of(fields.get("licenseDeclared")), extracted))),
        supplier="" if supplier in _NOTHING else supplier.partition(": ")[2] or supplier,
        sightings=sightings,
        found_by=tuple(sorted({value for key, value in properties if key == "found-by"})),
        hashes=hashes,
        cpes=tuple(cpes[:1]),
        properties=tuple(sorted(each for each in properties if each[0] != "found-by")),
        foreign_properties=tuple(sorted(set(foreign))),
    )


def _source(fields: Fields, given: str) -> Pairs:
    """Return which source package a system's package is of."""
    before, _, told = text_of(fields.get("sourceInfo")).partition(BUILT_FROM)
    source, _, version = ("" if before else told).partition(" ")
    name, own_version = text_of(fields.get("name")), text_of(fields.get("versionInfo"))
    return source_facts(given, name, own_version, [(source, version)])


def _annotated(annotations: Rows) -> tuple[Pairs, Pairs]:
    """Return the facts that documents of ours tell in annotations; what others annotate is kept."""
    pairs: Pairs = []
    others: Pairs = []
    for each in annotations:
        name, separator, value = text_of(each.get("comment")).partition(": ")
        if separator and text_of(each.get("annotator")).startswith(_BY_US):
            pairs.append((name, value))
        else:
            others.append(kept_value("annotation", each))
    own, foreign = sorted_out(pairs)
    return [*own, *others], foreign


def _references(references: Rows) -> tuple[list[str], list[str], Pairs]:
    purls: list[str] = []
    cpes: list[str] = []
    others: Pairs = []
    for each in references:
        kind, locator = each.get("referenceType"), text_of(each.get("referenceLocator"))
        if kind == "purl":
            purls.append(locator)
        elif kind == "cpe23Type":
            cpes.append(locator)
        else:
            others.append(kept_value("externalRef", each))
    return sorted(purls), cpes, others


def _sightings(text: str) -> tuple[Sighting, ...]:
    """Return where a package was seen, if the text is one that we write; others write anything."""
    found = []
    for each in text.split("; ") if text else ():
        technique, separator, path = each.partition(": ")
        if separator and technique in _TECHNIQUES:
            found.append(Sighting(ImagePath(path), technique))
        elif each.startswith("/"):
            found.append(Sighting(ImagePath(each), ""))
        else:
            return ()
    return tuple(found) if "; ".join(source_info(found)) == text else ()


def _seen(own: Pairs) -> tuple[Sighting, ...]:
    """Return where a package was seen, by what documents of ours tell of one of a system."""
    return tuple(sighting for name, value in own if name == _SEEN_IN for sighting in _sightings(value))


def _licences(expression: str, extracted: Mapping[str, str]) -> set[str]:
    if expression in _NOTHING:
        return set()
    return {extracted.get(part) or part for part in licence_parts(expression)}


class _Links:
    """Sorts relationships: links among packages, what is evidence of one, and what is neither."""

    def __init__(self, known: Mapping[str, Component], tops: set[str]) -> None:
        self._known = known
        self._tops = tops
        self.links: set[Link] = set()
        self.evidence: defaultdict[str, Pairs] = defaultdict(list)
        self.loose: Pairs = []

    def add(self, row: Fields) -> None:
        source, target = text_of(row["spdxElementId"]), text_of(row["relatedSpdxElement"])
        kind, comment = text_of(row["relationshipType"]), text_of(row.get("comment"))
        how = _DEPENDENCIES.get(kind, "")
        if kind in _REVERSED:
            source, target, how = target, source, _REVERSED[kind]
        is_of_all = source in self._tops and (how or kind == "DESCRIBES")
        if is_of_all and not comment:
            return
        if not how or source not in self._known or target not in self._known:
            self.loose.append(kept_value("relationship", row))
            return
        first, _, rest = comment.partition("\n")
        if first in _HOWS:
            how, comment = first, rest
        self.links.add(Link(source, target, how))
        self.evidence[source] += [(how, line) for line in comment.split("\n") if line]


def _tools(document: Fields) -> Iterator[ToolUse]:
    for creator in (document.get("creationInfo") or {}).get("creators") or []:
        text = text_of(creator)
        if text.startswith("Tool: "):
            name, _, version = text.removeprefix("Tool: ").rpartition("-")
            yield ToolUse(name, version) if name else ToolUse(version, "")


def _of_document(document: Fields, tools: tuple[ToolUse, ...]) -> Iterator[tuple[str, str]]:
    info = document.get("creationInfo") or {}
    yield from kept(document, _HEAD)
    own = [tool for tool in tools if tool.name == OWN]
    yield from (("document-tool", f"{tool.name} {tool.version}".strip()) for tool in tools)
    if created := text_of(info.get("created")):
        yield CREATED, created
    yield "document-form", text_of(document.get("spdxVersion")).replace("-", " ")
    others = [each for each in info.get("creators") or [] if not text_of(each).startswith("Tool: ")]
    yield from kept({"creators": others}, ())
    for line in text_of(info.get("comment")).split("\n"):
        if own and line.startswith(_REASONS):
            yield "gap", line.removeprefix(_REASONS)
            yield INCOMPLETE, "yes"
        elif own and line.startswith(_NOTES):
            yield "gap", line.removeprefix(_NOTES)
        elif own and line.startswith("package set: "):
            yield "package-set", line.removeprefix("package set: ")
        elif line:
            yield "document-comment", line


def _also(component: Component, properties: Pairs) -> Component:
    return msgspec.structs.replace(component, properties=tuple(sorted({*component.properties, *properties})))
