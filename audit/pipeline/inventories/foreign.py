"""What an SBOM that somebody else wrote holds, and the same document with what we add."""

from pathlib import Path
from typing import Any

from fleet_audit import __version__
from fleet_audit.audit.model.inventory import Component, Inventory, SbomReport, ToolUse
from fleet_audit.audit.sbom.joining import package_set_of, united, united_links
from fleet_audit.audit.sbom.patching import MAX_BYTES, ForeignUnreadable, Patched, patched, read_document
from fleet_audit.audit.sbom.scanned import scanned
from fleet_audit.audit.tools.process import ToolError
from fleet_audit.audit.tools.syft import parse


def foreign(file: Path) -> Patched | SbomReport:
    """Return the document of a file with what we add; of syft's own JSON, the report on what it lists.

    Raises ForeignUnreadable for a file that cannot be read, or holds no SBOM that is known here.
    """
    name = str(file)
    body = body_of(file)
    document = read_document(name, body)
    return of_syft(name, body) if is_of_syft(document) else patched(name, document, __version__)


def body_of(file: Path) -> bytes:
    """Return what is in a file, or the first bytes of one that is too large; raises ForeignUnreadable."""
    try:
        with file.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as e:
        raise ForeignUnreadable(str(file), f"cannot be read: {e.strerror or e}") from e


def is_of_syft(document: dict[str, Any]) -> bool:
    """Say whether a document is in syft's own form."""
    return isinstance(document.get("artifacts"), list) and "descriptor" in document


def of_syft(name: str, body: bytes) -> SbomReport:
    """Return the report on what a document in syft's own form lists; raises ForeignUnreadable."""
    try:
        document = parse(body)
        found = scanned(document, lambda _path: None)
    except ToolError as e:
        raise ForeignUnreadable(name, e.why) from e
    components = united(found.components)
    subject = document.source.name or name
    inventory = Inventory(
        subject=Component(ref=f"image:{subject}", name=subject, kind="container"),
        components=components,
        links=united_links(found.links, (each.ref for each in components)),
        package_set=package_set_of(components),
        tools=(ToolUse(document.descriptor.name, document.descriptor.version),),
    )
    return SbomReport(subject=subject, inventory=inventory)
