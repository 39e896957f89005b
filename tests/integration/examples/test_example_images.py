"""The example's images are what a real build would have left, seen through fleet-audit's own eyes."""

import csv
import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet_audit.audit.apt.debian.control import fields, stanzas
from fleet_audit.audit.images.open import Image, open_image
from fleet_audit.audit.images.tree import FileKind, normalise, parent
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.tools.process import run
from tests.support.example_images import example_layout

pytestmark = pytest.mark.integration

VISION, AUDIO = "family-vision-cu121", "family-torch-cu121"
SITE = ImagePath("/usr/local/lib/python3.11/dist-packages")
STATUS = ImagePath("/var/lib/dpkg/status")
CACHE = ImagePath("/etc/ld.so.cache")


@pytest.fixture(scope="module")
def layout() -> Path:
    return example_layout(VISION, AUDIO)


@pytest.fixture(scope="module")
def vision(layout: Path) -> Image:
    return open_image(f"oci:{layout}:{VISION}")


def blob(layout: Path, digest: str) -> Any:
    return json.loads((layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes())


def layers_of(layout: Path, tag: str) -> list[str]:
    for descriptor in json.loads((layout / "index.json").read_bytes())["manifests"]:
        if tag in descriptor["annotations"].values():
            return [layer["digest"] for layer in blob(layout, descriptor["digest"])["layers"]]
    raise AssertionError(f"no image {tag}")


def cached_libraries(body: bytes) -> Iterator[tuple[str, str]]:
    count = struct.unpack_from("<I", body, 20)[0]
    for number in range(count):
        _, key, value, _, _ = struct.unpack_from("<iIIIQ", body, 48 + 24 * number)
        yield text_at(body, key), text_at(body, value)


def text_at(body: bytes, offset: int) -> str:
    return body[offset : body.index(b"\0", offset)].decode()


def files_of(image: Image, package: dict[str, str]) -> list[str]:
    name = package["Package"]
    key = f"{name}:{package['Architecture']}" if package.get("Multi-Arch") == "same" else name
    return image.tree.read(normalise(f"/var/lib/dpkg/info/{key}.list")).decode().splitlines()


def test_the_families_share_their_lower_layers(layout: Path) -> None:
    vision, audio, base = (layers_of(layout, tag) for tag in (VISION, AUDIO, "base-gpu-cu121"))

    assert vision[:-1] == audio[:-1] == base
    assert vision[-1] != audio[-1]


def test_the_image_reads_without_gaps_and_says_what_it_is(vision: Image) -> None:
    assert vision.gaps == ()
    assert (vision.identity.distro.id, vision.identity.distro.version) == ("debian", "12")
    assert vision.identity.config.user == "10001:10001"
    assert vision.identity.config.entrypoint == ("/usr/bin/tini", "--")
    assert vision.identity.config.healthcheck is not None
    assert vision.identity.config.labels["com.acme.family"] == VISION


def test_folders_are_merged_and_removed_files_are_gone(vision: Image) -> None:
    assert vision.tree.realpath(ImagePath("/bin/sh")) == "/usr/bin/dash"
    assert vision.tree.realpath(ImagePath("/lib64/ld-linux-x86-64.so.2")) is not None
    assert vision.tree.entry(ImagePath("/usr/lib/python3.11/EXTERNALLY-MANAGED")) is None
    assert vision.tree.entry(ImagePath("/usr/share/man/man1/bash.1.gz")) is None
    assert vision.tree.entry(ImagePath("/usr/share/man/man1/curl.1.gz")) is not None


def test_every_file_of_every_package_is_there_but_for_the_manuals(vision: Image) -> None:
    packages = [fields(stanza) for stanza in stanzas([vision.tree.read(STATUS)])]
    assert {"libc6", "libc-bin", "python3", "tini", "curl"} <= {package["Package"] for package in packages}

    listed = [path for package in packages for path in files_of(vision, package)]

    missing = [path for path in listed if "/man/" not in path and vision.tree.entry(normalise(path)) is None]
    assert missing == ["/usr/lib/python3.11/EXTERNALLY-MANAGED"]


def test_every_file_that_a_record_names_is_there_in_its_size(vision: Image) -> None:
    records = [name for name in vision.tree.listing(SITE) if name.endswith(".dist-info")]
    assert {"opencv_python", "numpy", "pillow"} <= {name.partition("-")[0] for name in records}

    for name in records:
        rows = csv.reader(vision.tree.read(normalise(f"{SITE}/{name}/RECORD")).decode().splitlines())
        for path, _, size in rows:
            entry = vision.tree.entry(normalise(f"{SITE}/{path}"))
            assert entry is not None, (name, path)
            assert not size or entry.size == int(size), (name, path)


def test_what_the_loaders_cache_names_is_there_and_opencvs_libraries_are_not(vision: Image) -> None:
    cached = dict(cached_libraries(vision.tree.read(CACHE)))

    dangling = [path for path in cached.values() if vision.tree.realpath(normalise(path)) is None]
    assert dangling == []
    assert {"libc.so.6", "libssl.so.3", "libz.so.1"} <= cached.keys()
    assert not {"libGL.so.1", "libglib-2.0.so.0"} & cached.keys()


def test_the_cache_is_one_that_the_real_ldconfig_reads(vision: Image, tmp_path: Path) -> None:
    ldconfig = shutil.which("ldconfig", path="/sbin:/usr/sbin:/usr/bin")
    if ldconfig is None:
        pytest.skip("this machine has no ldconfig")
    body = vision.tree.read(CACHE)
    (tmp_path / "cache").write_bytes(body)

    printed = run([ldconfig, "-p", "-C", str(tmp_path / "cache")], timeout=60, env={}).decode()

    listed = [line.split() for line in printed.splitlines() if " => " in line]
    assert [(words[0], words[-1]) for words in listed] == list(cached_libraries(body))
    assert all(words[1] == "(libc6,x86-64)" for words in listed)


def test_services_run_as_a_user_that_the_image_knows(vision: Image) -> None:
    passwd = vision.tree.read(ImagePath("/etc/passwd")).decode().splitlines()
    home = vision.tree.entry(ImagePath("/home/appuser"))

    assert "appuser:x:10001:10001::/home/appuser:/usr/sbin/nologin" in passwd
    assert home is not None
    assert home.kind is FileKind.FOLDER
    assert parent(ImagePath("/home/appuser")) == "/home"
