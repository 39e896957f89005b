"""``deps --verify`` says why it could not try a proposal, and does not let it look proved."""

from pathlib import Path

import pytest

from tests.support.worlds import FAMILY, World, library, opencv

DOCKERFILE = "docker/vision/Dockerfile"
GUARDED = "import ctypes\ntry:\n    ctypes.CDLL('libpulse.so.0')\nexcept OSError:\n    pass\n"


@pytest.fixture
def fleet(world: World) -> World:
    """Give a family that misses a library, and whose image has no shell for scripts of packages."""
    world.file(DOCKERFILE, "FROM base:1\nRUN true\n")
    world.family(FAMILY, opencv("libGL.so.1"), dockerfiles=[DOCKERFILE])
    return world.service("face", "import cv2\n")


def test_what_cannot_be_tried_is_refused_with_the_reason(fleet: World) -> None:
    answer = fleet.run("deps", FAMILY, "--verify")

    verification = answer.document["proposal"]["verification"]
    assert verification["outcome"] == "refused"
    assert "/bin/sh" in verification["why"]
    assert verification["loaded"] == verification["installed"] == []
    gap = answer.gaps["not-verified"]
    assert (gap["blocking"], gap["what"]) == (True, FAMILY)
    assert verification["why"] in gap["why"]


def test_without_the_option_nothing_is_said_of_it(fleet: World) -> None:
    answer = fleet.run("deps", FAMILY)

    assert answer.document["proposal"]["verification"] is None
    assert "not-verified" not in answer.gaps


def test_a_refusal_makes_incomplete_what_would_pass(world: World) -> None:
    world.family(FAMILY, opencv()).service("face", "import cv2\n" + GUARDED)
    lazily = ("deps", FAMILY, "--tier", "optional")

    assert world.run(*lazily).code == 0
    refused = world.run(*lazily, "--verify")

    assert refused.document["proposal"]["packages"]
    assert (refused.code, refused.document["verdict"]) == (3, "incomplete")


def test_a_proposal_that_was_to_be_verified_and_was_not_is_not_written(fleet: World) -> None:
    before = (fleet.folder / DOCKERFILE).read_bytes()

    proposal = fleet.run("deps", FAMILY, "--verify", "--write").document["proposal"]

    assert (proposal["written"], proposal["why_not_written"]) == (
        False,
        "the proposal was to be verified, and was not",
    )
    assert (fleet.folder / DOCKERFILE).read_bytes() == before


def test_where_nothing_is_proposed_there_is_nothing_to_verify(world: World) -> None:
    world.family(FAMILY, opencv("libGL.so.1"), library("usr/lib/libGL.so.1")).service("face", "import cv2\n")

    answer = world.run("deps", FAMILY, "--verify")

    assert answer.code == 0
    assert answer.document["proposal"]["verification"] is None
    assert "nothing is proposed, so there is nothing to verify" in answer.document["notes"]


def test_no_copy_is_left_in_the_cache(fleet: World) -> None:
    fleet.run("deps", FAMILY, "--verify")

    copies = Path(fleet.cache) / "copies"
    assert not copies.exists() or list(copies.iterdir()) == []
