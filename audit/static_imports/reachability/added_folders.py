"""Which folders an installed package puts on ``sys.path`` for its own modules."""

from fleet_audit.audit.images.tree import normalise
from fleet_audit.audit.static_imports.library import Library
from fleet_audit.audit.static_imports.resolution.finder import Finder, Module, Place, Side
from fleet_audit.audit.static_imports.source.constants import FILE


class AddedFolders:
    """Answers by the outermost package of a module. Answers are kept."""

    def __init__(self, finder: Finder, library: Library) -> None:
        """Take where modules and records are found."""
        self._finder = finder
        self._library = library
        self._added: dict[Place, tuple[Place, ...]] = {}

    def hold(self, module: Module, name: str) -> bool:
        """Say whether an installed module finds `name` in a folder that its package adds.

        What lies there, copies of other projects mostly, is not followed.
        """
        file = module.file
        if file is None or file.side is not Side.IMAGE:
            return False
        top = name.partition(".")[0]
        return any(self._finder.holds(folder, top) for folder in self._of(file))

    def _of(self, file: Place) -> tuple[Place, ...]:
        package = self._finder.outermost_package(file)
        if package is None:
            return ()
        if package not in self._added:
            record = self._library.record(package)
            edits = () if record is None else record.path_edits
            self._added[package] = tuple(
                Place(Side.IMAGE, normalise(f"{package.path}/{folder.removeprefix(FILE)}"))
                for edit in edits
                for folder in (edit.folders if edit.block == 0 else ())
                if folder.startswith(FILE)
            )
        return self._added[package]
