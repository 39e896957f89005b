"""Which code this is: another one whenever a file of it changes, and the same as long as none does."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet_audit.audit.configuration.own_code import code_below, own_code


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder of some code."""
    (tmp_path / "inner").mkdir()
    for name in ("one.py", "inner/two.py", "notes.txt"):
        (tmp_path / name).write_text("x = 1\n")
        os.utime(tmp_path / name, (1_000, 1_000))
    return tmp_path


def test_the_same_files_are_the_same_code(folder: Path) -> None:
    assert code_below(folder) == code_below(folder)
    assert own_code() == own_code()


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "three.py").write_text(""),
        lambda folder: (folder / "inner" / "two.py").unlink(),
        lambda folder: (folder / "one.py").rename(folder / "other.py"),
        lambda folder: os.utime(folder / "one.py", (2_000, 2_000)),
        lambda folder: (folder / "inner" / "two.py").write_text("x = 22\n"),
    ],
)
def test_a_file_that_comes_goes_or_changes_makes_other_code(
    folder: Path, change: Callable[[Path], object]
) -> None:
    before = code_below(folder)
    change(folder)
    assert code_below(folder) != before


def test_what_is_no_code_may_change(folder: Path) -> None:
    before = code_below(folder)
    (folder / "notes.txt").write_text("other")
    assert code_below(folder) == before
