"""What an image would run, as a whole command says it."""

import re
from pathlib import Path

import pytest

from tests.support.images import FORMS, Form
from tests.support.worlds import FAMILY, Document, World, installed

ROOT = Path(__file__).resolve().parents[2]
SECRET = "correct-horse-battery"  # noqa: S105  (what no test may find in an answer)
CONFIG: Document = {
    "User": "app",
    "Entrypoint": ["/start.sh"],
    "Cmd": ["gunicorn", "app:app"],
    "WorkingDir": "/srv",
    "Env": ["PATH=/usr/bin:/bin", f"DB_PASSWORD={SECRET}", "MODE=fast"],
    "Labels": {"note": f"the password is {SECRET}"},
    "ExposedPorts": {"8000/tcp": {}},
    "Volumes": {"/data": {}},
    "StopSignal": "SIGINT",
    "Healthcheck": {"Test": ["CMD-SHELL", "curl -f http://localhost:8000/health"], "Interval": 5_000_000_000},
}
FILES = {
    "etc/passwd": "root:x:0:0::/root:/bin/sh\napp:x:10001:10002::/home/app:/bin/false\n",
    "start.sh": '#!/bin/sh\nredis-server &\nexec "$@"\n',
}
DOCKERFILE = """\
FROM python:3.11-slim AS base
RUN useradd --uid 10001 app
USER app

FROM base
ARG PORT=7200
ENV API_TOKEN=correct-horse-battery
WORKDIR /app
COPY app.py .
EXPOSE $PORT
CMD ["python3", "app.py"]
"""


@pytest.mark.parametrize("form", FORMS)
def test_an_image_says_what_it_would_run(world: World, form: Form) -> None:
    image = world.image(
        "x", FILES, installed("gunicorn", {"gunicorn/__init__.py": ""}), form=form, config=CONFIG
    )

    answer = world.run("inspect", image, "-o", "text")

    found = answer.document
    assert answer.code == 0
    assert found["schema"] == "fleet-audit.inspect/1"
    assert found["entrypoint"]["words"] == ["/start.sh"]
    assert (found["user"]["uid"], found["user"]["gid"], found["user"]["home"]) == (10001, 10002, "/home/app")
    assert [port["value"] for port in found["ports"]] == ["8000/tcp"]
    assert found["stop_signal"]["value"] == "SIGINT"
    assert (found["health"]["port"], found["health"]["path"], found["health"]["interval"]) == (
        "8000",
        "/health",
        "5s",
    )
    services = {service["id"]: service["confidence"] for service in found["services"]}
    assert services == {"gunicorn": "certain", "redis": "certain"}
    assert "/start.sh:2" in answer.out
    assert sum(layer["seen_files"] for layer in found["layers"]) > 2


def test_programs_that_the_configuration_names_and_the_image_lacks_are_noted(world: World) -> None:
    start = {"Entrypoint": ["/start.sh"], "Cmd": ["gone"], "Env": ["PATH=/bin"]}
    check = {"Healthcheck": {"Test": ["CMD", "curl", "http://localhost/"]}}

    lacking = world.run("inspect", world.image("x", FILES, config=start | check)).document["notes"]
    having = world.run("inspect", world.image("y", FILES, {"bin/curl": "x"}, config=start | check))

    assert lacking == ["the health check starts curl, and the image has no such program"]
    assert having.document["notes"] == []


def test_no_secret_is_ever_shown(world: World) -> None:
    image = world.image("x", FILES, config=CONFIG)
    world.file("Dockerfile", DOCKERFILE)

    for subject in (image, "Dockerfile"):
        answer = world.run("inspect", subject, "-o", "text")
        assert SECRET not in answer.out + answer.err
        assert SECRET not in str(answer.document)
        assert "********" in answer.out

    masked = [each for each in world.run("inspect", image).document["environment"] if each["masked"]]
    assert [(each["name"], each["value"]) for each in masked] == [("DB_PASSWORD", None)]


def test_a_dockerfile_says_at_which_lines_it_says_so(world: World) -> None:
    world.file("Dockerfile", DOCKERFILE).file("app.py", "import flask\n")

    found = world.run("inspect", "Dockerfile").document

    assert found["user"] == {
        "written": "app",
        "uid": 10001,
        "gid": None,
        "name": "app",
        "home": None,
        "location": {"path": "Dockerfile", "line": 3},
    }
    assert found["ports"] == [
        {"value": "7200/tcp", "known": True, "location": {"path": "Dockerfile", "line": 10}}
    ]
    assert found["bases"] == ["python:3.11-slim"]
    assert found["gaps"] == []
    (service,) = found["services"]
    assert (service["id"], service["evidence"][0]["where"]) == ("flask", "app.py:1")


def test_scripts_of_the_repository_are_followed_to_what_they_start(world: World) -> None:
    start = 'ENTRYPOINT ["tini", "/run.sh"]\nCMD ["celery", "worker"]\n'
    text = f"FROM python:3.11-slim\nCOPY run.sh /run.sh\n{start}"
    world.file("Dockerfile", text).file("run.sh", '#!/bin/sh\nset -e\nmemcached -d\nexec "$@"\n')

    found = world.run("inspect", "Dockerfile").document["services"]

    assert {each["id"]: each["evidence"][0]["where"] for each in found} == {
        "celery": "Dockerfile:4",
        "memcached": "/run.sh:3",
    }


