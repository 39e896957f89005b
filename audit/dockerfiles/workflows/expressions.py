"""What the expressions of a workflow come to, as far as that is known before it runs.

Rules: docs.github.com, "Evaluate expressions in workflows and actions": operators and their order, loose
comparison, functions. What only a run can tell is `Unknown`; what follows all the same does follow
(``unknown && false`` is false).
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from fleet_audit.audit.dockerfiles.shell.symbols import symbol
from fleet_audit.audit.errors import FleetAuditError

MAX_EXPRESSION = 21_000
"""GitHub's own limit."""
MAX_DEPTH = 50


class Unknown(msgspec.Struct, frozen=True):
    """A value that only a run can tell; `truth` says whether it counts as true, where that is known.

    `text` is what is known of it as a text, with symbols for the rest; empty where nothing is.
    """

    truth: bool | None = None
    text: str = ""


UNKNOWN = Unknown()

Outcome = str | float | bool | None | list[Any] | dict[str, Any] | Unknown
Lookup = Callable[[tuple[str, ...]], Outcome]
"""Returns the value of a context's property, by its path in small letters: ``("matrix", "os")``.

It is asked for status check functions, too: ``("failure()",)``.
"""


class _Malformed(FleetAuditError):
    """A text is no expression that is read here."""


class Part(msgspec.Struct, frozen=True):
    """A part of a text: as it is written, or the expression that stands there."""

    text: str
    is_expression: bool = False


_VARIABLE = re.compile(r"env\.([A-Za-z_]\w*)", re.ASCII)
_END = re.compile(r"'[^']*'|\}\}")


def parts(text: str) -> Iterator[Part]:
    """Yield what a text consists of; an expression that does not end is text."""
    at = 0
    while (start := text.find("${{", at)) >= 0:
        ends = (found for found in _END.finditer(text, start + 3) if found[0] == "}}")
        end = next(ends, None)
        if end is None:
            break
        yield Part(text[at:start])
        yield Part(text[start + 3 : end.start()].strip(), is_expression=True)
        at = end.end()
    yield Part(text[at:])


def filled(text: str, lookup: Lookup) -> str:
    """Return a text with its expressions worked out, and a symbol where one is not known."""
    if "${{" not in text:
        return text
    return "".join(_value(part.text, lookup) if part.is_expression else part.text for part in parts(text))


def _value(expression: str, lookup: Lookup) -> str:
    found = evaluate(expression, lookup)
    if isinstance(found, Unknown):
        variable = _VARIABLE.fullmatch(expression)
        # What a step writes to GITHUB_ENV is a variable of the scripts behind it.
        return found.text or symbol(f"${variable[1]}" if variable else expression.lower())
    return _as_text(found)


def holds(text: str, lookup: Lookup) -> bool | None:
    """Say whether a condition (``if``) holds; None where that is not known.

    Text beside ``${{ }}`` makes the whole a text, and a text that is not empty counts as true.
    """
    written = [part for part in parts(text.strip()) if part.is_expression or part.text]
    if any(part.is_expression for part in written):
        return truth(evaluate(written[0].text, lookup)) if len(written) == 1 else True
    return truth(evaluate(text.strip(), lookup)) if text.strip() else True


def evaluate(text: str, lookup: Lookup) -> Outcome:
    """Return what an expression, without its braces, comes to; UNKNOWN where it cannot be read."""
    if len(text) > MAX_EXPRESSION:
        return UNKNOWN
    try:
        return _Evaluation(_tokens(text), lookup).whole()
    except _Malformed:
        return UNKNOWN


def truth(value: Outcome) -> bool | None:
    """Say whether a value counts as true; None where that is not known."""
    match value:
        case Unknown(known_truth):
            return known_truth
        case list() | dict():
            return True
        case float():
            return value != 0 and not math.isnan(value)
        case _:
            return bool(value)


