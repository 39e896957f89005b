"""What is to be known of files that load: what they ask of the processor and of the stack."""

from collections.abc import Iterator, Sequence

from fleet_audit.audit.ldd.isa import level_name, level_needed, level_of
from fleet_audit.audit.model.elf import Remark, SharedObject
from fleet_audit.audit.model.identity import ImagePath


def remarks_on(objects: Sequence[tuple[ImagePath, SharedObject]], isa: str) -> tuple[Remark, ...]:
    """Return the remarks on loaded objects, each once; `isa` is the lowest level of the machines or empty."""
    return tuple(dict.fromkeys(remark for path, facts in objects for remark in _remarks(path, facts, isa)))


def _remarks(path: ImagePath, facts: SharedObject, isa: str) -> Iterator[Remark]:
    offered, needed = level_of(isa), level_needed(facts.x86_isa_needed)
    if offered is not None and needed > offered:
        # dl_isa_level_check: the loader ends with "CPU ISA level is lower than required".
        detail = f"it needs {level_name(needed)}, and a machine of this image has {isa}"
        yield Remark("isa", path, detail)
    if facts.has_executable_stack:
        yield Remark(
            "execstack", path, "it makes the stack executable; glibc refuses to load it from 2.41 on"
        )
