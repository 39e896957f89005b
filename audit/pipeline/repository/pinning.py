"""Whether what builds install is the same again next time, and whether a failure is seen."""

from collections import defaultdict
from collections.abc import Mapping

from fleet_audit.audit.dockerfiles.pinning.gathering import gathered_practices
from fleet_audit.audit.dockerfiles.pinning.instructions import OwnImages
from fleet_audit.audit.model.builds import Build
from fleet_audit.audit.pipeline.repository.grounds import Examined, Grounds
from fleet_audit.audit.policy.install_subjects import install_subjects


def examine(grounds: Grounds) -> Examined:
    """Return one subject for each package, hash, base and command that rules may judge."""
    found = gathered_practices(
        grounds.repository, grounds.builds, grounds.workflows, grounds.shared.knowledge, _own(grounds)
    )
    return Examined(install_subjects(found, _users(grounds)))


def _own(grounds: Grounds) -> OwnImages:
    if grounds.fleet is None:
        return OwnImages()
    registry = grounds.fleet.manifest.registry
    return OwnImages(registry.prefix, registry.tag_pattern)


def _users(grounds: Grounds) -> Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    builds: defaultdict[str, list[Build]] = defaultdict(list)
    for build in grounds.builds:
        builds[build.dockerfile].append(build)
    return {path: grounds.users(group) for path, group in builds.items()}
