"""The builds of the repository's compose files, merged as compose merges them.

Rules: docs.docker.com, "Merge Compose files", Compose file reference, "Include". The files of a folder that
compose reads without being told (compose.yaml, compose.override.yaml) are one project; a file with another
name is read over it where both speak of one service, as people pass it (``-f``), and alone where they do not,
or where only so the Dockerfile is there.
"""

import posixpath
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from fleet_audit.audit.dockerfiles.contexts.compose_services import (
    BuildSection,
    ComposeReader,
    ComposeService,
    Said,
    Services,
)
from fleet_audit.audit.dockerfiles.contexts.interpolation import environment
from fleet_audit.audit.dockerfiles.contexts.leading import Place, dockerfile_place, place
from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.location import SourceLocation

BASES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDES = tuple(
    f"{stem}.override.{suffix}" for stem in ("compose", "docker-compose") for suffix in ("yml", "yaml")
)
MAX_INCLUDED = 200


def compose_builds(repository: Repository, told: Collection[str] = ()) -> Iterator[Build]:
    """Yield every build that a compose file asks for, in order of files and services.

    Of files in `told` it is known with which others they are read: they are passed over unless compose reads
    them without being told.
    A file in a folder below may be read from the root (``--project-directory``, or behind another ``-f``):
    so it is taken where its Dockerfile is there from the root alone.
    """
    reader, attempt = ComposeReader(repository), ComposeReader(repository, tells=False)
    for folder, names in _folders(repository):
        files = [name for name in names if name in (*BASES, *OVERRIDES) or _path(folder, name) not in told]
        at_root = {} if folder == "." else _by_name(_folder_builds(repository, attempt, folder, files, "."))
        for build in _folder_builds(repository, reader, folder, files, folder):
            other = at_root.get((build.location, build.name))
            is_elsewhere = (
                other is not None and _is_there(repository, other) and not _is_there(repository, build)
            )
            yield other if other is not None and is_elsewhere else build
    yield from _included(repository, reader)


def _by_name(builds: Iterable[Build]) -> Mapping[tuple[SourceLocation, str], Build]:
    return {(build.location, build.name): build for build in builds}


def _is_there(repository: Repository, build: Build) -> bool:
    return bool(build.dockerfile) and repository.holds(build.dockerfile)


def _folder_builds(
    repository: Repository, reader: ComposeReader, folder: str, files: Sequence[str], start: str
) -> Iterator[Build]:
    """Yield the builds of a folder's files, their paths taken from `start`."""
    values = folder_environment(repository, folder)
    base = next((name for name in BASES if name in files), None)
    override = next((name for name in OVERRIDES if name in files), None)
    merged: Services = {}
    for name in (base, override):
        if name is not None:
            merged = _over(merged, reader.services(_path(folder, name), start, values))
    yield from _builds(merged)
    for name in files:
        if name not in (*BASES, *OVERRIDES):
            own = reader.services(_path(folder, name), start, values)
            yield from _variant(repository, merged, own)


def _variant(repository: Repository, base: Services, own: Services) -> Iterator[Build]:
    """Yield the builds of a file over others, or of it alone where only so a Dockerfile is there."""
    over = _over(base, own)
    for name, service in own.items():
        if service.has_build:
            ways = [*_builds({name: over[name]}), *_builds({name: service})]
            yield from [way for way in ways if _is_there(repository, way)][:1] or ways[:1]


def project_builds(repository: Repository, paths: Sequence[str], folder: str) -> Iterator[Build]:
    """Yield the builds of compose files that are given together, in their order (``-f FIRST -f SECOND``)."""
    values = folder_environment(repository, folder)
    reader = ComposeReader(repository)
    merged: Services = {}
    for path in paths:
        merged = _over(merged, reader.services(path, folder, values))
    yield from _builds(merged)


def folder_environment(repository: Repository, folder: str) -> Mapping[str, str]:
    """Return what the ``.env`` file of a project's folder gives."""
    path = posixpath.normpath(posixpath.join(folder, ".env"))
    text = repository.text(path) if repository.holds(path) else None
    return environment(text or "")


def _folders(repository: Repository) -> Iterator[tuple[str, Sequence[str]]]:
    by_folder: defaultdict[str, list[str]] = defaultdict(list)
    for path in repository.files(FileRole.COMPOSE):
        by_folder[posixpath.dirname(path) or "."].append(posixpath.basename(path))
    yield from sorted(by_folder.items())


def _path(folder: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(folder, name))


def _over(below: Services, above: Services) -> Services:
    merged = dict(below)
    for name, service in above.items():
        merged[name] = service.over(merged[name]) if name in merged else service
    return merged


def _included(repository: Repository, reader: ComposeReader) -> Iterator[Build]:
    """Yield the builds of included files that compose would not read for their names."""
    known = set(repository.files(FileRole.COMPOSE))
    pending = sorted(known)
    while pending and len(known) <= MAX_INCLUDED + len(repository.files(FileRole.COMPOSE)):
        including = pending.pop()
        for path in _includes(repository, including):
            if path in known or not repository.holds(path):
                continue
            known.add(path)
            pending.append(path)
            folder = posixpath.dirname(path) or "."
            values = {
                **folder_environment(repository, folder),
                **folder_environment(repository, posixpath.dirname(including) or "."),
            }
            yield from _builds(reader.services(path, folder, values))


def _includes(repository: Repository, path: str) -> Iterator[str]:
    read = repository.yaml(path)
    folder = posixpath.dirname(path) or "."
    for element in read.documents[0].view("include").elements() if read and read.documents else ():
        paths = element if element.text is not None else element.get("path")
        for written, _ in paths.texts():
            found = place(folder, written)
            if found.is_known:
                yield found.path


def _builds(services: Mapping[str, ComposeService]) -> Iterator[Build]:
    for name, service in services.items():
        if service.build is not None:
            yield _build(name, service, service.build)


def _build(name: str, service: ComposeService, section: BuildSection) -> Build:
    context = section.context or place(posixpath.dirname(section.location.path) or ".", ".")
    dockerfile = _dockerfile(context, section)
    unknown = [part for part, known in (("context", context), ("dockerfile", dockerfile)) if known.is_open]
    if section.target is not None and section.target.text is None:
        unknown.append("target")
    image = () if service.image is None or service.image.text is None else (service.image.text,)
    return Build(
        origin=BuildOrigin.COMPOSE,
        location=section.location if section.dockerfile is None else section.dockerfile.location,
        dockerfile=dockerfile.path,
        context=context.path,
        name=name,
        args=tuple(sorted(section.args.items())),
        target=_text(section.target),
        platforms=section.platforms or ((service.platform,) if service.platform else ()),
        tags=tuple(dict.fromkeys((*image, *section.tags))),
        contexts=tuple(sorted(section.contexts.items())),
        unknown=tuple(unknown),
        inline=_text(section.inline),
        reason=context.reason or dockerfile.reason,
    )


def _dockerfile(context: Place, section: BuildSection) -> Place:
    if section.inline is not None:
        return Place()
    if section.dockerfile is None:
        return dockerfile_place(context, "")
    if section.dockerfile.text is None:
        return Place(
            reason="the Dockerfile's name holds a variable that the repository gives no value", is_open=True
        )
    return dockerfile_place(context, section.dockerfile.text)


def _text(said: Said | None) -> str:
    return "" if said is None or said.text is None else said.text
