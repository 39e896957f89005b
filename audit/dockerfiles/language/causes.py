"""Where the mistake likely lies for which BuildKit refuses a line: often in a line above."""

import difflib

import msgspec

from fleet_audit.audit.dockerfiles.language.logical_lines import SourceLines
from fleet_audit.audit.dockerfiles.language.shell_words import SPACES
from fleet_audit.audit.dockerfiles.language.structure import KEYWORDS, Instruction

_INVISIBLE = SPACES + "\u200b\u200c\u200d\u2060\ufeff"
_SHELL_STARTS = tuple("&|;-<>(){}[]\"'$/.\\`=")
_CONFLICT_MARKS = ("<<<<<<<", "=======", ">>>>>>>")


class Cause(msgspec.Struct, frozen=True):
    """What is likely wrong in a line."""

    line: int
    why: str


def of_unknown_instruction(
    instruction: Instruction, previous: Instruction | None, source: SourceLines
) -> Cause | None:
    """Return why a line is read as an instruction of its own; None where it may just be misspelt."""
    if instruction.text.startswith(_CONFLICT_MARKS):
        return Cause(instruction.line, "it is the mark of a merge conflict")
    if previous is None:
        return None
    if previous.heredocs:
        return _early_end(previous)
    if "<<" in previous.text:
        return Cause(previous.line, "its here-document is not seen, for a quote in the line is never closed")
    before = _line_before(instruction, source)
    return _broken_continuation(before, source) or _missing_continuation(instruction, previous, before)


def of_open_heredoc(name: str, first_line: int, source: SourceLines) -> Cause | None:
    """Return the line that was to end a here-document that is never closed."""
    at = source.next_line(name, first_line - 1, _INVISIBLE)
    if at is None:
        return None
    return Cause(at + 1, f"there is white space beside {name}, so it does not end the here-document")


def of_swallowed_line(instruction: Instruction, source: SourceLines) -> Cause | None:
    """Return the line whose end makes another instruction a part of this one; None where there is none."""
    for above, piece in zip(instruction.pieces, instruction.pieces[1:], strict=False):
        first, *_ = (*source.lines[piece.line - 1].split(maxsplit=1), "")
        if first.isupper() and first in KEYWORDS:
            return Cause(above.line, f"it ends in {source.escape!r}, so line {piece.line} belongs to it")
    return None


def of_part(instruction: Instruction, offset: int | None) -> Cause | None:
    """Return the line in which the part at fault stands, where it is not the instruction's first."""
    if offset is None or not instruction.pieces:
        return None
    line, _ = instruction.place(offset)
    return Cause(line, "it begins here") if line != instruction.line else None


def _early_end(previous: Instruction) -> Cause:
    heredoc = previous.heredocs[-1]
    return Cause(
        heredoc.last_line, f"the here-document of line {previous.line} ends here, at its first {heredoc.name}"
    )


def _line_before(instruction: Instruction, source: SourceLines) -> int:
    at = instruction.line - 2
    while at > 0 and (source.is_empty(at) or source.is_comment(at)):
        at -= 1
    return at + 1


def _broken_continuation(before: int, source: SourceLines) -> Cause | None:
    text = source.lines[before - 1].rstrip(_INVISIBLE)
    escape = source.escape
    if text.endswith(escape * 2):
        return Cause(before, f"two {escape!r} stand for one and do not continue the line")
    if text.endswith(escape) and not source.continues(before - 1):
        return Cause(before, f"an invisible character stands behind the {escape!r}, so the line ends here")
    if text.endswith("\\" if escape == "`" else "`"):
        directive = next((each for each in source.directives if each.name == "escape"), None)
        return Cause(directive.line if directive else before, f"the escape character is {escape!r} here")
    return None


def _missing_continuation(instruction: Instruction, previous: Instruction, before: int) -> Cause | None:
    word = instruction.text.split(maxsplit=1)[0] if instruction.text.strip() else ""
    if difflib.get_close_matches(word.upper()[:20], KEYWORDS, n=1, cutoff=0.7):
        return None
    spans_lines = len(previous.pieces) > 1
    if word.startswith(_SHELL_STARTS) or word != word.upper() or "=" in word or spans_lines:
        return Cause(before, "the line does not end in a backslash, so the instruction ends here")
    return None
