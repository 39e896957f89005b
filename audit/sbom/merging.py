"""Makes one inventory out of what documents say of several images; order and grouping do not matter."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import msgspec

from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import DiffID
from fleet_audit.audit.model.inventory import Component, ImportedBy, Inventory, Link, ToolUse
from fleet_audit.audit.sbom.cyclonedx import KINDS, OWN, gap_text
from fleet_audit.audit.sbom.joining import package_set_of
from fleet_audit.audit.sbom.reading import IMAGE, INCOMPLETE, MERGED, ROOT, Told

_ROOT_REF = "merged"
_LABELS = {
    "name": "name",
    "version": "version",
    "kind": "kind",
    "source_name": "source-package",
    "source_version": "source-version",
    "architecture": "architecture",
    "supplier": "supplier",
    "origin": "origin",
    "layer": "layer",
    "bundled_in": "bundled-in",
}
"""Fields that hold one value, and the properties that hold what else is said."""

_CPE = "cpe"
_PACKAGE_SET = "package-set"


class Part(msgspec.Struct, frozen=True):
    """What is known of some images: they and what is in them, all as components.

    Refs are the same in every part, wherever the same thing is meant. `properties` and `foreign_properties`
    are of a merged document as a whole.
    """

    components: tuple[Component, ...] = ()
    links: tuple[Link, ...] = ()
    imported: tuple[ImportedBy, ...] = ()
    tools: frozenset[tuple[str, str, str]] = frozenset()
    properties: frozenset[tuple[str, str]] = frozenset()
    foreign_properties: frozenset[tuple[str, str]] = frozenset()


def told_by_inventory(inventory: Inventory) -> Told:
    """Return what an inventory of one image says, in the terms of documents."""
    evidence: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for link in inventory.links:
        evidence[link.source].update((link.how, line) for line in link.evidence)
    facts = [("gap", gap_text(gap)) for gap in inventory.gaps]
    facts += [(INCOMPLETE, "yes")] if any(gap.blocking for gap in inventory.gaps) else []
    return Told(
        subject=_with(inventory.subject, facts),
        components=tuple(_with(each, evidence[each.ref]) for each in inventory.components),
        links=tuple(Link(each.source, each.target, each.how) for each in inventory.links),
        imported=inventory.imported,
        tools=inventory.tools,
    )


def part_of(told: Told) -> Part:
    """Return what a document says with refs that are the same wherever the same thing is meant.

    A component is known by its canonical URL, else by kind, name, version, first path and hashes; one that is
    bundled, by what it is bundled in as well. An image is known by its digest, else by name and version.
    """
    given = {each.ref: settled([each]) for each in told.components}
    refs = {ref: _ref(each, given) for ref, each in given.items()}
    names = {tool.name for tool in told.tools} - {""}
    # Our own documents say of each component who found it.
    tools = () if OWN in names or told.is_merged else tuple(sorted(names))
    components = [_renamed(each, refs[ref], given, tools) for ref, each in given.items()]
    links = {Link(refs[each.source], refs[each.target], each.how) for each in told.links}
    if not told.is_merged:
        links |= {Link(_image_ref(told.subject), ref, "contains") for ref in refs.values()}
        components.append(_image(told.subject, components))
    images = {each.ref for each in components if (MERGED, IMAGE) in each.properties}
    bundled = {each.ref: each.bundled_in for each in components}
    return Part(
        _united(components),
        _links((_how(link, images, bundled) for link in links), refs=bundled),
        tuple(
            ImportedBy(each.service, refs[each.ref], each.location)
            for each in told.imported
            if each.ref in refs
        ),
        frozenset((tool.name, tool.version, tool.database_date) for tool in told.tools if tool.name != OWN),
        frozenset(told.subject.properties if told.is_merged else ()),
        frozenset(told.subject.foreign_properties if told.is_merged else ()),
    )


def merged(parts: Sequence[Part], name: str) -> Inventory:
    """Return one inventory under a root of this name, in which each image contains what is in it.

    It is the union of what all parts say: where they disagree, the first value by order of letters stands
    in the field, and the others in properties. A part that says that it is not complete is a gap.
    """
    components = _united(chain.from_iterable(part.components for part in parts))
    refs = {each.ref for each in components}
    return Inventory(
        subject=Component(
            _ROOT_REF,
            name,
            kind="application",
            properties=tuple(sorted({(MERGED, ROOT)}.union(*(part.properties for part in parts)))),
            foreign_properties=tuple(sorted(set().union(*(part.foreign_properties for part in parts)))),
        ),
        components=components,
        links=_links(chain.from_iterable(part.links for part in parts), refs=refs),
        imported=tuple(sorted({each for part in parts for each in part.imported}, key=_import_order)),
        package_set=package_set_of(components),
        tools=tuple(ToolUse(*each) for each in sorted({tool for part in parts for tool in part.tools})),
        gaps=tuple(_gaps(each for each in components if (MERGED, IMAGE) in each.properties)),
    )


def gaps_told(told: Told) -> tuple[Gap, ...]:
    """Return a gap for each image of which its document says itself that something is missing."""
    return tuple(_gaps(told.components if told.is_merged else (told.subject,)))


def settled(components: Iterable[Component]) -> Component:
    """Return one component that says all that these say; at least one is given, all with one ref."""
    found = list(components)
    properties = {each for component in found for each in component.properties}
    values: dict[str, str] = {}
    for field, label in _LABELS.items():
        said = {getattr(component, field) or "" for component in found}
        said |= {value for name, value in properties if name == label and _fits(label, value)}
        values[field], properties = _first(said, label, properties)
    cpe, properties = _first(
        {cpe for component in found for cpe in component.cpes}
        | {value for name, value in properties if name == _CPE},
        _CPE,
        properties,
    )
    hashes, others = _hashes(found)
    return msgspec.structs.replace(
        found[0],
        **{**values, "layer": DiffID(values["layer"]) if values["layer"] else None},
        purl=min((component.purl for component in found if component.purl), default=None),
        licenses=tuple(sorted({text for component in found for text in component.licenses})),
        sightings=tuple(
            sorted(
                {each for component in found for each in component.sightings},
                key=lambda each: (each.path, each.technique, each.layer or ""),
            )
        ),
        found_by=tuple(sorted({name for component in found for name in component.found_by})),
        hashes=hashes,
        cpes=(cpe,) if cpe else (),
        properties=tuple(sorted({*properties, *others})),
        foreign_properties=tuple(
            sorted({each for component in found for each in component.foreign_properties})
        ),
    )


def _fits(label: str, value: str) -> bool:
    return label != "kind" or value in KINDS


def _first(said: set[str], label: str, properties: set[tuple[str, str]]) -> tuple[str, set[tuple[str, str]]]:
    """Return the first value, and the properties with all other values and without this one."""
    values = sorted(said - {""})
    if not values:
        return "", properties
    return values[0], (properties | {(label, each) for each in values}) - {(label, values[0])}


def _hashes(components: list[Component]) -> tuple[dict[str, str], set[tuple[str, str]]]:
    said = {item for component in components for item in component.hashes.items()}
    found: dict[str, str] = {}
    others = set()
    for name, value in sorted(said):
        if found.setdefault(name, value) != value:
            others.add(("hash", f"{name}:{value}"))
    return found, others


def _ref(component: Component, given: dict[str, Component]) -> str:
    if (MERGED, IMAGE) in component.properties:
        return _image_ref(component)
    parts = [component.purl or _own_name(component)]
    if component.bundled_in:
        parts.append(_escaped(_bundled_in(component, given)))
    return "#in:".join(parts)


def _bundled_in(component: Component, given: dict[str, Component]) -> str:
    """Return what names the component around one: the same text wherever it is the same."""
    around = given.get(component.bundled_in)
    if around is None:
        return component.bundled_in
    return around.purl or _own_name(around)


def _own_name(component: Component) -> str:
    """Return a name for what has no URL; two that differ in any part of it are not one thing."""
    path = min((each.path for each in component.sightings), default="")
    text = f"{component.kind}:{_escaped(component.name)}"
    text += f"@{_escaped(component.version)}" if component.version else ""
    text += f"#{_escaped(path)}" if path else ""
    if not component.hashes:
        return text
    content = repr(sorted(component.hashes.items())).encode()
    return f"{text}#@{hashlib.sha256(content).hexdigest()[:16]}"


def _image_ref(image: Component) -> str:
    if image.version.startswith("sha256:"):
        return f"image:{image.version}"
    return f"image:{_escaped(image.name)}@{_escaped(image.version)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("#", "%23").replace("@", "%40")


def _renamed(
    component: Component, ref: str, given: dict[str, Component], tools: tuple[str, ...]
) -> Component:
    return msgspec.structs.replace(
        component,
        ref=ref,
        bundled_in=_bundled_in(component, given) if component.bundled_in else "",
        found_by=component.found_by or tools,
    )


def _image(subject: Component, inside: list[Component]) -> Component:
    """Return the component that stands for the image that a document is of."""
    facts = [(MERGED, IMAGE)]
    if subject.purl is not None:
        facts.append(("purl", subject.purl))
    digest = package_set_of(inside)
    if digest is not None and not any(name == _PACKAGE_SET for name, _ in subject.properties):
        facts.append((_PACKAGE_SET, digest))
    image = msgspec.structs.replace(settled([_with(subject, facts)]), purl=None)
    return msgspec.structs.replace(image, ref=_image_ref(image))


def _how(link: Link, images: set[str], bundled: dict[str, str]) -> Link:
    """Return a link with how it came about, where the components tell: CycloneDX does not."""
    how = link.how
    if link.source in images:
        how = "contains"
    elif bundled.get(link.target) == link.source:
        how = "bundles"
    return Link(link.source, link.target, how)


def _united(components: Iterable[Component]) -> tuple[Component, ...]:
    by_ref: defaultdict[str, list[Component]] = defaultdict(list)
    for component in components:
        by_ref[component.ref].append(component)
    return tuple(settled(by_ref[ref]) for ref in sorted(by_ref))


def _links(links: Iterable[Link], refs: Iterable[str]) -> tuple[Link, ...]:
    known = set(refs)
    return tuple(
        sorted({each for each in links if {each.source, each.target} <= known and each.source != each.target})
    )


def _import_order(each: ImportedBy) -> tuple[str, str, str, int]:
    at = each.location
    return each.ref, each.service, at.path if at else "", at.line if at else 0


def _gaps(images: Iterable[Component]) -> Iterator[Gap]:
    for each in images:
        if (INCOMPLETE, "yes") in each.properties:
            why = "its document says that something is missing"
            yield Gap("sbom", GapKind.INCOMPLETE_DOCUMENT, each.name, why)


def _with(component: Component, properties: Iterable[tuple[str, str]]) -> Component:
    return msgspec.structs.replace(component, properties=tuple(sorted({*component.properties, *properties})))
