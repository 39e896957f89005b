import pytest

from fleet_audit.audit.dockerfiles.addition.placement import placement
from fleet_audit.audit.dockerfiles.language.parsing import parse


def line_of(dockerfile: str) -> int:
    place = placement(dockerfile, "docker/family/Dockerfile").dockerfile
    assert place is not None
    assert place.path == "docker/family/Dockerfile"
    return place.line


def test_the_last_installation_of_the_final_stage_is_extended() -> None:
    dockerfile = """\
FROM debian:12 AS build
RUN apt-get update && apt-get install -y gcc
FROM debian:12
RUN apt-get update \\
    && apt-get install -y --no-install-recommends \\
        # for numpy
        libgomp1 \\
    && rm -rf /var/lib/apt/lists/*
COPY . /app
USER 10001
"""
    assert line_of(dockerfile) == 4


def test_an_installation_of_another_stage_is_left_alone() -> None:
    dockerfile = """\
FROM debian:12 AS build
RUN apt-get install -y gcc
FROM debian:12
COPY --from=build /x /x
"""
    assert line_of(dockerfile) == 3
    assert "add the RUN after this line" in placement(dockerfile, "Dockerfile").why


def test_a_stage_that_the_final_one_is_built_from_counts() -> None:
    dockerfile = """\
FROM debian:12 AS Base
RUN apt-get install -y libgomp1
FROM base AS runtime
COPY . /app
"""
    assert line_of(dockerfile) == 2
    assert "stage base" in placement(dockerfile, "Dockerfile").why


def test_a_stage_that_is_named_by_a_variable_counts() -> None:
    assert line_of("ARG FROM=base\nFROM a AS base\nRUN apt-get install -y libgomp1\nFROM ${FROM}\n") == 3


def test_without_an_installation_the_place_is_where_the_user_is_root() -> None:
    dockerfile = """\
FROM --platform=linux/amd64 debian:12
USER root
RUN pip install numpy
USER 10001:10001
"""
    assert line_of(dockerfile) == 2


def test_a_mention_of_apt_is_no_installation() -> None:
    dockerfile = """\
FROM debian:12
RUN apt-get update && pip install apt-something
ENV HINT="apt-get install nothing"
"""
    assert line_of(dockerfile) == 1


@pytest.mark.parametrize(
    "run",
    [
        "RUN apt-get -y -o Dpkg::Use-Pty=0 install libgl1",
        'RUN ["apt-get", "install", "-y", "libgl1"]',
        "RUN --mount=type=cache,target=/var/cache/apt apt install -y libgl1",
        "run DEBIAN_FRONTEND=noninteractive /usr/bin/apt-get install -y libgl1",
        "RUN <<EOF\nset -e\napt-get install -y libgl1\nEOF",
        "RUN sleep 1 &apt-get install -y libgl1",
    ],
)
def test_installations_are_known_in_every_form(run: str) -> None:
    assert line_of(f"FROM debian:12\nWORKDIR /\n{run}\nCOPY . .\n") == 3


def test_a_heredoc_is_no_instruction() -> None:
    dockerfile = "FROM debian:12\nCOPY <<EOF /etc/motd\nFROM nowhere\nRUN apt-get install x\nEOF\nUSER 0\n"

    assert line_of(dockerfile) == 6


def test_a_dockerfile_without_stages_has_no_line() -> None:
    assert line_of("# nothing here\n") == 0


def test_the_escape_directive_is_obeyed() -> None:
    read = parse("# escape=`\nFROM debian:12\nRUN echo a `\n  b\nRUN echo c\\\nUSER 0\n").instructions

    assert [(i.keyword, i.line) for i in read] == [("FROM", 2), ("RUN", 3), ("RUN", 5), ("USER", 6)]
    assert read[1].body == "echo a   b"


def test_lines_are_counted_as_docker_and_editors_count_them() -> None:
    read = parse("# \u2028 \x0c \x85\r\nFROM debian:12\r\nUSER 0\r\n").instructions

    assert [(i.keyword, i.body, i.line) for i in read] == [("FROM", "debian:12", 2), ("USER", "0", 3)]


def test_an_unfinished_heredoc_ends_with_the_file() -> None:
    read = parse("FROM debian:12\nRUN <<EOF\napt-get install x\n").instructions

    assert [(i.keyword, i.line, i.last_line) for i in read] == [("FROM", 1, 1), ("RUN", 2, 3)]
