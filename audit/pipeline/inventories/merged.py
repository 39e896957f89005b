"""One inventory of a family or fleet, out of the SBOMs of its images."""

from collections.abc import Sequence
from pathlib import Path

from fleet_audit.audit.model.inventory import Inventory, SbomReport
from fleet_audit.audit.pipeline.inventories.foreign import body_of, is_of_syft, of_syft
from fleet_audit.audit.pipeline.inventories.inventory import written_time
from fleet_audit.audit.sbom.cyclonedx_reading import told_by_cyclonedx
from fleet_audit.audit.sbom.merging import merged, part_of, told_by_inventory
from fleet_audit.audit.sbom.patching import SPDX_VERSIONS, ForeignUnreadable, read_document, unknown_form
from fleet_audit.audit.sbom.reading import CREATED, Told
from fleet_audit.audit.sbom.spdx_reading import told_by_spdx


def merged_report(files: Sequence[Path], name: str) -> SbomReport:
    """Return one report on all that documents list, under a root of this name.

    Documents are CycloneDX or SPDX as JSON, or syft's own, of one image each or merged before. The order of
    files does not matter, nor how often one is given. Raises ForeignUnreadable for the first that cannot be
    read.
    """
    inventory = merged([part_of(told_by(str(file), body_of(file))) for file in files], name)
    return SbomReport(subject=name, gaps=inventory.gaps, inventory=inventory, created=_created(inventory))


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


def _created(inventory: Inventory) -> str:
    """Return the latest time that a document bears; empty where none bears one."""
    times = [value for each in inventory.components for key, value in each.properties if key == CREATED]
    return max((written_time(each) for each in times), default="")
