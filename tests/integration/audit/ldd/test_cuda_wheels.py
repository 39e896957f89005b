"""Wheels built for CUDA in a family of another CUDA: conflicts and host drivers, and never a package.

Debian's archive has packages of these names; this one has them too, so that proposing them would be easy.
"""

import os
from pathlib import Path

import pytest

from tests.support.archives import SmallArchive, stanza
from tests.support.roots import Root, root_with_wheels
from tests.support.worlds import LIBRARIES, Answer, World, write_archive

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="bootstrapping needs root"),
]

APP = """\
import ctypes

import PyNvVideoCodec
import pyodbc

ctypes.CDLL("/usr/local/lib/python3.11/dist-packages/torchaudio/lib/libtorchaudio.so")
"""


@pytest.fixture(scope="module")
def root() -> Root:
    """Give Debian 12 with torchaudio for CUDA 11, torchvision for CUDA 12 and the runtime of CUDA 12.1."""
    return root_with_wheels("bookworm")


def archive() -> SmallArchive:
    return SmallArchive("file:///").suite(
        "bookworm",
        stanza("libodbc2", "2.3.11-2", kib=500),
        stanza("libcudart11.0", "11.8.89~11.8.0-3", kib=700),
        stanza("libtorch-dev", "1.13.1+dfsg-4", kib=27000),
        stanza("libcuda1", "525.147.05-4", kib=30000),
        stanza("libnvidia-encode1", "525.147.05-4", kib=300),
        contents={
            f"{LIBRARIES}/libodbc.so.2": "libs/libodbc2",
            f"{LIBRARIES}/libcudart.so.11.0": "non-free/libs/libcudart11.0",
            f"{LIBRARIES}/libtorch.so": "libdevel/libtorch-dev",
            f"{LIBRARIES}/libcuda.so.1": "non-free/libs/libcuda1",
            f"{LIBRARIES}/libnvidia-encode.so.1": "non-free/libs/libnvidia-encode1",
        },
    )


@pytest.fixture
def world(root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Give one GPU family for CUDA 12.1 on that root, whose service uses all of these wheels."""
    made = World(tmp_path)
    monkeypatch.chdir(made.folder)
    monkeypatch.setenv("FLEET_AUDIT_CACHE_DIR", str(made.cache))
    monkeypatch.setenv("FLEET_AUDIT_ARCHIVE", write_archive(archive(), tmp_path / "packages"))
    made.family("gpu", image=f"dir:{root.place}", gpu=True, cuda="12.1", python="3.11")
    return made.service("s", APP, family="gpu")


def statuses(answer: Answer) -> dict[str, str]:
    return {name: need["status"] for name, need in answer.needs.items()}


def test_cuda_11_beside_cuda_12_is_a_conflict_that_no_package_solves(world: World) -> None:
    answer = world.run("deps", "gpu", "--tier", "optional")

    found = statuses(answer)
    assert answer.code == 1
    assert found["libcudart.so.11.0"] == "wrong-variant"
    assert found["libtorch.so"] == "not-available"
    assert found["libodbc.so.2"] == "missing"
    assert answer.roots == ["libodbc2"]


def test_what_the_driver_brings_is_left_to_the_host(world: World) -> None:
    answer = world.run("deps", "gpu", "--tier", "optional")

    assert statuses(answer)["libnvidia-encode.so.1"] == "host-driver"
    assert answer.roots == ["libodbc2"]


def test_ldd_tells_the_driver_and_the_conflict_apart_from_what_is_missing(world: World, root: Root) -> None:
    answer = world.run("ldd", f"dir:{root.place}")

    words = {
        (
            Path(entry["path"]).name.partition(".")[0],
            problem["soname"],
        ): f"{problem['kind']} {problem['detail']}"
        for entry in answer.document["entries"]
        for problem in entry["problems"]
    }
    assert answer.code == 1
    assert "host-driver" in words["PyNvVideoCodec_121", "libcuda.so.1"]
    assert "wrong-variant" in words["libtorchaudio", "libcudart.so.11.0"]
    assert words["pyodbc", "libodbc.so.2"].startswith("missing")