def _as_text(value: Outcome) -> str:
    match value:
        case None | Unknown():
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return format(value, ".15g")
        case list() | dict():
            return "Array" if isinstance(value, list) else "Object"
        case _:
            return str(value)


_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>[-+]?(?:0[xX][0-9a-fA-F]{1,16}|\.?[0-9][0-9.]{0,40}(?:[eE][-+]?[0-9]{1,3})?))"
    r"|(?P<name>[A-Za-z_][\w-]*)|(?P<sign>\|\||&&|[=!<>]=|[!<>()\[\].,*]))"
)
_BINARY = {"||": 1, "&&": 2, "==": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4}

_Token = tuple[str, str]


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise _Malformed(text)
        found.append((match.lastgroup or "", match[match.lastgroup or 0]))
        at = match.end()
    return found


class _Evaluation:
    """Evaluates one expression while it reads it, by the precedence of operators."""

    def __init__(self, tokens: Sequence[_Token], lookup: Lookup) -> None:
        self._tokens = tokens
        self._lookup = lookup
        self._at = 0
        self._depth = 0

    def whole(self) -> Outcome:
        value = self._binary(0)
        if self._at != len(self._tokens):
            raise _Malformed
        return value

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _next(self) -> _Token:
        if self._at >= len(self._tokens):
            raise _Malformed
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, sign: str) -> None:
        if self._next() != ("sign", sign):
            raise _Malformed

    def _binary(self, least: int) -> Outcome:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _Malformed
        value = self._unary()
        while (rank := _BINARY.get(self._peek(), -1)) > least:
            operator = self._next()[1]
            value = _combined(operator, value, self._binary(rank))
        self._depth -= 1
        return value

    def _unary(self) -> Outcome:
        negations = 0
        while self._peek() == "!":
            self._next()
            negations += 1
        value = self._primary()
        for _ in range(min(negations, 2 - negations % 2)):
            value = _negated(value)
        return value

    def _primary(self) -> Outcome:
        kind, text = self._next()
        match kind:
            case "string":
                return text[1:-1].replace("''", "'")
            case "number":
                return _number(text)
            case "name":
                return self._named(text.lower())
            case _ if text == "(":
                value = self._binary(0)
                self._expect(")")
                return self._properties(value)
        raise _Malformed

    def _named(self, name: str) -> Outcome:
        if self._peek() == "(":
            self._next()
            arguments = self._arguments()
            is_status = name in _STATUS and not arguments
            return self._lookup((f"{name}()",)) if is_status else self._properties(_called(name, arguments))
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        path = [name]
        while self._peek() in (".", "["):
            step = self._step()
            if not isinstance(step, str):
                self._properties(UNKNOWN)
                return UNKNOWN
            path.append(step.lower())
        return self._lookup(tuple(path))

    def _step(self) -> Outcome:
        """Return the name or number that an index gives."""
        if self._next()[1] == ".":
            kind, text = self._next()
            return text if kind == "name" else UNKNOWN
        value = self._binary(0)
        self._expect("]")
        return value

    def _properties(self, value: Outcome) -> Outcome:
        while self._peek() in (".", "["):
            value = _property(value, self._step())
        return value

    def _arguments(self) -> list[Outcome]:
        found: list[Outcome] = []
        while self._peek() != ")":
            found.append(self._binary(0))
            if self._peek() == ",":
                self._next()
        self._next()
        return found


_STATUS = frozenset({"success", "failure", "cancelled", "always"})
_CONSTANTS: dict[str, Outcome] = {
    "true": True,
    "false": False,
    "null": None,
    "nan": math.nan,
    "infinity": math.inf,
}


def _number(text: str) -> float:
    try:
        return float(int(text, 16)) if "x" in text.lower() else float(text)
    except ValueError:
        raise _Malformed from None


def _property(value: Outcome, step: Outcome) -> Outcome:
    match value, step:
        case Unknown(), _:
            return UNKNOWN
        case dict(), str():
            return next((inner for name, inner in value.items() if name.lower() == step.lower()), None)
        case list(), float() if step.is_integer() and 0 <= step < len(value):
            return _plain(value[int(step)])
        case _, Unknown():
            return UNKNOWN
        case _:
            return None