def test_another_stage_and_arguments_can_be_asked_for(world: World) -> None:
    world.file("Dockerfile", DOCKERFILE)

    base = world.run("inspect", "Dockerfile", "--target", "base").document
    other = world.run("inspect", "Dockerfile", "--build-arg", "PORT=9").document

    assert (base["cmd"]["words"], base["ports"]) == (["python3"], [])
    assert [port["value"] for port in other["ports"]] == ["9/tcp"]


def test_a_dockerfile_on_an_image_of_which_nothing_is_known_says_so(world: World) -> None:
    world.file("odd.name", 'FROM somebody/image:1\nCMD ["x"]\n')

    answer = world.run("inspect", "odd.name")

    assert answer.code == 0
    assert answer.document["unknown_base"] == "somebody/image:1"
    assert answer.document["user"] is None
    assert answer.gaps["not-examined"]["what"] == "somebody/image:1"


def test_a_family_means_its_image_and_a_service_its_dockerfile(world: World) -> None:
    world.file("web/Dockerfile", f"FROM {FAMILY}:1\nEXPOSE 7200\n").file("docker/Dockerfile", DOCKERFILE)
    world.family(FAMILY, FILES, config=CONFIG, dockerfiles=["docker/Dockerfile"])
    world.service("web", dockerfiles=["web/Dockerfile"])

    family = world.run("inspect", FAMILY).document
    service = world.run("inspect", "web").document

    assert (family["image"] is not None, family["dockerfile"]) == (True, None)
    assert (service["image"], service["dockerfile"]) == (None, "web/Dockerfile")
    assert service["cmd"]["location"] == {"path": "docker/Dockerfile", "line": 11}


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("gone",), "gone"),
        (("oci:gone",), "no such file"),
        (("notes.txt",), "is no Dockerfile"),
        (("binary",), "is no Dockerfile"),
        (("Dockerfile", "--target", "gone"), "has no stage called gone; there is base"),
        (("Dockerfile", "--build-arg", "PORT"), "NAME=VALUE"),
        (("Dockerfile", "-o", "sarif"), "sarif"),
        (("oci:x", "--target", "base"), "--target"),
        (("Dockerfil",), "there is no such file or folder"),
    ],
)
def test_a_question_that_cannot_be_answered_is_wrong_usage(
    world: World, words: tuple[str, ...], what: str
) -> None:
    world.image("x")
    world.file("Dockerfile", DOCKERFILE).file("notes.txt", "hello\n").file("binary", b"\0\1\2" * 1000)

    code, _, err = world.say("inspect", *words)

    assert code == 2
    assert what in err


def test_a_folder_without_an_image_means_its_dockerfile_and_says_how_to_check_it(world: World) -> None:
    world.file("shop/Dockerfile", "FROM acme/base:1\nEXPOSE 80\n")

    code, out, _ = world.say("inspect", "shop")

    assert code == 0
    assert re.search(r"ports +80/tcp +Dockerfile:2", out)
    assert out.splitlines()[-1] == "check it  fleet-audit dockerfiles shop/Dockerfile"


def test_outside_of_a_repository_only_the_dockerfile_itself_is_read(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM acme/base:1\nEXPOSE 80\n")
    (tmp_path / "compose.yaml").write_text("services: {b: {build: {dockerfile: Other}, image: acme/base}}\n")
    (tmp_path / "Other").write_text("FROM scratch\nUSER 7\n")

    _, alone, _ = World.say("inspect", str(tmp_path / "Dockerfile"))
    (tmp_path / ".git").mkdir()
    _, inside, _ = World.say("inspect", str(tmp_path / "Dockerfile"))

    assert "nothing is known of this image here" in alone
    assert "Other:2" in inside


def test_a_folder_has_no_configuration_but_may_hold_services(world: World) -> None:
    status = "Package: redis-server\nStatus: install ok installed\nVersion: 5:7.0\nArchitecture: amd64\n\n"
    world.file("root/var/lib/dpkg/status", status).file("root/etc/redis/redis.conf")

    answer = world.run("inspect", "dir:root")

    assert answer.document["user"] is None
    assert "no configuration" in answer.document["notes"][0]
    assert [(each["id"], each["confidence"]) for each in answer.document["services"]] == [("redis", "likely")]


def test_a_layer_that_cannot_be_read_leaves_the_answer_incomplete(world: World) -> None:
    image = world.image("x", b"no tar at all" * 100, config=CONFIG)

    answer = world.run("inspect", image)

    assert answer.code == 3
    assert "unreadable-layer" in answer.gaps
    assert answer.document["user"]["written"] == "app"


def test_the_page_shows_what_the_command_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT / "examples" / "fleet")

    code, out, _ = World.say("inspect", "ServiceRegistry", "--cache-dir", str(tmp_path))

    assert code == 0
    assert (
        f"$ fleet-audit inspect ServiceRegistry\n{out}```" in (ROOT / "docs/commands/inspect.md").read_text()
    )


def test_names_and_values_of_a_hostile_image_are_shown_whole_and_escaped(world: World) -> None:
    hostile = {
        "Env": [*(f"TOKEN_{n}=value-{n}" for n in range(3000)), *(f"A{n}=\x1b[2J{n}" for n in range(3000))],
        "Entrypoint": ["\x1b]0;x\x07", "\u202e", "a" * 5000],
        "Labels": {"a\nb": "c\rd"},
        "ExposedPorts": {"99999999999999999999/tcp": {}, "x": {}},
        "User": "\x00",
    }

    answer = world.run("inspect", world.image("x", config=hostile), "-o", "text")

    assert answer.code == 0
    assert len(answer.document["environment"]) == 6000
    assert "more (-o json lists them)" in answer.out
    assert not {"\x1b", "\x07", "\u202e", "\r"} & set(answer.out)
