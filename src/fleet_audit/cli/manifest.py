"""Which manifest a command means."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from fleet_audit.audit.errors import UsageError
from fleet_audit.cli.options import Common

if TYPE_CHECKING:
    from fleet_audit.audit.model.fleet import Fleet

_HERE = Path()


def find_fleet(common: Common, start: Path = _HERE) -> "Fleet | None":
    """Return the fleet of ``-f FILE``, else of the nearest manifest above `start`; None if there is none.

    Raises ConfigurationError with everything that is wrong with the manifest, UsageError where the FILE
    that was named is not there, or a folder.
    """
    from fleet_audit.audit.fleet.manifest import find_manifest, load_fleet  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.run.settings import configuration_store  # noqa: PLC0415  (the same)

    if common.fleet is not None and (common.fleet.is_dir() or not common.fleet.exists()):
        what = "is a folder, not a manifest" if common.fleet.is_dir() else "there is no such file"
        raise UsageError(f"{common.fleet}: {what}; check what -f names")
    found = common.fleet or find_manifest(start)
    return None if found is None else load_fleet(found, configuration_store(common.cache_folder))


def need_fleet(fleet: "Fleet | None", name: str = "") -> "Fleet":
    """Return the fleet, or raise UsageError saying how to name one."""
    if fleet is None:
        what = f"{name} is no image, and there" if name else "there"
        raise UsageError(f"{what} is no fleet.yaml here or above; pass -f FILE, or name an image")
    return fleet


def repository_root(fleet: "Fleet | None", folder: Path) -> Path:
    """Return the manifest's folder, else that of the git repository that holds `folder`, else `folder`."""
    if fleet is not None:
        return Path(os.path.realpath(fleet.root))
    start = Path(os.path.realpath(folder))
    return next((above for above in (start, *start.parents) if (above / ".git").exists()), start)
