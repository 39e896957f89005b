"""The document of somebody else, with what we add."""

from pathlib import Path

import msgspec

from fleet_audit import __version__
from fleet_audit.audit.pipeline.inventories.documents import body_of, is_of_syft
from fleet_audit.audit.sbom.patching import Patched, patched, read_document


class Foreign(msgspec.Struct, frozen=True):
    """A document as it was read, and with what we add in its own form; syft's own form is not written."""

    name: str
    body: bytes
    patched: Patched | None = None


def foreign(file: Path) -> Foreign:
    """Return the document of a file.

    Raises ForeignUnreadable for a file that cannot be read, or holds no SBOM that is known here.
    """
    name = str(file)
    body = body_of(file)
    document = read_document(name, body)
    return Foreign(name, body, None if is_of_syft(document) else patched(name, document, __version__))
