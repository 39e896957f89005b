"""One inventory of a family or fleet, out of the SBOMs of its images."""

from collections.abc import Sequence
from pathlib import Path

from fleet_audit.audit.model.inventory import Inventory, SbomReport
from fleet_audit.audit.pipeline.inventories.documents import body_of, told_by
from fleet_audit.audit.pipeline.inventories.inventory import written_time
from fleet_audit.audit.sbom.merging import merged, part_of
from fleet_audit.audit.sbom.reading import CREATED


def merged_report(files: Sequence[Path], name: str) -> SbomReport:
    """Return one report on all that documents list, under a root of this name.

    Documents are CycloneDX or SPDX as JSON, or syft's own, of one image each or merged before. The order of
    files does not matter, nor how often one is given. Raises ForeignUnreadable for the first that cannot be
    read.
    """
    inventory = merged([part_of(told_by(str(file), body_of(file))) for file in files], name)
    return SbomReport(subject=name, gaps=inventory.gaps, inventory=inventory, created=_created(inventory))


def _created(inventory: Inventory) -> str:
    """Return the latest time that a document bears; empty where none bears one."""
    times = [value for each in inventory.components for key, value in each.properties if key == CREATED]
    return max((written_time(each) for each in times), default="")
