"""How a file of a service's own code is read: as a whole where that parses, else by blocks, else skimmed."""

import sys
from collections.abc import Iterable, Iterator

import msgspec

from fleet_audit.audit.model.imports import Parser
from fleet_audit.audit.static_imports.source.bounds import within_bounds
from fleet_audit.audit.static_imports.source.lexer import Text, decode, lex
from fleet_audit.audit.static_imports.source.pieces import Piece, lexed_apart, pieces
from fleet_audit.audit.static_imports.source.pragmas import pragmas
from fleet_audit.audit.static_imports.source.reading import read_text
from fleet_audit.audit.static_imports.source.records import SourceRecord
from fleet_audit.audit.static_imports.source.syntax import Judge

_BLANK = b" \t\f\n\x01"


class OwnCode(msgspec.Struct, frozen=True):
    """A file's record; `why_unknown` is not empty where it could not be decided whether it is valid."""

    record: SourceRecord
    why_unknown: str = ""


def read_own_code(body: bytes, judge: Judge, version: tuple[int, ...]) -> OwnCode:
    """Read a file that is to be valid for Python `version`; never raises for what it holds.

    Facts of sound blocks are those of the intact file: damage elsewhere reaches neither their strings nor
    their brackets. What no parser reads is skimmed, and its lines are kept in the record.
    """
    text = lex(decode(body))
    judgement = judge.judge(body, text, version)
    text = within_bounds(text)
    cut: tuple[Piece, ...] = (Piece(0, len(text.source), is_sound=True),)
    if not judgement.is_whole:
        cut = pieces(text.source, is_newer=version[:2] > sys.version_info[:2])
        text = lexed_apart(text, cut)
    record = msgspec.structs.replace(
        read_text(text, is_own_code=True),
        parser=Parser.WHOLE if judgement.is_whole else _parser(text, cut),
        skimmed=tuple(_skimmed(text, cut)),
        fault=judgement.fault,
        pragmas=pragmas(text),
    )
    return OwnCode(record, judgement.why_unknown)


def _parser(text: Text, cut: Iterable[Piece]) -> Parser:
    is_any_sound = any(p.is_sound and text.shadow[p.start : p.end].strip(_BLANK) for p in cut)
    return Parser.BLOCK if is_any_sound else Parser.SKIM


def _skimmed(text: Text, cut: Iterable[Piece]) -> Iterator[tuple[int, int]]:
    """Yield the first and last line of each piece that is not sound, without the blank lines around it."""
    for piece in (piece for piece in cut if not piece.is_sound):
        # The lines of an unfinished merge are blank in the shadow that is read.
        shadow = lex(text.source[piece.start : piece.end]).shadow
        if shadow.strip(_BLANK):
            first = piece.start + len(shadow) - len(shadow.lstrip(_BLANK))
            last = piece.start + len(shadow.rstrip(_BLANK))
            yield text.line(first), text.line(last)
