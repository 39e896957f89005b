"""Which blocks a file has, and which import statements stand in them."""

import bisect
import functools
import re
from collections.abc import Iterator

import msgspec

from fleet_audit.audit.static_imports.source.backwards import Backwards
from fleet_audit.audit.static_imports.source.lexer import Text
from fleet_audit.audit.static_imports.source.records import BlockKind, Ending

_HEAD = (
    rb"([ \t\f]*)(?:"
    rb"(?P<imports>import|from)\b"
    rb"|(?P<opens>if|elif|else|try|except|finally|for|while|with|def|class|async|match|case)\b)"
)
# A search is several times faster where its pattern begins with a character, not with the start of a line.
_FIRST_HEAD = re.compile(_HEAD)
_LATER_HEAD = re.compile(rb"\n" + _HEAD)
_TRAILING_IMPORT = re.compile(rb";[ \t\f\x01]*(?=(?:import|from)\b)")
_IMPORT = re.compile(rb"(?:import|from)\b")
_NAME = re.compile(rb"[ \t\x01]*([A-Za-z_\x80-\xff][\w\x80-\xff]*)")
_TAB = 8
"""Columns of a tab stop (Language Reference, 2.1.8)."""

_KINDS = {
    b"if": BlockKind.IF,
    b"elif": BlockKind.IF,
    b"else": BlockKind.ELSE,
    b"try": BlockKind.TRY,
    b"except": BlockKind.EXCEPT,
    b"finally": BlockKind.FINALLY,
    b"for": BlockKind.LOOP,
    b"while": BlockKind.LOOP,
    b"with": BlockKind.WITH,
    b"def": BlockKind.FUNCTION,
    b"class": BlockKind.CLASS,
    b"match": BlockKind.CASE,
    b"case": BlockKind.CASE,
}
_CONTINUING = frozenset((b"elif", b"else", b"except", b"finally"))
_SOFT = frozenset((b"match", b"case"))


class Span(msgspec.Struct, gc=False):
    """A block as it stands in the text: its header from `start` to `body`, its statements up to `end`.

    `header` is what stands between the keyword and the colon, as offsets. `first_try` is the index of the
    ``try`` that a handler, ``else`` or ``finally`` belongs to. `indent` counts columns, `blanks` characters.
    `ends` and `branches` are as in a record's `Block`.
    """

    kind: BlockKind
    start: int
    header: tuple[int, int]
    body: int
    end: int
    parent: int
    indent: int
    blanks: int
    previous: int = -1
    first_try: int = -1
    name: str = ""
    ends: Ending = Ending.NONE
    branches: tuple[int, ...] = ()


