"""Where a service's own modules are looked for: script folder, PYTHONPATH, ``sys.path`` edits."""

from collections.abc import Callable, Iterable

import msgspec

from fleet_audit.audit.images.tree import normalise, parent
from fleet_audit.audit.model.imports import PathEdit
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.static_imports.reachability.reach import Reached
from fleet_audit.audit.static_imports.resolution.finder import Place, Side, source_place
from fleet_audit.audit.static_imports.source.constants import FILE
from fleet_audit.audit.static_imports.source.records import PathCall

MAX_ROUNDS = 4
"""How often the search starts again because a file that was found edits the path."""


class SearchPath(msgspec.Struct, frozen=True):
    """The entries before and after the interpreter's own, and the edits that were seen."""

    before: tuple[Place, ...]
    after: tuple[Place, ...] = ()
    edits: tuple[PathEdit, ...] = ()


def service_path(
    base: tuple[Place, ...],
    claimed: tuple[Place, ...],
    root: str,
    search: Callable[[SearchPath], Iterable[Reached]],
) -> SearchPath:
    """Return the search path of a service: `base`, and what the code that `search` reaches adds to it.

    `base` is what the interpreter is started with. `claimed` are folders in which the manifest says that
    first-party packages are: they come last. `root` is the folder that relative edits start from.
    """
    path = SearchPath(base, tuple(place for place in claimed if place not in base))
    for _ in range(MAX_ROUNDS):
        first: list[Place] = []
        last: list[Place] = []
        edits: list[PathEdit] = []
        for found in search(path):
            for call, place in _calls(found):
                folders = _folders(call, place, root)
                (first if call.is_first else last).extend(folders)
                edits.extend(_edits(call, place, folders))
        before = tuple(dict.fromkeys((*reversed(first), *base)))
        after = tuple(place for place in dict.fromkeys((*last, *claimed)) if place not in before)
        grown = SearchPath(before, after, tuple(sorted(set(edits), key=_order)))
        if grown == path:
            break
        path = grown
    return path


def script_folder(script: Place) -> Place:
    """Return the folder that a script puts first on the path (``sys.path[0]``)."""
    return Place(script.side, parent(script.path))


def _calls(found: Reached) -> Iterable[tuple[PathCall, Place]]:
    file = found.module.file
    if found.expansion is None or file is None or file.side is not Side.SOURCES:
        return
    for call in found.expansion.record.path_edits:
        if found.expansion.liveness.level(call.block) is not None:
            yield call, file


def _folders(call: PathCall, file: Place, root: str) -> list[Place]:
    places: list[Place] = []
    for folder in call.folders:
        if folder.startswith(FILE):
            places.append(Place(Side.SOURCES, normalise(f"{file.path}/{folder.removeprefix(FILE)}")))
        elif folder.startswith("/"):
            places.append(Place(Side.IMAGE, normalise(folder)))
        else:
            places.append(source_place(f"{root}/{folder}"))
    return places


def _edits(call: PathCall, file: Place, folders: list[Place]) -> list[PathEdit]:
    where = SourceLocation(file.path.removeprefix("/"), call.line)
    if not folders:
        return [PathEdit(where, call.expression)]
    return [PathEdit(where, call.expression, _shown(place)) for place in folders]


def _shown(place: Place) -> str:
    if place.side is Side.IMAGE:
        return place.path
    return place.path.removeprefix("/") or "."


def _order(edit: PathEdit) -> tuple[SourceLocation, str, str]:
    return (edit.location, edit.expression, edit.folder or "")
