"""Which entry points a file looks up, and where it loads them (PyPA, entry points specification)."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

import libcst as cst

from fleet_audit.audit.static_imports.source import islands
from fleet_audit.audit.static_imports.source.constants import Constants, closing
from fleet_audit.audit.static_imports.source.outline import Outline
from fleet_audit.audit.static_imports.source.records import BlockKind, PluginCall

MAX_PLUGIN_CALLS = 200
MAX_LOADS = MAX_SITES = 2_000
"""As many calls that may load a plugin, or look one up, are looked at in one file."""

_LONGEST_CALL = 2_000
_HINTS = (b"entry_point", b"stevedore")
_MANAGERS: Final = {
    b"ExtensionManager": False,
    b"EnabledExtensionManager": False,
    b"DispatchExtensionManager": False,
    b"NameDispatchExtensionManager": False,
    b"NamedExtensionManager": True,
    b"DriverManager": True,
    b"HookManager": True,
}
"""What stevedore's managers are called, and whether they are given the names that they load.

All of them load what they find as they are made, those that choose by a function too: they hand it what
they have loaded (stevedore/extension.py, ``ExtensionManager._load_plugins``).
"""

_CALL = re.compile(
    rb"(?<!\w)(iter_entry_points|load_entry_point|entry_points|select|"
    + b"|".join(_MANAGERS)
    + rb")[ \t\x01]*\("
)
_DEFINITION = re.compile(rb"\b(?:def|class)[ \t]+\Z")
_GROUP_BEHIND = re.compile(
    rb"[ \t\x01]*(?:\[|\.[ \t\x01]*get[ \t\x01]*\()[ \t\x01]*(\"+|[A-Za-z_][\w.]*)[ \t\x01]*[],)]"
)
"""``entry_points()["group"]`` and ``entry_points().get("group", ())``, as they were before Python 3.12."""

_LOAD = re.compile(rb"\.[ \t\x01]*(?:load|resolve)[ \t\x01]*\([ \t\x01]*\)")


def find_plugin_calls(outlined: Outline, constants: Constants) -> tuple[PluginCall, ...]:
    """Find the look-ups of entry points whose group can be told, in the order of the text."""
    if not any(hint in outlined.text.source for hint in _HINTS):
        return ()
    return tuple(islice(_Finder(outlined, constants).find(), MAX_PLUGIN_CALLS))


class _Finder:
    """Looks at every call that may look up entry points."""

    def __init__(self, outlined: Outline, constants: Constants) -> None:
        self._outline = outlined
        self._source = outlined.text.source
        self._shadow = outlined.text.shadow
        self._constants = constants
        self._loads = [
            (found.start(), outlined.block_at(found.start()))
            for found in islice(_LOAD.finditer(self._shadow), MAX_LOADS)
        ]

    def find(self) -> Iterator[PluginCall]:
        for found in islice(_CALL.finditer(self._shadow), MAX_SITES):
            if _DEFINITION.search(self._shadow, max(0, found.start() - 12), found.start()):
                continue
            limit = min(len(self._shadow), found.end() + _LONGEST_CALL)
            end = min(closing(self._shadow, found.end(), limit) + 1, limit)
            node = islands.expression(self._source[found.start() : end], self._shadow[found.start() : end])
            if isinstance(node, cst.Call) and (call := self._plugin_call(found, end, node)) is not None:
                yield call

    def _plugin_call(self, found: re.Match[bytes], end: int, node: cst.Call) -> PluginCall | None:
        name, start = found[1], found.start()
        groups = self._groups(name, start, end, node)
        if not groups:
            return None
        asked = self._asked_name(name, node)
        names = () if asked is None else self._values(asked, start)
        is_manager = name in _MANAGERS
        block = self._outline.block_at(start)
        return PluginCall(
            line=self._outline.text.line(start),
            block=block,
            groups=groups,
            # Several names mean all of them to a manager; elsewhere nobody knows which.
            names=names if is_manager or len(names) == 1 else (),
            is_chosen=asked is not None,
            loaded_in=block if is_manager or name == b"load_entry_point" else self._loaded_in(start, block),
            is_survived=is_manager and not _MANAGERS[name],
        )

    def _groups(self, name: bytes, start: int, end: int, node: cst.Call) -> tuple[str, ...]:
        if (group := _keyword(node, "group", "namespace")) is None:
            position = {b"load_entry_point": 1, b"select": -1, b"entry_points": -1}.get(name, 0)
            group = _positional(node, position)
        if group is not None:
            return self._values(group, start)
        return self._group_behind(end) if name == b"entry_points" and not node.args else ()

    def _group_behind(self, end: int) -> tuple[str, ...]:
        """Read the group that is taken out of all entry points, behind the call."""
        found = _GROUP_BEHIND.match(self._shadow, end)
        if found is None:
            return ()
        value = islands.expression(self._source[slice(*found.span(1))], found[1])
        return () if value is None else self._values(value, end)

    @staticmethod
    def _asked_name(name: bytes, node: cst.Call) -> cst.BaseExpression | None:
        position = {b"load_entry_point": 2, b"iter_entry_points": 1}.get(
            name, 1 if _MANAGERS.get(name) else -1
        )
        return _keyword(node, "name", "names") or _positional(node, position)

    def _values(self, node: cst.BaseExpression, offset: int) -> tuple[str, ...]:
        known = self._constants.strings(node, offset)
        return known or self._constants.templates(node, offset)

    def _loaded_in(self, start: int, block: int) -> int:
        """Return the block of the first ``.load()`` in the look-up's line or behind; -1 for none.

        Only the look-up's own function is looked at.
        """
        function = self._function(block)
        line_start = self._shadow.rfind(b"\n", 0, start)
        behind = (at for offset, at in self._loads if offset > line_start)
        return next((at for at in behind if self._function(at) == function), -1)

    def _function(self, block: int) -> int:
        spans = self._outline.spans
        while block > 0 and spans[block].kind is not BlockKind.FUNCTION:
            block = spans[block].parent
        return block


def _keyword(call: cst.Call, *names: str) -> cst.BaseExpression | None:
    given = (a.value for a in call.args if a.keyword is not None and a.keyword.value in names)
    return next(given, None)


def _positional(call: cst.Call, position: int) -> cst.BaseExpression | None:
    plain = [argument for argument in call.args if argument.keyword is None]
    if not 0 <= position < len(plain) or any(argument.star for argument in plain[: position + 1]):
        return None
    return plain[position].value
