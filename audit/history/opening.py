"""How the file of a history is opened: told from any other file, checked, and never believed before that.

SQLite's own advice for databases from elsewhere ("Defense Against The Dark Arts") is followed: no function of
a planted schema is trusted, cells are checked, nothing is mapped into memory, the whole is checked first.
"""

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet_audit.audit.history import schema
from fleet_audit.audit.history.aside import JOURNAL
from fleet_audit.audit.history.failure import (
    HistoryAbsent,
    HistoryBusy,
    HistoryDamaged,
    HistoryError,
    HistoryRefused,
    HistoryUnreachable,
)

MAX_BYTES = 2 << 30
"""Ten times what 200,000 findings take in their 90 days."""

DEFAULT_PATIENCE = 30.0
"""Seconds: recording a large image takes less than one."""

DURABILITY = "EXTRA"
"""What was recorded is on the disk, the end of its journal included, before `record` returns."""

_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
_DATABASES = frozenset({".sqlite", ".sqlite3", ".db"})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_NO_HISTORY = "it is no history of fleet-audit, and stays as it is"
_UNDECODED = -1
"""Python's own word on text that is not UTF-8 bears no number of SQLite."""

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_TOOBIG, _UNDECODED})
_LIMITS = (
    # Bytes of one row: eight texts of four bytes to a character come to an eighth of it.
    (sqlite3.SQLITE_LIMIT_LENGTH, 1 << 20),
    (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
    (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 1),
)
_SETTINGS = (
    "trusted_schema = OFF",
    "cell_size_check = ON",
    "mmap_size = 0",
    "foreign_keys = ON",
    "temp_store = MEMORY",
)


def opened(path: Path, *, is_readonly: bool, patience: float = DEFAULT_PATIENCE) -> sqlite3.Connection:
    """Return a connection to a history that was checked; one that is new or empty where it may be written.

    What another process left half written is undone first. Raises HistoryAbsent for a file that is to be read
    and is not there, HistoryRefused for what is no history or of a newer fleet-audit, HistoryDamaged for one
    that does not stand the check, HistoryBusy where somebody writes for longer than `patience` seconds, and
    HistoryUnreachable where SQLite is not given what it needs.
    """
    if sqlite3.sqlite_version_info < schema.OLDEST_SQLITE:
        needed = ".".join(map(str, schema.OLDEST_SQLITE[:2]))
        raise HistoryError(path, f"this Python has SQLite {sqlite3.sqlite_version}, and {needed} is needed")
    is_there = _look_at(path)
    if is_readonly and not is_there:
        raise HistoryAbsent(path, "there is no history yet", "gate records each audit in it")
    connection = _connected(path, is_readonly=is_readonly, patience=patience)
    try:
        with understood(path):
            _check(path, connection, is_readonly=is_readonly)
    except BaseException:
        connection.close()
        raise
    return connection


def _look_at(path: Path) -> bool:
    """Say whether a file is there; raise HistoryRefused for one that SQLite must not be shown."""
    try:
        found = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    except OSError as e:
        raise HistoryUnreachable(path, e.strerror or str(e)) from e
    if stat.S_ISLNK(found.st_mode):
        raise HistoryRefused(path, "it is a symbolic link", "name the file itself")
    if not stat.S_ISREG(found.st_mode):
        raise HistoryRefused(path, "it is no regular file", "name another file")
    if found.st_size > MAX_BYTES:
        raise HistoryRefused(path, f"it is larger than {MAX_BYTES >> 30} GiB", "begin another file")
    _look_at_journal(path)
    return True


def _look_at_journal(path: Path) -> None:
    """Raise HistoryRefused for a journal that SQLite must not follow.

    A journal may end in the name of another one, which SQLite deletes once it has rolled back (SQLite file
    format, 3: super-journals). Ours never do, and a repository may hold a planted one.
    """
    journal = f"{path}{JOURNAL}"
    try:
        file = os.open(journal, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except OSError as e:
        why = "it is a symbolic link" if e.errno == errno.ELOOP else e.strerror or str(e)
        raise HistoryRefused(Path(journal), why, "remove it") from e
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise HistoryRefused(Path(journal), "it is no regular file", "remove it")
        tail = os.pread(file, 8, max(found.st_size - 8, 0))
    finally:
        os.close(file)
    if tail == _JOURNAL_MAGIC:
        raise HistoryRefused(Path(journal), "it names another journal, as none of ours does", "remove it")


def _connected(path: Path, *, is_readonly: bool, patience: float) -> sqlite3.Connection:
    # What a killed process left half done is undone by readers too; SQLite reads what it may not write.
    mode = "rw" if is_readonly else "rwc"
    if not is_readonly:
        _make_folder(path)
    with understood(path):
        # The path is made a URI as a whole: a question mark in it names no option of SQLite.
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", timeout=patience, isolation_level=None, uri=True
        )
    for limit, value in _LIMITS:
        connection.setlimit(limit, value)
    return connection


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise HistoryUnreachable(path, f"its folder cannot be made: {e.strerror or e}") from e


def _check(path: Path, connection: sqlite3.Connection, *, is_readonly: bool) -> None:
    for setting in _SETTINGS:
        connection.execute(f"PRAGMA {setting}")
    if is_readonly:
        connection.execute("PRAGMA query_only = ON")
        # Who reads looks at each value anyway, in a fifth of the time that constraints take.
        connection.execute("PRAGMA ignore_check_constraints = ON")
        _check_history(path, connection, is_readonly=True)
        return
    # Checking under the lock of a writer: nobody else makes the tables meanwhile.
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute(f"PRAGMA synchronous = {DURABILITY}")
    with writing(connection):
        _check_history(path, connection, is_readonly=False)


def _check_history(path: Path, connection: sqlite3.Connection, *, is_readonly: bool) -> None:
    application, version = _number(connection, "application_id"), _number(connection, "user_version")
    found = schema.schema_of(connection)
    if (application, version, found) == (0, 0, []) and _number(connection, "page_count") <= 1:
        # A file without anything in it is what a process leaves that was stopped at its first step.
        if is_readonly:
            raise HistoryAbsent(path, "nothing is in it yet", "gate records each audit in it")
        schema.create(connection)
        return
    if application != schema.APPLICATION_ID:
        raise HistoryRefused(path, f"{_NO_HISTORY}: it is a database of something else", "name another file")
    if version > schema.VERSION:
        raise HistoryRefused(
            path,
            f"a newer fleet-audit wrote it (version {version} of its form; this one knows {schema.VERSION})",
            "use that one",
        )
    if version < schema.VERSION or found != schema.expected_schema():
        raise HistoryDamaged(path, "its tables are not as fleet-audit makes them")
    told = connection.execute("PRAGMA quick_check(1)").fetchone()
    if told != ("ok",):
        raise HistoryDamaged(path, f"it is damaged: {str(told[0])[:200] if told else 'no answer'}")
    if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
        raise HistoryDamaged(path, "it is damaged: changes of no finding are in it")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    (value,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    return int(value)


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the lock of a writer; all that is written meanwhile is kept, or, after any error, none of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def reading(connection: sqlite3.Connection) -> Iterator[None]:
    """See the same state in several queries, whatever others write meanwhile."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def understood(path: Path) -> Iterator[None]:
    """Turn what SQLite says of a file into our errors."""
    try:
        yield
    except sqlite3.Error as e:
        raise _as_sentence(path, e) from e
    except UnicodeDecodeError as e:
        # What SQLite quotes of a damaged schema may be no text.
        raise HistoryDamaged(path, f"it is damaged: {e}") from e


def _as_sentence(path: Path, error: sqlite3.Error) -> HistoryError:
    extended = getattr(error, "sqlite_errorcode", _UNDECODED)
    code = extended if extended == _UNDECODED else extended & 0xFF
    said = str(error)[:200]
    if code in _BUSY:
        return HistoryBusy(path, "somebody else writes to it, and does not end", "try again")
    if code == sqlite3.SQLITE_NOTADB and path.suffix not in _DATABASES:
        # What is not even called a database is somebody's file, and is not moved.
        return HistoryRefused(path, _NO_HISTORY, "name another file")
    if code in _DAMAGED:
        return HistoryDamaged(path, f"it is damaged: {said}")
    if extended == sqlite3.SQLITE_READONLY_DBMOVED:
        return HistoryDamaged(path, "another process has moved it aside")
    if extended == sqlite3.SQLITE_READONLY_ROLLBACK:
        return HistoryUnreachable(
            path,
            "a process was stopped while it wrote, and you may not write to undo that",
            "have its owner read it",
        )
    return HistoryUnreachable(path, said)
