"""Which modules a service's own code makes up, so that importing them asks nobody else."""

from collections.abc import Iterable

from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.static_imports.reachability.reach import Reached


def made_modules(own: Iterable[Reached]) -> frozenset[str]:
    """Return what reached own code puts into ``sys.modules``, unless that is only in what nobody calls.

    A module below a made one is not made with it. Whether a module is made before it is imported is not
    looked at.
    """
    return frozenset(
        made.name
        for found in own
        if found.expansion is not None and found.level <= Level.PROBABLE
        for made in found.expansion.record.made
        if _may_run(found.expansion.liveness.level(made.block))
    )


def _may_run(level: Level | None) -> bool:
    return level is not None and level <= Level.PROBABLE
