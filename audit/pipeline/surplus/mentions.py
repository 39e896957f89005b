"""Which programs and files are named where images are started and built: commands, scripts, Dockerfiles."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice, pairwise

from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.dockerfiles.language.structure import Instruction
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.shell.calls import Call, called, with_inner
from fleet_audit.audit.dockerfiles.shell.instructions import run_scripts
from fleet_audit.audit.images.tree import FileTree, FileUnreadable, normalise
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.image import ImageConfig
from fleet_audit.audit.pipeline.run.subject import Subject

_WORD = re.compile(r"[A-Za-z0-9_./+@-]+")
_DOCKERFILE_LIMIT = 1 << 20
_TEXT_LIMIT = 256 << 10
_MAX_SCRIPTS = 500
_MAX_WORDS = 20_000

AS_MODULE = "-m "
"""How what stands for a module begins, that Python is told to run (``python -m``, runpy)."""

_RUNS_MODULES = ("-m", "run_module", "runpy.run_module")

Mentions = dict[str, str]
"""Names of programs, absolute paths of files, and modules behind `AS_MODULE`, each with a place of it."""


def words_of(text: str) -> Iterator[str]:
    """Yield whatever in a text could name a program or a file."""
    return (match[0] for match in islice(_WORD.finditer(text), _MAX_WORDS))


def noted(mentions: Mentions, words: Iterable[str], place: str) -> None:
    """Note what is named at `place`: paths as they are, and their last part as the name of a program."""
    before = ""
    for word in words:
        mentions.setdefault(word.rpartition("/")[2], place)
        if word.startswith("/"):
            mentions.setdefault(normalise(word), place)
        if before in _RUNS_MODULES:
            mentions.setdefault(f"{AS_MODULE}{word}", place)
        before = word


def of_configuration(config: ImageConfig) -> Mentions:
    """Return what an image's ENTRYPOINT, CMD and HEALTHCHECK name, and its environment by paths.

    What LD_PRELOAD names without a path is named, too (ld.so(8)).
    """
    found: Mentions = {}
    preloaded = re.split("[ :]", config.env.get("LD_PRELOAD", ""))
    noted(found, filter(None, preloaded), "the image's LD_PRELOAD")
    for name in sorted(config.env.keys() - {"PATH"}):
        noted(found, _paths(config.env[name]), f"the image's {name}")
    test = config.healthcheck.test if config.healthcheck is not None else ()
    for what, words in (("ENTRYPOINT", config.entrypoint), ("CMD", config.cmd), ("HEALTHCHECK", test)):
        noted(found, _words_of_command(words), f"the image's {what}")
    return found


def _words_of_command(words: Sequence[str]) -> Iterator[str]:
    """Yield what the words of a command may name; of code in Python, which is no shell's, paths alone."""
    for at, word in enumerate(words):
        is_python = at > 1 and words[at - 1] == "-c" and "python" in words[at - 2].rpartition("/")[2]
        yield from (each for each in words_of(word) if not is_python or each.startswith("/"))


def of_image_scripts(tree: FileTree, scripts: Iterable[ImagePath]) -> Mentions:
    """Return what scripts of an image name, that no package brought."""
    found: Mentions = {}
    for path in islice(scripts, _MAX_SCRIPTS):
        with suppress(FileUnreadable):
            noted(found, words_of(tree.read(path, limit=_TEXT_LIMIT).decode(errors="replace")), path)
    return found


def of_services(subject: Subject, files: Iterable[str], repository: Repository | None) -> Mentions:
    """Return what services' commands and shell scripts name, and the paths and modules that their code does.

    `files` are the Python files that they reach.
    """
    found: Mentions = {}
    for service in subject.services:
        noted(found, service.commands, f"the Dockerfile of {service.name}")
    if repository is None:
        return found
    places = {normalise(path) for service in subject.services for path in service.source_paths}
    folders = tuple(f"{place.rstrip('/')}/" for place in places)
    scripts = (path for path in repository.files(FileRole.SHELL) if f"/{path}".startswith(folders))
    for script in islice(scripts, _MAX_SCRIPTS):
        noted(found, words_of(_text(repository.tree, normalise(script))), script)
    for file in sorted(set(files)):
        text = _text(repository.tree, normalise(file))
        for path in _paths(text):
            found.setdefault(normalise(path), file)
        for before, word in pairwise(words_of(text)):
            if before in _RUNS_MODULES:
                found.setdefault(f"{AS_MODULE}{word}", file)
    return found


def _paths(text: str) -> Iterator[str]:
    return (word for word in words_of(text) if word.startswith("/"))


def _text(sources: FileTree, path: ImagePath) -> str:
    try:
        return sources.read(path, limit=_TEXT_LIMIT).decode(errors="replace")
    except FileUnreadable:
        return ""


def of_builds_above(fleet: Fleet, family: str, sources: FileTree) -> Mentions:
    """Return the programs that Dockerfiles of services and families on a family run, and paths in them."""
    found: Mentions = {}
    for path, text in texts_above(fleet, family, sources):
        for instruction, call in calls_of(parse(text).instructions):
            found.setdefault(call.program, f"{path}:{instruction.line}")
        for named in _paths(text):
            found.setdefault(normalise(named), path)
    return found


def of_compositions(repository: Repository) -> Mentions:
    """Return what the repository's compose files name: commands, and tests of health."""
    found: Mentions = {}
    for path in repository.files(FileRole.COMPOSE):
        noted(found, words_of(repository.text(path) or ""), path)
    return found


def texts_above(fleet: Fleet, family: str, sources: FileTree) -> Iterator[tuple[str, str]]:
    """Yield the readable Dockerfiles of services and families that stand on a family, with their texts."""
    for path in _dockerfiles_above(fleet, family):
        with suppress(FileUnreadable):
            yield path, sources.read(normalise(path), limit=_DOCKERFILE_LIMIT).decode(errors="replace")


def _dockerfiles_above(fleet: Fleet, family: str) -> list[str]:
    families = [name for name in fleet.manifest.families if family in fleet.ancestors(name)]
    paths = [path for name in families for path in fleet.manifest.families[name].dockerfiles]
    for name in (family, *families):
        paths += (path for service in fleet.services_of(name) for path in service.dockerfiles)
    return list(dict.fromkeys(paths))


def calls_of(instructions: Iterable[Instruction]) -> Iterator[tuple[Instruction, Call]]:
    """Yield every program that RUNs start, with those that they hand to shells of their own."""
    for instruction, script in run_scripts(instructions):
        for command in with_inner(script):
            call = called(command)
            if call is not None:
                yield instruction, call


def programs_mentioned(
    mentions: Mapping[str, str], files: Iterable[ImagePath]
) -> Iterator[tuple[ImagePath, str]]:
    """Yield those of `files` that are named, by their path, as a program or as a library, and where."""
    for path in files:
        folder, _, name = path.rpartition("/")
        place = mentions.get(path)
        if place is None and (folder.endswith(("/bin", "/sbin", "/games")) or ".so" in name):
            place = mentions.get(name)
        if place is not None:
            yield path, place
