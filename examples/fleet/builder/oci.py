"""An OCI image layout with several tagged images that share their blobs (OCI image specification)."""

import fcntl
import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from examples.fleet.builder.failure import BuildError
from examples.fleet.builder.filesystem import EPOCH
from examples.fleet.builder.layers import Blob

CREATED = datetime.fromtimestamp(EPOCH, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
TAG = "org.opencontainers.image.ref.name"
INPUTS = "com.acme.builder.inputs"

_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_PLATFORM = {"architecture": "amd64", "os": "linux"}


class Instruction(msgspec.Struct, frozen=True):
    """One line of an image's history, and the layer that it made; None where it changed no files."""

    created_by: str
    layer: Blob | None = None


class StoredImage(msgspec.Struct, frozen=True):
    """An image of a layout: its configuration's bytes, and its layers' descriptors."""

    tag: str
    config: bytes
    config_digest: str
    layers: tuple[dict[str, Any], ...]

    @property
    def diff_ids(self) -> list[str]:
        """Return the digests of the uncompressed layers, lowest first."""
        return list(json.loads(self.config)["rootfs"]["diff_ids"])


class Layout:
    """A folder in the OCI layout; it is made if it is not there."""

    def __init__(self, path: Path) -> None:
        """Open the layout at `path`."""
        self.path = path
        self.blobs = path / "blobs" / "sha256"
        self.blobs.mkdir(parents=True, exist_ok=True)
        (path / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))

    def add(
        self,
        tag: str,
        config: dict[str, Any],
        instructions: Iterable[Instruction],
        *,
        inputs: str = "",
    ) -> None:
        """Write an image and give it `tag`, taking the tag from whatever had it."""
        listed = list(instructions)
        layers = [instruction.layer for instruction in listed if instruction.layer is not None]
        body = {
            "created": CREATED,
            **_PLATFORM,
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [_history(instruction) for instruction in listed],
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self._put(_CONFIG, _json(body)),
            "layers": [{"mediaType": b.media_type, "digest": b.digest, "size": b.size} for b in layers],
        }
        descriptor = self._put(_MANIFEST, _json(manifest))
        annotations = {TAG: tag} | ({INPUTS: inputs} if inputs else {})
        entry = {**descriptor, "platform": _PLATFORM, "annotations": annotations}
        others = [other for other in self._manifests() if other["annotations"].get(TAG) != tag]
        every = sorted([*others, entry], key=lambda other: str(other["annotations"][TAG]))
        index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": every}
        partial = self.path / ".index.json"
        partial.write_bytes(_json(index))
        partial.replace(self.path / "index.json")

    def tags(self) -> dict[str, str]:
        """Return every tag with the digest of the inputs that its image was made from."""
        return {m["annotations"][TAG]: m["annotations"].get(INPUTS, "") for m in self._manifests()}

    def has(self, tag: str, inputs: str) -> bool:
        """Say whether `tag` is an image made from `inputs`, and all its blobs are there in their sizes."""
        return self.tags().get(tag) == inputs and self._is_whole(tag)

    def holds(self, digest: str, size: int) -> bool:
        """Say whether a blob is there in its size."""
        path = self.blob(digest)
        return path.is_file() and path.stat().st_size == size

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the layout for this process alone; another one that asks waits."""
        with (self.path / ".lock").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def image(self, tag: str) -> StoredImage:
        """Return the image of a tag; raise BuildError where there is none."""
        for descriptor in self._manifests():
            if descriptor["annotations"].get(TAG) == tag:
                manifest = json.loads(self.blob(descriptor["digest"]).read_bytes())
                digest = manifest["config"]["digest"]
                return StoredImage(tag, self.blob(digest).read_bytes(), digest, tuple(manifest["layers"]))
        known = ", ".join(sorted(self.tags())) or "none"
        raise BuildError(f"{self.path}:{tag}", f"no such image; there are: {known}")

    def blob(self, digest: str) -> Path:
        """Return the file of a blob."""
        return self.blobs / digest.removeprefix("sha256:")

    def drop_unused(self) -> None:
        """Delete the blobs that no image uses."""
        used: set[str] = set()
        for descriptor in self._manifests():
            manifest = json.loads(self.blob(descriptor["digest"]).read_bytes())
            used |= {descriptor["digest"], manifest["config"]["digest"]}
            used |= {layer["digest"] for layer in manifest["layers"]}
        for path in self.blobs.iterdir():
            if f"sha256:{path.name}" not in used:
                path.unlink()

    def _is_whole(self, tag: str) -> bool:
        for descriptor in self._manifests():
            if descriptor["annotations"].get(TAG) == tag:
                manifest = json.loads(self.blob(descriptor["digest"]).read_bytes())
                blobs = [manifest["config"], *manifest["layers"]]
                return all(self.holds(blob["digest"], blob["size"]) for blob in blobs)
        return False

    def _manifests(self) -> list[dict[str, Any]]:
        """Return the images' descriptors; one whose manifest was deleted is no image."""
        try:
            listed = json.loads((self.path / "index.json").read_bytes())["manifests"]
        except FileNotFoundError:
            return []
        return [entry for entry in listed if self.holds(entry["digest"], entry["size"])]

    def _put(self, media_type: str, body: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(body).hexdigest()
        (self.blobs / digest).write_bytes(body)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(body)}


def _history(instruction: Instruction) -> dict[str, Any]:
    line: dict[str, Any] = {"created": CREATED, "created_by": instruction.created_by}
    return line if instruction.layer is not None else {**line, "empty_layer": True}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