def _plain(value: Any) -> Outcome:
    """Return a value of JSON as expressions have it: every number is a fraction."""
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value if isinstance(value, str | float | bool | list | dict) else None


def _negated(value: Outcome) -> Outcome:
    found = truth(value)
    return UNKNOWN if found is None else not found


def _combined(operator: str, left: Outcome, right: Outcome) -> Outcome:
    if operator in ("&&", "||"):
        return _joined(left, right, decides=operator == "||")
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return UNKNOWN
    if operator in ("==", "!="):
        return _equal(left, right) is (operator == "==")
    return _ordered(operator, left, right)


def _joined(left: Outcome, right: Outcome, *, decides: bool) -> Outcome:
    """Return the value of ``||`` (which a true left side decides) or ``&&`` (which a false one does)."""
    found = truth(left)
    if found is None:
        return Unknown(decides) if truth(right) is decides else UNKNOWN
    return left if found is decides else right


def _equal(left: Outcome, right: Outcome) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        return left is right
    return _as_number(left) == _as_number(right)


def _ordered(operator: str, left: Outcome, right: Outcome) -> bool:
    one: Any = left.lower() if isinstance(left, str) and isinstance(right, str) else _as_number(left)
    other: Any = right.lower() if isinstance(left, str) and isinstance(right, str) else _as_number(right)
    is_less, is_equal = one < other, one == other
    match operator:
        case "<":
            return bool(is_less)
        case "<=":
            return bool(is_less or is_equal)
        case ">":
            return bool(one > other)
        case _:
            return bool(one > other or is_equal)


def _as_number(value: Outcome) -> float:
    match value:
        case None:
            return 0.0
        case bool() | float():
            return float(value)
        case str():
            try:
                return float(value.strip() or 0)
            except ValueError:
                return math.nan
        case _:
            return math.nan


def _called(name: str, arguments: list[Outcome]) -> Outcome:
    function = _FUNCTIONS.get(name)
    if function is None or any(isinstance(argument, Unknown) for argument in arguments):
        return UNKNOWN
    try:
        return function(*arguments)
    except (TypeError, ValueError, RecursionError):
        return UNKNOWN


def _contains(where: Outcome, item: Outcome) -> Outcome:
    if isinstance(where, list):
        return any(_equal(_plain(element), item) for element in where)
    return _as_text(item).lower() in _as_text(where).lower()


def _starts(text: Outcome, start: Outcome) -> Outcome:
    return _as_text(text).lower().startswith(_as_text(start).lower())


def _ends(text: Outcome, end: Outcome) -> Outcome:
    return _as_text(text).lower().endswith(_as_text(end).lower())


_SLOT = re.compile(r"\{\{|\}\}|\{([0-9]{1,3})\}")


def _format(pattern: Outcome, *arguments: Outcome) -> Outcome:
    if any(int(slot) >= len(arguments) for slot in _SLOT.findall(_as_text(pattern)) if slot):
        return UNKNOWN
    text = _SLOT.sub(
        lambda slot: _as_text(arguments[int(slot[1])]) if slot[1] else slot[0][0], _as_text(pattern)
    )
    return text if len(text) <= MAX_EXPRESSION else UNKNOWN


def _join(values: Outcome, separator: Outcome = ",") -> Outcome:
    elements = values if isinstance(values, list) else [values]
    return _as_text(separator).join(_as_text(_plain(element)) for element in elements)


def _from_json(text: Outcome) -> Outcome:
    return _plain(json.loads(_as_text(text)))


_FUNCTIONS: dict[str, Callable[..., Outcome]] = {
    "contains": _contains,
    "startswith": _starts,
    "endswith": _ends,
    "format": _format,
    "join": _join,
    "fromjson": _from_json,
}
