"""What syft found, as components and links of our own."""

from collections.abc import Callable, Iterator

import msgspec

from fleet_audit.audit.images.tree import normalise
from fleet_audit.audit.model.identity import DiffID, ImagePath
from fleet_audit.audit.model.inventory import Component, Link, Sighting
from fleet_audit.audit.sbom.canonical import canonical_purl
from fleet_audit.audit.tools.syft import SyftArtifact, SyftDocument

_PRIMARY = "primary"
_FROM_NOTES = "elf-binary-package-cataloger"
_DATABASES = frozenset({"deb", "apk", "rpm", "alpm", "portage"})
_FROM_BINARY = frozenset({"binary", "go-module", "rust-crate", "linux-kernel", "linux-kernel-module"})
_PROGRAMS = frozenset({"binary", "linux-kernel"})
_DEPENDENCY = "dependency-of"
_OWNERSHIP = "ownership-by-file-overlap"
_MAX_CPES = 1
"""syft makes dozens up for each package; the first is its best guess."""

LayerOf = Callable[[ImagePath], DiffID | None]


class Scanned(msgspec.Struct, frozen=True):
    """A scanner's answer: components, several of which may have one ref, and the links among them.

    `overlapping` are refs of what the scanner says lies wholly among another package's files, with the
    other's.
    """

    components: tuple[Component, ...]
    links: tuple[Link, ...]
    overlapping: tuple[tuple[str, str], ...] = ()


def scanned(document: SyftDocument, layer_of: LayerOf) -> Scanned:
    """Return what a document of syft's holds; `layer_of` tells which layer shows a path.

    Raises ToolError where what it says of a Debian package cannot be read.
    """
    refs: dict[str, str] = {}
    components: list[Component] = []
    for artifact in document.artifacts:
        component = _component(artifact, layer_of)
        refs[artifact.id] = component.ref
        components.append(component)
    return Scanned(
        tuple(components),
        tuple(_links(document, refs)),
        tuple(sorted(_pairs(document, refs, _OWNERSHIP))),
    )


def _component(artifact: SyftArtifact, layer_of: LayerOf) -> Component:
    purl = canonical_purl(artifact.purl) if artifact.purl else None
    sightings = tuple(_sightings(artifact, layer_of))
    debian = artifact.debian
    path = sightings[0].path if sightings else ""
    version = "" if artifact.version == "UNKNOWN" else artifact.version
    return Component(
        ref=purl or f"{artifact.type}:{artifact.name}@{version}#{path}",
        name=artifact.name,
        version=version,
        purl=purl,
        kind="application" if artifact.type in _PROGRAMS else "library",
        source_name=debian.source if debian else "",
        source_version=debian.source_version if debian else "",
        architecture=debian.architecture if debian else "",
        supplier=debian.maintainer if debian else "",
        licenses=tuple(sorted({each.spdx_expression or each.value for each in artifact.licenses} - {""})),
        sightings=sightings,
        found_by=("syft",),
        cpes=tuple(each.cpe for each in artifact.cpes[:_MAX_CPES]),
    )


def _sightings(artifact: SyftArtifact, layer_of: LayerOf) -> Iterator[Sighting]:
    """Yield the files that a package is known by; those that only support that are left out."""
    technique = "metadata"
    if artifact.found_by == _FROM_NOTES:
        technique = "elf"
    elif artifact.type in _DATABASES:
        technique = "package-database"
    elif artifact.type in _FROM_BINARY:
        technique = "binary"
    told = [each for each in artifact.locations if (each.annotations or {}).get("evidence") == _PRIMARY]
    for location in told or artifact.locations[:1]:
        path = normalise(location.path)
        yield Sighting(path, technique, layer_of(path))


def _links(document: SyftDocument, refs: dict[str, str]) -> Iterator[Link]:
    for needed, dependant in _pairs(document, refs, _DEPENDENCY):
        yield Link(dependant, needed, "depends")


def _pairs(document: SyftDocument, refs: dict[str, str], kind: str) -> Iterator[tuple[str, str]]:
    for each in document.artifact_relationships:
        if each.type == kind and each.parent in refs and each.child in refs:
            yield refs[each.parent], refs[each.child]
