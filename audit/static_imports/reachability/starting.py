"""What a service starts with: the file or module of its entry, or else each of its source files."""

from collections.abc import Callable, Iterator

import msgspec

from fleet_audit.audit.images.tree import FileKind, FileTree, normalise
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import ImagePath, ModuleName
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.static_imports.library import STAGE, Library
from fleet_audit.audit.static_imports.reachability.nodes import own_name
from fleet_audit.audit.static_imports.reachability.own_files import (
    is_for_developers,
    package_root,
    python_files,
)
from fleet_audit.audit.static_imports.reachability.reach import Start
from fleet_audit.audit.static_imports.reachability.search_path import script_folder
from fleet_audit.audit.static_imports.reachability.server_files import configurations
from fleet_audit.audit.static_imports.resolution.finder import Module, ModuleKind, Place, Side, source_place
from fleet_audit.audit.static_imports.service_code import ServiceCode

MAX_SOURCE_FILES = 20_000

MODULE = "module:"
"""Begins an entry that ``python -m`` runs."""

Find = Callable[[str], Module | None]


class Starting:
    """One service's entry and source files; `script` is the entry where that is a file.

    `gaps` are source paths that are not there, or hold more files than are looked at.
    """

    def __init__(self, service: ServiceCode, sources: FileTree, library: Library) -> None:
        """Look for the entry and the source files in the repository."""
        self._service = service
        self._sources = sources
        self._library = library
        self.gaps: list[Gap] = []
        self.script = self._script()
        self.files = tuple(self._source_files())

    def folders(self, *, has_script_folder: bool) -> list[Place]:
        """Return what stands before PYTHONPATH: the script's folder, or where a module is started.

        Where the interpreter is told not to, neither a script nor ``python -m`` adds any.
        """
        if self.script is not None:
            return [script_folder(self.script)] if has_script_folder else []
        if not self._service.entry:
            ordered = sorted(self.files, key=lambda file: is_for_developers(file.path))
            return [Place(file.side, package_root(self._sources, file.path)) for file in ordered]
        # Servers that take module:NAME always add the working folder.
        is_added = has_script_folder or ":" in self._service.entry
        return [source_place(self._service.root)] if is_added else []

    def starts(self, find: Find) -> list[Start]:
        """Return what the service starts with; `find` finds modules on its search path."""
        service = self._service
        configured = list(configurations(service.commands, service.root, self._sources, find))
        return [*configured, *self._own_starts(find)]

    def _own_starts(self, find: Find) -> list[Start]:
        if self.script is not None:
            return [self._script_start(self.script, find)]
        named = self._named_start(find)
        if named is not None:
            return [named]
        starts = [(file, self._script_start(file, find)) for file in self.files]
        if all(is_for_developers(file.path) for file in self.files):
            return [start for _, start in starts]
        return [
            msgspec.structs.replace(start, level=Level.LAZY) if is_for_developers(file.path) else start
            for file, start in starts
        ]

    def unresolved(self, find: Find) -> Iterator[Gap]:
        """Yield a gap where the entry leads nowhere."""
        entry = self._service.entry
        if entry and self.script is None and self._named_start(find) is None:
            said = (
                "is neither a file nor a module of this service; all of its source files are followed instead"
            )
            why = f"the entry of {self._service.name} {said}"
            yield Gap(STAGE, GapKind.UNRESOLVED_ENTRY, entry, why)

    def _source_files(self) -> Iterator[Place]:
        """Yield the Python files of the source paths."""
        name, seen = self._service.name, set[Place]()
        for path in self._service.source_paths:
            canonical = self._sources.realpath(source_place(path).path)
            if canonical is None:
                self.gaps.append(
                    Gap(STAGE, GapKind.NO_SERVICE_SOURCE, path, f"{name} has no such source path")
                )
                continue
            for file in self._python_files(canonical):
                if file in seen:
                    continue
                if len(seen) >= MAX_SOURCE_FILES:
                    why = f"{name} has more than {MAX_SOURCE_FILES} source files; the rest was not read"
                    self.gaps.append(Gap(STAGE, GapKind.LIMIT_REACHED, path, why))
                    return
                seen.add(file)
                yield file

    def _python_files(self, path: ImagePath) -> Iterator[Place]:
        entry = self._sources.entry(path)
        is_file = entry is not None and entry.kind is FileKind.FILE
        for file in (path,) if is_file else python_files(self._sources, path):
            yield Place(Side.SOURCES, file)

    def _script(self) -> Place | None:
        entry, root = self._service.entry, self._service.root
        for folder in ("", root) if entry and ":" not in entry else ():
            place = Place(Side.SOURCES, normalise(f"{folder}/{entry}"))
            found = self._sources.entry(self._sources.realpath(place.path) or place.path)
            if found is not None and found.kind is FileKind.FILE:
                return place
        return None

    def _script_start(self, place: Place, find: Find) -> Start:
        record = self._library.record(place)
        is_relative = record is not None and any(s.level and s.block == 0 for s in record.imports)
        if not is_relative:
            return Start(Module(ModuleName("__main__"), ModuleKind.SOURCE, place), is_script=True)
        # A file that imports relatively can only run as a module of its package (``python -m``).
        name = own_name(place)
        found = find(name)
        is_same = found is not None and found.file == place
        return Start(
            found if found is not None and is_same else Module(name, ModuleKind.SOURCE, place),
            is_script=True,
        )

    def _named_start(self, find: Find) -> Start | None:
        name, _, attribute = self._service.entry.removeprefix(MODULE).partition(":")
        module = find(name)
        if module is None:
            return None
        called = (attribute.partition("(")[0].partition(".")[0],) if attribute else ()
        if not attribute and module.folders:
            # ``python -m package`` runs its __main__ (runpy).
            module = find(f"{name}.__main__") or module
        return Start(module, is_script=not attribute, called=called) if module.file is not None else None
