"""Which comments of a file waive a rule, and at which lines: ``# fleet-audit: ignore[RULE] reason``."""

import re
from collections.abc import Iterator
from itertools import islice

from fleet_audit.audit.model.pragma import pragma_words
from fleet_audit.audit.static_imports.source.lexer import Text
from fleet_audit.audit.static_imports.source.records import PragmaComment

MAX_PRAGMAS = 500
_MARK = b"fleet-audit:"
_PRAGMA = re.compile(rb"#[ \t]*fleet-audit:[ \t]*([^\n]*)")
_BLANK = b" \t\f\x01"
"""What the shadow of a line without code is made of; the last one joins lines inside brackets."""

_MAX_COMMENTS_BELOW = 20


def pragmas(text: Text) -> tuple[PragmaComment, ...]:
    """Return the pragmas among the comments of a file, in order; what stands in strings is none.

    One behind a statement speaks of that statement, with all its lines; one that stands alone, of the
    statement below it, which other comments may precede.
    """
    if _MARK not in text.source:
        return ()
    comments = (found for found in _PRAGMA.finditer(text.source) if text.shadow[found.start()] == ord(" "))
    return tuple(_pragma(text, found) for found in islice(comments, MAX_PRAGMAS))


def _pragma(text: Text, found: re.Match[bytes]) -> PragmaComment:
    first, last = _lines(text, found.start())
    said = pragma_words(found[1].decode(errors="replace").strip())
    problem = said.problem or ("" if first else "no statement stands on its line or below it")
    return PragmaComment(text.line(found.start()), first, last, said.rules, said.reason, problem)


def _lines(text: Text, at: int) -> tuple[int, int]:
    for start, end in _lines_from(text, at):
        if text.shadow[start:end].strip(_BLANK):
            return text.line(text.shadow.rfind(b"\n", 0, start) + 1), text.line(text.line_end(start))
        if not text.source[start:end].strip():
            break
    return 0, 0


def _lines_from(text: Text, at: int) -> Iterator[tuple[int, int]]:
    """Yield the line around `at` and some below it, as offsets of where they start and end."""
    start = text.source.rfind(b"\n", 0, at) + 1
    for _ in range(_MAX_COMMENTS_BELOW):
        end = text.source.find(b"\n", start)
        yield start, len(text.source) if end < 0 else end
        if end < 0:
            return
        start = end + 1
