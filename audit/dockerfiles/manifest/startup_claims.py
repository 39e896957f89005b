"""Whether the machines' start-up configurations and the manifest speak of the same services."""

import posixpath
from collections.abc import Iterator, Mapping

from fleet_audit.audit.dockerfiles.manifest.manifest_lines import ManifestLines
from fleet_audit.audit.dockerfiles.manifest.startup import started
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.images.tree import FileKind
from fleet_audit.audit.model.fleet import Service
from fleet_audit.audit.model.manifest_claims import Disagreement, ManifestMismatch, Started


def startup_mismatches(lines: ManifestLines, repository: Repository) -> Iterator[ManifestMismatch]:
    """Yield services that only one of both names, and those of which they say different things."""
    for machine, settings in lines.manifest.machines.items():
        path = settings.startup
        if not path:
            continue
        entry = repository.entry(path)
        if entry is None or entry.kind is FileKind.FOLDER:
            place = lines.at("machines", machine, "startup")
            yield ManifestMismatch(Disagreement.ABSENT_FILE, machine, place, path, "startup", machine)
            continue
        read = repository.yaml(path)
        if read is None:
            continue
        found = {each.name: each for document in read.documents for each in started(document)}
        if not found:
            repository.report(path, "no service was found in it: its form is not known")
            continue
        enabled = {name: each for name, each in found.items() if each.is_enabled}
        yield from _compared(lines, machine, path, enabled)


def _compared(
    lines: ManifestLines, machine: str, path: str, found: Mapping[str, Started]
) -> Iterator[ManifestMismatch]:
    here = {s.name: s for s in lines.manifest.services if machine in lines.machines_of(s)}
    for name, service in here.items():
        if name in found:
            yield from _differing(lines, machine, service, found[name])
        elif service.required.get(machine, True):
            place = lines.of(service, "machines")
            yield ManifestMismatch(
                Disagreement.NOT_STARTED, name, place, path, machine=machine, services=(name,)
            )
    elsewhere = {service.name: service for service in lines.manifest.services}
    for name, each in found.items():
        if name not in here:
            known = elsewhere.get(name)
            related = () if known is None else (lines.of(known, "machines"),)
            yield ManifestMismatch(
                Disagreement.NOT_DECLARED, name, each.location, path, machine=machine, related=related
            )


def _differing(
    lines: ManifestLines, machine: str, service: Service, found: Started
) -> Iterator[ManifestMismatch]:
    declared = sorted(set(service.ports.values()))
    for port in found.ports if declared else ():
        if port not in declared:
            yield ManifestMismatch(
                Disagreement.OTHER_PORT,
                service.name,
                found.location,
                str(port),
                ", ".join(map(str, declared)),
                machine,
                services=(service.name,),
                related=(lines.of(service, "ports"),),
            )
    paths = (found.entry, service.entry)
    are_files = all(path.endswith(".py") and " " not in path for path in paths)
    if are_files and posixpath.normpath(paths[0]) != posixpath.normpath(paths[1]):
        yield ManifestMismatch(
            Disagreement.OTHER_ENTRY,
            service.name,
            found.location,
            *paths,
            machine,
            services=(service.name,),
            related=(lines.of(service, "entry"),),
        )
