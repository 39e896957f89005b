"""Which file an absolute module name means on a search path, as CPython's own finder would have it."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from fleet_audit.audit.images.tree import (
    FileKind,
    FileTree,
    FileUnreadable,
    basename,
    join,
    normalise,
    parent,
)
from fleet_audit.audit.model.identity import ImagePath, ModuleName
from fleet_audit.audit.static_imports import stdlib
from fleet_audit.audit.static_imports.resolution.archives import WithArchives
from fleet_audit.audit.static_imports.resolution.editables import Redirects

_NO_REDIRECTS = Redirects()
_RUNNING = "__main__"
"""What runs is loaded under this name before anything asks for it, so no file is looked for."""

_INIT_LIMIT = 64 << 10
_WAYS_OF_ADDING = (b"extend_path(__path__", b"declare_namespace(__name__")
MAX_PARTS = 32
"""The longest dotted name that is looked up."""


class Side(StrEnum):
    """In which tree something stands: the repository's, or the image's."""

    SOURCES = "sources"
    IMAGE = "image"


class Place(msgspec.Struct, frozen=True, order=True):
    """A file or folder of one of the two trees."""

    side: Side
    path: ImagePath


class ModuleKind(StrEnum):
    """What a module is made of."""

    SOURCE = "source"
    EXTENSION = "extension"
    BYTECODE = "bytecode"
    NAMESPACE = "namespace"
    BUILTIN = "builtin"


class Module(msgspec.Struct, frozen=True):
    """A module that was found; `folders` is its ``__path__``, empty where it is no package."""

    name: ModuleName
    kind: ModuleKind
    file: Place | None = None
    folders: tuple[Place, ...] = ()

    @property
    def package(self) -> ModuleName:
        """Return its ``__package__``."""
        return self.name if self.folders else ModuleName(self.name.rpartition(".")[0])


class Finder:
    """Finds modules on one search path. Answers are kept.

    Order as importlib.machinery.PathFinder and FileFinder have it: for each entry a regular package,
    else an extension module, source, byte code; folders without ``__init__`` are gathered as portions of
    a namespace (PEP 420). Built-in modules come before the search path. In a zip archive zipimport takes
    byte code first, but only where it was made from the source beside it: so the source stands for both.
    """

    def __init__(
        self,
        trees: Mapping[Side, FileTree],
        search_path: Sequence[Place],
        suffixes: Sequence[str],
        assumed: frozenset[str],
        redirects: Redirects = _NO_REDIRECTS,
    ) -> None:
        """Take the trees, the search path, the extension suffixes, and the modules that need no file.

        `assumed` are top-level names that count as built in where no file is found: those that may be
        compiled in, or, without an image, the whole standard library. `redirects` are what the image's
        editable installs find where the search path has nothing.
        """
        self._trees = trees
        self._search_path = tuple(search_path)
        self._endings = (
            *((suffix, ModuleKind.EXTENSION) for suffix in suffixes),
            (".py", ModuleKind.SOURCE),
            (".pyc", ModuleKind.BYTECODE),
        )
        self._assumed = assumed
        self._redirects = redirects
        self._found: dict[str, Module | None] = {}

    @property
    def search_path(self) -> tuple[Place, ...]:
        """Return the search path, first entry first."""
        return self._search_path

    def find(self, name: str) -> Module | None:
        """Return the module of an absolute name; None where there is none, or a parent is missing."""
        if name not in self._found:
            self._found[name] = self._look_up(name)
        return self._found[name]

    def holds(self, folder: Place, name: str) -> bool:
        """Say whether a top-level module or package of this name is in a folder."""
        return self._on_path(ModuleName(name), name, (folder,)) is not None

    def outermost_package(self, file: Place) -> Place | None:
        """Return the ``__init__.py`` of the outermost regular package that a file lies in."""
        tree, found = self._trees[file.side], None
        folder = parent(file.path)
        while folder != parent(folder):
            if "__init__.py" in tree.listing(folder):
                found = Place(file.side, join(folder, "__init__.py"))
            folder = parent(folder)
        return found

    def _look_up(self, name: str) -> Module | None:
        if name.count(".") >= MAX_PARTS:
            return None
        name = stdlib.ALIASES.get(name, name)
        above, _, last = name.rpartition(".")
        if not last:
            return None
        if not above:
            return self._top_level(last)
        outer = self.find(above)
        if outer is not None and outer.kind is ModuleKind.BUILTIN and above in self._assumed:
            return Module(ModuleName(name), ModuleKind.BUILTIN)
        return None if outer is None else self._looked_for(ModuleName(name), outer.folders)

    def _top_level(self, name: str) -> Module | None:
        if name in stdlib.ALWAYS_BUILTIN or name == _RUNNING:
            return Module(ModuleName(name), ModuleKind.BUILTIN)
        if (target := self._redirects.first.get(ModuleName(name))) is not None:
            return self._redirected(ModuleName(name), target)
        path = self._search_path
        if name in stdlib.LOADED_AT_START and Side.IMAGE in self._trees:
            # Python has these before the script's folder is on the path.
            path = tuple(place for place in path if place.side is Side.IMAGE) or path
        found = self._looked_for(ModuleName(name), path)
        # Which other modules are compiled in differs by build: a file has the word, where there is one.
        if found is None and name in self._assumed:
            return Module(ModuleName(name), ModuleKind.BUILTIN)
        return found

    def _looked_for(self, name: ModuleName, path: Sequence[Place]) -> Module | None:
        if (listed := self._listed(name, path)) is not None:
            return listed
        found = self._on_path(name, name.rpartition(".")[2], path)
        target = self._redirects.modules.get(name) if found is None else None
        return found if target is None else self._redirected(name, target)

    def _listed(self, name: ModuleName, path: Sequence[Place]) -> Module | None:
        """Return a module whose very file, or whose folders, an editable install names."""
        folders = tuple(Place(Side.IMAGE, folder) for folder in self._redirects.paths.get(name, ()))
        target = self._redirects.files.get(name)
        if target is None:
            native = self._on_path(name, name.rpartition(".")[2], path) if folders else None
            parts = () if native is None or native.kind is not ModuleKind.NAMESPACE else native.folders
            return Module(name, ModuleKind.NAMESPACE, folders=(*folders, *parts)) if folders else None
        kind = next((kind for ending, kind in self._endings if target.endswith(ending)), None)
        place = Place(Side.IMAGE, target)
        if kind is None or self._leads_to(place) is not FileKind.FILE:
            return None
        is_package = basename(target).partition(".")[0] == "__init__"
        return Module(name, kind, place, folders if is_package else ())

    def _redirected(self, name: ModuleName, target: ImagePath) -> Module | None:
        """Return the package in the folder `target`, or the module in that file, ending or none."""
        folder = Place(Side.IMAGE, target)
        above, stem = Place(Side.IMAGE, parent(target)), basename(target)
        if stem == "__init__.py":
            return self._file(name, "__init__", above, (above,))
        package = self._file(name, "__init__", folder, (folder,))
        return package or self._file(name, stem.removesuffix(".py"), above, ())

    def _on_path(self, name: ModuleName, last: str, path: Sequence[Place]) -> Module | None:
        portions: list[Place] = []
        for place in path:
            entries = self._trees[place.side].listing(place.path)
            if last in entries and self._is_folder(place, last):
                folder = Place(place.side, join(place.path, last))
                if (package := self._file(name, "__init__", folder, (folder,))) is not None:
                    return self._extended(package, last, path)
                portions.append(folder)
            if (module := self._file(name, last, place, ())) is not None:
                return module
        portions += (Place(Side.IMAGE, path) for path in self._redirects.namespaces.get(name, ()))
        return Module(name, ModuleKind.NAMESPACE, folders=tuple(portions)) if portions else None

    def _extended(self, package: Module, last: str, path: Sequence[Place]) -> Module:
        """Return a package with its parts in other entries of the path, where its ``__init__`` adds these.

        That was the way before PEP 420 (``pkgutil.extend_path``, ``pkg_resources.declare_namespace``).
        """
        if len(path) == 1:
            return package
        holding = (place for place in path if last in self._trees[place.side].listing(place.path))
        found = (Place(at.side, join(at.path, last)) for at in holding if self._is_folder(at, last))
        folders = tuple(dict.fromkeys((*package.folders, *found)))
        if len(folders) == 1 or package.kind is not ModuleKind.SOURCE or not self._adds_parts(package.file):
            return package
        return msgspec.structs.replace(package, folders=folders)

    def _adds_parts(self, file: Place | None) -> bool:
        if file is None:
            return False
        try:
            text = self._trees[file.side].read(file.path, limit=_INIT_LIMIT)
        except FileUnreadable:
            return False
        return any(way in text for way in _WAYS_OF_ADDING)

    def _file(self, name: ModuleName, stem: str, folder: Place, path: tuple[Place, ...]) -> Module | None:
        tree = self._trees[folder.side]
        entries = tree.listing(folder.path)
        for ending, kind in self._endings:
            entry = entries.get(stem + ending)
            if entry is None or (kind is ModuleKind.EXTENSION and _is_in_archive(tree, folder)):
                continue
            file = Place(folder.side, join(folder.path, stem + ending))
            if entry.kind is FileKind.FILE or self._leads_to(file) is FileKind.FILE:
                return Module(name, kind, file, path)
        return None

    def _is_folder(self, place: Place, last: str) -> bool:
        return self._leads_to(Place(place.side, join(place.path, last))) is FileKind.FOLDER

    def _leads_to(self, place: Place) -> FileKind | None:
        tree = self._trees[place.side]
        canonical = tree.realpath(place.path)
        entry = None if canonical is None else tree.entry(canonical)
        return None if entry is None else entry.kind


def _is_in_archive(tree: FileTree, folder: Place) -> bool:
    # zipimport loads no shared objects.
    return isinstance(tree, WithArchives) and tree.is_in_archive(folder.path)


def source_place(path: str) -> Place:
    """Return a place in the repository from a relative path."""
    return Place(Side.SOURCES, normalise(path))
