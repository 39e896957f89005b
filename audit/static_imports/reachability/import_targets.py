"""What an import statement means in the module that it takes names from: submodules, and what serves them."""

from collections.abc import Iterator

from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.static_imports.reachability.serving import Served
from fleet_audit.audit.static_imports.reachability.surroundings import Surroundings
from fleet_audit.audit.static_imports.resolution.finder import Module, ModuleKind
from fleet_audit.audit.static_imports.source.records import ImportedName, ImportStatement, absolute_name


def is_answered(statement: ImportStatement, module: Module, around: Surroundings) -> bool:
    """Say whether nothing that `statement`, in `module`, asks for is surely missing."""
    name = absolute_name(statement.module, statement.level, module.package)
    target = None if name is None else around.find(name)
    if name is not None and target is None and around.is_on_own_path(module, name):
        return True
    if target is None or around.is_broken(target):
        return False
    return all(_may_have(target, item.name, around) for item in statement.names)


def _may_have(target: Module, name: str, around: Surroundings) -> bool:
    if name == "*":
        return True
    is_bound = around.has_name(target, name)
    inner = around.find(f"{target.name}.{name}") if target.folders else None
    if inner is not None and is_bound is not True:
        return not around.is_broken(inner)
    return inner is not None or is_bound is not False


def submodule(target: Module, name: str, around: Surroundings) -> ModuleName | None:
    """Return the submodule that ``from target import name`` imports; None for an attribute."""
    inner = ModuleName(f"{target.name}.{name}")
    if name == "*" or not target.folders or around.find(inner) is None:
        return None
    # A name that the package itself binds is taken as it is: no submodule is looked for.
    is_bound = None if target.kind is not ModuleKind.SOURCE else around.has_name(target, name)
    return None if is_bound is True else inner


def also_served(target: Module, names: tuple[ImportedName, ...], around: Surroundings) -> Iterator[Served]:
    """Yield what `target` imports to serve names that it does not bind, for a star those of ``__all__``."""
    for item in names:
        if item.name == "*":
            yield from _starred(target, around)
        elif around.has_name(target, item.name) is not True:
            yield from around.served_lazily(target, item.name)


def _starred(target: Module, around: Surroundings) -> Iterator[Served]:
    """Yield the submodules that a star import takes, and what serves the rest of ``__all__``."""
    for name in around.exports(target):
        inner = ModuleName(f"{target.name}.{name}")
        last = inner.rpartition(".")[2]
        if target.folders and submodule(target, last, around) is not None:
            yield Served(inner)
        elif around.has_name(target, name) is not True:
            yield from around.served_lazily(target, name)
