"""Images into which apt-get brings nothing: a stage to copy from, or a word on what is not supported."""

from typing import Any

import pytest

from tests.support.archives import stanza
from tests.support.worlds import FAMILY, Files, World, opencv

GL = opencv("libGL.so.1")
DOCKERFILE = "docker/vision/Dockerfile"
DISTROLESS: Files = {
    "var/lib/dpkg/.wh.status": "",
    "var/lib/dpkg/status.d/libc6": stanza("libc6", "2.36-9"),
    "usr/bin/.wh.apt-get": "",
    "etc/os-release": 'PRETTY_NAME="Distroless"\nID="debian"\nVERSION_ID="12"\n',
}
WITHOUT_APT: Files = {"usr/bin/.wh.apt-get": ""}


def family(world: World, *layers: Files, dockerfile: str = "FROM small:1\nCOPY app /app\n") -> World:
    world.file(DOCKERFILE, dockerfile)
    world.family(FAMILY, GL, *layers, dockerfiles=[DOCKERFILE])
    return world.service("face", "import cv2\n")


def proposal(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.run("deps", FAMILY).document["proposal"]
    return found


def test_an_image_without_apt_get_copies_from_a_stage_that_has_it(world: World) -> None:
    family(world, DISTROLESS)

    code, out, _ = world.say("deps", FAMILY, "--write")

    text = (world.folder / DOCKERFILE).read_text()
    assert code == 1
    assert text.startswith("FROM debian:bookworm-slim AS fleet-audit-packages\nRUN apt-get update")
    assert "libgl1=1.6.0-1 \\\n" in text
    assert "for package in libgl1 libglvnd0; do" in text
    assert text.endswith("FROM small:1\nCOPY --from=fleet-audit-packages /kept/ /\nCOPY app /app\n")
    assert f"written to {DOCKERFILE}" in out


def test_the_document_says_what_to_write(world: World) -> None:
    found = proposal(family(world, DISTROLESS))

    assert found["instructions"].startswith("FROM debian:bookworm-slim AS ")
    assert found["instructions"].endswith("COPY --from=fleet-audit-packages /kept/ /")
    assert "the image has no apt-get" in found["dockerfile"]["why"]


def test_without_a_manifest_it_is_told_all_the_same(world: World) -> None:
    _, out, _ = world.say("deps", world.image("images/alone", GL, DISTROLESS))

    assert "COPY --from=fleet-audit-packages /kept/ /" in out


def test_written_a_second_time_nothing_changes(world: World) -> None:
    family(world, DISTROLESS)
    world.say("deps", FAMILY, "--write")
    before = (world.folder / DOCKERFILE).read_bytes()

    found = world.run("deps", FAMILY, "--write").document["proposal"]

    assert (found["written"], (world.folder / DOCKERFILE).read_bytes()) == (False, before)


@pytest.mark.parametrize(
    ("layers", "dockerfile"),
    [
        ((), "FROM small:1\n"),
        ((WITHOUT_APT,), "FROM small:1\nRUN apt-get install -y zlib1g && apt-get purge -y apt\n"),
    ],
)
def test_where_the_build_can_install_it_does(
    world: World, layers: tuple[Files, ...], dockerfile: str
) -> None:
    found = proposal(family(world, *layers, dockerfile=dockerfile))

    assert found["instructions"] is None
    assert "COPY" not in found["dockerfile"]["patch"]


OTHERS = [
    (
        'ID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME="Alpine Linux v3.20"\n',
        "Alpine Linux v3.20",
        "apk search so:libGL.so.1",
    ),
    ("ID=fedora\nVERSION_ID=42\n", "fedora 42", "dnf provides '*/libGL.so.1'"),
    ("ID=opensuse-leap\nVERSION_ID=15.6\n", "opensuse-leap 15.6", "zypper search --file-list libGL.so.1"),
    ("ID=arch\n", "arch", "pacman -F libGL.so.1"),
]


@pytest.mark.parametrize(("release", "name", "question"), OTHERS)
def test_another_distribution_is_told_by_name_with_what_is_missing_and_whom_to_ask(
    world: World, release: str, name: str, question: str
) -> None:
    gone: Files = {"var/lib/dpkg/.wh.status": "", "etc/os-release": release}
    family(world, gone).service("film", "import subprocess\nsubprocess.run(['ffmpeg'])\n")

    answer = world.run("deps", FAMILY)

    assert (answer.code, answer.roots) == (1, [])
    gap = answer.gaps["no-package-state"]
    assert gap["blocking"]
    assert gap["why"].startswith(f"not supported: {name} installs packages with ")
    assert "Missing: bin:ffmpeg, so:libGL.so.1" in gap["why"]
    assert question in gap["why"]
    assert "no-archive-index" not in answer.gaps


def test_of_an_unknown_distribution_at_least_what_is_missing_is_told(world: World) -> None:
    family(world, {"var/lib/dpkg/.wh.status": "", "etc/os-release": "ID=own\nPRETTY_NAME='Own; rm -rf /'\n"})

    gap = world.run("deps", FAMILY).gaps["no-package-state"]

    assert "what installs packages there is not known. Missing: so:libGL.so.1" in gap["why"]


def test_an_image_that_lacks_nothing_needs_no_package_manager(world: World) -> None:
    gone: Files = {"var/lib/dpkg/.wh.status": "", "etc/os-release": "ID=alpine\n"}
    world.family(FAMILY, opencv(), gone).service("face", "import cv2\n")

    answer = world.run("deps", FAMILY)

    assert (answer.code, "no-package-state" in answer.gaps) == (0, False)
