"""Which shared libraries are Python extension modules, and which can only be loaded by name."""

from collections.abc import Collection, Mapping

from fleet_audit.audit.ldd.definitions import Definitions
from fleet_audit.audit.ldd.layout import DF_1_PIE, ET_DYN
from fleet_audit.audit.ldd.symbol_table import gnu_hash
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import SharedObject
from fleet_audit.audit.model.identity import ImagePath, ModuleName


def is_extension_module(world: World, path: ImagePath, module: ModuleName) -> bool:
    """Say whether a file can be imported as `module`: it defines ``PyInit_`` and the name (PEP 489).

    Where its symbols are not known, or it has no table of them, it is taken for a module, as its name says.
    """
    canonical = world.tree.realpath(path)
    table = None if canonical is None or world.symbols is None else world.symbols(canonical)
    if table is None or table.damage or not (table.chain or table.wanted):
        return True
    name = module.rpartition(".")[2]
    # Punycode for names that are not ASCII (PEP 489).
    init = f"PyInit_{name}".encode() if name.isascii() else b"PyInitU_" + _punycode(name)
    return Definitions(table).has(gnu_hash(init))


def _punycode(name: str) -> bytes:
    return name.encode("punycode").replace(b"-", b"_")


def libraries_by_name(
    elf: Mapping[ImagePath, SharedObject], folders: Collection[ImagePath], known: Collection[ImagePath]
) -> tuple[ImagePath, ...]:
    """Return the shared libraries below `folders` that are not among the `known` files, in order.

    Nothing is known to load them: plugins, and libraries that code opens by name.
    """
    below = tuple(f"{folder}/" for folder in folders)
    return tuple(
        path
        for path, facts in sorted(elf.items())
        if path.startswith(below) and path not in known and ".so" in path and _is_library(facts)
    )


def _is_library(facts: SharedObject) -> bool:
    is_program = facts.interpreter is not None or facts.flags_1 & DF_1_PIE
    return facts.is_dynamic and facts.elf_type == ET_DYN and not is_program
