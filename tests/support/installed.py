"""Installed packages in small worlds: a name, what it depends on, and little else."""

from collections.abc import Mapping

from fleet_audit.audit.apt.installed.state import InstalledRecord
from fleet_audit.audit.apt.surplus.surplus import Brought
from fleet_audit.audit.model.apt import InstalledPackage
from fleet_audit.audit.model.identity import PackageName

KIB = 1024


def installed(
    name: str,
    depends: str = "",
    *,
    version: str = "1",
    size: int = KIB,
    source: str = "",
    architecture: str = "amd64",
    is_essential: bool = False,
    pre_depends: str = "",
    recommends: str = "",
    provides: str = "",
    section: str = "",
    priority: str = "",
) -> InstalledRecord:
    """Return a package."""
    package = InstalledPackage(
        name=PackageName(name),
        version=version,
        architecture=architecture,
        source=source or name,
        source_version=version,
        installed_bytes=size,
        is_essential=is_essential,
    )
    return InstalledRecord(
        package,
        depends=depends,
        pre_depends=pre_depends,
        recommends=recommends,
        provides=provides,
        section=section,
        priority=priority,
    )


def brought(
    named: Mapping[str, str] | None = None, *, along: str = "", base: str = ""
) -> dict[PackageName, Brought]:
    """Return how packages came: those `named`, each with its origin, and others by blanks in texts.

    What came `along` is of the origin ``family``, what is of the `base` was there before.
    """
    found = {PackageName(name): Brought(origin, is_named=True) for name, origin in (named or {}).items()}
    found |= {PackageName(name): Brought("family") for name in along.split()}
    found |= {PackageName(name): Brought("base", is_base=True) for name in base.split()}
    return found
