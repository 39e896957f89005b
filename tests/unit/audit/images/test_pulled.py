from pathlib import Path

import pytest

from fleet_audit.audit.images.failure import ImageError
from fleet_audit.audit.images.identify import stored_image, stored_layers
from fleet_audit.audit.images.limits import Limits
from fleet_audit.audit.images.open import Image, open_image
from fleet_audit.audit.images.store import LayerStore
from fleet_audit.audit.images.tree import FileUnreadable
from fleet_audit.audit.model.identity import ImagePath, Platform
from tests.support.images import OS_RELEASE, compressed, image, sha256
from tests.support.pulled import MemoryPulls
from tests.support.registries import (
    DOCKER_LIST,
    OCI_INDEX,
    Pushed,
    stored_as_docker,
    stored_as_oci,
    stored_for_platforms,
)

REF = "registry:registry.example/a:1"
AMD = image({"etc/os-release": OS_RELEASE, "opt/data.bin": "amd"}, {"opt/more.bin": "x"})
ARM = image({"etc/os-release": OS_RELEASE, "opt/data.bin": "arm"}, architecture="arm64")
DATA = ImagePath("/opt/data.bin")


def opened(pulls: MemoryPulls, store: LayerStore | None = None, platform: str = "amd64") -> Image:
    return open_image(REF, registry=pulls.registry(), store=store, platform=Platform("linux", platform))


@pytest.mark.parametrize("pushed", [stored_as_oci(AMD), stored_as_docker(AMD), stored_as_oci(AMD, "zstd")])
def test_an_image_is_read_as_it_arrives(pushed: Pushed, tmp_path: Path) -> None:
    pulls = MemoryPulls(pushed, tmp_path)

    with opened(pulls) as found:
        assert found.gaps == ()
        assert found.identity.ref.digest == pushed.digest
        assert list(tmp_path.iterdir()) == []
        assert found.tree.read(DATA) == b"amd"


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
@pytest.mark.parametrize(("platform", "body"), [("amd64", b"amd"), ("arm64", b"arm")])
def test_of_an_index_only_the_wanted_platform_is_asked_for(
    media_type: str, platform: str, body: bytes, tmp_path: Path
) -> None:
    amd, arm = stored_as_oci(AMD), stored_as_oci(ARM)
    pulls = MemoryPulls(stored_for_platforms(media_type, ("amd64", amd), ("arm64", arm)), tmp_path)

    with opened(pulls, platform=platform) as found:
        assert found.tree.read(DATA) == body

    other = arm if platform == "amd64" else amd
    assert not set(pulls.asked) & ({other.digest} | set(other.blobs))


def test_a_platform_that_an_index_lacks_is_an_error_that_lists_those_it_has(tmp_path: Path) -> None:
    index = stored_for_platforms(
        OCI_INDEX, ("amd64", stored_as_oci(AMD)), ("arm64", stored_as_oci(ARM)), also=[ATTESTATION]
    )

    with pytest.raises(ImageError, match=r"no image for linux/s390x; there is linux/amd64, linux/arm64: ch"):
        opened(MemoryPulls(index, tmp_path), platform="s390x")


ATTESTATION = {
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "digest": "sha256:" + "0" * 64,
    "size": 3,
    "platform": {"os": "unknown", "architecture": "unknown"},
    "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
}


def test_what_stands_beside_an_image_in_its_index_is_not_asked_for(tmp_path: Path) -> None:
    pulls = MemoryPulls(
        stored_for_platforms(OCI_INDEX, ("amd64", stored_as_oci(AMD)), also=[ATTESTATION]), tmp_path
    )

    with opened(pulls) as found:
        assert found.gaps == ()
    assert ATTESTATION["digest"] not in pulls.asked


def test_an_image_for_another_platform_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no image for linux/amd64; there is linux/arm64"):
        opened(MemoryPulls(stored_as_oci(ARM), tmp_path))


def test_a_second_run_asks_for_no_layer(tmp_path: Path) -> None:
    pushed, store = stored_as_oci(AMD), LayerStore(tmp_path / "layers")
    opened(MemoryPulls(pushed, tmp_path), store).close()
    again = MemoryPulls(pushed, tmp_path)

    with opened(again, store) as found:
        assert found.statistics.layers_cached == 2
        assert not set(again.asked) & {sha256(compressed(layer, "gzip")) for layer in AMD.layers}


def test_a_layer_that_the_registry_lost_is_a_gap_and_the_others_are_read(tmp_path: Path) -> None:
    pushed = stored_as_oci(AMD)
    gone = sha256(compressed(AMD.layers[1], "gzip"))
    left = Pushed({d: b for d, b in pushed.blobs.items() if d != gone}, pushed.manifests)

    with opened(MemoryPulls(left, tmp_path)) as found:
        assert [gap.why for gap in found.gaps] == ["is gone"]
        assert found.tree.read(DATA) == b"amd"


def test_a_layer_with_another_digest_is_a_gap(tmp_path: Path) -> None:
    pushed = stored_as_oci(AMD)
    lowest = sha256(compressed(AMD.layers[0], "gzip"))
    other = compressed(ARM.layers[0], "gzip")
    changed = Pushed({**pushed.blobs, lowest: other}, pushed.manifests)

    with opened(MemoryPulls(changed, tmp_path)) as found:
        (gap,) = found.gaps
        assert "manifest says" in gap.why
        assert found.tree.entry(DATA) is None


def test_a_body_whose_layer_cannot_be_pulled_again_is_unreadable(tmp_path: Path) -> None:
    pushed, store = stored_as_oci(AMD), LayerStore(tmp_path / "layers")
    opened(MemoryPulls(pushed, tmp_path), store).close()
    config_only = Pushed({d: b for d, b in pushed.blobs.items() if b[:1] == b"{"}, pushed.manifests)

    with opened(MemoryPulls(config_only, tmp_path), store) as found:
        assert found.gaps == ()
        with pytest.raises(FileUnreadable, match="is gone"):
            found.tree.read(DATA)


def test_indexes_without_end_are_left_after_a_while(tmp_path: Path) -> None:
    pushed, below = stored_as_oci(AMD), dict(stored_as_oci(AMD).manifests)
    for each in range(300):
        entry = {"digest": pushed.digest, "size": 1, "annotations": {"number": str(each)}}
        below.update(stored_for_platforms(OCI_INDEX, also=[entry]).manifests)
    entries = [{"digest": d, "size": 1, "mediaType": OCI_INDEX} for d in list(below)[1:]]
    top = stored_for_platforms(OCI_INDEX, also=entries)

    with pytest.raises(ImageError, match="through more than 200 manifests"):
        opened(MemoryPulls(Pushed(pushed.blobs, below | dict(top.manifests)), tmp_path))


def test_layers_are_known_without_pulling_them(tmp_path: Path) -> None:
    pulls = MemoryPulls(stored_as_oci(AMD), tmp_path)

    layers = stored_layers(REF, registry=pulls.registry())

    assert [layer.diff_id for layer in layers] == [sha256(layer) for layer in AMD.layers]
    assert len(pulls.asked) == 2
    assert stored_layers(REF) == ()
    assert stored_image(REF) is None


def test_a_bomb_is_a_gap(tmp_path: Path) -> None:
    bomb = image({"etc/os-release": OS_RELEASE, "opt/zeros": bytes(4 << 20)})
    pulls = MemoryPulls(stored_as_oci(bomb), tmp_path)
    limits = Limits(free_bytes=1 << 20, ratio=2)

    with open_image(REF, registry=pulls.registry(), limits=limits) as found:
        (gap,) = found.gaps
        assert "refused as a bomb" in gap.why
