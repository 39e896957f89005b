"""Which packages an import by a computed name takes its modules from, where that much can be told."""

import re
from collections.abc import Callable, Iterator
from itertools import islice

import libcst as cst

from fleet_audit.audit.static_imports.source import islands
from fleet_audit.audit.static_imports.source.constants import Constants, closing
from fleet_audit.audit.static_imports.source.outline import Outline
from fleet_audit.audit.static_imports.source.records import BlockKind, is_module_name

_OWN = "."
_OWN_NAME = "\0"
"""Stands for the name of the module itself, in which no such character can be."""

_MOST_PARTS = 40
_MOST_LISTINGS = 20
_LONGEST_CALL = 400

_LISTS = re.compile(rb"\b(?:iter_modules|walk_packages)[ \t\x01]*\(")
_OWN_NAMES = frozenset({"__name__", "__package__"})

_Qualified = Callable[[str], str]


class PackagesMeant:
    """Looks at how one file makes up names. `qualified` tells what an imported name stands for, if any."""

    def __init__(self, outlined: Outline, constants: Constants, qualified: _Qualified) -> None:
        """Take the file's outline and literals."""
        self._outline = outlined
        self._constants = constants
        self._qualified = qualified
        self._listings: dict[int, tuple[str, ...]] = {}

    def by_name(self, node: cst.BaseExpression, at: int) -> str:
        """Return the package that a name begins with (``f"plugins.{name}"``); empty where none is known.

        A relative name gives its dots, from which the package that the call gives is reached.
        """
        beginning = ""
        for part in islice(self._parts(node, at), _MOST_PARTS):
            if part is None:
                break
            beginning += part
        if beginning and not beginning.strip("."):
            return beginning
        package = beginning.rpartition(".")[0].replace(f"{_OWN_NAME}.", ".").replace(_OWN_NAME, _OWN)
        return package if package == _OWN or is_module_name(package) else ""

    def by_listing(self, block: int) -> tuple[str, ...]:
        """Return the packages whose modules ``pkgutil`` lists in the function that a block is in."""
        spans = self._outline.spans
        while block > 0 and spans[block].kind is not BlockKind.FUNCTION:
            block = spans[block].parent
        if block not in self._listings:
            self._listings[block] = tuple(dict.fromkeys(self._listings_in(block)))
        return self._listings[block]

    def _listings_in(self, function: int) -> Iterator[str]:
        shadow, source = self._outline.text.shadow, self._outline.text.source
        begin, end = 0, len(shadow)
        if function > 0:
            begin, end = self._outline.spans[function].body, self._outline.end(function)
        for found in islice(_LISTS.finditer(shadow, begin, end), _MOST_LISTINGS):
            stop = closing(shadow, found.end(), min(len(shadow), found.end() + _LONGEST_CALL))
            call = islands.expression(source[found.start() : stop + 1], shadow[found.start() : stop + 1])
            if isinstance(call, cst.Call) and call.args and (package := self._listed(call.args[0].value)):
                yield package

    def _listed(self, path: cst.BaseExpression) -> str:
        owner, _, last = islands.dotted(path).rpartition(".")
        if last != "__path__":
            return ""
        return self._qualified(owner) if owner else _OWN

    def _parts(self, node: cst.BaseExpression, at: int) -> Iterator[str | None]:
        """Yield what a name is put together from, None for what is not known."""
        match node:
            case cst.BinaryOperation(operator=cst.Add()):
                yield from self._parts(node.left, at)
                yield from self._parts(node.right, at)
            case cst.BinaryOperation(operator=cst.Modulo()):
                yield from _filled(node.left, "%")
            case cst.Call(func=cst.Attribute(value=value, attr=cst.Name(value="format"))):
                yield from _filled(value, "{")
            case cst.FormattedString():
                for piece in node.parts:
                    if isinstance(piece, cst.FormattedStringExpression):
                        yield self._value(piece.expression, at)
                    else:
                        yield cst.ensure_type(piece, cst.FormattedStringText).value
            case _:
                yield self._value(node, at)

    def _value(self, node: cst.BaseExpression, at: int) -> str | None:
        if (literal := islands.text(node)) is not None:
            return literal
        owner, _, last = islands.dotted(node).rpartition(".")
        if last in _OWN_NAMES:
            return (self._qualified(owner) or None) if owner else _OWN_NAME
        values = self._constants.strings(node, at)
        return values[0] if len(values) == 1 else None


def _filled(template: cst.BaseExpression, mark: str) -> Iterator[str | None]:
    """Yield what stands before the first place that is filled in."""
    yield (islands.text(template) or "").partition(mark)[0]
    yield None
