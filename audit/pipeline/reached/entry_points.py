"""What of an image's Python can be loaded: modules by import, other libraries by name."""

from collections.abc import Iterable, Mapping
from functools import cached_property

from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.ldd.modules import is_extension_module, libraries_by_name
from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.imports import ExtensionModule
from fleet_audit.audit.pipeline.run.scene import Scene
from fleet_audit.audit.static_imports.compiled.importable import importable_extensions


class PythonEntries:
    """The shared libraries of one image's Python; none where it has no Python."""

    def __init__(self, scene: Scene) -> None:
        """Take the opened image."""
        self._scene = scene

    @cached_property
    def modules(self) -> tuple[ExtensionModule, ...]:
        """Return what can be imported: files that are named like modules and define their init function."""
        scene = self._scene
        if scene.interpreter is None:
            return ()
        found = importable_extensions(scene.image.tree, scene.interpreter, scene.distributions)
        return tuple(m for m in found if is_extension_module(scene.world, m.path, m.module))

    def plugins(self, closures: Iterable[Closure]) -> tuple[Closure, ...]:
        """Return what would load with the libraries inside distributions that none of `closures` loads.

        Libraries that one of the others needs are parts of that one.
        """
        found = examine(self._scene.world, self._by_name(closures), self._scene.python)
        needed = {path for closure in found for path in closure.loaded[1:]}
        return tuple(closure for closure in found if needed.isdisjoint(closure.loaded[:1]))

    def _by_name(self, closures: Iterable[Closure]) -> list[EntryPoint]:
        interpreter, tree = self._scene.interpreter, self._scene.image.tree
        if interpreter is None:
            return []
        known = {path for closure in closures for path in closure.loaded}
        known |= {real for m in self.modules if (real := tree.realpath(m.path)) is not None}
        folders = {real: f for f in interpreter.site_folders if (real := tree.realpath(f)) is not None}
        owner = self._scene.distributions.owner
        paths = (_shown(path, folders) for path in libraries_by_name(self._scene.elf, folders, known))
        return [EntryPoint(path, EntryKind.PLUGIN, distribution=owner(path)) for path in paths]


def _shown(path: ImagePath, folders: Mapping[ImagePath, ImagePath]) -> ImagePath:
    """Return the path as people and RECORD name it, below the folder and not below what it is a link to."""
    real = next((real for real in folders if path.startswith(f"{real}/")), None)
    return path if real is None else ImagePath(folders[real] + path.removeprefix(real))
