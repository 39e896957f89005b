"""Where the characters of a text that is read stand in their file."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from fleet_audit.audit.dockerfiles.language.structure import Instruction

Chunk = tuple[int, int, int]


class Positions:
    """Lines (from 1) and columns (from 0) of offsets in a text that lies in its file in chunks."""

    def __init__(self, chunks: Iterable[Chunk], *, shift: int = 0) -> None:
        """Take the chunks, sorted: the offset, line and column where each begins. `shift` moves offsets."""
        self._chunks = tuple(chunks)
        self._starts: Sequence[int] = [start for start, _, _ in self._chunks]
        self._shift = shift

    def place(self, offset: int) -> tuple[int, int]:
        """Return the line and the column of an offset."""
        offset += self._shift
        start, line, column = self._chunks[max(bisect_right(self._starts, offset) - 1, 0)]
        return line, max(column + offset - start, 0)

    def within(self, start: int) -> "Positions":
        """Return the positions of a text that begins at an offset of this one."""
        inner = Positions((), shift=self._shift + start)
        inner._chunks, inner._starts = self._chunks, self._starts
        return inner


def text_positions(text: str, line: int = 1) -> Positions:
    """Return the positions of a text whose first line is `line` of its file."""
    chunks = [(0, line, 0)]
    at = text.find("\n")
    while at >= 0:
        line += 1
        chunks.append((at + 1, line, 0))
        at = text.find("\n", at + 1)
    return Positions(chunks)


def body_positions(instruction: Instruction) -> Positions:
    """Return the positions of an instruction's body, whose continuations are joined."""
    pieces = [(piece.start, piece.line, piece.column) for piece in instruction.pieces]
    return Positions(pieces or [(0, instruction.line, 0)], shift=instruction.body_start if pieces else 0)


def line_positions(line: int) -> Positions:
    """Return positions that only know the line of the whole text."""
    return Positions(((0, line, 0),))
