"""The same image in other formats: OCI layout or archive, docker-archive, or an unpacked folder."""

import json
import os
import shutil
import tarfile
from collections.abc import Iterable
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, assert_never

from examples.fleet.builder.failure import BuildError
from examples.fleet.builder.filesystem import EPOCH
from examples.fleet.builder.layers import Blob, BlobSink, Compression, blob_file, keep_blob, read_layer
from examples.fleet.builder.oci import Instruction, Layout, StoredImage

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


class Format(StrEnum):
    """What can be written."""

    OCI = "oci"
    OCI_ARCHIVE = "oci-archive"
    DOCKER_ARCHIVE = "docker-archive"
    DIR = "dir"


def export(source: Layout, tag: str, destination: Path, form: Format, compression: Compression) -> None:
    """Write one image of `source` to `destination`.

    Archives appear whole or not at all. docker-archive holds uncompressed layers, as ``docker save`` writes
    them, whatever `compression` says; with DIR the layers are applied to a folder that must be empty.
    """
    image = source.image(tag)
    match form:
        case Format.OCI:
            _copy(source, image, Layout(destination), compression)
        case Format.OCI_ARCHIVE:
            with TemporaryDirectory(dir=destination.parent, prefix=".export-") as folder:
                _copy(source, image, Layout(Path(folder)), compression)
                _pack(Path(folder), destination)
        case Format.DOCKER_ARCHIVE:
            _docker_archive(source, image, destination)
        case Format.DIR:
            _apply(source, image, destination)
        case _:
            assert_never(form)


def _copy(source: Layout, image: StoredImage, target: Layout, compression: Compression) -> None:
    blobs = [_recompress(source, layer, target, compression) for layer in image.layers]
    config = json.loads(image.config)
    left = iter(blobs)
    instructions = [
        Instruction(line["created_by"], None if line.get("empty_layer") else next(left))
        for line in config["history"]
    ]
    target.add(image.tag, config["config"], instructions)


def _recompress(source: Layout, layer: dict[str, str], target: Layout, compression: Compression) -> Blob:
    with blob_file(target.blobs) as file:
        sink = BlobSink(file, compression)
        for chunk in read_layer(source.blob(layer["digest"]), layer["mediaType"]):
            sink.write(chunk)
        blob = sink.finish()
        keep_blob(file, target.blobs, blob.digest)
    return blob


def _pack(folder: Path, destination: Path) -> None:
    partial = destination.with_name(f".{destination.name}.partial")
    try:
        with tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as tar:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                with path.open("rb") as file:
                    _add(tar, str(path.relative_to(folder)), file, path.stat().st_size)
        partial.replace(destination)
    finally:
        partial.unlink(missing_ok=True)


def _docker_archive(source: Layout, image: StoredImage, destination: Path) -> None:
    config_name = f"{image.config_digest.removeprefix('sha256:')}.json"
    names = [f"{diff_id.removeprefix('sha256:')}/layer.tar" for diff_id in image.diff_ids]
    manifest = [
        {"Config": config_name, "RepoTags": [f"registry.example/acme/{image.tag}:latest"], "Layers": names}
    ]
    partial = destination.with_name(f".{destination.name}.partial")
    try:
        with tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as tar:
            _add(tar, config_name, BytesIO(image.config), len(image.config))
            for name, layer in zip(names, image.layers, strict=True):
                with TemporaryFile(dir=destination.parent) as file:
                    file.writelines(read_layer(source.blob(layer["digest"]), layer["mediaType"]))
                    size = file.tell()
                    file.seek(0)
                    _add(tar, name, file, size)
            body = json.dumps(manifest).encode()
            _add(tar, "manifest.json", BytesIO(body), len(body))
        partial.replace(destination)
    finally:
        partial.unlink(missing_ok=True)


def _add(tar: tarfile.TarFile, name: str, body: IO[bytes], size: int) -> None:
    info = tarfile.TarInfo(name)
    info.size = size
    info.mtime = EPOCH
    tar.addfile(info, body)


def _apply(source: Layout, image: StoredImage, root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    if any(root.iterdir()):
        raise BuildError(str(root), "is not empty")
    for layer in image.layers:
        with TemporaryFile(dir=root.parent) as file:
            file.writelines(read_layer(source.blob(layer["digest"]), layer["mediaType"]))
            file.seek(0)
            with tarfile.open(fileobj=file) as tar:
                _apply_layer(tar, root)


def _apply_layer(tar: tarfile.TarFile, root: Path) -> None:
    # The images are this builder's own: names are clean, and links lead where they should. Early versions
    # of Python 3.11 know no filters and take no word for them.
    tar.extraction_filter = getattr(tarfile, "fully_trusted_filter", None)
    members = tar.getmembers()
    _hide(root, (member.name for member in members))
    for member in members:
        if Path(member.name).name.startswith(_WHITEOUT):
            continue
        place = root / member.name
        if place.is_symlink() or (place.is_file() and not member.isdir()):
            place.unlink()
        tar.extract(member, root, numeric_owner=True, set_attrs=True)
        if os.geteuid() == 0 and not member.issym():
            place.chmod(member.mode)


def _hide(root: Path, names: Iterable[str]) -> None:
    for name in names:
        folder, _, last = name.rpartition("/")
        if last == _OPAQUE:
            for path in (root / folder).iterdir():
                _delete(path)
        elif last.startswith(_WHITEOUT):
            _delete(root / folder / last.removeprefix(_WHITEOUT))


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
