"""What the manifest names and the repository does not have, and what the manifest leaves out."""

import posixpath
from collections.abc import Iterator, Sequence

from fleet_audit.audit.dockerfiles.manifest.manifest_lines import ManifestLines
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.fleet import Service
from fleet_audit.audit.model.manifest_claims import Disagreement, ManifestMismatch

_MODULE = "module:"
_PATHS = ("source_paths", "requirements", "first_party_imports")


def absences(lines: ManifestLines, repository: Repository) -> Iterator[ManifestMismatch]:
    """Yield services without an entry or a Dockerfile, and the paths of services that are not there.

    Dockerfiles that are named and not there are told with the builds.
    """
    for service in lines.manifest.services:
        yield from _entry(lines, service, repository)
        yield from _dockerfile(lines, service)
        yield from _paths(lines, service, repository)
    for name, family in lines.manifest.families.items():
        # What others build needs no Dockerfile here: its upstream names it.
        if not family.dockerfiles and family.image is None and not family.upstream:
            place = lines.at("families", name)
            yield ManifestMismatch(Disagreement.NO_DOCKERFILE, name, place, families=(name,))


def _entry(lines: ManifestLines, service: Service, repository: Repository) -> Iterator[ManifestMismatch]:
    place, users = lines.of(service, "entry"), (service.name,)
    if not service.entry:
        yield ManifestMismatch(Disagreement.NO_ENTRY, service.name, place, services=users)
    elif not _may_have_entry(lines, service, repository):
        yield ManifestMismatch(
            Disagreement.ABSENT_FILE, service.name, place, service.entry, "entry", services=users
        )


def _may_have_entry(lines: ManifestLines, service: Service, repository: Repository) -> bool:
    """Say whether the entry may be there: a module of an installed package is not in the repository."""
    entry = service.entry
    if not entry.startswith(_MODULE):
        return ":" in entry or repository.holds(entry)
    roots = service.pythonpath or lines.manifest.defaults.pythonpath
    parts = entry.removeprefix(_MODULE).split(".")
    own = [root for root in roots if _is_module(repository, root, parts[:1])]
    return not own or any(_is_module(repository, root, parts) for root in own)


def _is_module(repository: Repository, root: str, parts: Sequence[str]) -> bool:
    path = posixpath.join(root, *parts)
    return repository.holds(f"{path}.py") or repository.holds(path)


def _dockerfile(lines: ManifestLines, service: Service) -> Iterator[ManifestMismatch]:
    family = lines.fleet.family(service.family)
    has_familys = family is not None and (bool(family.dockerfiles) or family.image is not None)
    if not service.dockerfiles and service.image is None and not has_familys:
        place = lines.of(service)
        yield ManifestMismatch(Disagreement.NO_DOCKERFILE, service.name, place, services=(service.name,))


def _paths(lines: ManifestLines, service: Service, repository: Repository) -> Iterator[ManifestMismatch]:
    for field in _PATHS:
        paths: tuple[str, ...] = getattr(service, field)
        for at, path in enumerate(paths):
            if not repository.holds(path):
                place = lines.of(service, field, at)
                yield ManifestMismatch(
                    Disagreement.ABSENT_FILE, service.name, place, path, field, services=(service.name,)
                )
