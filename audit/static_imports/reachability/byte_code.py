"""Which modules that a service reaches are byte code alone: never read, so what they import is not known."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.static_imports.library import STAGE
from fleet_audit.audit.static_imports.reachability.reach import Reached
from fleet_audit.audit.static_imports.resolution.finder import ModuleKind, Place, Side


def unread_byte_code(reached: Iterable[Reached]) -> Iterator[Gap]:
    """Yield one gap for each top-level package, or module, of which something reached has no source.

    Unmarshalling byte code of another Python, or of a stranger, can do anything; so nobody does.
    """
    packages: defaultdict[str, list[Place]] = defaultdict(list)
    for found in reached:
        if found.module.kind is ModuleKind.BYTECODE and found.module.file is not None:
            packages[found.module.name.partition(".")[0]].append(found.module.file)
    for name in sorted(packages):
        first = min(packages[name])
        many = len(packages[name])
        what = "it is" if many == 1 else f"{many} of its modules are"
        why = f"{what} byte code without source ({first.path}), so what is imported there is not known"
        is_own = first.side is Side.SOURCES
        location = SourceLocation(first.path.removeprefix("/")) if is_own else None
        yield Gap(STAGE, GapKind.NOT_EXAMINED, name, why, location)
