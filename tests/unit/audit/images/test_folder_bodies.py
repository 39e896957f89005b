"""A file of this machine is read where it is asked for, and nowhere else."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleet_audit.audit.images.collector import BodyTooLarge
from fleet_audit.audit.images.folder import FolderBody, open_folder
from fleet_audit.audit.model.identity import ImagePath


@contextmanager
def body(folder: Path, content: bytes, *, most: int = 1 << 30) -> Iterator[FolderBody]:
    path = folder / "x"
    path.write_bytes(content)
    with path.open("rb") as file:
        yield FolderBody(file.fileno(), most=most)


@pytest.mark.parametrize(
    ("offset", "length"), [(0, 4), (3, 4), (5000, 10), (9_995, 10), (10_000, 5), (20_000, 1)]
)
def test_a_part_is_what_stands_there(tmp_path: Path, offset: int, length: int) -> None:
    content = bytes(range(250)) * 40

    with body(tmp_path, content) as found:
        before = found.part(offset, length)
        assert bytes(found.upto(6000)) == content[:6000]
        assert (before, found.part(offset, length)) == (content[offset : offset + length],) * 2


def test_a_part_that_lies_far_in_is_not_bounded_by_what_lies_before(tmp_path: Path) -> None:
    with body(tmp_path, b"a" * 100_000 + b"end", most=10_000) as found:
        assert found.part(100_000, 3) == b"end"
        with pytest.raises(BodyTooLarge):
            found.part(0, 20_000)
        with pytest.raises(BodyTooLarge):
            found.upto(20_000)


def test_a_file_that_shrinks_is_an_error_and_not_a_short_answer(tmp_path: Path) -> None:
    with body(tmp_path, b"a" * 10_000) as found:
        (tmp_path / "x").write_bytes(b"")
        with pytest.raises(OSError, match="shorter"):
            found.part(5_000, 10)


def test_names_that_are_no_utf8_are_found_on_this_machine(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/d\xff"
    os.mkdir(folder)
    Path(os.fsdecode(folder + b"/f\xfe")).write_bytes(b"here")
    tree = open_folder(tmp_path)

    ((path, _),) = tree.files()

    assert path == "/d\\xff/f\\xfe"
    assert tree.host_path(path) == os.fsencode(tmp_path) + b"/d\xff/f\xfe"
    assert tree.read(ImagePath(path)) == b"here"
