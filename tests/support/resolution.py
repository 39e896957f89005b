"""Asks an interpreter where it finds modules, and compares what is found without it."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fleet_audit.audit.images.folder import FolderTree
from fleet_audit.audit.images.tree import normalise
from fleet_audit.audit.static_imports import stdlib
from fleet_audit.audit.static_imports.resolution.archives import WithArchives
from fleet_audit.audit.static_imports.resolution.finder import Finder, Module, ModuleKind, Place, Side
from fleet_audit.audit.static_imports.resolution.interpreter import Interpreter

# Walks like pkgutil, but asks the finders of sys.meta_path, so that nothing is imported.
_PROGRAM = """
import json, pkgutil, sys
def spec(name, path):
    for finder in sys.meta_path:
        found = finder.find_spec(name, path)
        if found is not None:
            return found
def walk(name, path, depth):
    found = spec(name, path)
    if found is None:
        answers[name] = None
        return
    below = None if found.submodule_search_locations is None else list(found.submodule_search_locations)
    answers[name] = [found.origin, below]
    if below is not None and depth and len(answers) < LIMIT:
        for inner in pkgutil.iter_modules(below):
            walk(f"{name}.{inner.name}", below, depth - 1)
LIMIT = 20_000
answers = {}
given = json.loads(sys.argv[1])
for name in given or sorted({m.name for m in pkgutil.iter_modules(sys.path)}):
    path, at = None, ""
    for part in name.split("."):
        at = f"{at}.{part}" if at else part
        walk(at, path, 8 if at == name else 0)
        if answers[at] is None:
            break
        path = answers[at][1]
print(json.dumps({"path": sys.path, "modules": answers, "loaded": sorted(sys.modules)}))
"""


Truth = tuple[str | None, list[str] | None] | None
"""A module's file, or what it is instead, and the folders of a package; None where there is no module."""


class Answer(NamedTuple):
    """What an interpreter says: its ``sys.path``, modules by name, and what it has loaded at start."""

    path: list[str]
    modules: dict[str, Truth]
    loaded: set[str]


def question(names: Sequence[str] = ()) -> list[str]:
    """Return the words behind the interpreter that ask for these modules and all below, or for every one."""
    return ["-c", _PROGRAM, json.dumps(list(names))]


def answer(printed: str) -> Answer:
    """Read what the interpreter printed."""
    told = json.loads(printed.splitlines()[-1])
    modules = {
        name: None if found is None else (found[0], found[1]) for name, found in told["modules"].items()
    }
    return Answer(told["path"], modules, set(told["loaded"]))


class Found:
    """What is found in a folder that holds a file system, on an interpreter's own search path."""

    def __init__(self, interpreter: Interpreter, image: FolderTree) -> None:
        self._image = WithArchives(image, interpreter.version)
        path = [Place(Side.IMAGE, folder) for folder in interpreter.search_path]
        files = {Side.IMAGE: self._image}
        self.finder = Finder(files, path, interpreter.suffixes, stdlib.COMPILED, interpreter.redirects)

    def differences(self, really: Mapping[str, Truth]) -> list[str]:
        """Return what is found otherwise than the interpreter finds it."""
        found = {name: self.finder.find(name) for name in really}
        return [
            f"{n}: {found[n]} and not {truth}"
            for n, truth in really.items()
            if not self._agrees(found[n], truth)
        ]

    def _agrees(self, module: Module | None, truth: Truth) -> bool:
        if truth is None or module is None:
            return (truth is None) == (module is None)
        origin, below = truth
        if origin in ("built-in", "frozen"):
            # What is frozen has its source beside it, and is the same module.
            return module.kind is ModuleKind.BUILTIN or origin == "frozen"
        if origin is None:
            folders = [real for place in module.folders if (real := self._real(place.path)) is not None]
            # Editable installs put a name there that leads nowhere.
            return module.kind is ModuleKind.NAMESPACE and folders == [
                r for f in below or () if (r := self._real(f))
            ]
        # The loader that stands in for distutils does not say that it is a package.
        is_package = below is not None or module.name == "distutils"
        is_same = module.file is not None and self._real(module.file.path) == self._real(origin)
        return is_same and bool(module.folders) == is_package

    def _real(self, path: str) -> str | None:
        return self._image.realpath(normalise(path))
