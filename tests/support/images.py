"""Builds images in memory and writes them in every form: deterministic, in a few milliseconds."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import zstandard

from tests.support.trees import Link

Compression = Literal["gzip", "zstd", "none"]
Form = Literal["oci", "oci-archive", "docker-archive"]
FORMS: tuple[Form, ...] = ("oci", "oci-archive", "docker-archive")
COMPRESSIONS: tuple[Compression, ...] = ("gzip", "zstd", "none")

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
FOLDER = None

_EPOCH = 1_700_000_000
_SUFFIX = {"gzip": "+gzip", "zstd": "+zstd", "none": ""}
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"

OS_RELEASE = (
    'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\n'
    "VERSION_CODENAME=bookworm\nID=debian\n"
)


class Hard(str):
    """A hard link's target."""

    __slots__ = ()


Content = bytes | str | Link | Hard | None
"""A file's body, a symbolic link, a hard link, or `FOLDER`."""


def layer_tar(
    files: Mapping[str, Content] | Sequence[tuple[str, Content]], *, mode: int = 0o644, pax: bool = True
) -> bytes:
    """Return a layer's tar with these members, in their order; pairs may repeat a name."""
    out = io.BytesIO()
    form = tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, content in files.items() if isinstance(files, Mapping) else files:
            member, body = _member(name, content, mode)
            archive.addfile(member, io.BytesIO(body))
    return out.getvalue()


def _member(name: str, content: Content, mode: int) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.mtime = _EPOCH
    member.mode = mode
    if content is None:
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        return member, b""
    if isinstance(content, Link | Hard):
        member.type = tarfile.SYMTYPE if isinstance(content, Link) else tarfile.LNKTYPE
        member.linkname = str(content)
        return member, b""
    body = content.encode() if isinstance(content, str) else content
    member.size = len(body)
    return member, body


def sparse_layer(name: str) -> bytes:
    """Return a layer with one sparse file: four bytes of a hole, then four stored (GNU format 0.1)."""
    member = tarfile.TarInfo(name)
    member.size = 4
    keys = ("major", "minor", "size", "map")
    values = ("0", "1", "8", "4,4")
    member.pax_headers = {f"GNU.sparse.{key}": value for key, value in zip(keys, values, strict=True)}
    return member.tobuf(tarfile.PAX_FORMAT) + b"tail".ljust(512, b"\0") + bytes(1024)


def sha256(data: bytes) -> str:
    """Return a digest as images write it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


@lru_cache(maxsize=64)
def compressed(data: bytes, compression: Compression) -> bytes:
    """Return a layer as it is stored; most tests store the same few."""
    match compression:
        case "gzip":
            return gzip.compress(data, 1, mtime=0)
        case "zstd":
            return zstandard.ZstdCompressor(level=3).compress(data)
        case "none":
            return data


@dataclass(frozen=True)
class ImageBuilder:
    """An image to write: raw layers, lowest first, and what its configuration says.

    `config` is docker's inner object (Env, User, Healthcheck…). Layers may be replaced by anything, and
    `media_types` and `diff_ids` override what would be true, to make damaged images. `created_by` is the
    history of the lowest layers.
    """

    layers: tuple[bytes, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    architecture: str = "amd64"
    os: str = "linux"
    tag: str = "latest"
    media_types: Mapping[int, str] = field(default_factory=dict)
    diff_ids: Mapping[int, str] = field(default_factory=dict)
    created_by: Sequence[str] = ()

    def config_json(self) -> bytes:
        """Return the configuration document."""
        ids = [self.diff_ids.get(i, sha256(raw)) for i, raw in enumerate(self.layers)]
        steps = [*self.created_by, *(f"step {i}" for i in range(len(self.created_by), len(ids)))]
        history = [{"created_by": step} for step in steps]
        return _json(
            {
                "architecture": self.architecture,
                "os": self.os,
                "config": dict(self.config),
                "rootfs": {"type": "layers", "diff_ids": ids},
                "history": [*history, {"created_by": "ENV", "empty_layer": True}],
            }
        )

    def blobs(self, compression: Compression) -> tuple[dict[str, bytes], dict[str, Any]]:
        """Return the layout's blobs by digest, and the descriptor of the manifest."""
        stored = [compressed(raw, compression) for raw in self.layers]
        config = self.config_json()
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": _descriptor(config, _CONFIG),
                "layers": [
                    _descriptor(blob, self.media_types.get(i, _LAYER + _SUFFIX[compression]))
                    for i, blob in enumerate(stored)
                ],
            }
        )
        entry = _descriptor(manifest, _MANIFEST) | {
            "platform": {"os": self.os, "architecture": self.architecture},
            "annotations": {"org.opencontainers.image.ref.name": self.tag},
        }
        return {sha256(blob): blob for blob in (*stored, config, manifest)}, entry

    def write(self, place: Path, form: Form = "oci", compression: Compression = "gzip") -> str:
        """Write the image at `place` and return its reference."""
        return write_images([self], place, form, compression)


def _descriptor(data: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": sha256(data), "size": len(data)}


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def image(
    *layers: Mapping[str, Content] | Sequence[tuple[str, Content]] | bytes, **facts: Any
) -> ImageBuilder:
    """Return an image of these layers; bytes are taken as a finished tar, `facts` as of `ImageBuilder`."""
    raw = tuple(layer if isinstance(layer, bytes) else layer_tar(layer) for layer in layers)
    return ImageBuilder(raw, **facts)


def layout_files(images: Sequence[ImageBuilder], compression: Compression) -> dict[str, bytes]:
    """Return the files of an OCI layout with these images."""
    files = {"oci-layout": _json({"imageLayoutVersion": "1.0.0"})}
    entries = []
    for each in images:
        blobs, entry = each.blobs(compression)
        entries.append(entry)
        files |= {f"blobs/sha256/{digest[7:]}": blob for digest, blob in blobs.items()}
    files["index.json"] = _json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries})
    return files


def docker_files(images: Sequence[ImageBuilder], compression: Compression = "none") -> dict[str, bytes]:
    """Return the members of a docker archive with these images, layers in the old places."""
    files: dict[str, bytes] = {}
    manifest = []
    for each in images:
        config = each.config_json()
        names = []
        for raw in each.layers:
            name = f"{hashlib.sha256(raw).hexdigest()}/layer.tar"
            files[name] = compressed(raw, compression)
            names.append(name)
        config_name = f"{hashlib.sha256(config).hexdigest()}.json"
        files[config_name] = config
        tags = [f"fleet/{each.tag}:1.0"] if each.tag else None
        manifest.append({"Config": config_name, "RepoTags": tags, "Layers": names})
    files["manifest.json"] = _json(manifest)
    return files


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files below a folder."""
    for name, body in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


def write_images(
    images: Sequence[ImageBuilder], place: Path, form: Form = "oci", compression: Compression = "gzip"
) -> str:
    """Write images at `place` and return the reference of the place."""
    match form:
        case "oci":
            write_files(layout_files(images, compression), place)
        case "oci-archive":
            place.write_bytes(layer_tar(layout_files(images, compression)))
        case "docker-archive":
            place.write_bytes(layer_tar(docker_files(images, compression)))
    return f"{form}:{place}"
