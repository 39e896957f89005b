"""Which plugins a look-up of entry points loads: those that installed distributions offer."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.static_imports.distributions.entry_points import NamedEntry
from fleet_audit.audit.static_imports.source.records import PluginCall, is_module_name

Offered = Callable[[str], tuple[NamedEntry, ...]]
"""What is offered in a group."""


class Plugin(msgspec.Struct, frozen=True):
    """The module of an entry point, the object in it that is taken, and how certainly it is loaded."""

    module: ModuleName
    attribute: str
    level: Level


def plugins(
    call: PluginCall,
    offered: Offered,
    level: Callable[[int], Level | None],
    filled: Callable[[tuple[str, ...]], Iterable[str]],
) -> Iterator[Plugin]:
    """Yield what a look-up loads; `level` is that of a block, `filled` completes what holds parameters.

    What is looked up, and was not seen to be loaded, may be loaded by name: that is as unlikely as any text
    that names a module. Of several of which somebody chooses, each is probable at the most.
    """
    likely = _likely(call, level)
    if likely is None:
        return
    names = frozenset(filled(call.names))
    found = [
        entry
        for group in filled(call.groups)
        for entry in offered(group)
        if (entry.name in names or not names) and is_module_name(entry.module) and not _is_listed(entry, call)
    ]
    is_choice = call.is_chosen and not names and len(found) > 1
    for entry in found:
        yield Plugin(
            ModuleName(entry.module), entry.attribute, max(likely, Level.PROBABLE) if is_choice else likely
        )


def _is_listed(entry: NamedEntry, call: PluginCall) -> bool:
    # Who looks commands up and loads none makes scripts of them, as installers do.
    return entry.is_command and call.loaded_in < 0


def _likely(call: PluginCall, level: Callable[[int], Level | None]) -> Level | None:
    """Return how certainly what is looked up is loaded; None where it never is."""
    asked = level(call.block)
    if asked is None or call.loaded_in < 0:
        return None if asked is None else Level.STRING
    loaded = level(call.loaded_in)
    return None if loaded is None else max(asked, loaded)
