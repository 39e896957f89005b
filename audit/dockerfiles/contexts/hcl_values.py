"""Values of HashiCorp's configuration language, as far as they can be worked out (see `hcl`)."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final

import msgspec


class Unknown(Enum):
    """Stands for a value that is not known here."""

    VALUE = "unknown"


UNKNOWN: Final = Unknown.VALUE
MAX_TEXT: Final = 1 << 16
"""Characters of one value; a few variables that each name the one before twice ask for more than there is."""

Value = str | bool | Unknown | list["Value"] | dict[str, "Value"] | None
"""What an expression becomes; a number is the text that it is written with."""


class Literal(msgspec.Struct, frozen=True):
    """A value as it is written."""

    value: str | bool | Unknown | None


class Template(msgspec.Struct, frozen=True):
    """Text with values in it."""

    parts: "tuple[Expression, ...]"


class Name(msgspec.Struct, frozen=True):
    """A variable, and what is taken of it."""

    steps: tuple[str, ...]


class Listed(msgspec.Struct, frozen=True):
    """A list."""

    items: "tuple[Expression, ...]"


class Mapped(msgspec.Struct, frozen=True):
    """A mapping."""

    pairs: "tuple[tuple[Expression, Expression], ...]"


class Choice(msgspec.Struct, frozen=True):
    """``condition ? first : second``."""

    condition: "Expression"
    first: "Expression"
    second: "Expression"


class Compared(msgspec.Struct, frozen=True):
    """``left == right`` or ``left != right``."""

    left: "Expression"
    right: "Expression"
    is_equal: bool


Expression = Literal | Template | Name | Listed | Mapped | Choice | Compared


def evaluated(expression: Expression, variables: Mapping[str, Value]) -> Value:
    """Return the value of an expression; UNKNOWN where a part that it depends on is not known."""
    match expression:
        case Literal(value):
            return value
        case Name(steps):
            return _taken(variables.get(steps[0], UNKNOWN), steps[1:])
        case Listed(items):
            return [evaluated(item, variables) for item in items]
        case Mapped(pairs):
            return {
                as_text(evaluated(key, variables)) or "": evaluated(value, variables) for key, value in pairs
            }
        case _:
            return _worked_out(expression, variables)


def _worked_out(expression: Template | Compared | Choice, variables: Mapping[str, Value]) -> Value:
    match expression:
        case Template(parts):
            texts = [as_text(evaluated(part, variables)) for part in parts]
            known = [text for text in texts if text is not None]
            is_known = len(known) == len(texts) and sum(map(len, known)) <= MAX_TEXT
            return "".join(known) if is_known else UNKNOWN
        case Compared(left, right, is_equal):
            sides = as_text(evaluated(left, variables)), as_text(evaluated(right, variables))
            return UNKNOWN if None in sides else (sides[0] == sides[1]) is is_equal
        case Choice(condition, first, second):
            is_met = evaluated(condition, variables)
            return evaluated(first if is_met else second, variables) if isinstance(is_met, bool) else UNKNOWN


def _taken(value: Value, steps: Sequence[str]) -> Value:
    for step in steps:
        value = value.get(step, UNKNOWN) if isinstance(value, dict) else UNKNOWN
    return value


def as_text(value: Value) -> str | None:
    """Return what a value is as text; None where it is not known, or is no text."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case _:
            return None
