"""What the commands of scripts build."""

import pytest

from fleet_audit.audit.dockerfiles.contexts.commands import Frame, below_folder, command_builds
from fleet_audit.audit.dockerfiles.shell.following import follow
from fleet_audit.audit.dockerfiles.shell.reading import read_script
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.location import SourceLocation

ENVIRONMENT = {"VERSION": "1.2"}


def builds(text: str) -> tuple[Build, ...]:
    commands = follow(read_script(text), folder="/r", lookup=ENVIRONMENT.get, root="/r")
    return command_builds(commands, Frame(BuildOrigin.COMMAND, "build.sh", below_folder("/r")))


def build(text: str) -> Build:
    (found,) = builds(text)
    return found


@pytest.mark.parametrize(
    ("text", "dockerfile", "context"),
    [
        ("docker build .", "Dockerfile", "."),
        ("docker build docker/web", "docker/web/Dockerfile", "docker/web"),
        ("cd docker && docker build -f web/Dockerfile.prod ..", "docker/web/Dockerfile.prod", "."),
        ("docker buildx build --file=a/Dockerfile --no-cache .", "a/Dockerfile", "."),
        ("docker --context remote image build -fa/Dockerfile .", "a/Dockerfile", "."),
        ("docker buildx --builder b build a", "a/Dockerfile", "a"),
        ("podman build --format docker -t x -f Containerfile .", "Containerfile", "."),
        ("buildah bud --isolation chroot -f a/Dockerfile .", "a/Dockerfile", "."),
        ("sudo docker build .", "Dockerfile", "."),
    ],
)
def test_a_command_names_dockerfile_and_context(text: str, dockerfile: str, context: str) -> None:
    found = build(text)
    assert (found.dockerfile, found.context) == (dockerfile, context)


def test_behind_an_option_that_is_not_known_the_context_is_not_either() -> None:
    found = build("docker build --unheard-of thing .")
    assert (found.context, found.unknown) == ("", ("context",))


def test_what_a_build_is_given_is_read() -> None:
    found = build(
        "docker buildx build --build-arg VERSION --build-arg A=1 --build-arg B=$UNSET --target run \\\n"
        "  --platform linux/amd64,linux/arm64 -t web:$VERSION -t web:$UNSET --build-context base=./base \\\n"
        "  --build-context img=docker-image://web --push ."
    )
    assert found == Build(
        origin=BuildOrigin.COMMAND,
        location=SourceLocation("build.sh", 1),
        dockerfile="Dockerfile",
        args=(("VERSION", "1.2"), ("A", "1"), ("B", None)),
        target="run",
        platforms=("linux/amd64", "linux/arm64"),
        tags=("web:1.2",),
        contexts=(("base", "base"), ("img", "docker-image://web")),
        pushes=True,
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("docker build https://git.example/x.git", "https://git.example/x.git is an address"),
        ("docker build /opt/x", "/opt/x is not in the repository"),
        ("docker build ..", "/ is not in the repository"),
        ("docker build $UNSET", "the context is not known"),
        ("docker build - < a/Dockerfile", "the context is standard input"),
    ],
)
def test_a_context_that_is_no_folder_of_the_repository_has_a_reason(text: str, reason: str) -> None:
    found = build(text)
    assert (found.context, found.reason) == ("", reason)


def test_a_dockerfile_that_stands_in_the_command_is_kept() -> None:
    assert build("docker build - <<'E'\nFROM $x\nE\n").inline == "FROM $x\n"
    assert build("docker build -f - . <<E\nFROM x\nE\n").inline == "FROM x\n"
    assert build("docker build -f - . <<E\nFROM $x\nE\n").inline == ""
    assert build("docker build - < a/Dockerfile").dockerfile == "a/Dockerfile"


def test_a_later_push_of_the_same_name_is_the_builds_push() -> None:
    first, second = builds("docker build -t a .; docker build -t b .; docker push a")
    assert (first.pushes, second.pushes) == (True, False)


@pytest.mark.parametrize(
    "text", ["docker run build .", "docker compose build .", "docker buildx bake", "echo docker build ."]
)
def test_other_commands_build_nothing_here(text: str) -> None:
    assert builds(text) == ()
