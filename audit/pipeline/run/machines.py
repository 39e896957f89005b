"""On which machines an image runs, as far as the manifest says."""

from fleet_audit.audit.ldd.isa import level_of
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.pipeline.run.subject import anchored


def lowest_isa(fleet: Fleet | None, reference: str) -> str:
    """Return the lowest x86-64 level of the machines of families whose image this is; empty if unknown."""
    if fleet is None:
        return ""
    machines = fleet.manifest.machines
    names = [
        name
        for family in fleet.manifest.families.values()
        if family.image is not None and anchored(family.image, fleet.root) == reference
        for name in family.machines
    ]
    known = [machines[name].isa for name in names if name in machines and level_of(machines[name].isa)]
    return min(known, key=lambda isa: level_of(isa) or 0, default="")
