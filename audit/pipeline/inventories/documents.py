"""Reads SBOMs from files, in whichever of the forms that are known here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fleet_audit.audit.model.inventory import Component, Inventory, SbomReport, ToolUse
from fleet_audit.audit.sbom.cyclonedx_reading import told_by_cyclonedx
from fleet_audit.audit.sbom.joining import package_set_of, united, united_links
from fleet_audit.audit.sbom.merging import told_by_inventory
from fleet_audit.audit.sbom.patching import (
    MAX_BYTES,
    SPDX_VERSIONS,
    ForeignUnreadable,
    read_document,
    unknown_form,
)
from fleet_audit.audit.sbom.reading import Told
from fleet_audit.audit.sbom.scanned import scanned
from fleet_audit.audit.sbom.spdx_reading import told_by_spdx
from fleet_audit.audit.tools.process import ToolError
from fleet_audit.audit.tools.syft import NAME, SyftDistro, parse

_STANDARD_INPUT = Path("/dev/stdin")


def body_of(file: Path) -> bytes:
    """Return what is in a file, or the first bytes of one that is too large; ``-`` is the standard input.

    Raises ForeignUnreadable.
    """
    try:
        with (_STANDARD_INPUT if file == Path("-") else file).open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as e:
        raise ForeignUnreadable(str(file), f"cannot be read: {e.strerror or e}") from e


def is_of_syft(document: dict[str, Any]) -> bool:
    """Say whether a document is in syft's own form."""
    return isinstance(document.get("artifacts"), list) and "descriptor" in document


def told_by(name: str, body: bytes) -> Told:
    """Return what one document says, in whichever form it is; raises ForeignUnreadable."""
    document = read_document(name, body)
    try:
        if is_of_syft(document):
            return told_by_inventory(of_syft(name, body).inventory)
        if document.get("bomFormat") == "CycloneDX":
            return told_by_cyclonedx(name, document)
        if document.get("spdxVersion") in SPDX_VERSIONS:
            return told_by_spdx(name, document)
    except (AttributeError, TypeError, KeyError, ValueError, RecursionError) as e:
        raise ForeignUnreadable(name, f"is not as its specification says: {e}") from e
    raise unknown_form(name, document)


def of_syft(name: str, body: bytes) -> SbomReport:
    """Return the report on what a document in syft's own form lists; raises ForeignUnreadable."""
    try:
        document = parse(body)
        found = scanned(document, lambda _path: None)
    except ToolError as e:
        raise ForeignUnreadable(name, e.why) from e
    components = united((*_system(document.distro), *found.components))
    subject = document.source.name or name
    inventory = Inventory(
        subject=Component(ref=f"image:{subject}", name=subject, kind="container"),
        components=components,
        links=united_links(found.links, (each.ref for each in components)),
        package_set=package_set_of(components),
        tools=(ToolUse(document.descriptor.name, document.descriptor.version),),
    )
    return SbomReport(subject=subject, inventory=inventory)


def _system(distro: SyftDistro) -> Iterator[Component]:
    if distro.id:
        version = distro.version_id
        ref = f"os:{distro.id}@{version}"
        yield Component(ref, distro.id, version, kind="operating-system", found_by=(NAME,))
