"""What is to be audited: a family of the fleet with its services, or one image with or without source."""

import difflib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from fleet_audit.audit.dockerfiles.running.starting import start_words
from fleet_audit.audit.errors import UsageError
from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.images.sources import is_image_reference
from fleet_audit.audit.images.tree import FileTree, FileUnreadable, SearchedTree, normalise
from fleet_audit.audit.model.fleet import Family, Fleet, Service
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.static_imports.service_code import ServiceCode

PATH_TRANSPORTS = ("oci", "oci-archive", "docker-archive", "dir")
MODULE_ENTRY = "module:"
"""Marks an entry of the manifest that is run as ``python -m NAME`` (CONTRACT: a script, or module:NAME)."""

_DOCKERFILE_LIMIT = 1 << 20

TRANSPORTS = (*PATH_TRANSPORTS, "docker", "podman", "registry")


class Declared(msgspec.Struct, frozen=True):
    """Something that the manifest's ``requires`` names: what no analysis can see."""

    need: str
    service: str
    location: SourceLocation | None


class Subject(msgspec.Struct, frozen=True):
    """One image to audit, for whom, and where their code is.

    `image` is None for a family that names none; `is_image_given` where the user named it and not the
    manifest. `sources` is the repository, or None where only the image is looked at; `dockerfiles` and the
    locations of findings are relative to it. `folder` is where it is on this machine, None where that is the
    manifest's folder.
    """

    name: str
    image: str | None
    family: str | None = None
    services: tuple[ServiceCode, ...] = ()
    declared: tuple[Declared, ...] = ()
    sources: SearchedTree | None = None
    dockerfiles: tuple[str, ...] = ()
    python: str = ""
    settings: Family = Family()
    location: SourceLocation | None = None
    is_image_given: bool = False
    folder: Path | None = None


def chosen_families(fleet: Fleet, *, gpu: bool) -> tuple[str, ...]:
    """Return the families that have services, in the manifest's order; only GPU families with `gpu`.

    Raises UsageError where that leaves none: a clean report about nothing would deceive.
    """
    families = fleet.manifest.families
    wanted = (name for name, family in families.items() if family.gpu or not gpu)
    chosen = tuple(name for name in wanted if fleet.services_of(name))
    if not chosen:
        raise UsageError(f"no {'GPU ' if gpu else ''}family of {fleet.file} has services: nothing to audit")
    return chosen


def names_image(word: str, fleet: Fleet | None = None) -> bool:
    """Say whether a word of the command line means an image rather than a family or service.

    What the manifest has by that name comes before a file or folder of the same name (``./NAME``).
    """
    if fleet is not None and has_name(fleet, word):
        return False
    transport, separator, _ = word.partition(":")
    return (bool(separator) and transport in TRANSPORTS) or "/" in word or is_image_reference(word)


def has_name(fleet: Fleet, word: str) -> bool:
    """Say whether a family or service of the manifest is called so."""
    return fleet.family_name(word) is not None or any(s.name == word for s in fleet.manifest.services)


def named_subject(fleet: Fleet, name: str, *, image: str | None = None) -> Subject:
    """Return the subject that a family's name or alias, or a service's name, means.

    `image` replaces the image of the manifest. Raises UsageError for a name that is neither, with the
    nearest names.
    """
    family = fleet.family_name(name)
    if family is not None:
        return _subject(fleet, family, fleet.services_of(family), image=image)
    for service in fleet.manifest.services:
        if service.name == name:
            home = fleet.family_name(service.family)
            if home is not None:
                own_image = None if service.image is None else anchored(service.image, fleet.root)
                subject = _subject(fleet, home, (service,), image=image or own_image)
                return msgspec.structs.replace(subject, name=name, is_image_given=image is not None)
    raise UsageError(_unknown(fleet, name))


def image_subject(image: str, *, source: Path | None, entry: str) -> Subject:
    """Return an image without a manifest; with `source`, a service of that folder's name uses it.

    Raises UsageError when `source` is no folder, or the entry is not in it.
    """
    if source is None:
        if entry:
            raise UsageError("--entry needs --source: the folder that the entry is in")
        return Subject(name=image, image=image)
    code = folder_service(source, entry=entry)
    return Subject(name=image, image=image, services=(code,), sources=open_folder(source), folder=source)


