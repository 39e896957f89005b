"""Which settings a file makes, as frameworks read them: names in capitals, and the strings behind them."""

import re
from collections.abc import Iterator
from itertools import islice

from fleet_audit.audit.static_imports.source import islands
from fleet_audit.audit.static_imports.source.constants import Constants, closing
from fleet_audit.audit.static_imports.source.outline import Outline
from fleet_audit.audit.static_imports.source.records import (
    BlockKind,
    Setting,
    SettingText,
    VariableSet,
    is_module_name,
)

MAX_SETTINGS = 1_000
MAX_TEXTS = 5_000
MAX_VARIABLES = 200
_LONGEST_TEXT = 200

_ASSIGNED = re.compile(
    rb"(?m)^[ \t]*([A-Z][A-Z0-9_]{2,})[ \t]*"
    rb"(?:(?::[^=\n]*)?(\+?=)(?!=)|\.[ \t]*(?:append|extend|insert)[ \t]*(?=\())"
)
_STRING = re.compile(rb"(?<![\w\"])(\"+)([ \t\x01]*:)?")
_REFERRED = re.compile(rb"(?<![\w.\"])(?:[A-Za-z_]\w*\.)?([A-Z][A-Z0-9_]{2,})\b(?![ \t\x01]*[=(])")
_VARIABLE = re.compile(
    rb"\benviron[ \t\x01]*(?:\.[ \t\x01]*setdefault[ \t\x01]*\([ \t\x01]*(\"+)[ \t\x01]*,"
    rb"|\[[ \t\x01]*(\"+)[ \t\x01]*\][ \t]*=(?!=))"
)


def find_settings(outlined: Outline) -> tuple[Setting, ...]:
    """Find what a module binds to names in capitals, in the order of the text."""
    left = MAX_TEXTS
    found: list[Setting] = []
    for setting in islice(_settings(outlined), MAX_SETTINGS):
        if len(setting.texts) > left:
            break
        left -= len(setting.texts)
        found.append(setting)
    return tuple(found)


def _settings(outlined: Outline) -> Iterator[Setting]:
    text = outlined.text
    for assigned in _ASSIGNED.finditer(text.shadow):
        block = outlined.block_at(assigned.start(1))
        if _is_inside_definition(outlined, block):
            continue
        end = text.line_end(assigned.end())
        texts = tuple(_texts(outlined, assigned.end(), end))
        refers = {found[1].decode() for found in _REFERRED.finditer(text.shadow, assigned.end(), end)}
        if texts or refers:
            name = assigned[1].decode()
            adds = assigned[2] != b"=" or name in refers
            line = text.line(assigned.start(1))
            yield Setting(name, line, block, texts, tuple(sorted(refers - {name})), adds=adds)


def _texts(outlined: Outline, start: int, end: int) -> Iterator[SettingText]:
    """Yield the strings that may name a module, each with the key before it."""
    key = ""
    for found in _STRING.finditer(outlined.text.shadow, start, end):
        if len(found[1]) > _LONGEST_TEXT:
            continue
        value = outlined.text.source[found.start(1) + 1 : found.end(1) - 1].decode(errors="replace")
        if found[2] is not None:
            key = value
        elif is_module_name(value) and not value.startswith("."):
            yield SettingText(value, outlined.text.line(found.start()), key)


def _is_inside_definition(outlined: Outline, block: int) -> bool:
    at = block
    while at > 0:
        if outlined.spans[at].kind in (BlockKind.FUNCTION, BlockKind.CLASS):
            return True
        at = outlined.spans[at].parent
    return False


def find_variables(outlined: Outline, constants: Constants) -> tuple[VariableSet, ...]:
    """Find the variables of the environment that a file gives a value that may name a module."""
    if b"environ" not in outlined.text.source:
        return ()
    return tuple(islice(_variables(outlined, constants), MAX_VARIABLES))


def _variables(outlined: Outline, constants: Constants) -> Iterator[VariableSet]:
    text = outlined.text
    for found in _VARIABLE.finditer(text.shadow):
        span = found.span(1) if found[1] is not None else found.span(2)
        name = text.source[span[0] + 1 : span[1] - 1].decode(errors="replace")
        stop = closing(text.shadow, found.end(), text.line_end(found.end()))
        value = islands.expression(text.source[found.end() : stop], text.shadow[found.end() : stop])
        for module in () if value is None else constants.strings(value, found.start()):
            if is_module_name(module):
                block = outlined.block_at(found.start())
                is_default = found[1] is not None
                yield VariableSet(name, module, text.line(found.start()), block, is_default)
