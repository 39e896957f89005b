"""What stands in the file of a history: three tables, and how a file is told to be one."""

import sqlite3
from functools import cache

APPLICATION_ID = 0x46417564
"""``FAud``: this number in its header tells the file from other databases (SQLite file format, 1.3.15)."""

VERSION = 1

OLDEST_SQLITE = (3, 37, 0)
"""The first with STRICT tables; an older one takes the schema of such a file for damaged."""

MAX_TEXT = 4096
"""Characters of any text that is kept."""


def _text(name: str) -> str:
    return f"{name} TEXT NOT NULL CHECK (length({name}) <= {MAX_TEXT})"


def _name(name: str) -> str:
    return f"{_text(name)} CHECK ({name} <> '')"


def _time(name: str) -> str:
    # With a modifier, days that there are not become others (SQLite, date and time functions).
    return f"{name} TEXT NOT NULL CHECK (strftime('%Y-%m-%dT%H:%M:%SZ', {name}, '+0 days') IS {name})"


_TABLES = (
    f"""
CREATE TABLE audit (
    {_name("image")},
    {_time("at")},
    {_text("digest")},
    is_complete INTEGER NOT NULL CHECK (is_complete IN (0, 1)),
    PRIMARY KEY (image, at)
) STRICT, WITHOUT ROWID""",
    f"""
CREATE TABLE lifecycle (
    id INTEGER PRIMARY KEY,
    {_name("image")},
    {_name("fingerprint")},
    {_text("rule")},
    {_text("subject")},
    {_text("advisory")},
    {_text("package")},
    {_time("last_seen")},
    {_text("digest")},
    UNIQUE (image, fingerprint)
) STRICT""",
    f"""
CREATE TABLE change (
    lifecycle INTEGER NOT NULL REFERENCES lifecycle (id) ON DELETE CASCADE,
    {_time("since")},
    state TEXT NOT NULL CHECK (state IN ('open', 'waived', 'closed')),
    severity TEXT NOT NULL CHECK (severity IN ('info', 'warn', 'error', 'critical')),
    PRIMARY KEY (lifecycle, since)
) STRICT, WITHOUT ROWID""",
)

_LISTED = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name LIMIT 20"
Schema = list[tuple[str, str, str, str | None]]


def create(connection: sqlite3.Connection) -> None:
    """Make an empty database a history, within the transaction that is open."""
    for table in _TABLES:
        connection.execute(table.strip())
    # Neither pragma takes parameters; both numbers are ours.
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def schema_of(connection: sqlite3.Connection) -> Schema:
    """Return the tables, indexes, views and triggers of a database, as far as they could be ours."""
    return list(connection.execute(_LISTED))


@cache
def expected_schema() -> Schema:
    """Return the schema that this SQLite makes of our tables."""
    connection = sqlite3.connect(":memory:")
    try:
        create(connection)
        return schema_of(connection)
    finally:
        connection.close()
