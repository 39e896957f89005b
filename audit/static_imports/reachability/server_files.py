"""Which Python files a server runs as its configuration, by the command line that starts it."""

from collections.abc import Callable, Iterator, Sequence

from fleet_audit.audit.images.tree import FileKind, FileTree, basename, normalise
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.static_imports.reachability.nodes import own_name
from fleet_audit.audit.static_imports.reachability.reach import Start
from fleet_audit.audit.static_imports.resolution.finder import Module, ModuleKind, Place, Side

_GUNICORN = "gunicorn"
_OPTIONS = ("-c", "--config")
_DEFAULT = "gunicorn.conf.py"
_BY_FILE, _BY_MODULE = "file:", "python:"
_HOOKS = ("on_starting", "when_ready", "pre_fork", "post_fork", "post_worker_init")
"""What gunicorn calls of its configuration until a worker serves (its manual, "Server Hooks")."""

_DEEPEST = 20
_HOW = "starts gunicorn, which runs"


def configurations(
    command: Sequence[str], root: str, sources: FileTree, find: Callable[[str], Module | None]
) -> Iterator[Start]:
    """Yield the configuration that gunicorn runs before the application, where `command` starts it.

    That is what the last ``-c`` names, a file or ``python:module``, or else ``gunicorn.conf.py`` in the
    folder `root` that the service is started in. What the repository does not have is passed over. A file
    with an absolute path in the image is probably the one below `root` whose path ends so.
    """
    words = iter(command)
    if not any(basename(normalise(word)) == _GUNICORN for word in words):
        return
    name = [_DEFAULT, *_named(words)][-1]
    path = name.removeprefix(_BY_FILE)
    level = Level.PROBABLE if path.startswith("/") else Level.CERTAIN
    if name.startswith(_BY_MODULE):
        module = find(name.removeprefix(_BY_MODULE))
    else:
        places = (_place(f"{root}/{ending}", sources) for ending in _endings(path))
        module = next((_as_module(place) for place in places if place is not None), None)
    if module is not None and module.file is not None:
        yield Start(module, is_script=False, called=_HOOKS, how=_HOW, level=level)


def _named(words: Iterator[str]) -> Iterator[str]:
    for word in words:
        option, equals, value = word.partition("=")
        if option in _OPTIONS:
            yield value if equals else next(words, "")
        elif word.startswith("-c") and len(word) > len("-c"):
            yield word.removeprefix("-c")


def _endings(path: str) -> Iterator[str]:
    """Yield a path, and of an absolute one what is left as folders go, the longest first."""
    parts = path.lstrip("/").split("/")[-_DEEPEST:]
    for start in range(len(parts) if path.startswith("/") else 1):
        yield "/".join(parts[start:])


def _place(path: str, sources: FileTree) -> Place | None:
    place = sources.realpath(normalise(path))
    entry = None if place is None else sources.entry(place)
    is_file = entry is not None and entry.kind is FileKind.FILE
    return Place(Side.SOURCES, place) if place is not None and is_file else None


def _as_module(place: Place) -> Module:
    return Module(own_name(place), ModuleKind.SOURCE, place)
