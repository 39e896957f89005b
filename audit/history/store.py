"""The history of findings: what audits had, since when, and what became of it, in one file."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Self

import msgspec

from fleet_audit.audit.history.aside import FileIdentity, file_at, set_aside
from fleet_audit.audit.history.failure import AuditOutdated, HistoryDamaged, HistoryError
from fleet_audit.audit.history.following import Following, followed
from fleet_audit.audit.history.merging import merged_audits, merged_lifecycles
from fleet_audit.audit.history.opening import DEFAULT_PATIENCE, opened, reading, understood, writing
from fleet_audit.audit.history.schema import MAX_TEXT
from fleet_audit.audit.history.times import is_time
from fleet_audit.audit.model.finding import Severity
from fleet_audit.audit.model.lifecycle import (
    AuditRecord,
    Change,
    ChangeColumns,
    Lifecycle,
    LifecycleState,
    PastAudit,
    Recorded,
)

_MAX_OPENINGS = 3
"""How often a file may be found damaged: more often than once only where others move it as well."""

_STATES = {str(state): state for state in LifecycleState}
_SEVERITIES = {str(severity): severity for severity in Severity}
_COLUMNS = "image, fingerprint, rule, subject, advisory, package, last_seen, digest"
_OF_IMAGE = " WHERE lifecycle IN (SELECT id FROM lifecycle WHERE image = ?)"
_KEEP = (
    f"INSERT INTO lifecycle ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608  (the columns are ours)
    "ON CONFLICT (image, fingerprint) DO UPDATE SET rule = excluded.rule, subject = excluded.subject, "
    "advisory = excluded.advisory, package = excluded.package, last_seen = excluded.last_seen, "
    "digest = excluded.digest RETURNING id"
)


class History:
    """An open history. Use it in a ``with`` statement; what was recorded is on the disk at once.

    Other processes may read it meanwhile, and write to it in turns.
    """

    def __init__(self, path: Path, now: str, *, is_readonly: bool, patience: float) -> None:
        """Open the file; `open` and `read` say how."""
        self.path = path
        self.damaged: Path | None = None
        """Where a damaged history went that had this path; None where there was none."""
        self._now = now
        self._patience = patience
        self._file: FileIdentity | None = None
        self._connection = self._opened(is_readonly=is_readonly)

    @classmethod
    def open(cls, path: Path, now: str, *, patience: float = DEFAULT_PATIENCE) -> Self:
        """Open a history to record in it; one that is not there is begun.

        A damaged one is moved aside as of `now`, here or when what is recorded meets the damage, and another
        one is begun: `damaged` says where it is. Raises HistoryError for everything else that keeps from
        writing; then the file is as it was.
        """
        return cls(path, now, is_readonly=False, patience=patience)

    @classmethod
    def read(cls, path: Path, *, patience: float = DEFAULT_PATIENCE) -> Self:
        """Open a history to read it; raises HistoryError, and changes nothing."""
        return cls(path, "", is_readonly=True, patience=patience)

    def _opened(self, *, is_readonly: bool) -> sqlite3.Connection:
        """Return a connection to the file, or to another one that is begun where it is damaged."""
        for _ in range(_MAX_OPENINGS):
            self._file = file_at(self.path)
            try:
                connection = opened(self.path, is_readonly=is_readonly, patience=self._patience)
            except HistoryDamaged:
                if is_readonly:
                    raise
                self.damaged = set_aside(self.path, self._file, self._now) or self.damaged
            else:
                self._file = self._file or file_at(self.path)  # it was begun just now
                return connection
        return opened(self.path, is_readonly=is_readonly, patience=self._patience)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the file."""
        self.close()

    def record(self, audit: AuditRecord) -> Recorded:
        """Record what an audit had, all or nothing, and return what that changed.

        The same audit changes nothing a second time. Raises AuditOutdated for one that is older than the
        history of its image: what came and went since cannot be told from it.
        """
        if not is_time(audit.at):
            raise HistoryError(self.path, f"an audit of {audit.at!r}: no time as 2026-11-20T06:00:00Z is")
        audit = _writable(audit)
        try:
            return self._record(audit)
        except HistoryDamaged:
            self._begin_another()
        return self._record(audit)

    def _record(self, audit: AuditRecord) -> Recorded:
        with understood(self.path), writing(self._connection):
            last = self._last(audit.image)
            if last is not None and audit.at < last:
                raise AuditOutdated(self.path, audit.image, audit.at, last)
            known = {each.fingerprint: each for each in self._lifecycles(audit.image)}
            following = followed(known, audit)
            self._write(audit.image, following)
            self._write_audits([PastAudit(audit.image, audit.at, audit.digest, audit.is_complete)])
        return following.recorded

    def merge(self, lifecycles: Sequence[Lifecycle], audits: Sequence[PastAudit]) -> int:
        """Add another history, all or nothing; return how many lifecycles are new or different now."""
        try:
            return self._merge(lifecycles, audits)
        except HistoryDamaged:
            self._begin_another()
        return self._merge(lifecycles, audits)

    def _merge(self, lifecycles: Sequence[Lifecycle], audits: Sequence[PastAudit]) -> int:
        with understood(self.path), writing(self._connection):
            all_audits = merged_audits([*self._audits(None), *audits])
            before = set(self._lifecycles(None))
            merged = merged_lifecycles([*before, *lifecycles], all_audits)
            different = [each for each in merged if each not in before]
            self._write_lifecycles(different)
            self._write_audits(all_audits)
        return len(different)

    def _begin_another(self) -> None:
        """Move the history aside, and begin another; one that another process has begun is taken."""
        self._connection.close()
        self.damaged = set_aside(self.path, self._file, self._now) or self.damaged
        self._connection = self._opened(is_readonly=False)

    def lifecycles(self, image: str | None = None) -> tuple[Lifecycle, ...]:
        """Return the findings of an image, or of all, by image and fingerprint."""
        with understood(self.path), reading(self._connection):
            return tuple(self._lifecycles(image))

    def change_columns(self, images: Sequence[str] = ()) -> ChangeColumns:
        """Return the changes of the findings of these images, or of all: what trends are made of."""
        where = ""
        if images:
            marks = ", ".join("?" * len(images))
            where = f" WHERE lifecycle IN (SELECT id FROM lifecycle WHERE image IN ({marks}))"  # noqa: S608  (the marks are ours)
        with understood(self.path):
            rows = self._changes(where, images)
        self._believe(rows)
        return ChangeColumns(*zip(*rows, strict=True)) if rows else ChangeColumns((), (), (), ())

    def audits(self, image: str | None = None) -> tuple[PastAudit, ...]:
        """Return the audits of an image, or of all, by image and time."""
        with understood(self.path):
            return tuple(self._audits(image))

    def images(self) -> tuple[str, ...]:
        """Return the names of the images that were ever audited."""
        query = "SELECT image FROM audit UNION SELECT image FROM lifecycle ORDER BY image"
        with understood(self.path):
            return tuple(str(image) for (image,) in self._connection.execute(query))

    def first_seen(self, image: str, fingerprint: str) -> str | None:
        """Return when an image had a finding for the first time; None if it never had."""
        query = (
            "SELECT min(since) FROM change JOIN lifecycle ON id = lifecycle "
            "WHERE image = ? AND fingerprint = ?"
        )
        with understood(self.path):
            (found,) = self._connection.execute(query, (image, fingerprint)).fetchone()
        return None if found is None else str(found)

    def _lifecycles(self, image: str | None) -> Iterator[Lifecycle]:
        where, words = _where(image)
        changes = self._changes(_OF_IMAGE if words else "", words)
        self._believe(changes)
        states, severities = _STATES, _SEVERITIES
        found = {
            identity: tuple(
                Change(since, states[state], severities[severity]) for _, since, state, severity in rows
            )
            for identity, rows in groupby(changes, itemgetter(0))
        }
        rows = self._connection.execute(
            f"SELECT id, {_COLUMNS} FROM lifecycle{where} ORDER BY image, fingerprint",  # noqa: S608  (the condition is ours)
            words,
        )
        for identity, name, fingerprint, rule, subject, advisory, package, last_seen, digest in rows:
            course = found.get(identity)
            if course is None or not (is_time(last_seen) and course[0].since <= last_seen):
                raise HistoryDamaged(self.path, "it is damaged: a finding in it was never seen")
            yield Lifecycle(name, fingerprint, rule, subject, advisory, package, last_seen, digest, course)

    def _changes(self, where: str, words: Sequence[str]) -> list[tuple[int, str, str, str]]:
        query = f"SELECT lifecycle, since, state, severity FROM change{where} ORDER BY lifecycle, since"  # noqa: S608  (the condition is ours)
        return self._connection.execute(query, words).fetchall()

    def _believe(self, changes: Sequence[tuple[int, str, str, str]]) -> None:
        """Raise HistoryDamaged for values that none of ours is.

        No constraint is checked of a file that is only read. There are few different values.
        """
        states, severities = {row[2] for row in changes}, {row[3] for row in changes}
        is_sound = states <= _STATES.keys() and severities <= _SEVERITIES.keys()
        if not is_sound or not all(map(is_time, {row[1] for row in changes})):
            raise HistoryDamaged(self.path, "it is damaged: a change in it is none")

    def _audits(self, image: str | None) -> Iterator[PastAudit]:
        where, words = _where(image)
        rows = self._connection.execute(
            f"SELECT image, at, digest, is_complete FROM audit{where} ORDER BY image, at",  # noqa: S608  (the condition is ours)
            words,
        )
        for name, at, digest, is_complete in rows:
            if not is_time(at):
                raise HistoryDamaged(self.path, "it is damaged: an audit in it has no time")
            yield PastAudit(name, at, digest, bool(is_complete))

    def _last(self, image: str) -> str | None:
        """Return when something was last said of an image."""
        query = (
            "SELECT max(at) FROM (SELECT at FROM audit WHERE image = :image UNION ALL "
            "SELECT last_seen FROM lifecycle WHERE image = :image UNION ALL "
            "SELECT since FROM change JOIN lifecycle ON id = lifecycle WHERE image = :image)"
        )
        (last,) = self._connection.execute(query, {"image": image}).fetchone()
        return None if last is None else str(last)

    def _write(self, image: str, following: Following) -> None:
        self._connection.executemany(
            "DELETE FROM lifecycle WHERE image = ? AND fingerprint = ?",
            [(image, fingerprint) for fingerprint in following.dropped],
        )
        self._write_lifecycles(following.written)

    def _write_lifecycles(self, lifecycles: Sequence[Lifecycle]) -> None:
        changes: list[tuple[int, str, str, str]] = []
        identities: list[tuple[int]] = []
        for each in lifecycles:
            (identity,) = self._connection.execute(_KEEP, msgspec.structs.astuple(each)[:8]).fetchone()
            identities.append((identity,))
            changes += [(identity, *msgspec.structs.astuple(change)) for change in each.changes]
        self._connection.executemany("DELETE FROM change WHERE lifecycle = ?", identities)
        self._connection.executemany("INSERT INTO change VALUES (?, ?, ?, ?)", changes)

    def _write_audits(self, audits: Iterable[PastAudit]) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO audit VALUES (?, ?, ?, ?)",
            [(each.image, each.at, each.digest, int(each.is_complete)) for each in audits],
        )


def _where(image: str | None) -> tuple[str, tuple[str, ...]]:
    return ("", ()) if image is None else (" WHERE image = ?", (image,))


def _writable(audit: AuditRecord) -> AuditRecord:
    """Return an audit whose texts a database takes: names of files may hold what UTF-8 cannot carry."""
    sightings = tuple(
        msgspec.structs.replace(
            each,
            fingerprint=_text(each.fingerprint),
            rule=_text(each.rule),
            subject=_text(each.subject),
            advisory=_text(each.advisory),
            package=_text(each.package),
        )
        for each in audit.sightings
    )
    return msgspec.structs.replace(
        audit, image=_text(audit.image), digest=_text(audit.digest), sightings=sightings
    )


def _text(text: str) -> str:
    written = text[:MAX_TEXT].encode(errors="backslashreplace").decode()
    return written[:MAX_TEXT]
