"""Arguments that change nothing."""

import pytest

from fleet_audit.audit.dockerfiles.references.agreed import Agreed
from fleet_audit.audit.dockerfiles.references.argument_lines import ArgumentLines
from fleet_audit.audit.dockerfiles.references.idle_arguments import idle_arguments
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.references import ArgumentUse, IdleArgument
from tests.support.references import PREFIX, TAG, house
from tests.support.trees import tree

COMPOSE = (
    "services:\n  web:\n    build:\n      context: .\n      args:\n        VERSION: '1'\n        EXTRA: x\n"
)


def found(text: str, *builds: Build) -> list[IdleArgument]:
    repository = Repository(tree({"Dockerfile": text, "compose.yaml": COMPOSE}))
    fleet = house()
    return list(idle_arguments(repository, builds, Agreed(fleet, []), ArgumentLines(repository)))


def build(*names: str, origin: BuildOrigin = BuildOrigin.COMPOSE) -> Build:
    return Build(
        origin=origin,
        location=SourceLocation("compose.yaml", 3),
        dockerfile="Dockerfile",
        name="web",
        args=tuple((name, "x") for name in names),
    )


def test_an_argument_that_no_arg_takes_stands_at_the_line_that_gives_it() -> None:
    (argument,) = found("ARG VERSIONS\nFROM debian:$VERSIONS\n", build("VERSION"))

    assert (str(argument.location), argument.use) == ("compose.yaml:6", ArgumentUse.NOT_DECLARED)
    assert (argument.argument, argument.near, argument.dockerfile) == ("VERSION", "VERSIONS", "Dockerfile")


@pytest.mark.parametrize(
    "text",
    [
        "ARG VERSION\nFROM debian:$VERSION\n",
        "FROM debian:12\nARG VERSION=2\nRUN make\n",
        "FROM debian:12\nONBUILD ARG VERSION\n",
        "# syntax=acme.example/other:1\nFROM debian:12\n",
    ],
)
def test_an_argument_that_an_arg_takes_anywhere_is_taken(text: str) -> None:
    assert found(text, build("VERSION")) == []


def test_a_comment_behind_an_arg_is_told_once() -> None:
    text = "ARG TAG=12 # of 2026, by us\nFROM debian:$TAG\n# a comment\nARG DAY=1 # last of all\n"

    assert [(each.argument, each.location.line) for each in found(text)] == [("#", 1), ("#", 4), ("DAY", 4)]


def test_what_is_defined_without_an_arg_and_assumed_builds_are_passed_over() -> None:
    known = build("HTTP_PROXY", "no_proxy", "TARGETARCH", "BUILDKIT_INLINE_CACHE", "SOURCE_DATE_EPOCH")

    assert found("FROM debian:12\n", known, build("VERSION", origin=BuildOrigin.DEFAULT)) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("ARG BASE=debian:12\nFROM debian:12\nRUN echo $BASE\n", 1),
        ("FROM debian:12\nRUN make\nARG LATE=1\nLABEL a=b\n", 3),
        (f"FROM debian:12\nARG BASE={PREFIX}/base-python:{TAG}\nRUN make\n", 2),
    ],
)
def test_an_arg_that_nothing_can_use_is_told_at_its_line(text: str, line: int) -> None:
    (argument,) = found(text)

    assert (argument.location.line, argument.use) == (line, ArgumentUse.NOT_USED)


@pytest.mark.parametrize(
    "text",
    [
        "ARG BASE=debian:12\nFROM $BASE\n",
        "ARG TAG=12\nARG BASE=debian:$TAG\nFROM ${BASE}\n",
        "ARG BASE=debian:12\nFROM debian:12\nARG BASE\nLABEL base=$BASE\n",
        "ARG PLATFORM=linux/amd64\nFROM --platform=$PLATFORM debian:12\n",
        "FROM debian:12\nARG CACHEBUST=1\nRUN apt-get update\n",
        "FROM debian:12 AS a\nARG ONE=1\nFROM a\nRUN make\n",
        "FROM debian:12\nARG REVISION\nLABEL revision=$REVISION\n",
        "FROM debian:12\nARG TARGETARCH\n",
        f"FROM debian:12\nARG BASE={PREFIX}/base-python:{TAG}\nRUN python3 -c 'os.environ[\"BASE\"]'\n",
    ],
)
def test_an_arg_that_may_be_used_is_left_alone(text: str) -> None:
    assert found(text) == []


def test_an_unused_arg_with_an_image_of_the_fleet_names_it() -> None:
    (argument,) = found(f'ARG BASE="{PREFIX}/base-python:{TAG}"\nFROM debian:12\n')

    assert argument.image == f"{PREFIX}/base-python:{TAG}"
