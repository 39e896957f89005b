"""What one module leads to, as values: links, what is asked for in vain, calls of functions elsewhere."""

import msgspec

from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.model.imports import ImportContext, Level
from fleet_audit.audit.static_imports.reachability.liveness import Liveness
from fleet_audit.audit.static_imports.resolution.finder import Module, Place
from fleet_audit.audit.static_imports.source.functions import Invocation
from fleet_audit.audit.static_imports.source.records import LoadCall, SourceRecord


class Link(msgspec.Struct, frozen=True, gc=False):
    """A step from a module to another: `target` was found, on `line`, at `level`.

    `is_statement` holds for the module that the import names itself, not for what comes along. `place` is
    the file of the line where that is another than the module's own. `may_fail` holds where it is survived
    that the target cannot be imported, or where that does not show. `behind` are modules that must have been
    imported before the line runs (those in the ``try`` of an ``else``).
    """

    target: ModuleName
    level: Level
    line: int
    how: str
    context: ImportContext
    is_statement: bool = False
    place: Place | None = None
    may_fail: bool = False
    behind: tuple[ModuleName, ...] = ()

    @property
    def is_survived(self) -> bool:
        """Say whether the import may fail and what follows runs all the same."""
        return self.may_fail or self.context is ImportContext.GUARDED


class Absent(msgspec.Struct, frozen=True, gc=False):
    """An import that nothing answers. `level` is None where only type checkers would run it."""

    module: ModuleName
    level: Level
    line: int
    context: ImportContext


class CallLink(msgspec.Struct, frozen=True, gc=False):
    """A call of a function of `target` that leads to imports or loads, made on `line`.

    The use of a setting that `target` makes counts as one: `how` says so.
    """

    target: Module
    call: Invocation
    level: Level
    line: int
    context: ImportContext = ImportContext.MODULE
    how: str = "calls"
    behind: tuple[ModuleName, ...] = ()


class Expansion(msgspec.Struct, frozen=True):
    """What a module leads to, and what it asks for in vain. `liveness` says which of its blocks run.

    `calls` are those of other modules' functions, and of its own where arguments matter. `fails_at` is the
    first line at which importing the module surely fails; 0 where it does not. `loads` are the record's,
    or, where functions are called, those whose names the arguments make.
    """

    record: SourceRecord
    liveness: Liveness
    links: tuple[Link, ...]
    absent: tuple[Absent, ...]
    calls: tuple[CallLink, ...] = ()
    fails_at: int = 0
    loads: tuple[LoadCall, ...] = ()


def is_sure(step: Link | Absent) -> bool:
    """Say whether importing a module surely takes this step, and ends where it fails."""
    return step.level is Level.CERTAIN and step.context is ImportContext.MODULE
