"""What COPY and ADD put where in an image, and whether a file of it comes with them.

Rules: Dockerfile reference, COPY and ADD (what a source becomes at its destination).
"""

import posixpath

import msgspec

from fleet_audit.audit.dockerfiles.copying.context_files import ContextFiles
from fleet_audit.audit.dockerfiles.copying.ignoring import IgnoreRules
from fleet_audit.audit.dockerfiles.copying.matching import has_wildcard
from fleet_audit.audit.dockerfiles.language.expansion import Scopes
from fleet_audit.audit.dockerfiles.running.configuration import Step
from fleet_audit.audit.images.tree import FileKind

_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".txz", ".tar.zst")


class Brought(msgspec.Struct, frozen=True):
    """What a COPY brings from the context: `source` becomes `place`; None for what is not known."""

    source: str | None
    place: str


def copied(step: Step, values: Scopes) -> list[Brought] | None:
    """Return what a COPY or ADD brings; None where its destination is not known."""
    instruction = step.instruction
    expanded = [values.expand(word, instruction) for word in instruction.words]
    if len(expanded) < 2 or not expanded[-1].is_known or step.folder is None:
        return None
    *sources, destination = [word.value for word in expanded]
    place = posixpath.join(step.folder, destination)
    is_folder = destination.endswith("/") or destination in (".", "..") or len(sources) > 1
    is_known = all(word.is_known for word in expanded)
    if (
        not is_known
        or instruction.flag("from")
        or instruction.heredocs
        or instruction.flag("parents") is not None
    ):
        return [Brought(None, posixpath.normpath(place))]
    return [
        _one(source, place, is_folder=is_folder, is_add=instruction.keyword == "ADD") for source in sources
    ]


def _one(source: str, place: str, *, is_folder: bool, is_add: bool) -> Brought:
    is_fetched = is_add and ("://" in source or source.endswith(_ARCHIVES) or source.startswith("git@"))
    if is_fetched or has_wildcard(source):
        return Brought(None, posixpath.normpath(place))
    clean = posixpath.normpath(posixpath.join("/", source)).lstrip("/")
    # A folder's content goes to the destination, a file goes into one that is written as a folder.
    return Brought(clean, posixpath.normpath(place) + ("/" if is_folder else ""))


def why_absent(path: str, brought: Brought, files: ContextFiles, rules: IgnoreRules) -> str | None:
    """Say why a COPY does not bring a file although it brings the folder that it would lie in.

    Empty where it brings neither, None where it brings the file or that is not known.
    """
    place = brought.place.rstrip("/") or "/"
    inside = posixpath.relpath(path, place)
    is_below = not inside.startswith("..")
    if brought.source is None:
        return None if is_below else ""
    kind = files.kind(brought.source)
    if kind is None:
        # What is not in the repository may be made before the build.
        return None if is_below else ""
    if kind is not FileKind.FOLDER:
        lies_at = (
            posixpath.join(place, posixpath.basename(brought.source))
            if brought.place.endswith("/")
            else place
        )
        return None if path in (lies_at, posixpath.join(place, posixpath.basename(brought.source))) else ""
    if not is_below:
        return ""
    source = posixpath.normpath(posixpath.join(brought.source, inside))
    found = files.find(source, rules)
    if found.exists is not False:
        return None
    folder = posixpath.dirname(source)
    is_folder_there = not folder or files.kind(folder) is FileKind.FOLDER
    return (
        f"{source} is not in the context" + (f": {found.reason}" if found.reason else "")
        if is_folder_there
        else ""
    )