class Outline:
    """The blocks of a text in the order in which they begin, block 0 being the module.

    `imports` holds (start, end, block) of every import statement, in order.
    """

    def __init__(
        self,
        text: Text,
        spans: list[Span],
        imports: list[tuple[int, int, int]],
        ends: dict[int, int] | None = None,
    ) -> None:
        """Take what was found in `text`, and where blocks end as far as that is known."""
        self.text = text
        self.spans = spans
        self.imports = imports
        self._ends: dict[int, int] = {} if ends is None else ends
        self._module_parts: list[tuple[int, int]] = []
        self._running_parts: dict[bool, list[tuple[int, int]]] = {}

    def block_at(self, offset: int) -> int:
        """Return the index of the innermost block whose statements include `offset`."""
        at = bisect.bisect_right(self.spans, offset, key=_body_start) - 1
        while at > 0 and self.end(at) <= offset:
            at = self.spans[at].parent
        return max(at, 0)

    def end(self, block: int) -> int:
        """Return where a block's statements end: at the first line that is not indented deeper.

        A span's own `end` is only known to the next head of a statement; the exact one is looked up
        when it is asked for.
        """
        if block not in self._ends:
            self._ends[block] = self._exact_end(self.spans[block])
        return self._ends[block]

    def _exact_end(self, span: Span) -> int:
        if span.parent < 0:
            return span.end
        shadow = self.text.shadow
        first_line = self.text.line_end(span.body)
        if shadow[span.body : first_line].strip(b" \t\f\x01;"):
            return min(first_line, span.end)
        found = _outdented(span.blanks).search(shadow, first_line, span.end)
        return found.start() + 1 if found else span.end

    @property
    def known_ends(self) -> dict[int, int]:
        """Return the ends that were looked up so far."""
        return dict(self._ends)

    @functools.cached_property
    def backwards(self) -> Backwards:
        """Return the text as it is searched for names by what follows them."""
        return Backwards(self.text.shadow)

    def module_parts(self) -> list[tuple[int, int]]:
        """Return the stretches of text outside functions and classes."""
        if not self._module_parts:
            self._module_parts = self._find_module_parts()
        return list(self._module_parts)

    def running_parts(self, *, is_postponed: bool) -> list[tuple[int, int]]:
        """Return the stretches of text that run with the import: all but the bodies of functions.

        Where annotations are postponed (PEP 563) nothing of a function's header counts.
        """
        if is_postponed not in self._running_parts:
            self._running_parts[is_postponed] = self._find_running_parts(is_postponed=is_postponed)
        return list(self._running_parts[is_postponed])

    def _find_running_parts(self, *, is_postponed: bool) -> list[tuple[int, int]]:
        parts: list[tuple[int, int]] = []
        at = 0
        for index, span in enumerate(self.spans):
            if span.kind is BlockKind.FUNCTION and span.start >= at:
                parts.append((at, span.start if is_postponed else span.body))
                at = self.end(index)
        parts.append((at, len(self.text.shadow)))
        return [part for part in parts if part[0] < part[1]]

    def _find_module_parts(self) -> list[tuple[int, int]]:
        parts: list[tuple[int, int]] = []
        at = 0
        for index, span in enumerate(self.spans):
            if span.kind in (BlockKind.FUNCTION, BlockKind.CLASS) and span.start >= at:
                parts.append((at, span.start))
                at = self.end(index)
        parts.append((at, len(self.text.shadow)))
        return [part for part in parts if part[0] < part[1]]


@functools.lru_cache(maxsize=256)
def _outdented(blanks: int) -> re.Pattern[bytes]:
    """Return what finds the end of a line before one that is not indented deeper than by `blanks`."""
    return re.compile(rb"\n[ \t\f]{0,%d}[^ \t\f\n\x01]" % blanks)


def _body_start(span: Span) -> int:
    return span.body


def outline(text: Text) -> Outline:
    """Find the blocks and the import statements of `text`."""
    return _Outliner(text).run()


