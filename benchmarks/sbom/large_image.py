"""A large image of real things: the layers of several of the example's images, laid on one another."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fleet_audit.audit.images.open import open_image
from tests.support.example_images import example_layout

TAGS = (
    "family-vision-cu121",
    "family-vision-cu121-mediapipe",
    "family-torch-cu121-amended",
    "family-vision-cu121-headless",
)
_REF_NAME = "org.opencontainers.image.ref.name"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def large_image(folder: Path) -> Path:
    """Return an OCI layout in `folder` with one image: every distinct layer of `TAGS`, gzip as they are."""
    source = example_layout(*TAGS)
    index = _document(source / "index.json")
    entries = {entry["annotations"][_REF_NAME]: entry for entry in index["manifests"]}
    layers: dict[str, dict[str, Any]] = {}
    for tag in TAGS:
        manifest = _document(_blob(source, entries[tag]["digest"]))
        config = _document(_blob(source, manifest["config"]["digest"]))
        layers |= dict(zip(config["rootfs"]["diff_ids"], manifest["layers"], strict=True))
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for layer in layers.values():
        shutil.copyfile(_blob(source, layer["digest"]), _blob(folder, layer["digest"]))
    config = {"os": "linux", "architecture": "amd64", "config": {}}
    config["rootfs"] = {"type": "layers", "diff_ids": list(layers)}
    described = _added(folder, config, _CONFIG)
    manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": described, "layers": [*layers.values()]}
    entry = _added(folder, manifest, _MANIFEST) | {"annotations": {_REF_NAME: "large"}}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    return folder


def sizes(layout: Path) -> tuple[int, int, int]:
    """Return how many layers an image has, their bytes as they are stored, and unpacked."""
    with open_image(f"oci:{layout}", jobs=2) as image:
        stored = sum(layer.size for layer in image.identity.layers)
        return len(image.identity.layers), stored, image.statistics.bytes_inflated


def read_once(layout: Path) -> None:
    """Read every blob, so that the system holds them in memory before anything is measured."""
    for blob in _blobs(layout):
        with blob.open("rb") as file:
            while file.read(1 << 20):
                pass


def _blobs(layout: Path) -> Iterator[Path]:
    with os.scandir(layout / "blobs" / "sha256") as entries:
        yield from (Path(entry.path) for entry in entries)


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")


def _document(path: Path) -> Any:
    return json.loads(path.read_bytes())


def _added(layout: Path, document: object, media_type: str) -> dict[str, Any]:
    data = json.dumps(document).encode()
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    _blob(layout, digest).write_bytes(data)
    return {"mediaType": media_type, "digest": digest, "size": len(data)}
