"""Which manifest a command means."""

from pathlib import Path
from typing import TYPE_CHECKING

from fleet_audit.audit.errors import UsageError
from fleet_audit.cli.options import Common

if TYPE_CHECKING:
    from fleet_audit.audit.model.fleet import Fleet


def find_fleet(common: Common) -> "Fleet | None":
    """Return the fleet of ``-f FILE``, else of the nearest manifest upwards; None where there is none.

    Raises ConfigurationError with everything that is wrong with the manifest.
    """
    from fleet_audit.audit.fleet.manifest import find_manifest, load_fleet  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.settings import configuration_store  # noqa: PLC0415  (the same)

    found = common.fleet or find_manifest(Path())
    return None if found is None else load_fleet(found, configuration_store(common.cache_folder))


def need_fleet(fleet: "Fleet | None", name: str = "") -> "Fleet":
    """Return the fleet, or raise UsageError saying how to name one."""
    if fleet is None:
        what = f"{name} is no image, and there" if name else "there"
        raise UsageError(f"{what} is no fleet.yaml here or above; pass -f FILE, or name an image")
    return fleet
