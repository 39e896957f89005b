"""Damaged and hostile layers: a gap that says why, and the rest of the image is read."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest
import zstandard

from fleet_audit.audit.images.limits import Limits
from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.images.store import LayerStore
from tests.support.images import Content, ImageBuilder, image, layer_tar, layout_files, sha256, write_files
from tests.support.trees import Link

GOOD = layer_tar({"good": "1"})
BAD_BYTES = layer_tar({"bad": "0" * 3000})


def only_gap(tmp_path: Path, world: ImageBuilder, limits: Limits | None = None) -> str:
    """Return why the only gap of an image is one; everything but its layer `bad` must have been read."""
    ref = world.write(tmp_path / "image")
    with open_image(ref, limits=limits or Limits()) as opened:
        assert [path for path, _ in opened.tree.files()] == ["/good"]
        (gap,) = opened.gaps
        assert gap.kind == "unreadable-layer"
        assert gap.blocking
        return gap.why


def stored_as(tmp_path: Path, stored: bytes) -> str:
    """Return the gap of a layer whose blob is `stored`, described truly by manifest and configuration."""
    world = image(GOOD, BAD_BYTES)
    files = layout_files([world], "none")
    old = sha256(BAD_BYTES)[7:]
    del files[f"blobs/sha256/{old}"]
    renamed = {}
    mapping = {old: sha256(stored)[7:]}
    manifest_name = next(n for n, b in files.items() if b.startswith(b'{"schemaVersion"') and b"config" in b)
    manifest = files.pop(manifest_name).replace(
        f'"sha256:{old}","size":{len(BAD_BYTES)}'.encode(),
        f'"sha256:{mapping[old]}","size":{len(stored)}'.encode(),
    )
    index = files.pop("index.json").replace(manifest_name[-64:].encode(), sha256(manifest)[7:].encode())
    renamed[f"blobs/sha256/{sha256(manifest)[7:]}"] = manifest
    renamed[f"blobs/sha256/{mapping[old]}"] = stored
    renamed["index.json"] = index
    write_files(files | renamed, tmp_path / "image")
    with open_image(f"oci:{tmp_path / 'image'}") as opened:
        assert [path for path, _ in opened.tree.files()] == ["/good"]
        (gap,) = opened.gaps
        return gap.why


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        (gzip.compress(BAD_BYTES, mtime=0)[:-9], "truncated"),
        (gzip.compress(BAD_BYTES, mtime=0) + b"rubbish" * 9, "damaged gzip stream"),
        (gzip.compress(BAD_BYTES, mtime=0)[:30] + b"\xff" * 30, "gzip stream"),
        (zstandard.compress(BAD_BYTES)[:20] + b"\xff" * 200, "damaged zstd stream"),
        (BAD_BYTES[:700], "truncated inside a file's body"),
        (BAD_BYTES[:300], "truncated inside a header"),
        (b"x" * 2000, "number in a header"),
        (BAD_BYTES[:148] + b"0000000\0" + BAD_BYTES[156:], "wrong checksum at byte 0"),
        (b"\0" * 512 + BAD_BYTES, "lone zero block"),
        (b"BZh91AY" + b"x" * 600, "compressed with bzip2"),
        (b"\xfd7zXZ\0" + b"x" * 600, "compressed with xz"),
        (layer_tar({"other": "x"}), "has the diffID"),
    ],
)
def test_a_damaged_layer_is_a_gap(tmp_path: Path, stored: bytes, why: str) -> None:
    assert why in stored_as(tmp_path, stored)


@pytest.mark.parametrize(
    "stored",
    [
        gzip.compress(BAD_BYTES, mtime=0) + bytes(512),
        gzip.compress(BAD_BYTES[:1000], mtime=0) + gzip.compress(BAD_BYTES[1000:], mtime=0),
        zstandard.compress(BAD_BYTES[:1000]) + zstandard.compress(BAD_BYTES[1000:]),
    ],
)
def test_padding_and_several_compressed_members_are_fine(tmp_path: Path, stored: bytes) -> None:
    with pytest.raises(AssertionError, match="bad"):
        stored_as(tmp_path, stored)


def test_a_blob_that_was_changed_has_the_wrong_digest(tmp_path: Path) -> None:
    world = image(GOOD, BAD_BYTES)
    world.write(tmp_path / "image", compression="none")
    blob = tmp_path / "image" / "blobs" / "sha256" / sha256(BAD_BYTES)[7:]
    blob.write_bytes(BAD_BYTES.replace(b"0000000000", b"1111111111"))

    with open_image(f"oci:{tmp_path / 'image'}") as opened:
        assert ["has the digest" in gap.why for gap in opened.gaps] == [True]


@pytest.mark.parametrize(("change", "why"), [(b"", "0 bytes, but the manifest says"), (None, "is missing")])
def test_a_blob_of_another_size_or_none_is_a_gap(tmp_path: Path, change: bytes | None, why: str) -> None:
    image(GOOD, BAD_BYTES).write(tmp_path / "image", compression="none")
    blob = tmp_path / "image" / "blobs" / "sha256" / sha256(BAD_BYTES)[7:]
    if change is None:
        blob.unlink()
    else:
        blob.write_bytes(change)

    with open_image(f"oci:{tmp_path / 'image'}") as opened:
        assert [why in gap.why for gap in opened.gaps] == [True]


def test_an_unknown_media_type_is_a_gap(tmp_path: Path) -> None:
    encrypted = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"

    assert encrypted in only_gap(tmp_path, image(GOOD, BAD_BYTES, media_types={1: encrypted}))


def test_a_wrong_diff_id_is_a_gap(tmp_path: Path) -> None:
    assert "but the configuration says" in only_gap(
        tmp_path, image(GOOD, BAD_BYTES, diff_ids={1: sha256(b"")})
    )


def test_a_bomb_is_refused_long_before_it_is_inflated(tmp_path: Path) -> None:
    bomb = layer_tar({"bad": b"\0" * (30 << 20)})

    why = only_gap(tmp_path, image(GOOD, bomb), Limits(free_bytes=1 << 20, ratio=50))

    assert "refused as a bomb" in why


def test_what_compresses_very_well_but_is_small_is_no_bomb(tmp_path: Path) -> None:
    world = image(GOOD, layer_tar({"zeros": b"\0" * (3 << 20)}))

    with open_image(world.write(tmp_path / "image")) as opened:
        assert opened.gaps == ()


@pytest.mark.parametrize(
    ("files", "limits", "why"),
    [
        ({f"bad{i}": "" for i in range(30)}, Limits(entries=20), "more than 20 entries"),
        ({"bad" * 90: ""}, Limits(name_bytes=200), "name of over 200 bytes"),
        ({"bad" * 900: ""}, Limits(header_bytes=1024), "long name header of"),
        ({f"{'bad' * 30}{i}": "" for i in range(30)}, Limits(all_name_bytes=999), "over 999 bytes of names"),
        ({"bad": "0" * 10_000}, Limits(raw_bytes=11_000), "refused as a bomb"),
    ],
)
def test_each_limit_is_a_gap_with_its_number(
    tmp_path: Path, files: dict[str, str], limits: Limits, why: str
) -> None:
    assert why in only_gap(tmp_path, image(GOOD, layer_tar(files)), limits)


def test_devices_pipes_and_unknown_members_are_never_files(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind in (("c", tarfile.CHRTYPE), ("b", tarfile.BLKTYPE), ("p", tarfile.FIFOTYPE)):
            member = tarfile.TarInfo(name)
            member.type = kind
            archive.addfile(member)
        member = tarfile.TarInfo("volume")
        member.type = b"V"
        archive.addfile(member)

    with open_image(image(GOOD, out.getvalue()).write(tmp_path / "image")) as opened:
        assert [path for path, _ in opened.tree.files()] == ["/good"]
        assert opened.gaps == ()


def test_links_through_one_another_are_not_followed_for_hours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet_audit.audit.images.merge.MAX_STEPS", 1000)
    links: dict[str, Content] = {f"l{i}": Link(f"l{i + 1}/" + "./d/../" * 50) for i in range(30)}
    files: dict[str, Content] = {f"l{i}/bad{i}": "" for i in range(30)}

    with open_image(image(GOOD, layer_tar(links | files)).write(tmp_path / "image")) as opened:
        assert ["over 1000 steps to follow" in gap.why for gap in opened.gaps] == [True]


def test_pax_headers_do_not_pile_up(tmp_path: Path) -> None:
    member = layer_tar({"x" * 300 + "bad": "1"})
    pile = member[:1024] * 40 + member[1024:]

    assert "long name header of" in only_gap(tmp_path, image(GOOD, pile), Limits(header_bytes=4096))


def test_deep_names_that_imply_too_many_folders_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet_audit.audit.images.merge.MAX_IMPLIED_FOLDERS", 100)
    deep = layer_tar({f"{i}/" + "d/" * 90 + "bad": "" for i in range(3)})

    with open_image(image(GOOD, deep).write(tmp_path / "image")) as opened:
        assert ["names files in over 100 folders" in gap.why for gap in opened.gaps] == [True]
        assert {opened.tree.read(path) for path, _ in opened.tree.files()} == {b"1", b""}


def test_a_missing_blob_is_a_gap_although_its_facts_are_known(tmp_path: Path) -> None:
    ref = image(GOOD, BAD_BYTES).write(tmp_path / "image", compression="none")
    store = LayerStore(tmp_path / "cache")
    open_image(ref, store=store).close()
    (tmp_path / "image" / "blobs" / "sha256" / sha256(BAD_BYTES)[7:]).unlink()

    with open_image(ref, store=store) as opened:
        assert ["is missing" in gap.why for gap in opened.gaps] == [True]
