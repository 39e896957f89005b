"""The part of HashiCorp's configuration language in which bake files are written.

Rules: HCL native syntax specification (hashicorp/hcl, hclsyntax/spec.md). What is not followed here (function
calls, ``for`` expressions, arithmetic) is read and has no known value. What is no HCL is told with its line,
and reading goes on with the next block.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import msgspec

from fleet_audit.audit.dockerfiles.contexts.hcl_values import (
    UNKNOWN,
    Choice,
    Compared,
    Expression,
    Listed,
    Literal,
    Mapped,
    Name,
    Template,
)
from fleet_audit.audit.errors import FleetAuditError

MAX_DEPTH = 40
MAX_TEXT = 1 << 20
MAX_ERRORS = 20

# Without possessive quantifiers, which Python 3.11.2 gets wrong; no text can be taken in two ways.
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*|//[^\n]*|/\*[^*]*(?:\*(?!/)[^*]*)*\*/)*")
_SPACE = re.compile(r"(?:[ \t\r]|/\*[^*]*(?:\*(?!/)[^*]*)*\*/)*")
_NAME = re.compile(r"[A-Za-z_][\w-]*")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_HEREDOC = re.compile(r"<<-?([A-Za-z_][\w-]*)[ \t\r]*\n")
_OPERATOR = re.compile(r"==|!=|<=|>=|&&|\|\||[-+*/%<>]")
_TEXT = re.compile(r'[^"\\$%]+')
_STEP = re.compile(r"[A-Za-z_][\w-]*|\d+|\*")
_FOR = re.compile(r"for\b")
_TOP = re.compile(r"^[A-Za-z_][^\n={]*\{", re.MULTILINE)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


class Attribute(msgspec.Struct, frozen=True):
    """A value with its line."""

    value: Expression
    line: int


class Block(msgspec.Struct, frozen=True):
    """``kind "label" { … }``; of an attribute that is given twice the last one holds."""

    kind: str
    labels: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    line: int


class Problem(msgspec.Struct, frozen=True):
    """What is no HCL, or not followed."""

    line: int
    why: str


class _Invalid(FleetAuditError):
    def __init__(self, at: int, why: str) -> None:
        super().__init__(at, why)
        self.at = at
        self.why = why


def read_blocks(text: str) -> tuple[tuple[Block, ...], tuple[Problem, ...]]:
    """Return the blocks of a text, and what could not be read of it."""
    if len(text) > MAX_TEXT:
        return (), (Problem(0, f"has more than {MAX_TEXT} characters"),)
    reader = _Reader(text)
    blocks: list[Block] = []
    problems: list[Problem] = []
    while len(problems) < MAX_ERRORS:
        try:
            block = reader.block()
        except _Invalid as error:
            problems.append(Problem(reader.line(error.at), error.why))
            if not reader.recover():
                break
            continue
        if block is None:
            break
        blocks.append(block)
    return tuple(blocks), tuple(problems)


def read_template(text: str) -> Expression:
    """Return what a text with ``${…}`` in it says; one that cannot be read has no known value."""
    if "${" not in text and "%{" not in text:
        return Literal(text)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    try:
        return _Reader(f'"{escaped}"').whole()
    except _Invalid:
        return Literal(UNKNOWN)


class _Reader:
    """Reads from left to right; each method leaves off behind what it has read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._brackets = 0
        """How many brackets are open within which the end of a line means nothing."""
        self._line_ends = [found.start() for found in re.finditer("\n", text)]
        self._operands: Mapping[str, Callable[[], Expression]] = {
            '"': self._string,
            "[": self._list,
            "{": self._mapping,
            "(": self._grouped,
            "!": self._negated,
            "-": self._negated,
            "<": self._heredoc,
        }

    def line(self, at: int) -> int:
        return bisect_left(self._line_ends, at) + 1

    def recover(self) -> bool:
        """Go to the next line that looks like the start of a block; False where there is none."""
        found = _TOP.search(self._text, self._at + 1)
        self._depth = self._brackets = 0
        self._at = len(self._text) if found is None else found.start()
        return found is not None

    def whole(self) -> Expression:
        found = self._expression()
        self._skip(_BLANK)
        if self._at < len(self._text):
            raise self._error("more follows behind a value")
        return found

    def block(self) -> Block | None:
        """Read the next block of the file; attributes beside blocks are read and forgotten."""
        while True:
            self._skip(_BLANK)
            if self._at >= len(self._text):
                return None
            start = self._at
            name = self._name()
            self._skip(_SPACE)
            if not self._take("="):
                return self._block(name, start)
            self._expression()

    def _block(self, kind: str, start: int) -> Block:
        labels = []
        while not self._take("{"):
            labels.append(self._plain_string() if self._peek() == '"' else self._name())
            self._skip(_SPACE)
        return Block(kind, tuple(labels), dict(self._body()), self.line(start))

    def _body(self) -> Iterator[tuple[str, Attribute]]:
        """Yield the attributes up to the closing brace; blocks within are passed over."""
        with self._inside(brackets=0):
            self._skip(_BLANK)
            while not self._take("}"):
                start = self._at
                name = self._plain_string() if self._peek() == '"' else self._name()
                self._skip(_SPACE)
                if self._take("="):
                    yield name, Attribute(self._expression(), self.line(start))
                else:
                    self._block(name, start)
                self._skip(_BLANK)

    def _expression(self) -> Expression:
        with self._inside(brackets=self._brackets):
            found = self._operation()
            self._skip_within()
            if not self._take("?"):
                return found
            first = self._expression()
            self._skip_within()
            self._expect(":")
            return Choice(found, first, self._expression())

    def _operation(self) -> Expression:
        found = self._operand()
        while True:
            self._skip_within()
            operator = _OPERATOR.match(self._text, self._at)
            if operator is None:
                return found
            self._at = operator.end()
            right = self._operand()
            is_comparison = operator[0] in ("==", "!=")
            found = Compared(found, right, operator[0] == "==") if is_comparison else Literal(UNKNOWN)

    def _operand(self) -> Expression:
        self._skip_within()
        reader = self._operands.get(self._peek())
        number = _NUMBER.match(self._text, self._at)
        if reader is not None:
            found: Expression = reader()
        elif number is not None:
            self._at = number.end()
            found = Literal(number[0])
        else:
            found = self._named()
        return self._taken_of(found)

    def _taken_of(self, found: Expression) -> Expression:
        """Read the ``.name`` and ``[index]`` behind a value; an index makes it unknown."""
        while self._peek() in (".", "[") and not self._text.startswith("...", self._at):
            if self._peek() == "[":
                self._list()
                found = Literal(UNKNOWN)
                continue
            self._at += 1
            step = _STEP.match(self._text, self._at)
            if step is None:
                raise self._error("a name is missing behind a dot")
            self._at = step.end()
            found = Name((*found.steps, step[0])) if isinstance(found, Name) else Literal(UNKNOWN)
        return found

    def _named(self) -> Expression:
        name = self._name()
        if self._take("("):
            self._sequence(")")
            return Literal(UNKNOWN)
        constants: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}
        return Literal(constants[name]) if name in constants else Name((name,))

    def _negated(self) -> Expression:
        self._at += 1
        self._operand()
        return Literal(UNKNOWN)

    def _grouped(self) -> Expression:
        self._at += 1
        with self._inside(brackets=self._brackets + 1):
            found = self._expression()
            self._skip(_BLANK)
            self._expect(")")
        return found

    def _list(self) -> Expression:
        self._at += 1
        return self._comprehension() if self._is_comprehension() else Listed(self._sequence("]"))

    def _sequence(self, end: str) -> tuple[Expression, ...]:
        items: list[Expression] = []
        with self._inside(brackets=self._brackets + 1):
            self._skip(_BLANK)
            while not self._take(end):
                items.append(self._expression())
                self._skip(_BLANK)
                if self._text.startswith("...", self._at):
                    self._at += 3
                    self._skip(_BLANK)
                if not self._take(",") and self._peek() != end:
                    raise self._error(f"a comma or {end!r} is missing")
                self._skip(_BLANK)
        return tuple(items)

    def _mapping(self) -> Expression:
        self._at += 1
        if self._is_comprehension():
            return self._comprehension()
        pairs: list[tuple[Expression, Expression]] = []
        with self._inside(brackets=0):
            self._skip(_BLANK)
            while not self._take("}"):
                key = self._key()
                self._skip(_SPACE)
                if not self._take("=") and not self._take(":"):
                    raise self._error("'=' is missing behind a key")
                pairs.append((key, self._expression()))
                self._skip(_BLANK)
                self._take(",")
                self._skip(_BLANK)
        return Mapped(tuple(pairs))

    def _key(self) -> Expression:
        if self._peek() == '"':
            return self._string()
        return self._operand() if self._peek() == "(" else Literal(self._name())

    def _is_comprehension(self) -> bool:
        self._skip(_BLANK)
        return _FOR.match(self._text, self._at) is not None

    def _comprehension(self) -> Expression:
        """Pass over a ``for`` expression, to the bracket that closes it."""
        open_brackets = 1
        while open_brackets:
            self._skip(_BLANK)
            character = self._peek()
            if not character:
                raise self._error("a bracket is never closed")
            if character == '"':
                self._string()
                continue
            open_brackets += (character in "([{") - (character in ")]}")
            self._at += 1
        return Literal(UNKNOWN)

    def _heredoc(self) -> Expression:
        start = _HEREDOC.match(self._text, self._at)
        end = None
        if start is not None:
            end = re.compile(rf"^[ \t]*{start[1]}[ \t\r]*$", re.MULTILINE).search(self._text, start.end())
        if start is None or end is None:
            raise self._error("a here-document is never closed")
        body = self._text[start.end() : end.start()]
        self._at = end.end()
        return Literal(UNKNOWN if "${" in body or start[0].startswith("<<-") else body)

    def _plain_string(self) -> str:
        found = self._string()
        return found.value if isinstance(found, Literal) and isinstance(found.value, str) else ""

    def _string(self) -> Expression:
        self._at += 1
        parts: list[Expression] = []
        text = ""
        while not self._take('"'):
            if self._text.startswith("${", self._at):
                parts += [Literal(text)] if text else []
                parts.append(self._interpolation())
                text = ""
            elif self._text.startswith("%{", self._at):
                raise self._error("a template directive is not followed here")
            else:
                text += self._piece()
        if not parts:
            return Literal(text)
        return Template((*parts, Literal(text)))

    def _interpolation(self) -> Expression:
        self._at += 2
        self._take("~")
        with self._inside(brackets=self._brackets + 1):
            found = self._expression()
            self._skip(_BLANK)
            self._take("~")
            self._expect("}")
        return found

    def _piece(self) -> str:
        """Read a stretch of plain text, or one escaped character."""
        plain = _TEXT.match(self._text, self._at)
        if plain is not None:
            self._at = plain.end()
            return plain[0]
        for doubled, single in (("$${", "${"), ("%%{", "%{")):
            if self._text.startswith(doubled, self._at):
                self._at += len(doubled)
                return single
        character = self._peek()
        if not character or character == "\n":
            raise self._error("a quote is never closed")
        self._at += 1
        if character != "\\":
            return character
        escaped = self._peek()
        self._at += 1
        return _ESCAPES.get(escaped, escaped)

    def _name(self) -> str:
        found = _NAME.match(self._text, self._at)
        if found is None:
            raise self._error(f"a name is expected in place of {self._text[self._at : self._at + 10]!r}")
        self._at = found.end()
        return found[0]

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, sign: str) -> bool:
        is_there = self._text.startswith(sign, self._at)
        self._at += len(sign) if is_there else 0
        return is_there

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise self._error(f"{sign!r} is missing")

    def _skip(self, blank: re.Pattern[str]) -> None:
        found = blank.match(self._text, self._at)
        self._at = self._at if found is None else found.end()

    def _skip_within(self) -> None:
        self._skip(_BLANK if self._brackets else _SPACE)

    @contextmanager
    def _inside(self, *, brackets: int) -> Iterator[None]:
        outer, self._brackets = self._brackets, brackets
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(f"it is nested more than {MAX_DEPTH} levels deep")
        yield
        self._depth -= 1
        self._brackets = outer

    def _error(self, why: str) -> _Invalid:
        return _Invalid(self._at, why)
