"""Which packages are in an image, by name and as one digest."""

from collections.abc import Mapping

from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.model.identity import Digest, DistributionName
from fleet_audit.audit.pipeline.run.scene import Scene
from fleet_audit.audit.sbom.package_set import debian_purl, package_set_digest, python_purl
from fleet_audit.audit.static_imports.distributions.distributions import Distribution


def package_set(scene: Scene, state: InstalledState | None) -> Digest | None:
    """Return the digest of the image's Debian packages and Python distributions.

    None where the image has neither, or was not seen whole: a digest of a part would be no identity.
    """
    if not scene.is_whole:
        return None
    distro = scene.image.identity.distro
    purls = [] if state is None else [debian_purl(package, distro) for package in state.packages]
    found = installed_distributions(scene)
    purls += [python_purl(name, installed.version) for name, installed in found.items()]
    return package_set_digest(purls) if purls else None


def installed_distributions(scene: Scene) -> Mapping[DistributionName, Distribution]:
    """Return what the image's Python has installed; empty where there is no Python."""
    return scene.distributions.installed
