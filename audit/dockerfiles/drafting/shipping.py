"""Which files of the repository an image has, and where, as COPY and ADD bring them."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.language.structure import Stage
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.running.configuration import Step, Use, every_step
from fleet_audit.audit.images.tree import FileKind

MAX_SHIPPED = 2000
"""What one stage has of the repository; more is left out."""


class Shipped(msgspec.Struct, frozen=True):
    """A file or folder of the repository, and the place where an image has it."""

    source: str
    target: str


class _Copy(msgspec.Struct, frozen=True):
    """A COPY or ADD whose words are known: `place` is where it puts things, a folder if `is_into`."""

    sources: tuple[str, ...]
    place: str
    is_into: bool


def shipped(use: Use, context: str, repository: Repository) -> tuple[Shipped, ...]:
    """Return what the image has of the context, that of later instructions first.

    What it takes from an earlier stage, which has it from the context, counts as well.
    """
    stages: dict[int, list[Shipped]] = {}
    for step in every_step(use, lambda _: None):
        index = step.stage.index
        if index not in stages:
            stages[index] = [*_held(use.values.lineage(step.stage), stages)]
        copy = _copy(step, use)
        if copy is None or len(stages[index]) > MAX_SHIPPED:
            continue
        origin = step.instruction.flag("from")
        if origin is None:
            stages[index] += _from_context(copy, context, repository)
        else:
            stages[index] += _from_stage(copy, _stage(origin, use, step, stages), repository)
    return tuple(reversed(_held(use.lineage, stages)))


def _held(lineage: Iterable[Stage], stages: Mapping[int, list[Shipped]]) -> list[Shipped]:
    """Return what the nearest stage has that does anything at all."""
    return next((stages[stage.index] for stage in lineage if stage.index in stages), [])


def default_context(use: Use, path: str, repository: Repository) -> str:
    """Return the folder from which a Dockerfile is likely built where nothing says so.

    That is its own where it copies what is there and not at the root, or all of the context, where only its
    own folder holds Python; else the root.
    """
    folder = posixpath.dirname(path) or "."
    every = every_step(use, lambda _: None)
    copies = (_copy(step, use) for step in every if step.instruction.flag("from") is None)
    sources = {source for copy in copies if copy is not None for source in copy.sources}
    named = {source for source in sources if _names_file(source)}
    of_root = sum(repository.entry(_inside(".", source)) is not None for source in named)
    of_folder = sum(repository.entry(_inside(folder, source)) is not None for source in named)
    if of_folder == of_root and len(named) < len(sources):
        return folder if _holds_python(folder, repository) and not _holds_python(".", repository) else "."
    return folder if of_folder > of_root else "."


def _holds_python(folder: str, repository: Repository) -> bool:
    return any(name.endswith(".py") or name == "pyproject.toml" for name in repository.listing(folder))


def _names_file(source: str) -> bool:
    return "://" not in source and _inside(".", source) != "."


def _inside(context: str, source: str) -> str:
    """Return the path of a source; what leads out of the context is left off (Dockerfile reference, COPY)."""
    return posixpath.normpath(posixpath.join(context, posixpath.normpath(f"/{source}").lstrip("/")))


def _copy(step: Step, use: Use) -> _Copy | None:
    instruction = step.instruction
    if instruction.keyword not in ("COPY", "ADD") or len(instruction.words) < 2:
        return None
    *sources, target = (use.values.expand(word, instruction) for word in instruction.words)
    if any(not word.is_known for word in (*sources, target)):
        return None
    place = posixpath.normpath(posixpath.join("/", step.folder or "/", target.value))
    is_into = target.value.endswith("/") or len(sources) > 1 or target.value in (".", "./")
    return _Copy(tuple(source.value for source in sources), place, is_into)


def _from_context(copy: _Copy, context: str, repository: Repository) -> Iterator[Shipped]:
    for source in copy.sources:
        yield from _shipped(_inside(context, source), copy, repository)


def _from_stage(copy: _Copy, held: Sequence[Shipped], repository: Repository) -> Iterator[Shipped]:
    for source in copy.sources:
        wanted = posixpath.normpath(posixpath.join("/", source))
        for each in held:
            if _is_below(each.target, wanted) and wanted != each.target:
                behind = posixpath.relpath(each.target, wanted)
                yield Shipped(each.source, posixpath.join(copy.place, behind))
            elif _is_below(wanted, each.target):
                path = posixpath.normpath(posixpath.join(each.source, posixpath.relpath(wanted, each.target)))
                yield from _shipped(path, copy, repository)


def _shipped(path: str, copy: _Copy, repository: Repository) -> Iterator[Shipped]:
    entry = repository.entry(path)
    if entry is None:
        return
    is_file = entry.kind is not FileKind.FOLDER
    place = posixpath.join(copy.place, posixpath.basename(path)) if is_file and copy.is_into else copy.place
    yield Shipped(path, place)


def _is_below(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"{folder.rstrip('/')}/")


def _stage(origin: str, use: Use, step: Step, stages: Mapping[int, list[Shipped]]) -> Sequence[Shipped]:
    expanded = use.values.expand(origin, step.instruction)
    name = expanded.value if expanded.is_known else ""
    stage = use.dockerfile.stage(name)
    index = int(name) if name.isdecimal() and len(name) < 4 else -1 if stage is None else stage.index
    return tuple(stages.get(index, ())) if index < step.stage.index else ()
