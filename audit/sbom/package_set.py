"""Which packages are in an image: canonical package URLs, and one digest of the whole set."""

import hashlib
from collections.abc import Iterable

from packageurl import PackageURL

from fleet_audit.audit.model.apt import InstalledPackage
from fleet_audit.audit.model.identity import Digest, DistributionName, Distro, Purl


def debian_purl(package: InstalledPackage, distro: Distro) -> Purl:
    """Return a Debian package's canonical URL (purl specification, type ``deb``).

    The epoch stays in the version; ``distro`` and ``upstream`` qualifiers, which scanners add each in
    their own way, are left out so that equal packages have equal URLs.
    """
    url = PackageURL(
        type="deb",
        namespace=distro.id or "debian",
        name=package.name,
        version=package.version,
        qualifiers={"arch": package.architecture},
    )
    return Purl(url.to_string())


def python_purl(name: DistributionName, version: str) -> Purl:
    """Return a Python distribution's canonical URL (purl specification, type ``pypi``)."""
    return Purl(PackageURL(type="pypi", name=name, version=version).to_string())


def interpreter_purl(name: str, version: str) -> Purl:
    """Return the canonical URL of a program that no package brought (purl type ``generic``)."""
    return Purl(PackageURL(type="generic", name=name, version=version).to_string())


def package_set_digest(purls: Iterable[Purl]) -> Digest:
    """Return the sha256 of the sorted, de-duplicated URLs, one to a line.

    It survives rebuilds, timestamps and order, and changes when one package moves.
    """
    lines = "".join(f"{purl}\n" for purl in sorted(set(purls)))
    return Digest("sha256:" + hashlib.sha256(lines.encode()).hexdigest())
