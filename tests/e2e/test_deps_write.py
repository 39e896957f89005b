"""``deps --write`` applies the patch that ``deps`` shows, or says why it does not."""

from pathlib import Path

import pytest

from tests.support.worlds import FAMILY, World, library, opencv

DOCKERFILE = "docker/vision/Dockerfile"
TEXT = "FROM base:1\r\nUSER root\r\nRUN apt-get update && apt-get install -y zlib1g\r\nUSER 10001:10001\r\n"
PATCHED = TEXT.replace("install -y zlib1g", "install -y libgl1=1.6.0-1 zlib1g")


@pytest.fixture
def fleet(world: World) -> World:
    """Give a family that misses a library, with a Dockerfile that installs another package."""
    world.file(DOCKERFILE, TEXT)
    world.family(FAMILY, opencv("libGL.so.1"), dockerfiles=[DOCKERFILE])
    return world.service("face", "import cv2\n")


def dockerfile(world: World) -> Path:
    return world.folder / DOCKERFILE


def proposal(world: World, *words: str) -> dict[str, object]:
    found: dict[str, object] = world.run("deps", FAMILY, *words).document["proposal"]
    return found


def test_without_the_option_nothing_is_written(fleet: World) -> None:
    found = proposal(fleet)

    assert (found["written"], found["why_no_patch"]) == (None, None)
    assert dockerfile(fleet).read_bytes() == TEXT.encode()


def test_the_patch_is_written_and_the_exit_code_is_what_it_was(fleet: World) -> None:
    dockerfile(fleet).chmod(0o640)

    answer = fleet.run("deps", FAMILY, "--write")

    assert answer.code == 1
    assert (answer.document["proposal"]["written"], answer.document["proposal"]["why_not_written"]) == (
        True,
        None,
    )
    assert dockerfile(fleet).read_bytes() == PATCHED.encode()
    assert dockerfile(fleet).stat().st_mode & 0o777 == 0o640


def test_what_is_written_is_the_patch_that_is_shown(fleet: World) -> None:
    before = proposal(fleet)["dockerfile"]

    after = proposal(fleet, "--write")["dockerfile"]

    assert before == after
    assert isinstance(after, dict)
    shown = [line[1:] for line in after["patch"].splitlines(keepends=True)[3:] if line[0] in "+ "]
    assert "".join(shown) in PATCHED


def test_text_says_what_was_written(fleet: World) -> None:
    _, out, _ = fleet.say("deps", FAMILY, "--write")

    assert f"✓ written to {DOCKERFILE}: build the image anew" in out


def test_a_second_time_before_the_image_is_built_changes_nothing(fleet: World) -> None:
    fleet.run("deps", FAMILY, "--write")

    again = proposal(fleet, "--write")

    assert again["written"] is False
    assert "installs these packages already" in str(again["why_not_written"])
    assert dockerfile(fleet).read_bytes() == PATCHED.encode()


def test_after_the_image_is_built_anew_nothing_is_to_be_added(fleet: World) -> None:
    fleet.run("deps", FAMILY, "--write")
    built = library("usr/lib/libGL.so.1")
    fleet.family(FAMILY, opencv("libGL.so.1"), built, dockerfiles=[DOCKERFILE])

    answer = fleet.run("deps", FAMILY, "--write")

    assert answer.code == 0
    assert answer.document["proposal"]["why_not_written"] == "nothing is to be added"
    assert dockerfile(fleet).read_bytes() == PATCHED.encode()
    assert "nothing was written: nothing is to be added" in fleet.say("deps", FAMILY, "--write")[1]


def test_a_dockerfile_that_two_subjects_share_is_changed_once(fleet: World) -> None:
    answer = fleet.run("deps", FAMILY, "face", "--write")

    assert [subject["proposal"]["written"] for subject in answer.document["subjects"]] == [True, True]
    assert dockerfile(fleet).read_bytes() == PATCHED.encode()


