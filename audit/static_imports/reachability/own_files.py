"""Which files are a service's own source, and which of them only its developers run."""

import fnmatch
from collections.abc import Iterator
from itertools import islice

from fleet_audit.audit.images.tree import FileKind, FileTree, basename, join, parent
from fleet_audit.audit.model.identity import ROOT, ImagePath, ModuleName
from fleet_audit.audit.static_imports.resolution.finder import Module, Side

MAX_MODULES = 200
"""As many modules of one folder are taken for what a computed name may mean."""

_INIT = "__init__.py"
_ENVIRONMENT = "pyvenv.cfg"
_FOREIGN = frozenset({"__pycache__", "node_modules", "site-packages"})
_OF_TOOLS = ("conftest.py", "test_*.py", "*_test.py", "setup.py", "noxfile.py")
"""What pytest collects by default (its option ``python_files``), and what setuptools and nox run."""

_FOLDERS_OF_TOOLS = frozenset({"test", "tests", "doc", "docs", "example", "examples", "benchmarks"})


def python_files(tree: FileTree, folder: ImagePath) -> Iterator[ImagePath]:
    """Yield the Python files below a folder; no link is followed.

    Other people's code is left out: hidden folders, virtual environments, packages of other languages. It
    is followed all the same where something imports it.
    """
    pending = [folder]
    while pending:
        at = pending.pop()
        for name, entry in sorted(tree.listing(at).items()):
            path = join(at, name)
            if entry.kind is FileKind.FOLDER and not _is_foreign(tree, path, name):
                pending.append(path)
            elif entry.kind is FileKind.FILE and name.endswith(".py"):
                yield path


def _is_foreign(tree: FileTree, folder: ImagePath, name: str) -> bool:
    return name.startswith(".") or name in _FOREIGN or tree.entry(join(folder, _ENVIRONMENT)) is not None


def modules_in(tree: FileTree, package: Module) -> tuple[ModuleName, ...]:
    """Return the modules that stand in the folders of a package of the sources, those below left out.

    ``__main__`` is left out, and what only its developers run; so is what is behind a bound for each folder.
    """
    names: set[str] = set()
    for folder in package.folders:
        if folder.side is Side.SOURCES:
            found = (_module_at(tree, folder.path, name) for name in sorted(tree.listing(folder.path)))
            names.update(islice((name for name in found if name), MAX_MODULES))
    return tuple(ModuleName(f"{package.name}.{name}") for name in sorted(names))


def _module_at(tree: FileTree, folder: ImagePath, name: str) -> str:
    """Return the name of the module that an entry of a folder is; empty where it is none."""
    path = join(folder, name)
    is_package = tree.entry(join(path, _INIT)) is not None
    stem = name if is_package else name.removesuffix(".py")
    is_module = is_package or (stem != name and not is_for_developers(path))
    return stem if is_module and stem.isidentifier() and stem not in ("__init__", "__main__") else ""


def package_root(tree: FileTree, file: ImagePath) -> ImagePath:
    """Return the folder that must be on the path for a file to be imported by its full name.

    It is the nearest one above that is no regular package, as pytest has it (import mode ``prepend``).
    """
    folder = parent(file)
    while folder != ROOT and tree.entry(join(folder, _INIT)) is not None:
        folder = parent(folder)
    return folder


def is_for_developers(path: ImagePath) -> bool:
    """Say whether a file is a test, an example, or the script of a build tool: no service starts with it."""
    folders = path.split("/")[1:-1]
    named = any(fnmatch.fnmatchcase(basename(path), pattern) for pattern in _OF_TOOLS)
    return named or not _FOLDERS_OF_TOOLS.isdisjoint(folders)
