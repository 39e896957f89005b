"""Which names a package of the service surely has not: no binding, no submodule, and nobody sets them."""

import re
from collections.abc import Iterator
from itertools import islice

from fleet_audit.audit.images.tree import FileUnreadable
from fleet_audit.audit.static_imports.library import MAX_SOURCE_BYTES, Library
from fleet_audit.audit.static_imports.reachability.own_files import package_root, python_files
from fleet_audit.audit.static_imports.resolution.finder import Module, ModuleKind, Place, Side

MAX_FILES = 2_000
"""Where a package stands beside more files than these, nothing is sure."""

_BY_NAME = b"setattr"


class OwnNames:
    """Looks through the repository's text, where what modules bind leaves a name out. Answers are kept."""

    def __init__(self, library: Library) -> None:
        """Take what reads files."""
        self._library = library
        self._known: dict[tuple[Place, str], bool] = {}

    def lacks(self, package: Module, name: str) -> bool:
        """Say whether ``from package import name`` surely fails, where no binding and no submodule was found.

        The package's own text must not have the name at all, and no other file may set it from outside.
        """
        file = package.file
        is_own = file is not None and file.side is Side.SOURCES
        if file is None or not is_own or package.kind is not ModuleKind.SOURCE or not package.folders:
            return False
        key = (file, name)
        if key not in self._known:
            self._known[key] = self._is_nowhere(file, name)
        return self._known[key]

    def _is_nowhere(self, file: Place, name: str) -> bool:
        word = re.compile(rb"(?<!\w)" + re.escape(name.encode()) + rb"(?!\w)")
        if word.search(self._text(file)):
            return False
        files = list(islice(self._beside(file), MAX_FILES + 1))
        bound = re.compile(rb"\." + re.escape(name.encode()) + rb"[ \t]*(?::[^=\n]{0,200})?=(?!=)")
        return len(files) <= MAX_FILES and not any(
            self._is_set_in(self._text(at), word, bound) for at in files
        )

    @staticmethod
    def _is_set_in(text: bytes, word: re.Pattern[bytes], bound: re.Pattern[bytes]) -> bool:
        return bound.search(text) is not None or (_BY_NAME in text and word.search(text) is not None)

    def _text(self, file: Place) -> bytes:
        try:
            return self._library.tree(file.side).read(file.path, limit=MAX_SOURCE_BYTES)
        except FileUnreadable:
            return b""

    def _beside(self, package: Place) -> Iterator[Place]:
        """Yield the Python files below the folder that the outermost package around stands in."""
        tree = self._library.tree(package.side)
        for path in python_files(tree, package_root(tree, package.path)):
            yield Place(package.side, path)
