import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from examples.fleet.builder.export import Format, export
from examples.fleet.builder.failure import BuildError
from examples.fleet.builder.filesystem import FileSystem, LayerWriter
from examples.fleet.builder.layers import Blob, BlobSink, Compression, blob_file, keep_blob, read_layer
from examples.fleet.builder.oci import Instruction, Layout


def stored(
    layout: Layout, files: FileSystem, compression: Compression, fill: Callable[[LayerWriter], None]
) -> Blob:
    with blob_file(layout.blobs) as file:
        sink = BlobSink(file, compression)
        writer = LayerWriter(files, sink)
        fill(writer)
        writer.close()
        blob = sink.finish()
        keep_blob(file, layout.blobs, blob.digest)
    return blob


def base(writer: LayerWriter) -> None:
    writer.file("etc/motd", b"hello")
    writer.file("usr/bin/tool", b"", mode=0o755)


def change(writer: LayerWriter) -> None:
    writer.remove("etc/motd")
    writer.file("opt/new", b"new")


def small(folder: Path) -> Layout:
    layout = Layout(folder / "layout")
    files = FileSystem()
    first = stored(layout, files, Compression.GZIP, base)
    second = stored(layout, files, Compression.GZIP, change)
    layout.add("one", {"User": "0"}, [Instruction("ADD", first)])
    layout.add(
        "two", {"User": "1"}, [Instruction("ADD", first), Instruction("RUN", second), Instruction("USER 1")]
    )
    return layout


@pytest.mark.parametrize("compression", list(Compression))
def test_a_blob_has_the_digests_of_what_is_stored_and_of_the_tar_within(
    tmp_path: Path, compression: Compression
) -> None:
    layout = Layout(tmp_path)
    blob = stored(layout, FileSystem(), compression, base)

    body = layout.blob(blob.digest).read_bytes()
    tar = {
        Compression.GZIP: lambda: zlib.decompress(body, 31),
        Compression.ZSTD: lambda: zstandard.ZstdDecompressor().decompressobj().decompress(body),
        Compression.NONE: lambda: body,
    }[compression]()

    assert blob.digest == f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert blob.diff_id == f"sha256:{hashlib.sha256(tar).hexdigest()}"
    assert blob.size == len(body)
    assert b"".join(read_layer(layout.blob(blob.digest), blob.media_type)) == tar


def test_images_share_the_layers_that_are_equal(tmp_path: Path) -> None:
    layout = small(tmp_path)

    one, two = layout.image("one"), layout.image("two")

    assert two.layers[:1] == one.layers
    assert json.loads(two.config)["history"][2]["empty_layer"] is True
    assert sorted(layout.tags()) == ["one", "two"]


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    first = small(tmp_path / "a").path
    second = small(tmp_path / "b").path

    assert (first / "index.json").read_bytes() == (second / "index.json").read_bytes()


def test_a_tag_that_moves_leaves_blobs_that_can_be_dropped(tmp_path: Path) -> None:
    layout = small(tmp_path)
    before = len(list(layout.blobs.iterdir()))

    layout.add("two", {}, [Instruction("ADD nothing")])
    layout.drop_unused()

    assert len(list(layout.blobs.iterdir())) < before
    assert layout.image("one").layers
    assert layout.image("two").layers == ()


def test_an_image_whose_blob_is_damaged_is_not_there(tmp_path: Path) -> None:
    layout = small(tmp_path)
    layout.add("three", {}, [Instruction("ADD", None)], inputs="abc")
    assert layout.has("three", "abc")
    assert not layout.has("three", "abd")

    layout.blob(layout.image("two").layers[0]["digest"]).write_bytes(b"")
    assert not layout.has("two", "")

    for blob in layout.blobs.iterdir():
        blob.unlink()
    assert layout.tags() == {}


def test_an_unknown_tag_is_an_error_that_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no such image; there are: one, two"):
        small(tmp_path).image("three")


@pytest.mark.parametrize("compression", list(Compression))
def test_an_oci_archive_holds_the_same_tars_in_another_compression(
    tmp_path: Path, compression: Compression
) -> None:
    layout = small(tmp_path)
    place = tmp_path / "two.tar"

    export(layout, "two", place, Format.OCI_ARCHIVE, compression)

    with tarfile.open(place) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(tmp_path / "unpacked")  # noqa: S202  (our own archive, through the filter above)
    again = Layout(tmp_path / "unpacked").image("two")
    assert again.diff_ids == layout.image("two").diff_ids
    assert again.layers[0]["mediaType"] == compression.media_type


def test_a_docker_archive_names_its_layers_and_holds_them_uncompressed(tmp_path: Path) -> None:
    layout = small(tmp_path)
    place = tmp_path / "two.tar"

    export(layout, "two", place, Format.DOCKER_ARCHIVE, Compression.GZIP)

    with tarfile.open(place) as tar:
        bodies = {m.name: (tar.extractfile(m) or io.BytesIO()).read() for m in tar}
    (manifest,) = json.loads(bodies["manifest.json"])
    digests = [f"sha256:{hashlib.sha256(bodies[name]).hexdigest()}" for name in manifest["Layers"]]
    assert digests == json.loads(bodies[manifest["Config"]])["rootfs"]["diff_ids"]


def test_a_folder_has_the_layers_applied_one_after_the_other(tmp_path: Path) -> None:
    root = tmp_path / "root"

    export(small(tmp_path), "two", root, Format.DIR, Compression.GZIP)

    assert (root / "opt/new").read_bytes() == b"new"
    assert (root / "usr/bin/tool").is_file()
    assert not (root / "etc/motd").exists()
    with pytest.raises(BuildError, match="is not empty"):
        export(Layout(tmp_path / "layout"), "two", root, Format.DIR, Compression.GZIP)
