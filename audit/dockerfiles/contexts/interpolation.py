"""What ``$NAME`` and ``${NAME:-default}`` become in compose files, and what a ``.env`` file gives.

Rules: docs.docker.com, Compose file reference, "Interpolation", and "Set environment variables", ".env file
syntax". What nothing in the repository gives a value comes from the shell of whoever builds: not known.
"""

import re
from collections.abc import Mapping

MAX_DEPTH = 20
MAX_LENGTH = 100_000
MAX_LINES = 10_000

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NEXT = re.compile(r"[$}]")
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*[=:]\s*(.*)")
_COMMENT = re.compile(r"\s#.*")
_MODIFIERS = (":-", ":?", ":+", "-", "?", "+")


def interpolated(text: str, values: Mapping[str, str], hole: str | None = None) -> str | None:
    """Return a text with its variables replaced; None where one has no known value, or it is malformed.

    With a `hole`, that stands in the place of each value that is not known.
    """
    if "$" not in text:
        return text
    if len(text) > MAX_LENGTH:
        return None
    read = _Reader(text, values, hole)
    found = read.until_end()
    return None if read.is_malformed else found


class _Reader:
    """Reads a text once from left to right. A part without a known value makes the whole unknown."""

    def __init__(self, text: str, values: Mapping[str, str], hole: str | None) -> None:
        self.is_malformed = False
        self._text = text
        self._values = values
        self._hole = hole
        self._at = 0

    def until_end(self) -> str | None:
        return self._read(depth=0)

    def _read(self, *, depth: int) -> str | None:
        """Read to the end, or to the brace that closes a default."""
        parts: list[str | None] = []
        while self._at < len(self._text):
            sign = _NEXT.search(self._text, self._at)
            end = len(self._text) if sign is None else sign.start()
            parts.append(self._text[self._at : end])
            self._at = end
            if sign is None:
                break
            if sign[0] == "}":
                if depth:
                    break
                parts.append("}")
                self._at += 1
            else:
                value = self._variable(depth)
                parts.append(self._hole if value is None else value)
        known = [part for part in parts if part is not None]
        return "".join(known) if len(known) == len(parts) else None

    def _variable(self, depth: int) -> str | None:
        self._at += 1
        if self._text.startswith("$", self._at):
            self._at += 1
            return "$"
        is_braced = self._text.startswith("{", self._at)
        name = _NAME.match(self._text, self._at + is_braced)
        if name is None or depth == MAX_DEPTH:
            self.is_malformed = True
            self._at = len(self._text)
            return None
        self._at = name.end()
        return self._braced(name[0], depth + 1) if is_braced else self._values.get(name[0])

    def _braced(self, name: str, depth: int) -> str | None:
        modifier = next((each for each in _MODIFIERS if self._text.startswith(each, self._at)), "")
        self._at += len(modifier)
        word = self._read(depth=depth)
        if not self._text.startswith("}", self._at) or (word != "" and not modifier):
            self.is_malformed = True
            return None
        self._at += 1
        return _modified(self._values.get(name), modifier, word)


def _modified(value: str | None, modifier: str, word: str | None) -> str | None:
    is_given = bool(value) if modifier.startswith(":") else value is not None
    if modifier.endswith("-"):
        return value if is_given else word
    if modifier.endswith("+"):
        return word if is_given else ""
    return value


def environment(text: str) -> dict[str, str]:
    """Return what a ``.env`` file says, each value with those before it; other lines are passed over."""
    values: dict[str, str] = {}
    for line in text.removeprefix("\ufeff").split("\n")[:MAX_LINES]:
        assigned = _LINE.fullmatch(line.rstrip())
        if assigned is not None and not line.lstrip().startswith("#"):
            value = _value(assigned[2], values)
            if value is not None:
                values[assigned[1]] = value
    return values


def _value(written: str, values: Mapping[str, str]) -> str | None:
    quote = written[:1]
    if quote in ("'", '"') and (end := written.find(quote, 1)) > 0:
        inner = written[1:end]
        return inner if quote == "'" else interpolated(inner, values)
    return interpolated(_COMMENT.sub("", f" {written}", count=1).strip(), values)
