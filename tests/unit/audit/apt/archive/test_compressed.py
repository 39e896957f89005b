import gzip
import lzma
from pathlib import Path

import pytest

from fleet_audit.audit.apt.archive.compressed import Damaged, unpacked

BODY = bytes(range(256)) * 40_000
PACKED = {".gz": gzip.compress(BODY), ".xz": lzma.compress(BODY), "": BODY}


def unpack(folder: Path, suffix: str, packed: bytes, *, limit: int = len(BODY)) -> bytes:
    path = folder / "packed"
    path.write_bytes(packed)
    return b"".join(unpacked(path, suffix, limit=limit))


@pytest.mark.parametrize("suffix", PACKED)
def test_every_compression_gives_the_same_body(tmp_path: Path, suffix: str) -> None:
    assert unpack(tmp_path, suffix, PACKED[suffix]) == BODY


def test_gzip_members_are_joined(tmp_path: Path) -> None:
    assert unpack(tmp_path, ".gz", PACKED[".gz"] * 2, limit=2 * len(BODY)) == BODY * 2


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
def test_noise_is_refused(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(Damaged, match="cannot be unpacked"):
        unpack(tmp_path, suffix, b"this is no compressed file, however long it may be" * 20)


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
def test_a_truncated_body_is_refused(tmp_path: Path, suffix: str) -> None:
    packed = PACKED[suffix]

    with pytest.raises(Damaged):
        unpack(tmp_path, suffix, packed[: len(packed) // 2])


@pytest.mark.parametrize("suffix", PACKED)
def test_a_body_that_grows_over_its_limit_is_refused(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(Damaged, match="larger than the"):
        unpack(tmp_path, suffix, PACKED[suffix], limit=len(BODY) - 1)


def test_a_bomb_is_refused_before_it_takes_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(gzip.compress(bytes(64 << 20), 1))

    chunks = unpacked(path, ".gz", limit=1 << 20)

    with pytest.raises(Damaged):
        assert max(map(len, chunks)) <= 4 << 20
