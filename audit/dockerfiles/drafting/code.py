"""Which files of the repository an image runs: its entry, the folders of its code, its requirements."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from functools import partial

import msgspec

from fleet_audit.audit.dockerfiles.drafting.entries import Ground, entry_of
from fleet_audit.audit.dockerfiles.drafting.produced import Produced
from fleet_audit.audit.dockerfiles.drafting.shipping import Shipped, shipped
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.images.tree import FileKind

_REQUIREMENTS = re.compile(r"requirements[\w.-]*\.(?:txt|in)")
_PROJECTS = ("pyproject.toml", "Pipfile")


class Code(msgspec.Struct, frozen=True):
    """What an image runs: `entry` as a manifest names it, `pythonpath` and `folders` below the root.

    `where` is the line of the script that names the entry, where the image starts one.
    """

    entry: str = ""
    where: str = ""
    pythonpath: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()


def code_of(image: Produced, words: Sequence[str], repository: Repository) -> Code:
    """Return what of the repository an image runs that is started with `words`, as far as its files show."""
    brought = shipped(image.use, image.context, repository)
    ground = Ground(repository, brought, partial(_variable, image), image.context)
    folder = image.run.working_dir.value if image.run.working_dir else "/"
    entry = entry_of(words, folder, ground)
    folders = {each.source for each in brought if _is_code(repository, each.source)}
    requirements = set(_requirements(folders, brought, repository))
    return Code(
        entry=entry.name,
        where=entry.where,
        pythonpath=(entry.root,) if entry.root not in ("", ".") else (),
        folders=tuple(sorted(folders)),
        requirements=tuple(sorted(requirements or _of_context(image, repository))),
    )


def _variable(image: Produced, name: str) -> str | None:
    variable = image.run.variable(name)
    return variable.value if variable is not None and variable.is_known else None


def _is_code(repository: Repository, path: str) -> bool:
    """Say whether a path is a folder that holds Python, itself or one level below."""
    entry = repository.entry(path)
    if entry is None or entry.kind is not FileKind.FOLDER:
        return False
    names = repository.listing(path)
    if any(name.endswith(".py") for name in names):
        return True
    folders = [name for name, each in names.items() if each.kind is FileKind.FOLDER]
    return any(
        name.endswith(".py")
        for each in folders[:200]
        for name in repository.listing(posixpath.join(path, each))
    )


def _requirements(folders: set[str], brought: Sequence[Shipped], repository: Repository) -> Iterator[str]:
    for each in brought:
        if _says_requirements(posixpath.basename(each.source)):
            yield each.source
    for folder in folders - {"."}:
        for name in repository.listing(folder):
            if _REQUIREMENTS.fullmatch(name):
                yield posixpath.join(folder, name)


def _of_context(image: Produced, repository: Repository) -> Iterator[str]:
    """Yield the file of the build context that is named for requirements, pip's before a project's."""
    names = sorted(filter(_says_requirements, repository.listing(image.context)), key=_PROJECTS.__contains__)
    yield from (posixpath.normpath(posixpath.join(image.context, name)) for name in names[:1])


def _says_requirements(name: str) -> bool:
    return name in _PROJECTS or _REQUIREMENTS.fullmatch(name) is not None
