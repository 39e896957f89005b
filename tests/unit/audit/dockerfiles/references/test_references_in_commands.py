"""The images that commands of docker and its kin name."""

import pytest

from fleet_audit.audit.dockerfiles.references.in_commands import references_in_commands
from fleet_audit.audit.dockerfiles.shell.following import follow
from fleet_audit.audit.dockerfiles.shell.reading import read_script


def found(script: str) -> list[tuple[str, bool]]:
    commands = follow(read_script(script), folder="/here", lookup=lambda _name: None)
    return [(each.written, each.publishes) for each in references_in_commands("build.sh", commands)]


@pytest.mark.parametrize(
    ("script", "references"),
    [
        ("docker pull acme/web:1", [("acme/web:1", False)]),
        ("docker image pull --quiet acme/web:1", [("acme/web:1", False)]),
        (
            "docker --context far run -d --name web -p 80:80 acme/web:1 serve acme/no:1",
            [("acme/web:1", False)],
        ),
        ("podman run --rm docker://acme/web:1", [("acme/web:1", False)]),
        ("docker container create --env-file e acme/web:1", [("acme/web:1", False)]),
        ("docker push acme/web:1", [("acme/web:1", True)]),
        ("docker tag web acme/web:1", [("acme/web:1", True)]),
        ("docker build -t acme/web:1 --tag=acme/web:2 .", [("acme/web:1", True), ("acme/web:2", True)]),
        ("docker buildx build --push -t acme/web:1 .", [("acme/web:1", True)]),
        (
            "docker buildx imagetools create -t acme/web:2 acme/web:1",
            [("acme/web:2", True), ("acme/web:1", False)],
        ),
        ("docker buildx build --cache-to type=registry,ref=acme/cache:1 .", [("acme/cache:1", False)]),
        ("docker buildx build --cache-to type=local,dest=/c .", []),
        ("T=1; docker pull acme/web:$T", [("acme/web:1", False)]),
        ("docker pull acme/web:$TAG", [("acme/web:…", False)]),
    ],
)
def test_a_command_takes_or_publishes_an_image(script: str, references: list[tuple[str, bool]]) -> None:
    assert found(script) == references


@pytest.mark.parametrize(
    "script",
    [
        "docker pull $IMAGE",
        "docker run --new-option maybe acme/web:1",
        "docker run $OPTIONS acme/web:1",
        "docker ps acme/web:1",
        "echo docker pull acme/web:1",
        "docker exec web pull acme/web:1",
        "docker tag one two three",
        "docker pull Not/A/Reference",
    ],
)
def test_what_is_not_certainly_an_image_is_none(script: str) -> None:
    assert found(script) == []
