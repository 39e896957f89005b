"""Where an image has a program that is named without a path."""

from collections.abc import Mapping
from itertools import islice

from fleet_audit.audit.images.tree import FileKind, FileTree, join, normalise
from fleet_audit.audit.model.identity import ImagePath

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What container runtimes set where the image's Env has no PATH (runc, libcontainer)."""


MAX_FOLDERS = 200
"""How many different folders of a PATH are looked into; real ones have a dozen."""


def find_program(tree: FileTree, env: Mapping[str, str], name: str) -> ImagePath | None:
    """Return the executable file that ``execvp`` would run for `name` (execvp(3)); None where none."""
    if "/" in name:
        return _executable(tree, normalise(name)) if name.startswith("/") else None
    folders = dict.fromkeys(f for f in env.get("PATH", DEFAULT_PATH).split(":") if f.startswith("/"))
    for folder in islice(folders, MAX_FOLDERS):
        found = _executable(tree, join(normalise(folder), name))
        if found is not None:
            return found
    return None


def _executable(tree: FileTree, path: ImagePath) -> ImagePath | None:
    canonical = tree.realpath(path)
    entry = None if canonical is None else tree.entry(canonical)
    is_program = entry is not None and entry.kind is FileKind.FILE and entry.mode & 0o111
    return canonical if is_program else None