def path_subject(path: Path, *, image: str | None) -> Subject:
    """Return a folder of source, or a single file, as a service of its own; `image` is what it runs on.

    What lies in a package is looked at from the folder that holds the package, as it is imported from there.
    Raises UsageError when there is nothing at `path`.
    """
    is_file = os.path.isfile(path)
    folder, entry = (path.parent, path.name) if is_file else (path, "")
    code = folder_service(folder, entry=entry)
    above = _outside_packages(folder)
    inside = os.path.relpath(os.path.realpath(folder), os.path.realpath(above))
    entry = os.path.normpath(os.path.join(inside, entry)) if is_file else ""
    # What else stands beside a file counts only where it is imported.
    code = msgspec.structs.replace(code, entry=entry, source_paths=(entry or inside,))
    return Subject(name=code.name, image=image, services=(code,), sources=open_folder(above), folder=above)


def _outside_packages(folder: Path) -> Path:
    """Return the nearest folder, from `folder` upwards, that is no regular package."""
    if not os.path.isfile(folder / "__init__.py"):
        return folder
    above = Path(os.path.realpath(folder))
    while os.path.isfile(above / "__init__.py") and above != above.parent:
        above = above.parent
    return above


def folder_service(folder: Path, *, entry: str) -> ServiceCode:
    """Return the service that a folder of source is when no manifest speaks of it.

    Without an entry every module of the folder is looked at.
    """
    if not os.path.isdir(folder):
        what = "is a file, not a folder" if os.path.exists(folder) else "does not exist"
        raise UsageError(f"{folder}: {what}; name the folder that holds the service's source")
    if entry and ":" not in entry and not os.path.isfile(folder / entry):
        raise UsageError(f"{folder / entry}: no such file; --entry is relative to the source folder")
    name = folder.resolve().name
    entry = entry.removeprefix(MODULE_ENTRY)
    return ServiceCode(name=name, entry=entry, source_paths=(".",), pythonpath=(".",), family="")


def anchored(image: str, root: str) -> str:
    """Return an image reference of the manifest with its path made relative to the manifest's folder.

    What names no transport is a path.
    """
    transport, separator, rest = image.partition(":")
    if not separator or transport not in TRANSPORTS:
        return str(Path(root) / image)
    return f"{transport}:{Path(root) / rest}" if transport in PATH_TRANSPORTS else image


def _subject(fleet: Fleet, family: str, services: Sequence[Service], *, image: str | None) -> Subject:
    settings = fleet.manifest.families[family]
    from_manifest = None if settings.image is None else anchored(settings.image, fleet.root)
    sources = open_folder(Path(fleet.root))
    return Subject(
        name=family,
        image=image or from_manifest,
        family=family,
        services=tuple(_code(fleet, service, sources) for service in services),
        declared=tuple(d for service in services for d in _declared(fleet, service)),
        sources=sources,
        dockerfiles=settings.dockerfiles,
        python=settings.python or fleet.manifest.defaults.python,
        settings=settings,
        location=fleet.lines.get(f"families.{family}"),
        is_image_given=image is not None,
    )


def _code(fleet: Fleet, service: Service, sources: FileTree) -> ServiceCode:
    return ServiceCode(
        name=service.name,
        entry=service.entry.removeprefix(MODULE_ENTRY),
        source_paths=service.source_paths,
        pythonpath=service.pythonpath or fleet.manifest.defaults.pythonpath,
        first_party_imports=service.first_party_imports,
        requirements=service.requirements,
        family=service.family,
        commands=tuple(_start_words(service, sources)),
    )


def _start_words(service: Service, sources: FileTree) -> Iterator[str]:
    for path in service.dockerfiles:
        # One that cannot be read is told where it is asked what it copies.
        with suppress(FileUnreadable):
            text = sources.read(normalise(path), limit=_DOCKERFILE_LIMIT).decode(errors="replace")
            yield from start_words(text, target=service.target)


def _declared(fleet: Fleet, service: Service) -> tuple[Declared, ...]:
    location = fleet.lines.get(f"services.{service.name}")
    return tuple(Declared(need, service.name, location) for need in service.requires)


def _unknown(fleet: Fleet, name: str) -> str:
    families = fleet.manifest.families
    names = [*families, *(a for f in families.values() for a in f.aliases)]
    names += [service.name for service in fleet.manifest.services]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else f"{fleet.file} has {', '.join(families)}"
    return f"{name}: no family or service of {fleet.file}, and no image; {hint}"
