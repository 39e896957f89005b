"""How modules, and the lines that lead to them, are shown in the evidence."""

from fleet_audit.audit.model.evidence import Node, NodeKind
from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.model.location import ImageLocation, Location, SourceLocation
from fleet_audit.audit.static_imports.resolution.finder import Module, Place, Side


def location(place: Place, line: int) -> Location:
    """Return the place of a line for a report."""
    if place.side is Side.SOURCES:
        return SourceLocation(place.path.removeprefix("/"), line)
    return ImageLocation(place.path, line=line)


def module_node(module: Module) -> Node:
    """Return a module's node in the evidence.

    The image's modules go by the name that they are imported by. A service's own are named for their
    file in the repository: many services have a ``config``, and they must not be taken for one.
    """
    return Node(NodeKind.MODULE, node_name(module))


def node_name(module: Module) -> ModuleName:
    """Return the name under which `module_node` shows a module."""
    if module.file is None or module.file.side is not Side.SOURCES:
        return module.name
    return own_name(module.file)


def own_name(place: Place) -> ModuleName:
    """Return the dotted name of a file's path in the repository."""
    stem = place.path.removeprefix("/").removesuffix(".py").removesuffix("/__init__")
    return ModuleName(stem.replace("/", "."))


def is_own(module: Module) -> bool:
    """Say whether a module, or for a namespace its first folder, is in the repository."""
    place = module.file or next(iter(module.folders), None)
    return place is not None and place.side is Side.SOURCES
