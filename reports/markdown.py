"""Markdown as GitHub and GitLab render it (GitHub Flavored Markdown 0.29): text in it forms nothing.

Headings, tables and fences stand here; whatever else is written goes through `prose` or `code`.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NewType

import msgspec

from fleet_audit.reports.terminal import count, visible, visible_block

Markup = NewType("Markup", str)
"""Text that is Markdown on one line, and forms no block."""

MAX_BYTES = 60_000
"""What GitHub takes as a comment is 65,536 characters; a step's summary takes more."""

_FORMING = re.compile(
    r"[^\w\s,.;:'\"()/%+?=-]|(?<![a-z0-9])_|_(?![a-z0-9])|:(?=//|(?!\d\d:)[a-z0-9_+-]{1,40}:)|(?<=\bwww)\.",
    re.ASCII | re.IGNORECASE,
)
_BEGINNING = re.compile(r"[^\w`]|_|\d+[.)](?:\s|$)", re.ASCII)
"""What may begin a block where it begins a line: a list, a heading, an indented block."""

_CALLING = "@#"


def prose(text: str) -> Markup:
    """Return text as it reads, on one line, in which nothing is formatted, linked, mentioned or referred to.

    What forms anything stands as a numeric character reference, which never does (CommonMark 0.31, 2.5).
    People and issues are found in what is rendered: a zero-width space behind ``@`` and ``#`` keeps them out.
    """
    shown = visible(text)
    if _BEGINNING.match(shown):
        return Markup(_reference(shown[0]) + _quiet(shown[1:]))
    return Markup(_quiet(shown))


def _quiet(text: str) -> str:
    return _FORMING.sub(lambda found: _reference(found[0]), text)


def _reference(character: str) -> str:
    if not character.isascii():
        return character
    return f"&#{ord(character)};" + ("&#8203;" if character in _CALLING else "")


def code(text: str) -> Markup:
    """Return text as code, as it is, also within a table; nothing where there is none."""
    shown = visible(text)
    if not shown:
        return Markup("")
    if "`" in shown or "|" in shown or shown != shown.strip():
        # Renderers differ in what a backslash before a bar or a backtick means.
        inside = "".join(c if c.isalnum() else _reference(c).replace("&#8203;", "") for c in shown)
        return Markup(f"<code>{inside}</code>")
    return Markup(f"`{shown}`")


def codes(texts: Iterable[str]) -> Markup:
    """Return several texts as code, with commas between."""
    return Markup(", ".join(code(text) for text in texts))


def table(columns: Sequence[str], rows: Iterable[Sequence[Markup]]) -> str:
    """Return a table; columns whose name begins with ``>`` hold numbers."""
    names = [prose(column.removeprefix(">")) for column in columns]
    rules = [Markup("--:" if column.startswith(">") else "---") for column in columns]
    return "\n".join(f"| {' | '.join(row)} |" for row in (names, rules, *rows))


def items(lines: Iterable[Markup]) -> str:
    """Return a list with one line for each item."""
    return "\n".join(f"- {line}" for line in lines)


def fence(text: str, language: str) -> str:
    """Return text as a block of code, between fences longer than any run of backticks in it."""
    lines = visible_block(text)
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    bar = "`" * max(3, longest + 1)
    return "\n".join((f"{bar}{language}", *lines, bar))


class Section(msgspec.Struct, frozen=True):
    """A part of a document that is written whole or not at all; `name` says in a few words what it holds."""

    name: Markup
    text: str


def document(sections: Iterable[Section], limit: int = MAX_BYTES) -> str:
    """Return sections one after the other in at most `limit` bytes, and which did not fit in."""
    texts, left_out, used = [], [], 0
    for section in sections:
        needed = len(section.text.encode(errors="backslashreplace")) + 2
        if used + needed > limit - _CLOSING_BYTES:
            left_out.append(section.name)
            continue
        used += needed
        texts.append(section.text)
    if left_out:
        texts.append(_closing(left_out))
    return "\n\n".join(texts) + "\n" if texts else ""


_CLOSING_BYTES = 700
_MAX_NAMED, _MAX_NAME_BYTES = 5, 100


def _closing(left_out: Sequence[Markup]) -> str:
    short = [name for name in left_out if len(name.encode(errors="backslashreplace")) <= _MAX_NAME_BYTES]
    named = ", ".join(short[:_MAX_NAMED]) + (", …" if len(left_out) > min(len(short), _MAX_NAMED) else "")
    words = f"{count(len(left_out), 'section')} left out for want of room"
    return f"{words} ({named}): the JSON document has them all."
