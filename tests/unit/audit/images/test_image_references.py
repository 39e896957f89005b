"""Which image a reference means, and what is said when it means none or several."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from fleet_audit.audit.errors import UsageError
from fleet_audit.audit.images.failure import ImageError
from fleet_audit.audit.images.open import Image, open_image
from fleet_audit.audit.images.sources import is_image_reference
from fleet_audit.audit.model.identity import ImagePath, Platform
from fleet_audit.audit.model.image import Healthcheck
from tests.support.images import (
    Compression,
    Form,
    compressed,
    docker_files,
    image,
    layer_tar,
    layout_files,
    sha256,
    write_files,
    write_images,
)

ONE = image({"one": "1"}, tag="one")
TWO = image({"two": "2"}, tag="two")


def names(opened: Image) -> list[str]:
    return [path for path, _ in opened.tree.files()]


def opened_files(ref: str, platform: Platform | None = None) -> list[str]:
    with open_image(ref, platform=platform) as opened:
        return names(opened)


@pytest.mark.parametrize("form", ["oci", "oci-archive"])
def test_several_images_need_a_choice_which_the_error_lists(tmp_path: Path, form: Form) -> None:
    ref = write_images([ONE, TWO], tmp_path / "image", form)

    assert opened_files(f"{ref}:two") == ["/two"]
    with pytest.raises(ImageError, match="holds several images; add one of :one, :two"):
        open_image(ref)
    with pytest.raises(ImageError, match="holds no image called three; there is one, two"):
        open_image(f"{ref}:three")


@pytest.mark.parametrize(
    "choice", ["fleet/two:1.0", "docker.io/fleet/two:1.0", "localhost/fleet/two:1.0", "@1"]
)
def test_an_image_of_a_docker_archive_is_chosen_by_any_of_its_names(tmp_path: Path, choice: str) -> None:
    ref = write_images([ONE, TWO], tmp_path / "image", "docker-archive")

    assert opened_files(f"{ref}:{choice}") == ["/two"]


def test_several_images_of_a_docker_archive_need_a_choice(tmp_path: Path) -> None:
    ref = write_images([ONE, TWO], tmp_path / "image", "docker-archive")

    with pytest.raises(ImageError, match=r"several images; add one of :fleet/one:1.0, :fleet/two:1.0"):
        open_image(ref)
    with pytest.raises(ImageError, match=r"holds no image called two; there is fleet/one:1.0, fleet/two:1.0"):
        open_image(f"{ref}:two")
    with pytest.raises(ImageError, match="no image called @2"):
        open_image(f"{ref}:@2")


def layout_with_index(*entries: dict[str, Any], images: Any = (ONE, TWO)) -> dict[str, bytes]:
    files = layout_files(images, "gzip")
    return files | {"index.json": json.dumps({"schemaVersion": 2, "manifests": list(entries)}).encode()}


def nested(tmp_path: Path, levels: int = 1) -> str:
    """Write a layout whose only entry leads through indexes to an amd64 and an arm64 image."""
    amd, arm = image({"amd": ""}), image({"arm": ""}, architecture="arm64")
    files = layout_files([amd, arm], "gzip")
    attestation = {"vnd.docker.reference.type": "attestation-manifest"}
    entries = [each.blobs("gzip")[1] for each in (amd, arm)]
    entries.append(entries[0] | {"annotations": attestation})
    for _ in range(levels):
        index = json.dumps({"schemaVersion": 2, "manifests": entries}).encode()
        files[f"blobs/sha256/{sha256(index)[7:]}"] = index
        entries = [{"digest": sha256(index), "mediaType": "application/vnd.oci.image.index.v1+json"}]
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": entries}).encode()
    write_files(files, tmp_path / "image")
    return f"oci:{tmp_path / 'image'}"


def test_a_nested_index_is_searched_by_platform(tmp_path: Path) -> None:
    ref = nested(tmp_path, 2)

    assert opened_files(ref) == ["/amd"]
    assert opened_files(ref, Platform("linux", "arm64")) == ["/arm"]


def test_a_platform_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no image for linux/s390x; there is linux/amd64, linux/arm64"):
        open_image(nested(tmp_path), platform=Platform("linux", "s390x"))


def test_a_manifest_below_an_index_can_be_chosen_by_its_digest(tmp_path: Path) -> None:
    arm = image({"arm": ""}, architecture="arm64").blobs("gzip")[1]["digest"]

    assert opened_files(f"{nested(tmp_path)}:{arm}") == ["/arm"]


def test_indexes_nested_without_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="nested more than 8 deep"):
        open_image(nested(tmp_path, 12))


@pytest.mark.parametrize("form", ["oci", "docker-archive"])
def test_a_single_image_for_another_platform_is_taken_unless_one_is_asked_for(
    tmp_path: Path, form: Form
) -> None:
    ref = image({"arm": ""}, architecture="arm64").write(tmp_path / "image", form)

    assert opened_files(ref) == ["/arm"]
    with pytest.raises(ImageError, match="no image for linux/amd64; there is linux/arm64"):
        open_image(ref, platform=Platform())


def test_the_digest_is_the_manifests_or_the_configurations(tmp_path: Path) -> None:
    with open_image(ONE.write(tmp_path / "a", "oci")) as layout:
        assert layout.identity.ref.digest == ONE.blobs("gzip")[1]["digest"]
    with open_image(ONE.write(tmp_path / "b", "docker-archive")) as archive:
        assert archive.identity.ref.digest == sha256(ONE.config_json())


def test_the_configuration_is_read_with_dockers_healthcheck(tmp_path: Path) -> None:
    runtime = {
        "User": "10001:10001",
        "Env": ["PATH=/usr/bin", "EMPTY=", "BARE"],
        "Entrypoint": ["/usr/bin/tini", "--"],
        "Cmd": ["python3"],
        "Labels": {"a": "b", "none": None},
        "ExposedPorts": {"8080/tcp": {}},
        "Volumes": {"/data": {}},
        "Healthcheck": {"Test": ["CMD", "x"], "Interval": 30_000_000_000, "Retries": 3},
    }
    with open_image(image({"a": ""}, config=runtime).write(tmp_path / "image")) as opened:
        config = opened.identity.config

    assert config.env == {"PATH": "/usr/bin", "EMPTY": "", "BARE": ""}
    assert (config.user, config.entrypoint, config.cmd) == (
        "10001:10001",
        ("/usr/bin/tini", "--"),
        ("python3",),
    )
    assert config.labels == {"a": "b", "none": ""}
    assert (config.exposed_ports, config.volumes, config.working_dir) == (("8080/tcp",), ("/data",), "/")
    assert config.healthcheck == Healthcheck(test=("CMD", "x"), interval_seconds=30.0, retries=3)


def test_history_lines_are_given_to_their_layers(tmp_path: Path) -> None:
    with open_image(image({"a": ""}, {"b": ""}).write(tmp_path / "image")) as opened:
        assert [layer.created_by for layer in opened.identity.layers] == ["step 0", "step 1"]


def test_a_bare_path_is_recognised_by_what_it_holds(tmp_path: Path) -> None:
    write_images([ONE, TWO], tmp_path / "layout")
    ONE.write(tmp_path / "one.tar", "docker-archive")
    TWO.write(tmp_path / "two.tar", "oci-archive")
    (tmp_path / "root" / "etc").mkdir(parents=True)
    (tmp_path / "root" / "etc" / "hostname").write_text("a")

    assert opened_files(f"{tmp_path}/layout:two") == ["/two"]
    assert opened_files(f"{tmp_path}/one.tar") == ["/one"]
    assert opened_files(f"{tmp_path}/two.tar") == ["/two"]
    assert opened_files(f"{tmp_path}/root") == ["/etc/hostname"]


@pytest.mark.parametrize("transport", ["", "oci:", "oci-archive:", "docker-archive:", "dir:"])
def test_what_is_not_there_is_said_not_to_be_there(tmp_path: Path, transport: str) -> None:
    with pytest.raises(ImageError, match="there is no such file or folder"):
        open_image(f"{transport}{tmp_path}/nothing")


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_an_archive_that_is_compressed_as_a_whole_is_read_as_a_stream(
    tmp_path: Path, form: Form, compression: Compression
) -> None:
    TWO.write(tmp_path / "plain", form)
    (tmp_path / "packed").write_bytes(compressed((tmp_path / "plain").read_bytes(), compression))

    assert opened_files(f"{form}:{tmp_path}/packed") == ["/two"]
    assert opened_files(f"{tmp_path}/packed") == ["/two"]
    with open_image(f"{form}:{tmp_path}/packed") as opened:
        assert opened.tree.read(ImagePath("/two")) == b"2"


@pytest.mark.parametrize(
    "body", [b"\x1f\x8b" + bytes(600), gzip.compress(b"x" * 600, mtime=0), gzip.compress(b"", mtime=0)]
)
def test_a_compressed_file_that_is_no_archive_is_said_to_be_none(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(body)

    with pytest.raises(ImageError, match=str(path)):
        open_image(str(path))


@pytest.mark.parametrize("transport", ["oci-archive", "docker-archive"])
@pytest.mark.parametrize("body", [b"", b"text" * 500, layer_tar({"a": "1"})])
def test_a_file_that_is_no_image_is_said_to_be_none(tmp_path: Path, transport: str, body: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(body)

    with pytest.raises(ImageError, match=str(path)):
        open_image(f"{transport}:{path}")
    with pytest.raises(ImageError, match="holds no image; an image is named as oci:DIR"):
        open_image(str(path))


def test_a_file_is_no_folder_and_a_folder_no_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is a folder, not a file"):
        open_image(f"docker-archive:{tmp_path}")
    with pytest.raises(ImageError, match="is a file, not a folder"):
        open_image(f"dir:{Path(__file__)}")


def test_a_transport_that_is_not_read_is_refused_with_what_to_do_instead() -> None:
    with pytest.raises(UsageError, match="docker-daemon: is not read yet; save the image"):
        open_image("docker-daemon:example/a:1")


def test_a_registry_that_nobody_connects_to_is_an_error() -> None:
    with pytest.raises(ImageError, match="there is no connection to registries"):
        open_image("registry:registry.example/a:1")


def broken(tmp_path: Path, **changes: bytes) -> str:
    files = layout_files([ONE], "gzip")
    write_files(files | {name.replace("_", "."): body for name, body in changes.items()}, tmp_path / "image")
    return f"oci:{tmp_path / 'image'}"


@pytest.mark.parametrize(
    ("index", "why"),
    [
        (b"{", "its index.json is damaged"),
        (b'{"manifests": 3}', r"its index.json is damaged \(Expected `array \| null`"),
        (b'{"manifests": []}', "lists no image"),
        (b'{"manifests": [{"digest": "sha256:../../etc/passwd"}]}', "which is no sha256 digest"),
        (b'{"manifests": [{"digest": "sha256:%s"}]}' % (b"0" * 64), "that it does not hold"),
        (b"[" * 100_000, "its index.json is damaged"),
        (b'{"manifests": [], "x": ' + b"[" * 100_000, "its index.json is damaged"),
        (b'{"manifests": null, "\xff": 1}', "damaged|lists no image"),
    ],
)
def test_a_damaged_index_is_one_sentence(tmp_path: Path, index: bytes, why: str) -> None:
    with pytest.raises(ImageError, match=why):
        open_image(broken(tmp_path, index_json=index))


def test_a_manifest_that_was_changed_is_refused(tmp_path: Path) -> None:
    ref = ONE.write(tmp_path / "image")
    digest = ONE.blobs("gzip")[1]["digest"]
    path = tmp_path / "image" / "blobs" / "sha256" / digest[7:]
    path.write_bytes(path.read_bytes().replace(b"schemaVersion", b"schemaversion"))

    with pytest.raises(ImageError, match=r"has the digest .* but is filed as .*; save the image again"):
        open_image(ref)


def test_a_missing_configuration_is_one_sentence(tmp_path: Path) -> None:
    ref = ONE.write(tmp_path / "image")
    (tmp_path / "image" / "blobs" / "sha256" / sha256(ONE.config_json())[7:]).unlink()

    with pytest.raises(ImageError, match="is missing; save the image again"):
        open_image(ref)


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        (b"[]", "lists no image"),
        (b"{}", "manifest.json is damaged"),
        (b'[{"Config": "gone.json", "Layers": []}]', "gone.json is missing"),
        (b'[{"Config": "../../../etc/hostname", "Layers": []}]', "is missing"),
    ],
)
def test_a_damaged_docker_archive_is_one_sentence(tmp_path: Path, manifest: bytes, why: str) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(layer_tar(docker_files([ONE]) | {"manifest.json": manifest}))

    with pytest.raises(ImageError, match=why):
        open_image(f"docker-archive:{path}")


def test_layers_that_do_not_match_the_configuration_are_no_image(tmp_path: Path) -> None:
    files = docker_files([ONE])
    document = json.loads(files["manifest.json"])
    document[0]["Layers"] *= 2
    path = tmp_path / "image.tar"
    path.write_bytes(layer_tar(files | {"manifest.json": json.dumps(document).encode()}))

    with pytest.raises(ImageError, match="lists 2 layers, but its configuration 1"):
        open_image(f"docker-archive:{path}")


def test_a_reference_is_told_from_a_family_name(tmp_path: Path) -> None:
    assert is_image_reference("oci:somewhere")
    assert is_image_reference(str(tmp_path))
    assert is_image_reference(f"{tmp_path}:tag")
    assert not is_image_reference("family-vision-cu121")
    assert not is_image_reference("oci")
