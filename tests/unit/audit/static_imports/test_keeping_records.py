"""Records between runs."""

import os
from pathlib import Path

import pytest

from fleet_audit.audit.static_imports.source.reading import read_source
from fleet_audit.audit.static_imports.source.store import (
    MemoryStore,
    decode_record,
    encode_record,
    record_key,
)
from fleet_audit.audit.tools.folder_store import FolderStore
from tests.support.pythons import examination

RECORD = read_source(b"import sys\nif sys.version_info >= (3, 9) and not x:\n    import a\n")


def test_a_record_survives_being_kept(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "records")
    key = record_key(b"body", "installed")
    store.put(key, encode_record(RECORD))
    kept = FolderStore(tmp_path / "records").get(key)
    assert kept is not None
    assert decode_record(kept) == RECORD


def test_what_was_never_kept_is_a_miss(tmp_path: Path) -> None:
    assert FolderStore(tmp_path).get(record_key(b"", "installed")) is None


@pytest.mark.parametrize("where", [0, 20, -1])
def test_a_damaged_record_is_a_miss(where: int) -> None:
    damaged = bytearray(encode_record(RECORD))
    damaged[where] ^= 1
    assert decode_record(bytes(damaged)) is None


def test_a_shortened_record_is_a_miss() -> None:
    whole = encode_record(RECORD)
    assert all(decode_record(whole[:length]) is None for length in range(len(whole)))


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    FolderStore(tmp_path / "file").put("ab" * 32, b"x")


def test_own_code_and_installed_code_are_kept_apart() -> None:
    assert record_key(b"x", "own (3, 11)") != record_key(b"x", "installed")


def test_a_folder_of_records_stays_below_its_size(tmp_path: Path) -> None:
    store = FolderStore(tmp_path, max_bytes=50)
    store.put("1" * 64, b"x" * 40)
    os.utime(tmp_path / "11" / ("1" * 64), (1, 1))

    store.put("000" + "2" * 61, b"y" * 40)

    assert store.get("1" * 64) is None
    assert store.get("000" + "2" * 61) == b"y" * 40


def test_a_large_record_makes_room_for_itself_whatever_its_key(tmp_path: Path) -> None:
    body = bytes(3 << 20)
    store = FolderStore(tmp_path, max_bytes=4 << 20)
    store.put("1" * 64, body)
    os.utime(tmp_path / "11" / ("1" * 64), (1, 1))

    store.put("2" * 64, body)

    assert store.get("1" * 64) is None
    assert store.get("2" * 64) == body


def test_half_a_character_in_a_string_keeps_a_record_from_being_kept_and_ends_no_run() -> None:
    app = "import sys\nsys.path.insert(0, '\\ud800')\n"
    found = examination({"app.py": app, "other.py": ""}, {}, records=MemoryStore())
    assert [edit.expression for edit in found.services[0].path_edits] == ["sys.path.insert(0, '\\ud800')"]
