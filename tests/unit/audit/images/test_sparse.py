"""Sparse files, in each way that tar has stored them (GNU tar manual, Sparse Formats)."""

import io
import tarfile
from pathlib import Path

import msgspec
import pytest

from fleet_audit.audit.images.collector import Member, MemberBody
from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.images.tree import FileUnreadable
from fleet_audit.audit.model.identity import ImagePath
from tests.support.images import ImageBuilder

WHOLE = b"\0" * 1000 + b"data" + b"\0" * 2000 + b"more" + b"\0" * 100
RUNS = ((1000, 4), (3004, 4))
STORED = b"datamore"


class Whole(msgspec.Struct, frozen=True):
    """A file's body."""

    body: bytes


class Bodies:
    """Records whole bodies."""

    name = "bodies"
    version = 1
    record_type = Whole
    begins = b""

    def collect(self, member: Member, body: MemberBody) -> Whole | None:
        assert bytes(body.upto(1002)) == WHOLE[:1002] or member.size < 1002
        return Whole(bytes(body.upto(member.size)))


def layer(headers: dict[str, str], stored: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("GNUSparseFile.0/sparse")
        member.size = len(stored)
        member.pax_headers = headers
        archive.addfile(member, io.BytesIO(stored))
        after = tarfile.TarInfo("after")
        after.size = 2
        archive.addfile(after, io.BytesIO(b"ok"))
    return out.getvalue()


def version_0_1() -> bytes:
    numbers = ",".join(str(number) for run in RUNS for number in run)
    return layer(
        {"GNU.sparse.map": numbers, "GNU.sparse.size": str(len(WHOLE)), "GNU.sparse.name": "sparse"}, STORED
    )


def version_1_0() -> bytes:
    lines = "".join(f"{number}\n" for number in (len(RUNS), *(n for run in RUNS for n in run)))
    headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "sparse",
        "GNU.sparse.realsize": str(len(WHOLE)),
    }
    return layer(headers, lines.encode().ljust(512, b"\0") + STORED)


def old_gnu() -> bytes:
    plain = layer({}, STORED)
    body_at = next(at for at in range(0, len(plain), 512) if plain[at : at + 8] == STORED)
    header = bytearray(plain[body_at - 512 : body_at])
    header[0:100] = b"sparse".ljust(100, b"\0")
    header[156:157] = b"S"
    header[257:265] = b"ustar  \0"
    for number, run in enumerate(RUNS):
        header[386 + 24 * number : 410 + 24 * number] = b"%011o\0%011o\0" % run
    header[483:495] = b"%011o\0" % len(WHOLE)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + plain[body_at:]


@pytest.mark.parametrize("raw", [version_0_1(), version_1_0(), old_gnu()], ids=["0.1", "1.0", "old"])
def test_a_sparse_file_is_shown_to_collectors_whole(tmp_path: Path, raw: bytes) -> None:
    bodies = Bodies()

    with open_image(ImageBuilder((raw,)).write(tmp_path / "image"), collectors=[bodies]) as opened:
        assert opened.gaps == ()
        assert {p: record.body for p, record in opened.records(bodies).items()} == {
            "/after": b"ok",
            "/sparse": WHOLE,
        }
        with pytest.raises(FileUnreadable, match="is stored as a sparse file"):
            opened.tree.read(ImagePath("/sparse"))


def test_holes_that_would_fill_the_memory_are_a_gap(tmp_path: Path) -> None:
    huge = layer({"GNU.sparse.map": "0,4", "GNU.sparse.size": str(1 << 40)}, b"1234")

    with open_image(ImageBuilder((huge,)).write(tmp_path / "image"), collectors=[Bodies()]) as opened:
        assert ["too large to fill its holes" in gap.why for gap in opened.gaps] == [True]


@pytest.mark.parametrize("raw", [version_0_1(), old_gnu()], ids=["0.1", "old"])
def test_the_hand_made_ones_are_what_tarfile_reads(raw: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        member = archive.getmember("sparse")
        file = archive.extractfile(member)
        assert file is not None
        assert file.read() == WHOLE


@pytest.mark.parametrize(
    ("headers", "stored", "why"),
    [
        ({"GNU.sparse.map": "0,4,2,4", "GNU.sparse.size": "10"}, b"12345678", "out of order"),
        ({"GNU.sparse.map": "0,4", "GNU.sparse.size": "3"}, b"1234", "does not fit"),
        ({"GNU.sparse.map": "0,400", "GNU.sparse.size": "900"}, b"1234", "does not fit"),
        ({"GNU.sparse.map": "0", "GNU.sparse.size": "9"}, b"1234", "half a run"),
        ({"GNU.sparse.map": "a,b", "GNU.sparse.size": "9"}, b"1234", "number that is none"),
        ({"GNU.sparse.major": "1", "GNU.sparse.realsize": "9"}, b"9" * 700, "without a whole map"),
        ({"GNU.sparse.major": "1", "GNU.sparse.realsize": "9"}, b"99999\n" * 700, "without a whole map"),
    ],
)
def test_a_map_that_lies_is_a_gap(tmp_path: Path, headers: dict[str, str], stored: bytes, why: str) -> None:
    with open_image(ImageBuilder((layer(headers, stored),)).write(tmp_path / "image")) as opened:
        assert [why in gap.why for gap in opened.gaps] == [True]
