"""What is to be known of files that load: what they ask of the processor and of the stack."""

from collections.abc import Iterable
from typing import Protocol

from fleet_audit.audit.ldd.isa import level_name, level_needed, level_of
from fleet_audit.audit.model.elf import Remark, SharedObject
from fleet_audit.audit.model.identity import ImagePath


class LoadedFile(Protocol):
    """A file in a process, of whichever loader."""

    @property
    def path(self) -> ImagePath:
        """Return its canonical path."""
        ...

    @property
    def facts(self) -> SharedObject:
        """Return what it says of itself."""
        ...


def remarks_on(objects: Iterable[LoadedFile], isa: str) -> tuple[Remark, ...]:
    """Return the remarks on loaded objects, each once; `isa` is the lowest level of the machines or empty."""
    offered = level_of(isa)
    found: dict[Remark, None] = {}
    for item in objects:
        path, facts = item.path, item.facts
        if offered is not None and level_needed(facts.x86_isa_needed) > offered:
            # dl_isa_level_check: the loader ends with "CPU ISA level is lower than required".
            needed = level_name(level_needed(facts.x86_isa_needed))
            found[Remark("isa", path, f"it needs {needed}, and a machine of this image has {isa}")] = None
        if facts.has_executable_stack:
            why = "it makes the stack executable; glibc refuses to load it from 2.41 on"
            found[Remark("execstack", path, why)] = None
    return tuple(found)
