"""Which code stands behind a statement that leaves its block, and so may never run.

Such code becomes a block of its own kind, ``rest``: it runs where none of the branches before it left.
"""

import bisect
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice

import msgspec

from fleet_audit.audit.static_imports.source.outline import Outline, Span
from fleet_audit.audit.static_imports.source.records import BlockKind, Ending

_LEAVING = re.compile(
    rb"(?m)(?:^[ \t\f]*|[:;][ \t\x01]*)(?:(return|continue|break)\b|(raise)\b"
    rb"|((?:(?:sys|os)[ \t]*\.[ \t]*)?_?exit|quit|(?:typing\.)?assert_never)[ \t]*\()"
)
_ENDLESS = re.compile(rb"[ \t\x01]*(?:True|1)[ \t\x01]*")
_BREAK = re.compile(rb"(?m)(?:^[ \t\f]*|[:;][ \t\x01]*)(?:break|return)\b")
_BLANKS = b" \t\f\n\x01;"
_BRANCHES = frozenset({BlockKind.IF, BlockKind.ELSE})
MAX_ENDINGS = 5_000
"""As many statements that leave their block are looked at in one file."""

MAX_RESTS = 100
"""As many rests of one block are told apart: each stands inside the one before."""


def with_rests(outlined: Outline, functions: frozenset[int] | None) -> Outline:
    """Return the outline with blocks for what stands behind statements that leave.

    Inside functions only those among `functions` are looked at; None means all of them.
    """
    return _Endings(outlined, functions).outline()


class _Cut(msgspec.Struct, frozen=True, order=True):
    """Where the rest of a block begins, and the branches before it, one of which leaves; none: it is dead."""

    offset: int
    branches: tuple[int, ...]


