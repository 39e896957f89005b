"""What COPY and ADD put where in an image, and whether a file of it comes with them.

Rules: Dockerfile reference, COPY and ADD (what a source becomes at its destination).
"""

import posixpath

import msgspec

from fleet_audit.audit.dockerfiles.contexts.matching import has_wildcard
from fleet_audit.audit.dockerfiles.copying.context_files import ContextFiles
from fleet_audit.audit.dockerfiles.copying.ignoring import IgnoreRules
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
    flags = {flag.name for flag in instruction.flags}
    if not is_known or instruction.heredocs or flags & {"from", "parents", "exclude"}:
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
    kind = None if brought.source is None else files.kind(brought.source)
    if brought.source is None or kind is None:
        # What is not in the repository may be made before the build.
        return "" if inside.startswith("..") else None
    if kind is FileKind.FOLDER:
        return "" if inside.startswith("..") else _why_absent_below(brought.source, inside, files, rules)
    # Whether the destination is a folder may be decided by what stands there already.
    return None if inside in (".", posixpath.basename(brought.source)) else ""


def _why_absent_below(source: str, inside: str, files: ContextFiles, rules: IgnoreRules) -> str | None:
    """Say why a folder of the context has no such file; empty where not even the file's folder is there."""
    path = posixpath.normpath(posixpath.join(source, inside))
    found = files.find(path, rules)
    if found.exists is not False:
        return None
    folder = posixpath.dirname(path)
    if folder and files.kind(folder) is not FileKind.FOLDER:
        return ""
    return f"{path} is not in the context" + (f": {found.reason}" if found.reason else "")
