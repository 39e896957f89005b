import os
from pathlib import Path

from fleet_audit.audit.tools.cache_folder import trim


def test_the_cache_forgets_what_was_unused_for_longest(tmp_path: Path) -> None:
    (tmp_path / "aa").mkdir()
    entries = [tmp_path / "aa" / name for name in ("oldest", "older", "fresh")]
    for age, path in enumerate(reversed(entries)):
        path.write_bytes(b"0123456789")
        os.utime(path, (1_000_000 - age, 1_000_000 - age))

    trim(tmp_path, 20, keep=entries[2])

    assert [path.exists() for path in entries] == [False, True, True]


def test_a_folder_below_its_limit_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "aa").mkdir()
    (tmp_path / "aa" / "entry").write_bytes(b"0123456789")

    trim(tmp_path, 10)

    assert (tmp_path / "aa" / "entry").exists()
