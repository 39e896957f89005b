"""Why a well-formed library still cannot be loaded into a process (_dl_map_object_from_fd, elf/dl-load.c).

And why a program is not started.
"""

from fleet_audit.audit.ldd.layout import DF_1_NOOPEN, DF_1_PIE, ET_EXEC
from fleet_audit.audit.ldd.loader import Loader
from fleet_audit.audit.model.elf import SharedObject

GLIBC_ALONE = ("ELF file OS ABI", "ELF file ABI version", "ELF file version", "nonzero padding")
"""Beginnings of what glibc's loader refuses a library for, and neither musl's nor the kernel looks at."""


def refusal_as_program(facts: SharedObject) -> str:
    """Return why the kernel does not start a file (fs/binfmt_elf.c), empty where it does."""
    return "" if facts.refusal.startswith(GLIBC_ALONE) else facts.refusal


def may_be_refused(facts: SharedObject) -> bool:
    """Say whether there is anything in the file for which some process would refuse it."""
    is_library = facts.elf_type != ET_EXEC and not facts.flags_1 & (DF_1_PIE | DF_1_NOOPEN)
    return not is_library or facts.has_executable_stack is not False


def refusal_as_library(facts: SharedObject, loader: Loader) -> str | None:
    """Return why the file is a program and no library, in the loader's words; None where it is one."""
    if facts.elf_type == ET_EXEC:
        return "cannot dynamically load executable"
    knows_pie = loader.version is None or loader.version >= (2, 30)
    if facts.flags_1 & DF_1_PIE and knows_pie:
        return "cannot dynamically load position-independent executable"
    return None


def refusal_of_dlopen(facts: SharedObject, main: SharedObject | None, loader: Loader) -> str | None:
    """Return why a library cannot be added to a running process, whose program is `main`."""
    if facts.flags_1 & DF_1_NOOPEN:
        return "shared object cannot be dlopen()ed"
    is_stack_executable = main is not None and _wants_executable_stack(main, loader)
    if (
        loader.refuses_executable_stacks
        and not is_stack_executable
        and _wants_executable_stack(facts, loader)
    ):
        return "cannot enable executable stack as shared object requires"
    return None


def _wants_executable_stack(facts: SharedObject, loader: Loader) -> bool:
    if facts.has_executable_stack is None:
        return loader.stack_is_executable
    return facts.has_executable_stack
