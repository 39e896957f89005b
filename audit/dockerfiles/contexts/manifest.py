"""The builds that the manifest names."""

from collections.abc import Iterator

from msgspec.structs import replace

from fleet_audit.audit.dockerfiles.contexts.leading import place
from fleet_audit.audit.dockerfiles.manifest.manifest_lines import ManifestLines
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.fleet import Family, Fleet, Service
from fleet_audit.audit.model.location import SourceLocation


def manifest_builds(fleet: Fleet, repository: Repository) -> Iterator[Build]:
    """Yield one build for each Dockerfile of each family and service, in the manifest's order."""
    lines = ManifestLines(fleet, repository)
    for name, family in fleet.manifest.families.items():
        for at, dockerfile in enumerate(family.dockerfiles):
            build = _build(family, fleet, lines.at("families", name, "dockerfiles", at), dockerfile)
            yield replace(build, name=name, families=(name,), platforms=family.platforms)
    for service in fleet.manifest.services:
        for at, dockerfile in enumerate(service.dockerfiles):
            build = _build(service, fleet, lines.of(service, "dockerfiles", at), dockerfile)
            args = tuple(sorted(service.build_args.items()))
            yield replace(
                build, name=service.name, services=(service.name,), args=args, target=service.target
            )


def _build(builder: Family | Service, fleet: Fleet, location: SourceLocation, dockerfile: str) -> Build:
    context = place(".", builder.context or fleet.manifest.defaults.build_context)
    return Build(
        origin=BuildOrigin.MANIFEST,
        location=location,
        dockerfile=place(".", dockerfile).path,
        context=context.path,
        reason=context.reason,
    )
