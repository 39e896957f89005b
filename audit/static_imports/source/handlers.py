"""Which failures a piece of code copes with: what its handlers catch, and whether they give up."""

import bisect
import re
from collections import defaultdict

from fleet_audit.audit.static_imports.source.outline import Outline, Span
from fleet_audit.audit.static_imports.source.records import BlockKind

_LEAVING = re.compile(
    rb"^([ \t\f]*)(?:raise\b|(?:sys[ \t]*\.[ \t]*|os[ \t]*\.[ \t]*)?_?exit[ \t]*\(|quit[ \t]*\()",
    re.MULTILINE,
)
_STATEMENT = re.compile(rb"^([ \t\f]*)[^\s\x01]", re.MULTILINE)
_SUPPRESS = re.compile(rb"\bsuppress[ \t]*\(")
_EXCEPTION = re.compile(rb"([A-Za-z_]\w*)[ \t\x01]*(?=[,)]|$)")
_BLANKS = b" \t\x01"
_NESTED = 40
"""As many blocks of a handler are looked at."""


class Handlers:
    """What the blocks of one outline catch. Names of exceptions are without their module."""

    def __init__(self, outlined: Outline) -> None:
        """Note which handlers each ``try`` has; they are read when they are asked for."""
        self._outline = outlined
        self._shadow = outlined.text.shadow
        self._of_try: defaultdict[int, list[int]] = defaultdict(list)
        self._coped: dict[int, tuple[str, ...]] = {}
        for index, span in enumerate(outlined.spans):
            if span.kind is BlockKind.EXCEPT and span.first_try >= 0:
                self._of_try[span.first_try].append(index)

    def coped_with(self, block: int) -> tuple[str, ...]:
        """Return what a handler catches, what a ``with`` suppresses, what a ``try``'s handlers survive."""
        if block not in self._coped:
            self._coped[block] = self._read(block)
        return self._coped[block]

    def _read(self, block: int) -> tuple[str, ...]:
        span = self._outline.spans[block]
        if span.kind is BlockKind.EXCEPT:
            return self._caught(span)
        if span.kind is BlockKind.WITH:
            return self._suppressed(span)
        survived = [handler for handler in self._of_try.get(block, ()) if not self.gives_up(handler)]
        return tuple(name for handler in survived for name in self.coped_with(handler))

    def survives(self, block: int, failures: frozenset[str]) -> bool:
        """Say whether code in `block` goes on, in its function, after any of `failures`."""
        spans = self._outline.spans
        while block > 0 and spans[block].kind is not BlockKind.FUNCTION:
            copes = spans[block].kind in (BlockKind.TRY, BlockKind.WITH)
            if copes and not failures.isdisjoint(self.coped_with(block)):
                return True
            block = spans[block].parent
        return False

    def is_tried(self, block: int) -> bool:
        """Say whether `block` runs while the module is imported, or inside a ``try`` of its function."""
        spans = self._outline.spans
        at = block
        while at > 0 and spans[at].kind is not BlockKind.FUNCTION:
            if spans[at].kind is BlockKind.TRY:
                return True
            at = spans[at].parent
        return at <= 0

    def gives_up(self, block: int) -> bool:
        """Say whether the block raises or exits: by its own statements, or where none of its questions holds.

        A handler that repairs things on other systems and raises in its ``else`` is no way out here.
        """
        spans = self._outline.spans
        first = bisect.bisect_left(spans, spans[block].body, key=_start_of)
        nested = range(first, min(first + _NESTED, len(spans)))
        branches = (i for i in nested if spans[i].parent == block and spans[i].kind is BlockKind.ELSE)
        return self._leaves(block) or any(self._leaves(branch) for branch in branches)

    def _leaves(self, block: int) -> bool:
        span = self._outline.spans[block]
        line_end = self._outline.text.line_end(span.body)
        inline = self._shadow[span.body : line_end].strip(_BLANKS)
        if inline:
            return _LEAVING.match(inline) is not None
        first = _STATEMENT.search(self._shadow, line_end, self._outline.end(block))
        if first is None:
            return False
        return any(
            found[1] == first[1]
            for found in _LEAVING.finditer(self._shadow, line_end, self._outline.end(block))
        )

    def _caught(self, span: Span) -> tuple[str, ...]:
        header = self._shadow[slice(*span.header)]
        listed = re.split(rb"\bas\b", header)[0].strip(_BLANKS + b"*")
        if not listed:
            return ("BaseException",)
        return tuple(name.decode(errors="replace") for name in _EXCEPTION.findall(listed))

    def _suppressed(self, span: Span) -> tuple[str, ...]:
        header = self._shadow[slice(*span.header)]
        found = _SUPPRESS.search(header)
        if found is None:
            return ()
        listed = header[found.end() :].partition(b")")[0]
        return tuple(name.decode(errors="replace") for name in _EXCEPTION.findall(listed))


def _start_of(span: Span) -> int:
    return span.start
