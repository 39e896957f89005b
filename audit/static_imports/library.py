"""The records of the files of both trees: read once, kept by content."""

import sys
from collections.abc import Mapping
from contextlib import suppress

from fleet_audit.audit.images.tree import FileTree, FileUnreadable
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.static_imports.resolution.finder import Place, Side
from fleet_audit.audit.static_imports.resolution.site_start import code_lines
from fleet_audit.audit.static_imports.source.own_code import read_own_code
from fleet_audit.audit.static_imports.source.reading import read_source, why_unreadable
from fleet_audit.audit.static_imports.source.records import SourceRecord
from fleet_audit.audit.static_imports.source.store import (
    RecordStore,
    decode_record,
    encode_record,
    record_key,
)
from fleet_audit.audit.static_imports.source.syntax import Judge

MAX_SOURCE_BYTES = 8 << 20
STAGE = "static_imports"


class Library:
    """Gives the record of any Python file, and remembers what could not be read.

    Of a ``.pth`` file, the lines of code are read.

    `parsed` and `cached` count the files that were read anew and those whose record was kept. `is_doubtful`
    holds where the next run may judge a file otherwise: the parser did not survive it, or not in time.
    """

    def __init__(
        self,
        trees: Mapping[Side, FileTree],
        version: tuple[int, ...],
        records: RecordStore | None,
        judge: Judge,
    ) -> None:
        """Take the trees, the Python version that own code must be valid for, and where records are kept."""
        self._trees = trees
        self._version = version
        self._records = records
        self._judge = judge
        self._known: dict[Place, SourceRecord | None] = {}
        self.gaps: dict[Place, Gap] = {}
        self.is_doubtful = False
        self.parsed = 0
        self.cached = 0

    def record(self, place: Place) -> SourceRecord | None:
        """Return the record of a file; None, and a gap, where it cannot be read."""
        if place not in self._known:
            self._known[place] = self._read(place)
        return self._known[place]

    def record_if_there(self, place: Place) -> SourceRecord | None:
        """Return the record of a file that need not exist."""
        is_there = self._trees[place.side].realpath(place.path) is not None
        return self.record(place) if is_there else None

    def tree(self, side: Side) -> FileTree:
        """Return the tree that the places of a side stand in."""
        return self._trees[side]

    def _read(self, place: Place) -> SourceRecord | None:
        try:
            body = self._trees[place.side].read(place.path, limit=MAX_SOURCE_BYTES)
        except FileUnreadable as e:
            self._add_gap(place, e.why)
            return None
        if place.path.endswith(".pth"):
            body = code_lines(body)
        is_own = place.side is Side.SOURCES
        if not is_own and (why := why_unreadable(body)):
            self._add_gap(place, why)
            return None
        # Of what is newer than this Python, it says less than a later one would.
        reading = f"own {self._version[:2]} {sys.version_info[:2]}" if is_own else "installed"
        key = record_key(body, reading)
        kept = None if self._records is None else self._records.get(key)
        record = None if kept is None else decode_record(kept)
        if record is not None:
            self.cached += 1
            return record
        self.parsed += 1
        record = self._own_record(place, body) if is_own else read_source(body)
        self._note_limits(place, record)
        if self._records is not None and place not in self.gaps:
            # A string of somebody's code may hold half a character; such a record cannot be written.
            with suppress(UnicodeEncodeError):
                self._records.put(key, encode_record(record))
        return record

    def _own_record(self, place: Place, body: bytes) -> SourceRecord:
        read = read_own_code(body, self._judge, self._version)
        if read.why_unknown:
            self.is_doubtful = True
            self._add_gap(place, f"may not be valid Python: {read.why_unknown}")
        return read.record

    def _note_limits(self, place: Place, record: SourceRecord) -> None:
        if record.last_line:
            why = f"has too many statements and calls; it was looked at up to line {record.last_line}"
            self._add_gap(place, why, GapKind.LIMIT_REACHED)
        elif record.is_cut and place.side is Side.SOURCES:
            self._add_gap(place, "has more calls or names than are looked at", GapKind.LIMIT_REACHED)

    def _add_gap(self, place: Place, why: str, kind: GapKind = GapKind.UNREADABLE_SOURCE) -> None:
        if place.side is Side.SOURCES:
            path = place.path.removeprefix("/")
            self.gaps[place] = Gap(STAGE, kind, path, why, SourceLocation(path))
        else:
            kind = GapKind.LIMIT_REACHED if kind is GapKind.LIMIT_REACHED else GapKind.UNREADABLE_FILE
            self.gaps[place] = Gap(STAGE, kind, place.path, why)