class _Endings:
    """Finds what leaves, from the innermost blocks outwards."""

    def __init__(self, outlined: Outline, functions: frozenset[int] | None) -> None:
        self._outline = outlined
        self._shadow = outlined.text.shadow
        self._spans = outlined.spans
        self._functions = functions
        self._ends: dict[int, Ending] = {}
        self._cuts: defaultdict[int, set[_Cut]] = defaultdict(set)
        self._statements: dict[int, tuple[int, ...]] = {}

    def outline(self) -> Outline:
        """Look through the whole file."""
        self._find_leaving()
        self._find_endless()
        for block in sorted(self._ends, reverse=True):
            self._spread(block)
        return self._rebuilt() if any(self._cuts.values()) else self._outline

    def _find_leaving(self) -> None:
        leaving = (f for part in self._parts() for f in _LEAVING.finditer(self._shadow, *part))
        for found in islice(leaving, MAX_ENDINGS):
            at = found.start(found.lastindex or 0)
            block = self._outline.block_at(at)
            is_fatal = found[1] is None
            if self._function(block) not in self._wanted() or not self._is_possible(found[1], block):
                continue
            ending = Ending.FAILS if is_fatal else Ending.LEAVES
            self._ends.setdefault(block, ending)
            self._cuts[block].add(_Cut(self._outline.text.line_end(at), ()))

    def _is_possible(self, keyword: bytes | None, block: int) -> bool:
        """Say whether there is a function, or a loop, to leave: where text is damaged there may be none."""
        if keyword is None:
            return True
        left = BlockKind.FUNCTION if keyword == b"return" else BlockKind.LOOP
        while block > 0 and self._spans[block].kind not in (left, BlockKind.FUNCTION, BlockKind.CLASS):
            block = self._spans[block].parent
        return self._spans[block].kind is left

    def _parts(self) -> list[tuple[int, int]]:
        """Return the text that is looked at: the module's own and that of the functions, or all of it."""
        if self._functions is None:
            return [(0, len(self._shadow))]
        outer = [f for f in sorted(self._functions) if self._functions.isdisjoint(self._around(f))]
        bodies = [(self._spans[f].body, self._outline.end(f)) for f in outer]
        return self._outline.module_parts() + bodies

    def _around(self, function: int) -> Iterator[int]:
        at = self._spans[function].parent
        while at > 0:
            yield at
            at = self._spans[at].parent

    def _find_endless(self) -> None:
        for index, span in enumerate(self._spans):
            if span.kind is not BlockKind.LOOP or span.parent not in self._wanted():
                continue
            if _ENDLESS.fullmatch(self._shadow, *span.header) is None:
                continue
            end = self._outline.end(index)
            if _BREAK.search(self._shadow, span.body, end) is None:
                self._ends.setdefault(span.parent, Ending.LEAVES)
                self._cuts[span.parent].add(_Cut(end, ()))

    def _wanted(self) -> "_Everywhere | set[int]":
        if self._functions is None:
            return _Everywhere()
        return {0, *self._functions}

    def _function(self, block: int) -> int:
        while block > 0 and self._spans[block].kind is not BlockKind.FUNCTION:
            block = self._spans[block].parent
        return block

    def _spread(self, block: int) -> None:
        """Note the rest behind the statement that `block` is a branch of; go on where it always leaves."""
        while block > 0:
            span = self._spans[block]
            # Behind a loop code goes on as usual: it may run not once.
            if span.kind in (BlockKind.FUNCTION, BlockKind.CLASS, BlockKind.LOOP):
                return
            branches = self._branches(block)
            self._cuts[span.parent].add(_Cut(self._outline.end(branches[-1]), branches))
            ending = self._always(branches)
            is_case = span.kind is BlockKind.CASE and self._spans[span.parent].kind is BlockKind.CASE
            if span.parent in self._ends or (ending is None and not is_case):
                return
            if ending is not None:
                self._ends[span.parent] = ending
            block = span.parent

    def _branches(self, block: int) -> tuple[int, ...]:
        """Return all branches of the compound statement that `block` belongs to, in their order."""
        if not self._statements:
            self._group()
        return self._statements.get(block, (block,))

    def _group(self) -> None:
        first: dict[int, int] = {}
        members: defaultdict[int, list[int]] = defaultdict(list)
        for index, span in enumerate(self._spans):
            before = span.previous if span.kind in _BRANCHES else span.first_try
            first[index] = first.get(before, index)
            members[first[index]].append(index)
        for branches in members.values():
            self._statements.update(dict.fromkeys(branches, tuple(branches)))

    def _always(self, branches: tuple[int, ...]) -> Ending | None:
        """Return how a compound statement leaves whichever branch it takes; None where one goes on."""
        kinds = [self._spans[i].kind for i in branches]
        needed: list[int] = []
        match kinds[0]:
            case BlockKind.IF:
                needed = list(branches) if kinds[-1] is BlockKind.ELSE else []
            case BlockKind.TRY:
                body = [branches[kinds.index(BlockKind.TRY_ELSE)]] if BlockKind.TRY_ELSE in kinds else []
                handlers = [i for i, kind in zip(branches, kinds, strict=True) if kind is BlockKind.EXCEPT]
                has_ended = branches[0] in self._ends
                needed = [branches[0] if has_ended or not body else body[0], *handlers]
            case BlockKind.WITH:
                needed = [branches[0]] if b"suppress" not in self._header(branches[0]) else []
            case _:
                needed = []
        endings = [self._ends.get(i) for i in needed]
        if not endings or None in endings:
            return None
        return Ending.LEAVES if Ending.LEAVES in endings else Ending.FAILS

    def _header(self, block: int) -> bytes:
        return self._shadow[slice(*self._spans[block].header)]

    def _rebuilt(self) -> Outline:
        rests = list(self._rests())
        order = sorted(
            [(span.start, 1, i) for i, span in enumerate(self._spans) if i]
            + [(rest.start, 0, number) for number, (rest, _) in enumerate(rests)]
        )
        moved = {0: 0}
        new_of_rest: dict[int, int] = {}
        for position, (_, is_span, number) in enumerate(order, start=1):
            (moved if is_span else new_of_rest)[number] = position
        inside = _Inside(rests, new_of_rest)
        spans = [self._spans[0]]
        for _, is_span, number in order:
            if is_span:
                spans.append(_with_new_numbers(self._spans[number], moved, inside))
            else:
                spans.append(_numbered_rest(*rests[number], moved, inside))
        for index, ending in self._ends.items():
            spans[moved[index]].ends = ending
        imports = [
            (start, end, inside.block(block, start, moved)) for start, end, block in self._outline.imports
        ]
        ends = {moved[index]: end for index, end in self._outline.known_ends.items()}
        ends.update({new_of_rest[number]: rest.end for number, (rest, _) in enumerate(rests)})
        return Outline(self._outline.text, spans, imports, ends)

    def _rests(self) -> Iterator[tuple[Span, int]]:
        """Yield the new blocks, each with the number of the block whose rest it is."""
        for block in sorted(self._cuts):
            end = self._outline.end(block)
            for cut in sorted(self._cuts[block])[:MAX_RESTS]:
                if not self._shadow[cut.offset : end].strip(_BLANKS):
                    break
                outer = self._spans[block]
                yield (
                    Span(
                        kind=BlockKind.REST,
                        start=cut.offset,
                        header=(cut.offset, cut.offset),
                        body=cut.offset,
                        end=end,
                        parent=block,
                        indent=outer.indent,
                        blanks=outer.blanks,
                        branches=cut.branches,
                    ),
                    block,
                )
                if not cut.branches:
                    break


class _Everywhere:
    """Holds every block."""

    def __contains__(self, _: int) -> bool:
        return True


class _Inside:
    """Says which rest of a block a place is in."""

    def __init__(self, rests: list[tuple[Span, int]], numbers: dict[int, int]) -> None:
        self._starts: defaultdict[int, list[int]] = defaultdict(list)
        self._numbers: defaultdict[int, list[int]] = defaultdict(list)
        for number, (rest, block) in enumerate(rests):
            self._starts[block].append(rest.start)
            self._numbers[block].append(numbers[number])

    def block(self, block: int, offset: int, moved: dict[int, int]) -> int:
        """Return the new number of what encloses `offset`: `block`, or the last rest of it before there."""
        at = bisect.bisect_right(self._starts.get(block, ()), offset)
        return self._numbers[block][at - 1] if at else moved[block]

    def before(self, block: int, offset: int, moved: dict[int, int]) -> int:
        """Return the new number of what encloses the rest that begins at `offset`."""
        at = bisect.bisect_left(self._starts[block], offset)
        return self._numbers[block][at - 1] if at else moved[block]


def _with_new_numbers(span: Span, moved: dict[int, int], inside: _Inside) -> Span:
    span.parent = inside.block(span.parent, span.start, moved)
    span.previous = moved.get(span.previous, -1)
    span.first_try = moved.get(span.first_try, -1)
    return span


def _numbered_rest(rest: Span, block: int, moved: dict[int, int], inside: _Inside) -> Span:
    rest.parent = inside.before(block, rest.start, moved)
    rest.branches = tuple(moved[branch] for branch in rest.branches)
    return rest
