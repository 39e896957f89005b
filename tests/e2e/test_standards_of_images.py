"""Images that were built are held to the manifest beside their Dockerfiles, without any layer being read."""

import random

import pytest

from tests.support.worlds import FAMILY, Document, World

DOCKERFILE = """\
FROM python:3.11-slim
LABEL org.opencontainers.image.revision=x
USER 10001:10001
CMD ["python3"]
"""


def images_findings(world: World, *words: str) -> list[tuple[str, str, int]]:
    document = world.run("dockerfiles", *words).document
    found = [each for each in document["findings"] if each["rule"].startswith("FA-IMG")]
    return [(each["rule"], each["location"]["path"], each["location"]["line"]) for each in found]


def noise(size: int) -> bytes:
    """Return bytes that no compression makes smaller."""
    return random.Random(0).randbytes(size)  # noqa: S311  (a body, not a secret)


@pytest.fixture
def config() -> Document:
    return {"User": "10001:10001", "Cmd": ["python3"], "Labels": {"org.opencontainers.image.revision": "x"}}


def test_an_image_over_its_budget_for_another_platform_is_told_at_the_manifest(
    world: World, config: Document
) -> None:
    world.file("docker/Dockerfile", DOCKERFILE)
    world.family(
        FAMILY,
        {"big": noise(1_200_000)},
        config=config,
        dockerfiles=["docker/Dockerfile"],
        size_budget_mb=1,
        platforms=["linux/amd64", "linux/arm64"],
    )

    found = {rule: path for rule, path, _ in images_findings(world)}

    assert found == {"FA-IMG-013": "fleet.yaml", "FA-IMG-014": "fleet.yaml", "FA-IMG-023": "fleet.yaml"}


def test_an_image_within_its_budget_that_says_what_its_dockerfile_says_is_fine(
    world: World, config: Document
) -> None:
    world.file("docker/Dockerfile", DOCKERFILE)
    world.family(
        FAMILY, config=config, dockerfiles=["docker/Dockerfile"], size_budget_mb=5, platforms=["linux/amd64"]
    )

    assert {rule for rule, _, _ in images_findings(world)} == {"FA-IMG-023"}


def test_an_image_that_still_runs_as_root_is_told_although_its_dockerfile_does_not(
    world: World, config: Document
) -> None:
    world.file("docker/Dockerfile", DOCKERFILE)
    world.family(FAMILY, config=config | {"User": ""}, dockerfiles=["docker/Dockerfile"])

    messages = [each["message"] for each in world.run("dockerfiles").document["findings"]]

    assert f"{FAMILY}, as it was built, runs as root" in messages
    assert f"{FAMILY} runs as root" not in messages


def test_a_damaged_image_blocks_nothing_and_is_told(world: World, config: Document) -> None:
    world.file("docker/Dockerfile", DOCKERFILE)
    world.family(FAMILY, config=config, dockerfiles=["docker/Dockerfile"])
    for index in world.folder.glob("images/**/index.json"):
        index.write_text("{")

    answer = world.run("dockerfiles")

    assert answer.code == 0
    assert answer.gaps["not-examined"]["what"] == FAMILY


def test_an_image_that_is_not_built_is_no_gap(world: World) -> None:
    world.file("docker/Dockerfile", DOCKERFILE)
    world.family(FAMILY, image="oci:build/none:x", dockerfiles=["docker/Dockerfile"])

    answer = world.run("dockerfiles")

    assert (answer.code, answer.document["gaps"]) == (0, [])


def test_what_is_inherited_from_an_image_of_which_nothing_is_known_is_a_gap_that_blocks_nothing(
    world: World,
) -> None:
    world.file("docker/Dockerfile", "FROM somebody/image:1\nUSER 10001:10001\n")
    world.family(FAMILY, image="oci:build/none:x", dockerfiles=["docker/Dockerfile"])

    (gap,) = world.run("dockerfiles").document["gaps"]

    assert (gap["kind"], gap["blocking"], gap["location"]["line"]) == ("not-examined", False, 1)
    assert f"what {FAMILY} inherits of it (entrypoint, health check) is not judged" in gap["why"]
