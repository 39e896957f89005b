"""What a vulnerability database has in it is read without the program that made it; damage is told."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.tools.bolt import BoltDamaged, bucket_names
from tests.support.bolt import bolt_file


def _file(folder: Path, body: bytes) -> Path:
    path = folder / "trivy.db"
    path.write_bytes(body)
    return path


def test_the_outermost_buckets_are_named(tmp_path: Path) -> None:
    file = bolt_file({"pip::x": {}, "debian 12": {"zlib": {"CVE-1": b"{}"}}, "not one": b"value"})

    assert bucket_names(_file(tmp_path, file)) == ("debian 12", "pip::x")


def test_there_may_be_more_of_them_than_a_page_holds(tmp_path: Path) -> None:
    names = tuple(f"source {number:05}" for number in range(3000))

    assert bucket_names(_file(tmp_path, bolt_file({name: {"key": b""} for name in names}))) == names


def test_the_second_meta_page_holds_where_the_first_is_damaged(tmp_path: Path) -> None:
    file = bolt_file({"debian 12": {}})

    assert bucket_names(_file(tmp_path, file[:50] + b"\xff" + file[51:])) == ("debian 12",)


@pytest.mark.parametrize("length", [0, 1, 4096, 8192, 12288])
def test_a_file_that_is_cut_short_is_told(tmp_path: Path, length: int) -> None:
    whole = bolt_file({f"bucket {number}": {"key": bytes(2000)} for number in range(9)})

    with pytest.raises(BoltDamaged):
        bucket_names(_file(tmp_path, whole[:length]))


def test_a_page_that_leads_to_itself_ends(tmp_path: Path) -> None:
    whole = bytearray(bolt_file({f"source {number:05}": {"key": b""} for number in range(3000)}))
    branch = next(at for at in range(0, len(whole), 4096) if whole[at + 8] == 1)
    whole[branch + 16 + 8 : branch + 16 + 16] = (branch // 4096).to_bytes(8, "little")

    with pytest.raises(BoltDamaged, match="do not form a tree"):
        bucket_names(_file(tmp_path, bytes(whole)))


@given(st.data())
def test_no_damage_leads_to_anything_but_names_or_its_own_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    body = bytearray(bolt_file({f"bucket {number}": {"key": b"value"} for number in range(300)}))
    for _ in range(data.draw(st.integers(1, 5))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))

    try:
        names = bucket_names(_file(tmp_path_factory.mktemp("damaged"), bytes(body)))
    except BoltDamaged:
        return
    assert len(names) <= 300
