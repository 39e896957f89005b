"""What an import statement's text says."""

import keyword
import re

import libcst as cst

from fleet_audit.audit.static_imports.source import islands
from fleet_audit.audit.static_imports.source.records import ImportedName, ImportStatement

_BLANKS = b" \t\f\x01"
_WORD = rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*"
_DOTTED = _WORD + rb"(?:[ \t\f\x01]*\.[ \t\f\x01]*" + _WORD + rb")*"
_AS = rb"(?:[ \t\f\x01]+as[ \t\f\x01]+(" + _WORD + rb"))?[ \t\f\x01]*"
_IMPORT = re.compile(rb"import\b[ \t\f\x01]*(.*)", re.DOTALL)
_FROM = re.compile(
    rb"from\b[ \t\f\x01]*((?:\.[ \t\f\x01]*)*)(" + _DOTTED + rb")?[ \t\f\x01]*import\b[ \t\f\x01]*(.*)",
    re.DOTALL,
)
_MODULE_AS = re.compile(rb"(" + _DOTTED + rb")" + _AS)
_NAME_AS = re.compile(rb"(" + _WORD + rb")" + _AS)
_SPACES = re.compile(rb"[ \t\f\x01]+")
_KEYWORDS = frozenset(keyword.kwlist)


def import_statements(
    source: bytes, shadow: bytes, line: int, column: int, block: int
) -> tuple[ImportStatement, ...]:
    """Read one import statement; damaged ones give what can be read of them, others nothing.

    Plain statements are read directly, all others by libcst.
    """
    place = _Place(line, column, block)
    if plain := _plain(shadow, place, is_strict=True):
        return plain
    if parsed := islands.statement(source, shadow):
        return _from_tree(parsed, place)
    return _plain(shadow, place, is_strict=False)


class _Place:
    """Where a statement stands; makes its records."""

    def __init__(self, line: int, column: int, block: int) -> None:
        self.line, self.column, self.block = line, column, block

    def plain(self, module: str, alias: str) -> ImportStatement:
        return ImportStatement(module, self.line, self.column, self.block, alias=alias)

    def named(self, module: str, level: int, names: tuple[ImportedName, ...]) -> ImportStatement:
        return ImportStatement(module, self.line, self.column, self.block, level, names)


def _plain(shadow: bytes, place: _Place, *, is_strict: bool) -> tuple[ImportStatement, ...]:
    if found := _IMPORT.match(shadow):
        modules = _items(found[1], _MODULE_AS, is_strict=is_strict)
        return tuple(place.plain(name.name, name.alias) for name in modules)
    found = _FROM.match(shadow)
    if found is None:
        return ()
    level = found[1].count(b".")
    module = _text(found[2] or b"")
    names = _names(found[3].strip(_BLANKS), is_strict=is_strict)
    if not names or not (level or module):
        return ()
    return (place.named(module, level, names),)


def _names(listed: bytes, *, is_strict: bool) -> tuple[ImportedName, ...]:
    if listed[:1] == b"*":
        return (ImportedName("*"),) if listed == b"*" or not is_strict else ()
    if listed[:1] == b"(":
        if is_strict and listed[-1:] != b")":
            return ()
        listed = listed[1:].partition(b")")[0].strip(_BLANKS).removesuffix(b",")
    return _items(listed, _NAME_AS, is_strict=is_strict)


def _items(listed: bytes, form: re.Pattern[bytes], *, is_strict: bool) -> tuple[ImportedName, ...]:
    """Return the listed names; in strict reading none at all unless every item is well formed."""
    items: list[ImportedName] = []
    for part in listed.split(b","):
        bare = part.strip(_BLANKS)
        found = form.fullmatch(bare) if is_strict else form.match(bare)
        name = None if found is None else ImportedName(_text(found[1]), _text(found[2] or b""))
        if name is not None and _KEYWORDS.isdisjoint((*name.name.split("."), name.alias)):
            items.append(name)
        elif is_strict:
            return ()
    return tuple(items)


def _text(raw: bytes) -> str:
    return _SPACES.sub(b"", raw).decode(errors="replace")


def _from_tree(parsed: cst.SimpleStatementLine, place: _Place) -> tuple[ImportStatement, ...]:
    found: list[ImportStatement] = []
    for small in parsed.body:
        if isinstance(small, cst.Import):
            found.extend(place.plain(islands.dotted(item.name), _alias(item)) for item in small.names)
        elif isinstance(small, cst.ImportFrom):
            module = islands.dotted(small.module) if small.module else ""
            found.append(place.named(module, len(small.relative), _imported(small)))
    return tuple(found)


def _imported(statement: cst.ImportFrom) -> tuple[ImportedName, ...]:
    if isinstance(statement.names, cst.ImportStar):
        return (ImportedName("*"),)
    return tuple(ImportedName(islands.dotted(item.name), _alias(item)) for item in statement.names)


def _alias(item: cst.ImportAlias) -> str:
    return item.evaluated_alias or ""
