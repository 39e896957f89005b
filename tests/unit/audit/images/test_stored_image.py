"""What an image's documents say without any of its layers."""

import json
from pathlib import Path

import pytest

from fleet_audit.audit.images.failure import ImageError
from fleet_audit.audit.images.identify import kept_unpacked_bytes, stored_image, stored_layers
from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.images.store import LayerStore
from fleet_audit.audit.model.identity import Platform
from tests.support.images import FORMS, Form, image, layout_files, sha256, write_files, write_images


@pytest.mark.parametrize("form", FORMS)
def test_configuration_layers_and_platform_are_read_from_every_form(tmp_path: Path, form: Form) -> None:
    made = image({"a": "1"}, {"b": "2"}, config={"User": "7", "StopSignal": "SIGINT", "OnBuild": ["RUN x"]})
    reference = made.write(tmp_path / "image", form)

    stored = stored_image(reference)

    assert stored is not None
    config = stored.config
    assert (config.user, config.stop_signal, config.on_build) == ("7", "SIGINT", ("RUN x",))
    assert len(stored.layers) == 2
    assert stored.platforms == (Platform(),)


def test_every_platform_of_an_index_is_listed_whichever_is_chosen(tmp_path: Path) -> None:
    both = [image({"a": "1"}, architecture=name, tag="x") for name in ("amd64", "arm64")]
    reference = write_images(both, tmp_path / "layout")

    stored = stored_image(f"{reference.removesuffix(':x')}:x", platform=Platform())

    assert stored is not None
    assert [str(each) for each in stored.platforms] == ["linux/amd64", "linux/arm64"]


def test_attestations_beside_the_image_are_counted(tmp_path: Path) -> None:
    files = layout_files([image({"a": "1"}, tag="x")], "gzip")
    index = json.loads(files["index.json"])
    body = b'{"schemaVersion":2}'
    index["manifests"].append(
        {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": sha256(body),
            "size": len(body),
            "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
        }
    )
    write_files({**files, "index.json": json.dumps(index).encode()}, tmp_path / "layout")

    stored = stored_image(f"oci:{tmp_path / 'layout'}:x")

    assert stored is not None
    assert stored.attestations == 1
    assert stored.platforms == (Platform(),)


def test_what_is_pulled_is_known_only_of_layers_that_are_stored_compressed(tmp_path: Path) -> None:
    made = image({"a": "1" * 10_000})

    packed = stored_image(made.write(tmp_path / "packed"))
    plain = stored_image(made.write(tmp_path / "plain", compression="none"))

    assert packed is not None
    assert plain is not None
    assert packed.compressed_bytes == sum(layer.size for layer in packed.layers)
    assert plain.compressed_bytes is None


def test_a_folder_has_no_documents(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()

    assert stored_image(f"dir:{tmp_path}") is None


def test_an_image_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError):
        stored_image(f"oci:{tmp_path / 'gone'}")


def test_how_large_layers_are_unpacked_is_known_once_they_were_read(tmp_path: Path) -> None:
    reference = image({"a": "1" * 5000}, {"b": "2"}).write(tmp_path / "image")
    store = LayerStore(tmp_path / "store")
    before = kept_unpacked_bytes(stored_layers(reference), (), store)

    with open_image(reference, store=store) as opened:
        layers = opened.identity.layers
    damaged = min((tmp_path / "store").iterdir(), key=lambda path: path.stat().st_size)

    assert before == (None, None)
    assert kept_unpacked_bytes(layers, (), store) == (10240, 10240)
    damaged.write_bytes(b"")
    assert sorted(kept_unpacked_bytes(layers, (), store), key=str) == [10240, None]
