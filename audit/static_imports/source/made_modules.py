"""Which modules a file makes up: those that it puts into ``sys.modules`` by name."""

import re
from collections.abc import Iterator
from itertools import islice

import libcst as cst

from fleet_audit.audit.static_imports.source import islands
from fleet_audit.audit.static_imports.source.constants import Constants, closing
from fleet_audit.audit.static_imports.source.outline import Outline
from fleet_audit.audit.static_imports.source.records import MadeModule, is_module_name

MAX_MADE = 200
_LONGEST_KEY = 2_000

_PUT = re.compile(rb"\bsys\.modules[ \t\x01]*(?:(\[)|\.[ \t\x01]*setdefault[ \t\x01]*\()")
_ASSIGNS = re.compile(rb"\][ \t\x01]*=(?!=)")


def find_made_modules(outlined: Outline, constants: Constants) -> tuple[MadeModule, ...]:
    """Find the modules that a file puts into ``sys.modules`` where their names can be told."""
    if b"sys.modules" not in outlined.text.source:
        return ()
    return tuple(islice(_made(outlined, constants), MAX_MADE))


def _made(outlined: Outline, constants: Constants) -> Iterator[MadeModule]:
    text = outlined.text
    for found in islice(_PUT.finditer(text.shadow), MAX_MADE):
        stop = closing(text.shadow, found.end(), min(len(text.shadow), found.end() + _LONGEST_KEY))
        is_assigned = found[1] is not None
        if is_assigned and _ASSIGNS.match(text.shadow, stop) is None:
            continue
        key = islands.expression(text.source[found.end() : stop], text.shadow[found.end() : stop])
        if not is_assigned:
            key = _first(key)
        for name in () if key is None else constants.strings(key, found.start()):
            if is_module_name(name) and not name.startswith("."):
                yield MadeModule(name, outlined.block_at(found.start()))


def _first(arguments: cst.BaseExpression | None) -> cst.BaseExpression | None:
    """Return the first of the arguments of a call."""
    if isinstance(arguments, cst.Tuple) and arguments.elements:
        return arguments.elements[0].value
    return None
