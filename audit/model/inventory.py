"""What is in an image: components, how they hang together, where each was seen and who brought it."""

import msgspec

from fleet_audit.audit.model.finding import Gap
from fleet_audit.audit.model.identity import DiffID, Digest, ImagePath, Purl
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.report import Judged

PURL_AS_GIVEN = "purl-as-given"
"""Property of a component from a document: its URL as that writes it, where it is not canonical."""


class ToolUse(msgspec.Struct, frozen=True):
    """A program whose answer a report rests on.

    `database_date` is when its data was made (RFC 3339), empty for a program without data or where it does
    not say.
    """

    name: str
    version: str
    database_date: str = ""


class Sighting(msgspec.Struct, frozen=True):
    """One place in the image that shows a component, and in which layer (diffID, empty where not known).

    `technique` is ``package-database``, ``metadata`` (a wheel's or module's own files), ``elf`` or
    ``binary``; from documents that were read, one of CycloneDX's techniques, or empty where none is told.
    """

    path: ImagePath
    technique: str
    layer: DiffID | None = None


class Component(msgspec.Struct, frozen=True):
    """One package, library or program. `purl` is canonical (epoch in the version, no distro or upstream).

    `ref` is unique in its inventory and stable: the purl, and for what has none or occurs in several places a
    path behind it. `kind` is CycloneDX's type (``library``, ``application``, ``operating-system``, ``file``).
    `source_name` and `source_version` are a Debian source package's, empty where they equal the binary's.
    `origin` is the family whose layers brought it, ``base`` for the upstream base image, or a service;
    `layer` the first layer that has it in its final form. `bundled_in` is the ref of the component whose
    files it lies among (a library inside a wheel). `found_by` names tools and our own readers, in order.
    `hashes` maps algorithm to value. `foreign_properties` are those that other tools named, as they did.
    """

    ref: str
    name: str
    version: str = ""
    purl: Purl | None = None
    kind: str = "library"
    source_name: str = ""
    source_version: str = ""
    architecture: str = ""
    licenses: tuple[str, ...] = ()
    supplier: str = ""
    origin: str = ""
    layer: DiffID | None = None
    sightings: tuple[Sighting, ...] = ()
    bundled_in: str = ""
    found_by: tuple[str, ...] = ()
    hashes: dict[str, str] = {}
    cpes: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    foreign_properties: tuple[tuple[str, str], ...] = ()


class Link(msgspec.Struct, frozen=True, order=True):
    """`source` hangs on `target` (refs of components).

    `how` is ``depends`` (package metadata), ``needs`` (an ELF file's DT_NEEDED or dlopen), ``imports`` (a
    service's code), ``bundles`` or ``contains``. `evidence` says by what, as text for people: file, soname,
    line.
    """

    source: str
    target: str
    how: str
    evidence: tuple[str, ...] = ()


class ImportedBy(msgspec.Struct, frozen=True):
    """That a service's code imports a component, and the first line that does."""

    service: str
    ref: str
    location: SourceLocation | None = None


class Inventory(msgspec.Struct, frozen=True):
    """All components of one image, sorted by ref, with their links; `subject` is the image itself.

    `package_set` is the sha256 of the sorted canonical purls. `tools` are those whose answers are in it.
    """

    subject: Component
    components: tuple[Component, ...] = ()
    links: tuple[Link, ...] = ()
    imported: tuple[ImportedBy, ...] = ()
    package_set: Digest | None = None
    tools: tuple[ToolUse, ...] = ()
    gaps: tuple[Gap, ...] = ()

    def component(self, ref: str) -> Component | None:
        """Return the component with this ref."""
        return next((component for component in self.components if component.ref == ref), None)


class SbomReport(Judged, frozen=True, kw_only=True):
    """The answer of ``sbom``: an inventory, and the time that documents of it bear (RFC 3339, or empty)."""

    inventory: Inventory
    created: str = ""