def test_of_two_changes_of_a_dockerfile_the_first_alone_is_written(fleet: World) -> None:
    fleet.service("film", "import subprocess\nsubprocess.run(['ffmpeg'])\n")

    answer = fleet.run("deps", "face", "film", "--write")

    first, second = (subject["proposal"] for subject in answer.document["subjects"])
    assert (first["written"], second["written"]) == (True, False)
    assert "has changed since it was read" in second["why_not_written"]
    assert dockerfile(fleet).read_bytes() == PATCHED.encode()


def test_every_dockerfile_of_a_family_gets_the_packages(world: World) -> None:
    other = "FROM base:2\n"
    world.file(DOCKERFILE, TEXT).file("docker/vision/Dockerfile.debug", other)
    paths = [DOCKERFILE, "docker/vision/Dockerfile.debug"]
    world.family(FAMILY, opencv("libGL.so.1"), dockerfiles=paths).service("face", "import cv2\n")

    found = proposal(world, "--write")

    assert found["written"] is True
    assert dockerfile(world).read_bytes() == PATCHED.encode()
    second = (world.folder / paths[1]).read_text()
    assert second.startswith(other)
    assert "libgl1=1.6.0-1" in second


def test_of_several_dockerfiles_one_that_cannot_be_read_keeps_no_other_waiting(world: World) -> None:
    world.file(DOCKERFILE, TEXT)
    paths = ["docker/absent", DOCKERFILE]
    world.family(FAMILY, opencv("libGL.so.1"), dockerfiles=paths).service("face", "import cv2\n")

    found = proposal(world, "--write")

    assert found["written"] is False
    assert dockerfile(world).read_bytes() == PATCHED.encode()


def _linked(path: Path) -> None:
    path.rename(path.with_name("kept"))
    path.symlink_to("kept")


@pytest.mark.parametrize("name", ["Dockerfile", "vision"])
def test_no_link_is_followed(fleet: World, name: str) -> None:
    path = dockerfile(fleet)
    _linked(path if name == "Dockerfile" else path.parent)

    found = proposal(fleet, "--write")

    assert found["written"] is False
    assert f"{name} is a symbolic link" in str(found["why_not_written"])
    assert path.read_bytes() == TEXT.encode()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"FROM base:1\n# caf\xe9\n", "is not UTF-8"),
        (b"# nothing\n", "the Dockerfile has no FROM"),
        (b"FROM base:1\nRUN <<EOF\n", "line 2: "),
        (PATCHED.encode(), "installs these packages already"),
    ],
)
def test_where_there_is_no_patch_both_formats_say_why(fleet: World, text: bytes, why: str) -> None:
    dockerfile(fleet).write_bytes(text)

    answer = fleet.run("deps", FAMILY)

    assert why in answer.document["proposal"]["why_no_patch"]
    assert "no patch: " in fleet.say("deps", FAMILY)[1]
    assert proposal(fleet, "--write")["why_not_written"] == answer.document["proposal"]["why_no_patch"]
    assert dockerfile(fleet).read_bytes() == text


def test_an_absent_dockerfile_is_no_place_to_write_to(fleet: World) -> None:
    dockerfile(fleet).unlink()

    found = proposal(fleet, "--write")

    assert found["written"] is False
    assert DOCKERFILE in str(found["why_not_written"])
    assert not dockerfile(fleet).exists()


def test_a_family_without_a_dockerfile_says_so(world: World) -> None:
    world.family(FAMILY, opencv("libGL.so.1")).service("face", "import cv2\n")

    assert proposal(world)["why_no_patch"] == "the manifest names no Dockerfile for vision"


def test_an_image_without_a_manifest_has_no_dockerfile(world: World) -> None:
    image = world.image("images/alone", opencv("libGL.so.1"))

    found = world.run("deps", image, "--write").document["proposal"]

    assert found["written"] is False
    assert found["why_not_written"] == "without a manifest, no Dockerfile is known for this image"
