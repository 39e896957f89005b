"""What a Dockerfile takes from its build context, and when that cannot be told."""

import pytest

from fleet_audit.audit.dockerfiles.copying.copies import CopiedFiles, copied_files, repository_name
from fleet_audit.audit.dockerfiles.copying.ignoring import IgnoreRules, ignore_rules


def copied(*lines: str, target: str = "", ignored: str = "", **build_args: str) -> CopiedFiles:
    found = copied_files(
        "\n".join(lines), target=target, build_args=build_args, ignored=ignore_rules(ignored)
    )
    assert found is not None
    return found


def test_a_folder_that_is_copied_brings_all_that_is_below_it() -> None:
    found = copied("FROM base", "COPY --chown=1:1 common/ common/")

    assert found.hold("common/bus.py")
    assert found.hold("common/deep/bus.py")
    assert not found.hold("commons/bus.py")
    assert not found.hold("services/app.py")


def test_the_whole_context_brings_everything() -> None:
    assert copied("FROM base", "COPY . /app").hold("services/app.py")
    assert copied("FROM base", "COPY ./ .").hold("services/app.py")


def test_a_pattern_stays_within_one_folder() -> None:
    found = copied("FROM base", "COPY services/*.py ./")

    assert found.hold("services/app.py")
    assert not found.hold("services/deep/app.py")
    assert not found.hold("app.py")


def test_words_may_be_written_as_json() -> None:
    assert copied("FROM base", 'COPY ["with space/", "/app/"]').hold("with space/app.py")


def test_variables_have_the_values_that_the_build_gives_them() -> None:
    lines = ("ARG NAME=first", "FROM base", "ARG NAME", "ENV DIR=services/$NAME", "COPY ${DIR}/ /app/")

    assert copied(*lines).hold("services/first/app.py")
    assert copied(*lines, NAME="second").hold("services/second/app.py")
    assert not copied(*lines, NAME="second").hold("services/first/app.py")


def test_a_default_in_the_word_is_taken_where_there_is_no_value() -> None:
    assert copied("FROM base", "COPY ${DIR:-common}/ /app/").hold("common/bus.py")


def test_stages_that_are_built_upon_or_copied_from_count() -> None:
    lines = (
        "FROM base AS code",
        "COPY common/ /src/common/",
        "FROM base AS first",
        "COPY libs/ /app/libs/",
        "FROM first",
        "COPY --from=code /src /app",
        "COPY services/ /app/services/",
    )

    found = copied(*lines)

    assert [found.hold(path) for path in ("common/a.py", "libs/a.py", "services/a.py", "x.py")] == [
        True,
        True,
        True,
        False,
    ]
    assert found.unknown == ""
    assert found.line == 7


def test_a_stage_that_is_not_built_upon_does_not_count() -> None:
    lines = ("FROM base AS tests", "COPY . /src", "FROM base AS runtime", "COPY common/ /app/common/")

    assert not copied(*lines).hold("services/app.py")
    assert copied(*lines, target="tests").hold("services/app.py")
    assert copied_files("\n".join(lines), target="gone", build_args={}, ignored=IgnoreRules()) is None


@pytest.mark.parametrize(
    "line",
    [
        "RUN git clone https://code.example/common /app/common",
        "RUN apt-get update && curl -fsSL https://files.example/a.tgz | tar xz",
        "RUN --mount=type=bind,source=common,target=/src cp -r /src /app/common",
        "RUN --mount=target=/src cp -r /src /app/common",
        "RUN pip install git+https://code.example/common",
        "ADD https://files.example/common.py /app/",
        "ADD common.tar.gz /app/",
        "COPY --from=registry.example/acme/common:1 /common /app/common",
        "COPY ${SOURCES} /app/",
    ],
)
def test_what_may_bring_files_in_another_way_is_said(line: str) -> None:
    found = copied("FROM base", "COPY services/ /app/", line)

    assert found.unknown.startswith("line 3: ")


@pytest.mark.parametrize(
    "line",
    [
        "RUN apt-get update && apt-get install -y curl git tar",
        "RUN --mount=type=cache,target=/root/.cache pip install -r requirements.txt",
        "COPY --from=registry.example/astral/uv:1 /uv /usr/local/bin/",
        "COPY <<EOF /app/settings.toml\nx = 1\nEOF",
        "RUN echo git clone",
    ],
)
def test_what_brings_no_source_is_no_doubt(line: str) -> None:
    found = copied("FROM base", "COPY services/ /app/", line)

    assert found.unknown == ""
    assert not found.hold("common/bus.py")


def test_what_the_context_leaves_out_is_not_copied() -> None:
    found = copied("FROM base", "COPY . /app", ignored="# comment\n**/*_test.py\ncommon\n!common/bus.py\n")

    assert not found.hold("services/app_test.py")
    assert not found.hold("common/deep/x.py")
    assert found.hold("common/bus.py")
    assert found.hold("services/app.py")


def test_a_stage_that_copies_from_a_later_one_or_from_itself_ends() -> None:
    found = copied("FROM base AS a", "COPY --from=b /x /x", "FROM base AS b", "COPY --from=b /x /x")

    assert found.unknown == "line 4: it copies from b"


def test_the_image_that_it_starts_from_is_told_with_its_variables() -> None:
    lines = ("ARG FAMILY=registry.example/acme/vision:1", "FROM ${FAMILY} AS code", "FROM code")

    assert copied(*lines).base == "registry.example/acme/vision:1"
    assert copied(*lines, FAMILY="web").base == "web"
    assert copied("FROM $GONE").base == ""


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("registry.example:5000/acme/vision:1@sha256:00", "vision"),
        ("vision", "vision"),
        ("acme/vision@sha256:00", "vision"),
    ],
)
def test_the_name_of_a_repository(reference: str, name: str) -> None:
    assert repository_name(reference) == name


def test_a_text_without_a_stage_is_nothing() -> None:
    assert copied_files("# nothing\n", target="", build_args={}, ignored=IgnoreRules()) is None
