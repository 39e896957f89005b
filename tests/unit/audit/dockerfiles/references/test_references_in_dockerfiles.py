"""The images that Dockerfiles name, at the lines that a person would change."""

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.dockerfiles.references.in_dockerfiles import references_in
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.references import Reference, ReferenceKind

WORKFLOW = SourceLocation(".github/workflows/ci.yml", 9)


def build(**args: str | None) -> Build:
    return Build(
        origin=BuildOrigin.WORKFLOW, location=WORKFLOW, dockerfile="Dockerfile", args=tuple(args.items())
    )


def found(text: str, *builds: Build) -> list[Reference]:
    return list(references_in("Dockerfile", parse(text), builds, lambda build, _name: build.location))


def written(text: str, *builds: Build) -> list[tuple[int, str, str]]:
    return [(each.location.line, each.kind.value, each.written) for each in found(text, *builds)]


def test_a_base_is_a_reference_with_its_line_and_column() -> None:
    (reference,) = found("# a comment\nFROM --platform=linux/amd64 \\\n    debian:12 AS base\n")

    assert reference.location == SourceLocation("Dockerfile", 3, 5)
    assert (reference.kind, reference.written, reference.name) == (ReferenceKind.FROM, "debian:12", "base")
    assert reference.resolved == "docker.io/library/debian:12"


def test_stages_and_scratch_are_no_references() -> None:
    stages = "FROM scratch AS empty\nFROM empty\n"
    uses = "COPY --from=empty /a /a\nCOPY --from=0 /a /a\nRUN --mount=from=empty x\n"

    assert found(stages + uses) == []


def test_copies_and_mounts_take_from_images() -> None:
    text = (
        "FROM scratch\nCOPY --from=images.example/astral-sh/uv:0.5 /uv /uv\n"
        "RUN --mount=type=bind,from=busybox:1.36,target=/b --mount=type=cache,target=/c true\n"
        "ONBUILD COPY --from=alpine:3 /a /a\n"
    )

    assert written(text) == [
        (2, "copy-from", "images.example/astral-sh/uv:0.5"),
        (3, "mount", "busybox:1.36"),
        (4, "copy-from", "alpine:3"),
    ]


def test_a_stage_may_be_meant_where_a_name_is_nearly_that_of_one() -> None:
    text = "FROM scratch AS build\nFROM scratch\nCOPY --from={} /a /a\n"
    names = ("biuld", "BUILDS", "busybox", "biuld:1", "acme/biuld")

    assert [found(text.format(name))[0].near_stage for name in names] == ["build", "build", "", "", ""]


def test_a_mount_stands_at_its_own_line_of_the_command() -> None:
    (reference,) = found(
        "FROM scratch\nRUN --mount=type=cache,target=/x \\\n    --mount=from=x,target=/y true\n"
    )

    assert reference.location == SourceLocation("Dockerfile", 3, 18)


def test_the_frontend_is_a_reference() -> None:
    assert written("# syntax=docker/dockerfile:1.7\nFROM scratch\n") == [
        (1, "syntax", "docker/dockerfile:1.7")
    ]


def test_comments_labels_and_health_checks_name_no_image() -> None:
    text = (
        "FROM scratch\n# FROM debian:9\nLABEL base=debian:9\n"
        "HEALTHCHECK CMD curl http://debian:9/\nRUN echo FROM debian:9\n"
    )

    assert found(text) == []


def test_a_default_that_reaches_a_base_is_the_reference_and_the_base_its_use() -> None:
    (reference,) = found("ARG FIRST=debian:12\nARG BASE=${FIRST}\nFROM ${BASE}\nRUN x\n")

    assert reference.location == SourceLocation("Dockerfile", 1, 11)
    assert (reference.kind, reference.written) == (ReferenceKind.ARGUMENT, "debian:12")
    assert [place.line for place in reference.related] == [3, 2]


def test_a_base_made_of_parts_stands_at_its_own_line_beside_the_arguments() -> None:
    (reference,) = found("ARG TAG=12\nARG UNUSED=1\nFROM debian:${TAG}-slim\n")

    assert (reference.location.line, reference.written) == (3, "debian:${TAG}-slim")
    assert reference.resolved == "docker.io/library/debian:12-slim"
    assert [place.line for place in reference.related] == [1]


def test_an_argument_that_no_base_uses_is_no_reference() -> None:
    assert written("ARG OTHER=debian:9\nFROM debian:12\nARG INNER=debian:8\n") == [(2, "from", "debian:12")]


def test_what_is_written_behind_an_argument_without_a_value_is_known() -> None:
    (reference,) = found("ARG TAG\nFROM acme.example/web:${TAG}\n")

    assert (reference.repository_name, reference.unknown) == ("acme.example/web", ("tag", "digest"))
    assert reference.resolved == ""


def test_what_a_build_gives_is_a_reference_where_the_build_is_described() -> None:
    usual, given = found("ARG BASE=debian:12\nFROM $BASE\n", build(BASE="debian:11", OTHER="x:1"))

    assert usual.written == "debian:12"
    assert (given.location, given.kind, given.written) == (
        WORKFLOW,
        ReferenceKind.BUILD_ARGUMENT,
        "debian:11",
    )
    assert given.related == (SourceLocation("Dockerfile", 2),)


def test_a_build_that_gives_the_default_or_an_unknown_value_adds_nothing() -> None:
    text = "ARG BASE=debian:12\nFROM $BASE\n"

    assert len(found(text, build(BASE="debian:12"), build(BASE=None), build())) == 1


def test_a_context_that_a_build_names_stands_for_no_image_but_its_own() -> None:
    bake = Build(
        origin=BuildOrigin.BAKE,
        location=SourceLocation("docker-bake.hcl", 4),
        dockerfile="Dockerfile",
        contexts=(("base", "target:base"), ("tools", "docker-image://acme.example/tools:1")),
    )

    references = found("FROM base\nCOPY --from=tools /a /a\n", bake)

    assert [(each.kind.value, each.written, each.location.path) for each in references] == [
        ("build-context", "acme.example/tools:1", "docker-bake.hcl")
    ]


def test_a_malformed_base_says_what_is_wrong_with_it() -> None:
    (reference,) = found("FROM Debian:12\n")

    assert "small letters" in reference.problem
    assert reference.resolved == ""


def test_the_language_of_another_frontend_is_not_read() -> None:
    text = "# syntax=acme.example/other:1\nFROM debian:12\n"

    assert written(text) == [(1, "syntax", "acme.example/other:1")]


def test_arguments_that_name_each_other_end() -> None:
    assert written("ARG A=$B\nARG B=$A\nFROM $A\n") == []


SPACES = st.sampled_from([" ", "   ", "\t", " \\\n", " \\\n# FROM debian:9\n\n  "])


@given(st.lists(SPACES, min_size=12, max_size=12), st.booleans())
def test_how_instructions_are_laid_out_changes_no_reference(spaces: list[str], is_small: bool) -> None:
    words = (
        ("ARG", "BASE=debian:12"),
        ("FROM", "--platform=linux/amd64", "${BASE}", "AS", "build"),
        ("COPY", "--from=busybox:1", "/a", "/a"),
        ("RUN", "--mount=from=alpine:3,target=/b", "true"),
    )
    gaps = iter(spaces)
    lines = []
    for keyword, *rest in words:
        line = keyword.lower() if is_small else keyword
        lines.append(line + "".join(next(gaps) + word for word in rest))

    written_so = [(each.kind.value, each.written) for each in found("\n".join(lines) + "\n")]

    assert written_so == [("arg", "debian:12"), ("copy-from", "busybox:1"), ("mount", "alpine:3")]
