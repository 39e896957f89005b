"""Which files of the repository an image runs: its entry, the folders of its code, its requirements."""

import posixpath
import re
from collections.abc import Iterator, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.drafting.produced import Produced
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.running.configuration import steps
from fleet_audit.audit.dockerfiles.shell.calls import called
from fleet_audit.audit.dockerfiles.shell.reading import read_script
from fleet_audit.audit.dockerfiles.standards.processes import behind_init
from fleet_audit.audit.images.tree import FileKind
from fleet_audit.audit.model.running import shell_text

_PYTHON = re.compile(r"python(?:\d(?:\.\d+)?)?")
_SERVERS = frozenset({"uvicorn", "gunicorn", "hypercorn", "daphne", "granian"})
_WITH_VALUE = frozenset({"-W", "-X", "--check-hash-based-pycs"})
_REQUIREMENTS = re.compile(r"requirements[\w.-]*\.(?:txt|in)")
_APPLICATION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.()]*")


class Shipped(msgspec.Struct, frozen=True):
    """A file or folder of the repository, and the place where an image has it."""

    source: str
    target: str


class Code(msgspec.Struct, frozen=True):
    """What an image runs: `entry` as a manifest names it, `pythonpath` and `folders` below the root."""

    entry: str = ""
    pythonpath: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()


def code_of(image: Produced, repository: Repository) -> Code:
    """Return what of the repository an image runs, as far as its Dockerfile shows."""
    shipped = tuple(_shipped(image, repository))
    entry, root = _entry(image, shipped, repository)
    folders = {each.source for each in shipped if _is_code(repository, each.source)}
    return Code(
        entry=entry,
        pythonpath=(root,) if root not in ("", ".") else (),
        folders=tuple(sorted(folders)),
        requirements=tuple(sorted(_requirements(folders, shipped, repository))),
    )


def _shipped(image: Produced, repository: Repository) -> Iterator[Shipped]:
    """Yield what COPY and ADD bring from the context, those of later instructions first."""
    values = image.use.values
    context = next((build.context for build in image.builds if build.context), ".")
    found = []
    for step in steps(image.use, lambda _: None):
        instruction = step.instruction
        if instruction.keyword not in ("COPY", "ADD") or instruction.flag("from") is not None:
            continue
        if len(instruction.words) < 2:
            continue
        *sources, target = (values.expand(word, instruction) for word in instruction.words)
        if any(not word.is_known for word in (*sources, target)):
            continue
        place = posixpath.normpath(posixpath.join("/", step.folder or "/", target.value))
        for source in sources:
            path = posixpath.normpath(posixpath.join(context, source.value.lstrip("/")))
            entry = repository.entry(path)
            if entry is None or path.startswith(".."):
                continue
            is_into = target.value.endswith("/") or len(sources) > 1 or target.value in (".", "./")
            is_file = entry.kind is not FileKind.FOLDER
            found.append(
                Shipped(
                    path, posixpath.join(place, posixpath.basename(path)) if is_file and is_into else place
                )
            )
    yield from reversed(found)


def _entry(image: Produced, shipped: Sequence[Shipped], repository: Repository) -> tuple[str, str]:
    """Return the entry that the image starts and the folder that it is imported from; empty if not known."""
    words = _words(image)
    folder = image.run.working_dir.value if image.run.working_dir else "/"
    while words:
        first, words = words[0], words[1:]
        program = first.rpartition("/")[2]
        if program.endswith(".py"):
            return _in_repository(posixpath.join(folder, first), shipped, repository), ""
        if _PYTHON.fullmatch(program):
            return _of_python(words, folder, shipped, repository)
        if program in _SERVERS:
            return _of_server(words, _roots(image, folder), shipped, repository)
    return "", ""


def _words(image: Produced) -> tuple[str, ...]:
    words = behind_init(image.run.starting)
    text = shell_text(words)
    if text is None:
        return words
    for command in read_script(text).commands:
        call = called(command)
        if call is not None and (_PYTHON.fullmatch(call.program) or call.program in _SERVERS):
            return (call.program, *(word.value or "" for word in call.arguments))
    return ()


def _of_python(
    words: Sequence[str], folder: str, shipped: Sequence[Shipped], repository: Repository
) -> tuple[str, str]:
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] not in ("-m", "-c", "-"):
        at += 2 if words[at] in _WITH_VALUE else 1
    if at == len(words) or words[at] in ("-c", "-"):
        return "", ""
    if words[at] != "-m":
        return _in_repository(posixpath.join(folder, words[at]), shipped, repository), ""
    name = words[at + 1] if at + 1 < len(words) else ""
    if name in _SERVERS:
        return _of_server(words[at + 2 :], (folder,), shipped, repository)
    return _module(name, (folder,), shipped, repository)


def _of_server(
    words: Sequence[str], roots: Sequence[str], shipped: Sequence[Shipped], repository: Repository
) -> tuple[str, str]:
    application = next((word for word in words if _APPLICATION.fullmatch(word)), "")
    return _module(application.partition(":")[0], roots, shipped, repository)


def _module(
    name: str, roots: Sequence[str], shipped: Sequence[Shipped], repository: Repository
) -> tuple[str, str]:
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        return "", ""
    inside = "/".join(parts)
    for root in roots:
        for end in (".py", "/__main__.py", "/__init__.py"):
            path = _in_repository(posixpath.join(root, inside) + end, shipped, repository)
            if path.endswith(inside + end):
                return f"module:{name}", path.removesuffix(inside + end).rstrip("/") or "."
    return "", ""


def _roots(image: Produced, folder: str) -> tuple[str, ...]:
    variable = image.run.variable("PYTHONPATH")
    named = variable.value.split(":") if variable is not None and variable.is_known else []
    return (folder, *(each for each in named if each.startswith("/")))


def _in_repository(place: str, shipped: Sequence[Shipped], repository: Repository) -> str:
    """Return the file that an image has at `place`; empty where the repository has none for it."""
    place = posixpath.normpath(place)
    for each in shipped:
        if place == each.target:
            path = each.source
        elif place.startswith(each.target.rstrip("/") + "/"):
            path = posixpath.normpath(posixpath.join(each.source, place[len(each.target.rstrip("/")) + 1 :]))
        else:
            continue
        entry = repository.entry(path)
        if entry is not None and entry.kind is FileKind.FILE:
            return path
    return ""


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


def _requirements(folders: set[str], shipped: Sequence[Shipped], repository: Repository) -> Iterator[str]:
    for each in shipped:
        if _REQUIREMENTS.fullmatch(posixpath.basename(each.source)):
            yield each.source
    for folder in folders - {"."}:
        for name in repository.listing(folder):
            if _REQUIREMENTS.fullmatch(name):
                yield posixpath.join(folder, name)
