"""libcst on single statements and expressions, in this process, where they are small and shallow.

libcst's parser recurses: some 20,000 chained operators or 5,000 nested brackets end the process, and nested
``case`` patterns take exponential time. What could do either is refused here, before it is parsed.
"""

import keyword
import re

import libcst as cst

MAX_BYTES = 20_000
MAX_DEPTH = 12
MAX_OPERATORS = 300

_OPERATOR = re.compile(
    rb"[-+*/%@&|^~<>=!.([{]|\b(?:and|or|not|if|else|lambda|await|for|in|is)\b|[\"'][ \t\x01]*(?=[\"'])"
)
_FORMATTED = re.compile(rb"(?<![A-Za-z0-9_])(?:[fFtT][rR]?|[rR][fFtT])(\"+)")
_BRACKET = re.compile(rb"[()\[\]{}]")
_BLANKS = b" \t\x01"
_NAMES = re.compile(rb"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*){0,8}")
_CONSTANTS = frozenset({"True", "False", "None"})
_KEYWORDS = frozenset(keyword.kwlist)
_ONLY_STRINGS = re.compile(rb"[ \t\x01]*(?:\"+[ \t\x01]*(?:,[ \t\x01]*\"+[ \t\x01]*)*(?:,[ \t\x01]*)?)?")
_STRING = re.compile(rb"\"+")
_PLAIN_STRING = re.compile(rb"\"[^\"\\\n]*\"|'[^'\\\n]*'")


def is_harmless(source: bytes, shadow: bytes) -> bool:
    """Say whether a piece of text may be parsed in this process; `shadow` has its strings blanked."""
    if len(source) > MAX_BYTES:
        return False
    is_shallow = depth(shadow) <= MAX_DEPTH and longest_chain(shadow) <= MAX_OPERATORS
    return is_shallow and has_plain_formats(source, shadow)


def has_plain_formats(source: bytes, shadow: bytes) -> bool:
    """Say whether the expressions inside formatted strings, which the shadow hides, are shallow and short."""
    for found in _FORMATTED.finditer(shadow):
        inside = source[found.start(1) : found.end(1)]
        if depth(inside) > MAX_DEPTH or longest_chain(inside) > MAX_OPERATORS:
            return False
    return True


def depth(shadow: bytes) -> int:
    """Return how deeply brackets are nested; closing ones that were never opened do not count."""
    at = deepest = 0
    for bracket in _BRACKET.findall(shadow):
        at = at + 1 if bracket in b"([{" else max(at - 1, 0)
        deepest = max(deepest, at)
    return deepest


def longest_chain(shadow: bytes) -> int:
    """Return the length of the longest run of operators without a comma: long tables are wide, not deep."""
    if len(shadow) <= MAX_OPERATORS:
        return 0
    return max(len(_OPERATOR.findall(part)) for part in re.sub(rb'"+', b'"', shadow).split(b","))


def expression(source: bytes, shadow: bytes) -> cst.BaseExpression | None:
    """Parse one expression; None where it is no valid expression, or is refused."""
    if (named := _named(shadow)) is not None:
        return named
    if not is_harmless(source, shadow):
        return None
    try:
        # In brackets, line ends inside the expression need no continuation.
        return cst.parse_expression("(" + _joined(source, shadow) + "\n)")
    except (cst.ParserSyntaxError, cst.CSTValidationError, UnicodeError, ValueError):
        return None


def _named(shadow: bytes) -> cst.BaseExpression | None:
    """Return a name, or an attribute of one, without the parser; None for all other expressions."""
    bare = shadow.strip(_BLANKS)
    if _NAMES.fullmatch(bare) is None:
        return None
    first, *attributes = bare.decode().split(".")
    if not _KEYWORDS.isdisjoint((first, *attributes)):
        return cst.Name(first) if first in _CONSTANTS and not attributes else None
    node: cst.BaseExpression = cst.Name(first)
    for attribute in attributes:
        node = cst.Attribute(node, cst.Name(attribute))
    return node


def listed_strings(source: bytes, shadow: bytes) -> tuple[str, ...] | None:
    """Return what a list, tuple or set of plain strings holds, however long; None for anything else.

    Plain are those without prefix and escapes that stand alone between their commas.
    """
    start = len(shadow) - len(shadow.lstrip(_BLANKS))
    end = len(shadow.rstrip(_BLANKS))
    brackets = shadow[start : start + 1] + shadow[end - 1 : end]
    is_listed = end - start > 1 and brackets in (b"[]", b"()", b"{}")
    if not is_listed or _ONLY_STRINGS.fullmatch(shadow, start + 1, end - 1) is None:
        return None
    literals = [source[slice(*found.span())] for found in _STRING.finditer(shadow)]
    if not all(_PLAIN_STRING.fullmatch(literal) for literal in literals):
        return None
    try:
        return tuple(literal[1:-1].decode() for literal in literals)
    except UnicodeDecodeError:
        return None


def statement(source: bytes, shadow: bytes) -> cst.SimpleStatementLine | None:
    """Parse one logical line of simple statements; None where it is not valid, or is refused."""
    if not is_harmless(source, shadow):
        return None
    try:
        parsed = cst.parse_statement(_joined(source, shadow).lstrip(" \t\f") + "\n")
    except (cst.ParserSyntaxError, cst.CSTValidationError, UnicodeError, ValueError):
        return None
    return parsed if isinstance(parsed, cst.SimpleStatementLine) else None


def _joined(source: bytes, shadow: bytes) -> str:
    # Only continuation marks go: strings keep their own.
    if b"\x01\x01" not in shadow:
        return source.decode()
    return re.sub(rb"\x01\x01", b"  ", _overlaid(source, shadow)).decode()


def _overlaid(source: bytes, shadow: bytes) -> bytes:
    text = bytearray(source)
    at = shadow.find(b"\x01\x01")
    while at >= 0:
        if source[at : at + 2] == b"\\\n":
            text[at : at + 2] = b"\x01\x01"
        at = shadow.find(b"\x01\x01", at + 1)
    return bytes(text)


def dotted(node: cst.BaseExpression) -> str:
    """Return ``a.b.c`` for a chain of names and attributes; empty for anything else."""
    parts: list[str] = []
    at = node
    while isinstance(at, cst.Attribute):
        parts.append(at.attr.value)
        at = at.value
    if not isinstance(at, cst.Name):
        return ""
    parts.append(at.value)
    return ".".join(reversed(parts))


def text(node: cst.BaseExpression) -> str | None:
    """Return the value of a string literal; bytes count as Latin-1, as ``ctypes`` would take them."""
    if not isinstance(node, cst.SimpleString | cst.ConcatenatedString):
        return None
    value = node.evaluated_value
    return value.decode("latin-1") if isinstance(value, bytes) else value


def texts(node: cst.BaseExpression) -> tuple[str, ...]:
    """Return the value of a string literal, or those that a tuple, list or set of them holds."""
    if isinstance(node, cst.Tuple | cst.List | cst.Set):
        values = [text(element.value) for element in node.elements]
    else:
        values = [text(node)]
    return tuple(value for value in values if value is not None)
