"""The document of somebody else, with what we add."""

from pathlib import Path

from fleet_audit import __version__
from fleet_audit.audit.model.inventory import SbomReport
from fleet_audit.audit.pipeline.inventories.documents import body_of, is_of_syft, of_syft
from fleet_audit.audit.sbom.patching import Patched, patched, read_document


def foreign(file: Path) -> Patched | SbomReport:
    """Return the document of a file with what we add; of syft's own JSON, the report on what it lists.

    Raises ForeignUnreadable for a file that cannot be read, or holds no SBOM that is known here.
    """
    name = str(file)
    body = body_of(file)
    document = read_document(name, body)
    return of_syft(name, body) if is_of_syft(document) else patched(name, document, __version__)
