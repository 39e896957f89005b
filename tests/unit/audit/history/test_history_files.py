"""What a file at the place of a history may be, and that nothing of it is ever lost."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet_audit.audit.history import opening
from fleet_audit.audit.history.failure import (
    HistoryAbsent,
    HistoryBusy,
    HistoryDamaged,
    HistoryError,
    HistoryRefused,
    HistoryUnreachable,
)
from fleet_audit.audit.history.opening import writing
from fleet_audit.audit.history.store import History
from tests.support.lifecycles import audit, day, recorded


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


@pytest.fixture
def kept(path: Path) -> Path:
    """Give a history with findings on several pages."""
    recorded(path, audit(day(1), *(f"{number:04}" for number in range(400))))
    return path


def spoiled(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def cut(path: Path) -> None:
    os.truncate(path, 5000)


def overwritten(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[4096 : 4096 * 4] = b"\xff" * (4096 * 3)
    path.write_bytes(body)


def zeros(path: Path) -> None:
    path.write_bytes(bytes(8192))


def another_file(path: Path) -> None:
    path.write_text("<html>not found</html>" * 100)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "cut short": cut,
    "zeros": zeros,
    "no database": another_file,
    "pages overwritten": overwritten,
    "a trigger": lambda path: spoiled(
        path, "CREATE TRIGGER t AFTER INSERT ON audit BEGIN DELETE FROM change; END"
    ),
    "a view": lambda path: spoiled(path, "CREATE VIEW v AS SELECT * FROM audit"),
    "a table more": lambda path: spoiled(path, "CREATE TABLE x (y)"),
    "an index by an expression": lambda path: spoiled(path, "CREATE INDEX i ON audit (hex(digest))"),
    "a table less": lambda path: spoiled(path, "DROP TABLE change"),
    "another table": lambda path: spoiled(
        path, "DROP TABLE audit", "CREATE TABLE audit (image, at, digest, is_complete)"
    ),
    "an older form": lambda path: spoiled(path, "PRAGMA user_version = 0"),
    "a state that is none": lambda path: spoiled(
        path, "PRAGMA ignore_check_constraints = ON", "UPDATE change SET state = 'gone' WHERE lifecycle = 7"
    ),
    "a day that is none": lambda path: spoiled(
        path,
        "PRAGMA ignore_check_constraints = ON",
        "UPDATE change SET since = '2026-02-31T00:00:00Z' WHERE lifecycle = 7",
    ),
    "a last day that is none": lambda path: spoiled(
        path, "PRAGMA ignore_check_constraints = ON", "UPDATE lifecycle SET last_seen = 'z' WHERE id = 7"
    ),
    "an audit of no day": lambda path: spoiled(
        path, "PRAGMA ignore_check_constraints = ON", "UPDATE audit SET at = 'z'"
    ),
    "changes of nothing": lambda path: spoiled(path, "DELETE FROM lifecycle WHERE id = 7"),
    "text that is none": lambda path: spoiled(
        path, "UPDATE lifecycle SET subject = CAST(x'ff' AS TEXT) WHERE id = 7"
    ),
    "a finding without changes": lambda path: spoiled(path, "DELETE FROM change WHERE lifecycle = 7"),
    "a text without end": lambda path: spoiled(
        path,
        "PRAGMA ignore_check_constraints = ON",
        "UPDATE lifecycle SET subject = hex(zeroblob(1000000)) WHERE id = 7",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_history_is_not_read(kept: Path, name: str) -> None:
    DAMAGES[name](kept)
    before = kept.read_bytes()

    with pytest.raises(HistoryDamaged), History.read(kept) as history:
        assert (history.lifecycles(), history.audits()) is None

    assert kept.read_bytes() == before
    assert [each.name for each in kept.parent.iterdir()] == [kept.name]


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_history_is_moved_aside_as_it_is_and_another_begun(kept: Path, name: str) -> None:
    DAMAGES[name](kept)
    before = kept.read_bytes()

    with History.open(kept, "2026-11-20T06:00:00Z") as history:
        history.record(audit(day(20), "new"))
        aside = history.damaged

    assert aside is not None
    assert aside == kept.with_name("history.sqlite.damaged-20261120T060000Z")
    assert aside.read_bytes() == before
    with History.read(kept) as history:
        assert [each.fingerprint for each in history.lifecycles()] == ["new"]


def test_what_was_moved_aside_before_is_never_overwritten(path: Path) -> None:
    for number in range(3):
        path.write_text(f"damaged {number}" * 100)
        History.open(path, "2026-11-20T06:00:00Z").close()

    kept = sorted(each for each in path.parent.iterdir() if "damaged" in each.name)

    assert [each.name for each in kept] == [
        "history.sqlite.damaged-20261120T060000Z",
        "history.sqlite.damaged-20261120T060000Z-2",
        "history.sqlite.damaged-20261120T060000Z-3",
    ]
    assert [each.read_text()[:9] for each in kept] == ["damaged 0", "damaged 1", "damaged 2"]


def test_a_sound_history_is_left_where_it_is(kept: Path) -> None:
    with History.open(kept, day(9)) as history:
        assert history.damaged is None
        assert len(history.lifecycles()) == 400


@pytest.mark.parametrize("open_it", [History.read, lambda path: History.open(path, day(1))])
@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda path: spoiled(path, "PRAGMA user_version = 2"), "a newer fleet-audit wrote it"),
        (lambda path: spoiled(path, "PRAGMA application_id = 7"), "it is no history of fleet-audit"),
    ],
)
def test_what_somebody_else_wrote_is_refused_and_left_alone(
    kept: Path, open_it: Callable[[Path], History], spoil: Callable[[Path], None], complaint: str
) -> None:
    spoil(kept)
    before = kept.read_bytes()

    with pytest.raises(HistoryRefused, match=complaint):
        open_it(kept)

    assert kept.read_bytes() == before
    assert [each.name for each in kept.parent.iterdir()] == [kept.name]


def test_a_file_that_is_not_called_a_database_is_never_moved(tmp_path: Path) -> None:
    manifest = tmp_path / "fleet.yaml"
    manifest.write_text("version: 1\n" * 100)

    with pytest.raises(HistoryRefused, match="it is no history of fleet-audit, and stays as it is"):
        History.open(manifest, day(1))

    assert [each.name for each in tmp_path.iterdir()] == ["fleet.yaml"]


def a_link(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))


def too_large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(opening.MAX_BYTES + 1)


@pytest.mark.parametrize("is_readonly", [True, False])
@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (os.mkdir, "no regular file"),
        (os.mkfifo, "no regular file"),
        (a_link, "symbolic link"),
        (too_large, "larger than 2 GiB"),
    ],
)
def test_what_is_no_file_of_a_sensible_size_is_refused(
    path: Path, make: Callable[[Path], None], complaint: str, *, is_readonly: bool
) -> None:
    make(path)

    with pytest.raises(HistoryRefused, match=complaint):
        History.read(path) if is_readonly else History.open(path, day(1))

    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_journal_that_names_a_file_to_delete_is_not_followed(kept: Path) -> None:
    victim = kept.with_name("victim")
    victim.write_text("x")
    name = os.fsencode(victim)
    journal = Path(f"{kept}-journal")
    # SQLite file format, 3: header, then the name of the super-journal, its length, checksum and magic.
    magic = bytes.fromhex("d9d505f920a163d7")
    record = name + len(name).to_bytes(4, "big") + sum(name).to_bytes(4, "big") + magic
    journal.write_bytes(magic + bytes(504) + (1 << 30).to_bytes(4, "big") + record)

    with pytest.raises(HistoryRefused, match="it names another journal"):
        History.open(kept, day(2))

    assert victim.read_text() == "x"


def test_a_journal_that_is_a_link_is_not_followed(kept: Path) -> None:
    Path(f"{kept}-journal").symlink_to("/etc/passwd")

    with pytest.raises(HistoryRefused, match="symbolic link"):
        History.open(kept, day(2))


def test_reading_what_is_not_there_makes_nothing(path: Path) -> None:
    with pytest.raises(HistoryAbsent, match="there is no history yet"):
        History.read(path)

    assert list(path.parent.iterdir()) == []


def test_an_empty_file_is_a_history_that_was_not_begun(path: Path) -> None:
    path.touch()

    with pytest.raises(HistoryAbsent, match="nothing is in it yet"):
        History.read(path)
    assert list(recorded(path, audit(day(1), "a"))) == ["a"]


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    recorded(tmp_path / "build" / "audits" / "history.sqlite", audit(day(1), "a"))

    assert (tmp_path / "build" / "audits" / "history.sqlite").is_file()


def test_a_place_below_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(HistoryError, match=r"Not a directory|File exists"):
        History.open(tmp_path / "file" / "history.sqlite", day(1))


def test_a_path_with_the_signs_of_an_address_is_only_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a?mode=memory#%41&b.sqlite"

    recorded(path, audit(day(1), "a"))

    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_takes_no_file_is_a_clear_error() -> None:
    with pytest.raises(HistoryUnreachable, match="unable to open database file"):
        History.open(Path("/proc/history.sqlite"), day(2))


def test_a_disk_that_is_full_loses_nothing(kept: Path) -> None:
    before = kept.read_bytes()
    with History.open(kept, day(2)) as history:
        (pages,) = history._connection.execute("PRAGMA page_count").fetchone()  # noqa: SLF001  (how full the disk is)
        history._connection.execute(f"PRAGMA max_page_count = {pages}")  # noqa: SLF001  (the same)
        with pytest.raises(HistoryUnreachable, match="full"):
            history.record(audit(day(2), *(f"new-{number}" for number in range(1000))))

        assert len(history.lifecycles()) == 400
    assert kept.read_bytes() == before


def test_a_second_writer_waits_for_the_first_and_then_says_so(kept: Path) -> None:
    with History.open(kept, day(2)) as history:
        other = sqlite3.connect(kept, isolation_level=None)
        with writing(other), pytest.raises(HistoryBusy, match="somebody else writes to it"):
            History.open(kept, day(2), patience=0.05)
        other.close()

        history.record(audit(day(2), "b"))


def test_a_reader_does_not_wait_for_a_writer(kept: Path) -> None:
    other = sqlite3.connect(kept, isolation_level=None)
    with writing(other):
        other.execute("DELETE FROM change")
        with History.read(kept, patience=0.05) as history:
            assert len(history.lifecycles()) == 400
        other.execute("ROLLBACK")
        other.execute("BEGIN")
    other.close()


def test_a_python_with_an_old_sqlite_says_what_is_needed(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))

    with pytest.raises(HistoryError, match=r"and 3\.37 is needed"):
        History.read(kept)
