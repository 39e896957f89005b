"""What ARG and ENV of a Dockerfile make of a word (Dockerfile reference, "Environment replacement")."""

import re
import shlex
from collections.abc import Iterator, Mapping

from fleet_audit.audit.dockerfiles.lines import Instruction

_VARIABLE = re.compile(
    r"\\\$|\$(?:\{(?P<braced>[A-Za-z_]\w*)(?::(?P<how>[-+])(?P<word>[^}]*))?\}|(?P<bare>[A-Za-z_]\w*))"
)


class Unset(Exception):
    """A word names a variable that has no value here."""


def expanded(word: str, values: Mapping[str, str]) -> str:
    """Return a word with its variables replaced once; raise Unset where one has no value."""
    return _VARIABLE.sub(lambda found: _value(found, values), word)


def _value(found: re.Match[str], values: Mapping[str, str]) -> str:
    name = found["braced"] or found["bare"]
    if name is None:
        return "$"
    value = values.get(name, "")
    if found["how"] == "-":
        return value or found["word"]
    if found["how"] == "+":
        return found["word"] if value else ""
    if name not in values:
        raise Unset(name)
    return value


def declare(instruction: Instruction, values: dict[str, str], given: Mapping[str, str]) -> None:
    """Add what an ARG or ENV instruction declares to `values`; `given` are build arguments.

    A value that names an unknown variable is not known either.
    """
    is_argument = instruction.keyword == "ARG"
    if not is_argument and instruction.keyword != "ENV":
        return
    for name, value in _pairs(instruction.body, is_argument=is_argument):
        if is_argument and name in given:
            values[name] = given[name]
        elif value is not None:
            try:
                values[name] = expanded(value, values)
            except Unset:
                values.pop(name, None)


def _pairs(body: str, *, is_argument: bool) -> Iterator[tuple[str, str | None]]:
    words = _words(body)
    if not is_argument and words and "=" not in words[0]:
        yield words[0], body.strip().removeprefix(words[0]).strip()
        return
    for word in words:
        name, separator, value = word.partition("=")
        yield name, value if separator else None


def _words(body: str) -> list[str]:
    try:
        return shlex.split(body, posix=True)
    except ValueError:
        return body.split()
