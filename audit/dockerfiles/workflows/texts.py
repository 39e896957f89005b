"""Texts of a workflow with the lines that they stand in.

GitHub turns numbers and truth values into text where text is wanted: ``3.10`` without quotes is 3.1 for it
("Workflow syntax", type conversion in expressions).
"""

import re

import msgspec

from fleet_audit.audit.configuration.located import View
from fleet_audit.audit.dockerfiles.yaml_texts import as_text
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.workflows import Settings, Written

_MAX_HEADER = 400
_LITERAL = re.compile(
    r"""\s*(?:-\s+)*(?:(?:[\w.\-]+|"[^"]*"|'[^']*')\s*:\s+)?(?:&\S+\s+)?\|[-+1-9]{0,2}\s*(?:\s\#.*)?"""
)


class Lines(msgspec.Struct, frozen=True):
    """A file's path and its lines as they stand in it."""

    path: str
    lines: tuple[str, ...]

    def starts_literal(self, line: int) -> bool:
        """Say whether a literal block (YAML 1.2.2, section 8.1.2) begins behind this line."""
        if not 0 < line <= len(self.lines):
            return False
        header = self.lines[line - 1]
        return len(header) <= _MAX_HEADER and _LITERAL.fullmatch(header) is not None


def place(view: View, lines: Lines) -> SourceLocation:
    """Return where a value stands."""
    return SourceLocation(lines.path, view.located.line(view.path))


def written(view: View, lines: Lines) -> Written | None:
    """Return the text that stands here; None where there is nothing, a list or a mapping."""
    text = as_text(view.value)
    if text is None or view.path not in view.located.marks:
        return None
    location = place(view, lines)
    first = location.line + 1 if "\n" in text and lines.starts_literal(location.line) else 0
    return Written(text, location, first)


def plain(view: View) -> str:
    """Return the text that stands here; empty where there is none."""
    return as_text(view.value) or ""


def settings(view: View, lines: Lines) -> Settings:
    """Return the entries of a mapping whose values are texts, in their order."""
    found = ((name, written(entry, lines)) for name, entry in view.entries())
    return tuple((name, text) for name, text in found if text is not None)


def plain_texts(view: View) -> tuple[str, ...]:
    """Return the texts of a list, or the one text that stands in its place."""
    if isinstance(view.value, list):
        return tuple(text for element in view.elements() if (text := as_text(element.value)) is not None)
    text = plain(view)
    return (text,) if text else ()
