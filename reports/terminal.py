"""Text for terminals and logs: arbitrary text made visible, and pages laid out by rich."""

import unicodedata
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Literal

import msgspec

from fleet_audit.reports.options import RenderOptions

if TYPE_CHECKING:
    from rich.text import Text

MIN_WIDTH = 40
MAX_WIDTH = 400

Style = Literal["", "bold", "dim", "red", "yellow", "green", "cyan", "bold red", "bold yellow", "bold green"]

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(text: str) -> str:
    """Return text on one line in which nothing acts on a terminal or hides from a reader.

    Control characters (ANSI escapes begin with one), marks that change the direction of writing, line and
    paragraph separators, lone surrogates and unassigned characters stand as their Python escapes.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) if unicodedata.category(c) in _INVISIBLE else c for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    if character in "\n\r\t":
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def visible_block(text: str) -> list[str]:
    """Return the lines of a text as `visible` makes them, but with their tabs: they are to be copied."""
    lines = text.removesuffix("\n").split("\n")
    return ["\t".join(visible(part) for part in line.split("\t")) for line in lines]


class Piece(msgspec.Struct, frozen=True):
    """A part of a line in one style; its text may come from anywhere."""

    text: str
    style: Style = ""


Line = str | Piece | Sequence[str | Piece]


class Page:
    """A page of terminal text, built from top to bottom; no line of it ends in spaces but verbatim ones."""

    def __init__(self, options: RenderOptions) -> None:
        """Take the width and whether colours are wanted."""
        from rich.console import Console  # noqa: PLC0415  (only what writes terminal text pays for rich)

        self.options = options
        self._console = Console(
            width=min(max(options.width, MIN_WIDTH), MAX_WIDTH),
            color_system="standard" if options.is_coloured else None,
            force_terminal=options.is_coloured,
            no_color=not options.is_coloured,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
            file=StringIO(),
            _environ={},
        )
        self._parts: list[str] = []

    def line(self, *pieces: str | Piece, indent: int = 0) -> None:
        """Add a paragraph; what is too long goes on in the next line under its own indentation."""
        text = _text(pieces)
        text.overflow = "fold"
        self._add(text, indent)

    def blank(self) -> None:
        """Add an empty line."""
        self._parts.append("\n")

    def verbatim(self, lines: Iterable[str], style: Style = "") -> None:
        """Add lines that are to be copied: never wrapped, never cut, at the left margin, tabs as they are."""
        for line in lines:
            # rich would write tabs as spaces, and what is copied would not be what was meant.
            self._parts.append("\t".join(self._styled(part, style) for part in line.split("\t")) + "\n")

    def _styled(self, text: str, style: Style) -> str:
        with self._console.capture() as captured:
            self._console.print(_text([Piece(text, style)]), soft_wrap=True, end="")
        return captured.get()

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Line]], *, indent: int = 1) -> None:
        """Add a table; columns whose name begins with ``>`` hold numbers. Cells fold and are never elided."""
        from rich.table import Table  # noqa: PLC0415  (see above)

        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=any(columns))
        for column in columns:
            is_number = column.startswith(">")
            table.add_column(
                _text([Piece(column.removeprefix(">"), "dim")]),
                justify="right" if is_number else "left",
                overflow="fold",
                no_wrap=is_number,
            )
        for row in rows:
            table.add_row(*(_cell(cell) for cell in row))
        self._add(table, indent)

    def text(self) -> str:
        """Return the page."""
        return "".join(self._parts)

    def _add(self, renderable: object, indent: int) -> None:
        with self._console.capture() as captured:
            self._console.print(renderable, width=self._console.width - indent)
        margin = " " * indent
        self._parts += [f"{margin}{line}".rstrip() + "\n" for line in captured.get().splitlines()]


def _cell(cell: Line) -> "Text":
    return _text([cell] if isinstance(cell, str | Piece) else cell)


def _text(pieces: Iterable[str | Piece]) -> "Text":
    from rich.text import Text  # noqa: PLC0415  (see above)

    text = Text()
    for piece in pieces:
        if isinstance(piece, Piece):
            text.append(_lines(piece.text), style=piece.style or None)
        else:
            text.append(_lines(piece))
    return text


class LineBreak(str):
    """A line break that the layout asks for; any other one in a text is made visible."""

    __slots__ = ()


BREAK = LineBreak("\n")


def _lines(text: str) -> str:
    return "\n" if isinstance(text, LineBreak) else visible(text)


def size(count: int) -> str:
    """Return a number of bytes for people, in decimal units: ``1.6 MB``."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if abs(value) < 999.95 or (unit == "B" and abs(value) < 1000):
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def count(number: int, one: str, many: str = "") -> str:
    """Return ``1 service`` or ``3 services``."""
    return f"{number} {one if number == 1 else many or one + 's'}"
