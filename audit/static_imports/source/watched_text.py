"""Which names a file's text takes from some modules, and where a module is handed on, which hides that."""

import re
from collections.abc import Collection, Iterator
from itertools import islice

import msgspec

from fleet_audit.audit.static_imports.source.lexer import Text
from fleet_audit.audit.static_imports.source.outline import Outline, outline
from fleet_audit.audit.static_imports.source.records import BlockKind

MAX_TAKEN = 5_000
"""How many uses of one file are looked at."""

_BLANK = rb"[ \t\x01]*"
_ATTRIBUTE = rb"(?:" + _BLANK + rb"\." + _BLANK + rb"([A-Za-z_]\w*))?"
_BINDS = re.compile(_BLANK + rb"(?:=(?!=)|:)")
_IS_COMPARED = re.compile(rb"[ \t\x01]+(?:is|and|or|else)\b")
_IS_ASKED = re.compile(
    rb"\b(?:if|elif|not|and|or|assert|while|del|global|nonlocal|hasattr[ \t]*\()[ \t\x01]*$"
)
_IS_TAKEN_BY_NAME = re.compile(rb"\bgetattr[ \t]*\([ \t\x01]*$")
_LITERAL = re.compile(rb"[ \t\n]*,[ \t\n]*([fF]?)[\"']([A-Za-z_]\w*)?([\"']?)")
_LONGEST_BEFORE = 40
_RUNS_TEXT = re.compile(rb"(?<![\w.])(?:eval|exec)[ \t]*\(")
_IS_DEFINED = re.compile(rb"\bdef[ \t\x01]+$")


class TextUse(msgspec.Struct, frozen=True):
    """`bound`, which stands for a module, is used on `line`: `name` is what is taken from it.

    `name` is empty where the module itself is handed on, or where what is taken is computed: everything may
    then be used. `is_attribute` holds for ``bound.name`` itself.
    """

    bound: str
    name: str
    line: int
    is_in_function: bool
    is_attribute: bool


def text_uses(text: Text, bound: Collection[str], names: Collection[str]) -> Iterator[TextUse]:
    """Yield where `names` are taken from what `bound` stands for, and where that is hidden.

    A question whether the module is there hides nothing, and neither does a name that is given by its first
    letters where none of `names` begins so.
    """
    if not bound:
        return
    outlined = outline(text)
    either = b"|".join(re.escape(name.encode()) for name in sorted(bound))
    pattern = re.compile(rb"(?<!\w)(" + either + rb")(?!\w)" + _ATTRIBUTE)
    for found in islice(pattern.finditer(text.shadow), MAX_TAKEN):
        name = _taken(text, found, names)
        if name is not None and not _is_import(outlined, found.start()):
            is_in_function = _is_in_function(outlined, found.start())
            line = text.line(found.start())
            yield TextUse(found[1].decode(), name, line, is_in_function, found[2] is not None)
    yield from _run_texts(text, outlined, min(bound))


def _run_texts(text: Text, outlined: Outline, bound: str) -> Iterator[TextUse]:
    """Yield where text is run as code (``eval``), which can see every name of its module."""
    for found in islice(_RUNS_TEXT.finditer(text.shadow), MAX_TAKEN):
        before = text.shadow[max(found.start() - _LONGEST_BEFORE, 0) : found.start()]
        if not _IS_DEFINED.search(before):
            is_in_function = _is_in_function(outlined, found.start())
            yield TextUse(bound, "", text.line(found.start()), is_in_function, is_attribute=False)


def _taken(text: Text, found: re.Match[bytes], names: Collection[str]) -> str | None:
    """Return the name that a use takes, "" for any, None for none that matters."""
    if found[2] is not None:
        name = found[2].decode()
        return name if name in names else "" if name == "__dict__" else None
    before = text.shadow[max(found.start() - _LONGEST_BEFORE, 0) : found.start()]
    if _IS_TAKEN_BY_NAME.search(before):
        return _named(text.source, found.end(), names)
    is_question = _IS_ASKED.search(before) or _IS_COMPARED.match(text.shadow, found.end())
    return None if is_question or _BINDS.match(text.shadow, found.end()) else ""


def _named(source: bytes, at: int, names: Collection[str]) -> str | None:
    """Return the name that ``getattr`` is given."""
    literal = _LITERAL.match(source, at)
    if literal is None:
        return ""
    begin = (literal[2] or b"").decode()
    if literal[3] and not literal[1]:
        return begin if begin in names else None
    return "" if any(name.startswith(begin) for name in names) else None


def _is_import(outlined: Outline, offset: int) -> bool:
    return any(start <= offset < end for start, end, _ in outlined.imports)


def _is_in_function(outlined: Outline, offset: int) -> bool:
    spans = outlined.spans
    block = outlined.block_at(offset)
    while block > 0 and spans[block].kind is not BlockKind.FUNCTION:
        block = spans[block].parent
    return block > 0
