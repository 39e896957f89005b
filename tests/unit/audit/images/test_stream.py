"""Images that an engine sends: read once, in the order in which they come."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import pytest

from fleet_audit.audit.images.failure import ImageError
from fleet_audit.audit.images.open import Image, open_image
from fleet_audit.audit.images.store import LayerStore
from fleet_audit.audit.images.tree import FileUnreadable
from fleet_audit.audit.model.identity import ImagePath
from tests.support.images import docker_files, image, layer_tar, layout_files, sha256
from tests.support.trees import Link

EXAMPLE = image({"etc/hostname": "a\n", "app/data.bin": b"\0" * 3000}, {"app/main.py": "import cv2\n"})


class Pipe(io.RawIOBase):
    """Bytes that can only be read forwards, a few at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, 700))


class Engine:
    """Sends an archive as often as it is asked."""

    def __init__(self, files: Mapping[str, bytes | Link]) -> None:
        self.archive = layer_tar(files)
        self.sent = 0

    def __call__(self, _name: str) -> BinaryIO:
        self.sent += 1
        return Pipe(self.archive)  # type: ignore[return-value]  # all of BinaryIO that is used

    def open(self, store: LayerStore | None = None) -> Image:
        return open_image("docker:a", engines={"docker": self}, store=store)


def modern_files() -> dict[str, bytes]:
    """Return what Docker 25 and later save: a layout with a manifest.json beside it."""
    files = layout_files([EXAMPLE], "none")
    config = EXAMPLE.config_json()
    layers = [f"blobs/sha256/{sha256(raw)[7:]}" for raw in EXAMPLE.layers]
    manifest = [{"Config": f"blobs/sha256/{sha256(config)[7:]}", "RepoTags": ["a:latest"], "Layers": layers}]
    return files | {"manifest.json": json.dumps(manifest).encode()}


@pytest.mark.parametrize("files", [docker_files([EXAMPLE]), layout_files([EXAMPLE], "gzip"), modern_files()])
def test_a_stream_gives_the_same_files_as_an_archive(files: dict[str, bytes]) -> None:
    engine = Engine(files)

    with engine.open() as opened:
        assert [path for path, _ in opened.tree.files()] == ["/app/data.bin", "/app/main.py", "/etc/hostname"]
        assert opened.tree.read(ImagePath("/app/main.py")) == b"import cv2\n"
        assert opened.gaps == ()
        assert opened.statistics.layers_read == 2
    assert engine.sent == 1


def test_a_body_that_was_not_kept_is_asked_for_again() -> None:
    engine = Engine(docker_files([EXAMPLE]))

    with engine.open() as opened:
        assert opened.tree.read(ImagePath("/app/data.bin")) == b"\0" * 3000
        assert opened.statistics.bodies_streamed == 1


def test_a_body_is_not_taken_from_another_image_of_the_same_name() -> None:
    engine = Engine(docker_files([EXAMPLE]))

    with engine.open() as opened:
        other = image({"etc/hostname": "a\n", "app/data.bin": b"1" * 3000}, {"app/main.py": "import cv2\n"})
        engine.archive = layer_tar(docker_files([other]))
        with pytest.raises(FileUnreadable, match="its digest differs"):
            opened.tree.read(ImagePath("/app/data.bin"))


def test_layers_named_by_their_digest_are_read_once(tmp_path: Path) -> None:
    engine = Engine(modern_files())
    store = LayerStore(tmp_path)

    with engine.open(store) as first, engine.open(store) as second:
        assert first.statistics.layers_read == 2
        assert second.statistics.layers_cached == 2
        assert list(first.tree.files()) == list(second.tree.files())


def test_a_layer_may_be_a_link_to_that_of_another_image() -> None:
    files: dict[str, bytes | Link] = dict(docker_files([EXAMPLE]))
    name = next(name for name in files if name.endswith("layer.tar"))
    document = json.loads(bytes(files["manifest.json"]))  # type: ignore[arg-type]  # this one is no link
    document[0]["Layers"][0] = "other/layer.tar"
    files |= {"other/layer.tar": Link(f"../{name}"), "manifest.json": json.dumps(document).encode()}

    with Engine(files).open() as opened:
        assert opened.gaps == ()


def test_a_wrong_layer_in_a_stream_is_a_gap_and_the_others_are_read() -> None:
    files = docker_files([EXAMPLE])
    name = next(name for name in files if name.endswith("layer.tar"))

    with Engine(files | {name: layer_tar({"other": "x"})}).open() as opened:
        assert [gap.kind for gap in opened.gaps] == ["unreadable-layer"]
        assert [path for path, _ in opened.tree.files()] == ["/app/main.py"]


@pytest.mark.parametrize("end", [0, 100, 700, 5000, 9000])
def test_a_stream_that_ends_early_is_an_error(end: int) -> None:
    engine = Engine(docker_files([EXAMPLE]))
    engine.archive = engine.archive[:end]

    with pytest.raises(ImageError, match="docker:a: "):
        engine.open()


def test_without_a_connection_to_the_engine_the_error_says_so() -> None:
    with pytest.raises(ImageError, match="there is no connection to podman; save the image to a file"):
        open_image("podman:a")