class _Outliner:
    """Walks the heads of statements and keeps the stack of open blocks."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._shadow = text.shadow
        whole = Span(BlockKind.MODULE, 0, (0, 0), 0, len(text.shadow), -1, -1, 0)
        self._spans = [whole]
        self._open = [0]
        self._closed: dict[int, int] = {}
        self._imports: list[tuple[int, int, int]] = []

    def run(self) -> Outline:
        """Walk the text once."""
        for head in self._heads():
            indent = _column(head[1])
            self._close(indent, head.start(1))
            end = self._text.line_end(head.end())
            if head["imports"] is not None:
                self._add_imports(head.end(1), end)
            else:
                self._open_block(head, indent, end)
        self._close(-1, len(self._shadow))
        outlined = Outline(self._text, self._spans, self._imports)
        self._add_trailing_imports(outlined)
        return outlined

    def _heads(self) -> Iterator[re.Match[bytes]]:
        if (first := _FIRST_HEAD.match(self._shadow)) is not None:
            yield first
        yield from _LATER_HEAD.finditer(self._shadow)

    def _add_trailing_imports(self, outlined: Outline) -> None:
        """Add the imports that follow another statement on its line."""
        known = {start for start, _, _ in self._imports}
        for found in _TRAILING_IMPORT.finditer(self._shadow) if b";" in self._shadow else ():
            start = found.end()
            if start not in known:
                end = self._text.line_end(start)
                semicolon = self._shadow.find(b";", start, end)
                stop = end if semicolon < 0 else semicolon
                self._imports.append((start, stop, outlined.block_at(start)))
        self._imports.sort()

    def _close(self, indent: int, offset: int) -> None:
        while len(self._open) > 1 and self._spans[self._open[-1]].indent >= indent:
            index = self._open.pop()
            self._spans[index].end = offset
            self._closed[self._spans[index].indent] = index
        for deeper in [column for column in self._closed if column > indent >= 0]:
            del self._closed[deeper]

    def _open_block(self, head: re.Match[bytes], indent: int, end: int) -> None:
        keyword = head["opens"]
        after = head.end()
        if keyword == b"async":
            second = _NAME.match(self._shadow, after, end)
            if second is None or second[1] not in (b"def", b"for", b"with"):
                return
            keyword, after = second[1], second.end()
        colon = _colon(self._shadow, after, end)
        if keyword in _SOFT and not _is_soft_block(self._shadow, after, colon, end):
            return
        index = len(self._spans)
        span = Span(
            kind=_KINDS[keyword],
            start=head.end(1),
            header=(after, colon),
            body=min(colon + 1, end),
            end=end,
            parent=self._open[-1],
            indent=indent,
            blanks=len(head[1]),
        )
        self._link(span, keyword)
        if span.kind in (BlockKind.FUNCTION, BlockKind.CLASS) and (
            name := _NAME.match(self._shadow, after, end)
        ):
            span.name = name[1].decode(errors="replace")
        self._spans.append(span)
        self._open.append(index)
        self._closed.pop(indent, None)
        if self._shadow[span.body : end].strip():
            self._add_inline_imports(span.body, end)

    def _link(self, span: Span, keyword: bytes) -> None:
        before = self._closed.get(span.indent, -1)
        if keyword not in _CONTINUING or before < 0 or self._spans[before].parent != span.parent:
            return
        earlier = self._spans[before]
        if earlier.kind is BlockKind.TRY:
            span.first_try = before
        elif earlier.first_try >= 0:
            span.first_try = earlier.first_try
        span.previous = span.first_try if span.first_try >= 0 else before
        if span.first_try >= 0 and span.kind is BlockKind.ELSE:
            span.kind = BlockKind.TRY_ELSE
        elif earlier.kind in (BlockKind.LOOP, BlockKind.CASE):
            span.previous = -1

    def _add_imports(self, start: int, end: int) -> None:
        block = self._open[-1]
        semicolon = self._shadow.find(b";", start, end)
        if semicolon < 0:
            self._imports.append((start, end, block))
            return
        self._imports.append((start, semicolon, block))
        self._add_inline_imports(semicolon, end)

    def _add_inline_imports(self, start: int, end: int) -> None:
        block = self._open[-1]
        at = start
        while at < end:
            semicolon = self._shadow.find(b";", at, end)
            stop = end if semicolon < 0 else semicolon
            piece = self._shadow[at:stop]
            bare = len(piece) - len(piece.lstrip(b" \t\f\x01"))
            if _IMPORT.match(piece, bare):
                self._imports.append((at + bare, stop, block))
            at = stop + 1


def _column(blanks: bytes) -> int:
    # A form feed at the start of a line resets the column (Language Reference, 2.1.8).
    return len(blanks.rpartition(b"\f")[2].expandtabs(_TAB)) if blanks else 0


def _colon(shadow: bytes, start: int, end: int) -> int:
    """Return the offset of the colon that ends a header; `end` where there is none."""
    last = end
    while last > start and shadow[last - 1] in b" \t\f\x01":
        last -= 1
    line = shadow[start:last]
    if line.endswith(b":") and line.count(b":") == 1:
        return last - 1
    depth = 0
    for mark in re.finditer(rb"[()\[\]{}:]", line):
        if mark[0] in b"([{":
            depth += 1
        elif mark[0] in b")]}":
            depth -= 1
        elif (
            depth <= 0
            and shadow[start + mark.end() : start + mark.end() + 1] != b"="
            and not _in_lambda(line, mark)
        ):
            return start + mark.start()
    return end


def _in_lambda(line: bytes, colon: re.Match[bytes]) -> bool:
    before = line[: colon.start()]
    return b"lambda" in before and re.search(rb"\blambda\b[^:]*$", before) is not None


def _is_soft_block(shadow: bytes, after: int, colon: int, end: int) -> bool:
    """Say whether ``match``/``case`` is a keyword here: a subject follows, and a colon ends the header."""
    subject = shadow[after:colon].strip(b" \t\x01")
    return colon < end and bool(subject) and not re.match(rb"[.=,:)\]]", subject)
