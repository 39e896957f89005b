"""Whether what a Dockerfile takes is there."""

from collections.abc import Mapping

import pytest

from fleet_audit.audit.dockerfiles.copying import sources
from fleet_audit.audit.dockerfiles.copying.sources import copied_sources
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.copying import CopiedSource, CopyProblem
from fleet_audit.audit.model.location import SourceLocation
from tests.support.trees import FOLDER, Link, tree

Files = Mapping[str, bytes | str | Link | None]


def taken(dockerfile: str, files: Files | None = None, **build: object) -> tuple[CopiedSource, ...]:
    """Return what a Dockerfile at ``web/Dockerfile`` takes, built with the repository's root as context."""
    settings = {
        "origin": BuildOrigin.COMPOSE,
        "location": SourceLocation("compose.yaml", 3),
        "dockerfile": "web/Dockerfile",
        **build,
    }
    repository = Repository(tree({"web/Dockerfile": dockerfile, **(files or {})}))
    return copied_sources(repository, [Build(**settings)])  # type: ignore[arg-type]  # (as they are named)


def problems(dockerfile: str, files: Files | None = None, **build: object) -> list[tuple[int, str, str]]:
    found = taken(dockerfile, files, **build)
    return [(each.location.line, each.source, each.problem) for each in found if each.problem is not None]


def test_what_is_not_in_the_context_is_missing() -> None:
    text = "FROM a\nCOPY common/ services/app.py /app/\nCOPY gone.txt also/gone /x/\n"
    assert problems(text, {"common/a.py": "", "services/app.py": ""}) == [
        (3, "also/gone", "missing"),
        (3, "gone.txt", "missing"),
    ]


def test_a_source_is_looked_up_in_the_context_and_not_beside_the_dockerfile() -> None:
    text = "FROM a\nCOPY requirements.txt /\n"
    files = {"web/requirements.txt": ""}

    assert problems(text, files) == [(2, "requirements.txt", "missing")]
    assert [each.near for each in taken(text, files)] == ["web/requirements.txt"]
    assert problems(text, files, context="web") == []


def test_where_no_stage_has_the_name_of_the_target_all_are_looked_at() -> None:
    text = "FROM a AS one\nCOPY gone.txt /\nFROM a\nCOPY lost.txt /\n"

    assert [line for line, _, _ in problems(text, target="prod")] == [2, 4]
    assert [line for line, _, _ in problems(text, target="one")] == [2]


def test_what_git_keeps_is_not_missed_in_a_copy_without_it() -> None:
    text = "FROM a\nCOPY .git/HEAD /\n"

    assert problems(text) == []
    assert problems(text, {".git/config": ""}) == [(2, ".git/HEAD", "missing")]
    assert problems(text, {".dockerignore": ".git"}) == [(2, ".git/HEAD", "ignored")]
    assert problems(text, context="web") == [(2, ".git/HEAD", "missing")]


def test_what_may_be_meant_is_told() -> None:
    (found,) = taken("FROM a\nCOPY common/Setings.py /\n", {"common/settings.py": ""})
    assert (found.near, found.reason) == (
        "common/settings.py",
        "the folder common of the context holds no 'Setings.py'",
    )

    (found,) = taken("FROM a\nCOPY Common/settings.py /\n", {"common/settings.py": ""})
    assert found.near == "common/settings.py"


@pytest.mark.parametrize(
    "line",
    [
        "COPY . /app",
        "COPY / /app",
        "COPY ./ /app",
        "COPY /common/ /app/",
        "COPY ../common /app/",
        "COPY ../../common/a.py /app/",
        "COPY common/../common/a.py /app/",
        'COPY ["common/a.py", "/app/"]',
        "COPY --chown=1:1 --link common /app/",
        "COPY common/*.py /app/",
        "COPY comm?n/[ab].py /app/",
        "COPY common/*.txt /app/",
        "COPY nothing* /app/",
        "COPY --parents nothing /app/",
        "COPY --from=registry.example/acme/uv:1 /uv /bin/",
        "COPY <<EOF /app/x\nhello\nEOF",
        "COPY <<-'END' common/a.py /app/\n\thello\n\tEND",
        "ADD https://files.example/x.tgz /x/",
        "ADD git@code.example:acme/x.git /x/",
        "ADD --keep-git-dir https://code.example/acme/x.git#v1 /x/",
        "RUN --mount=type=bind,source=common,target=/c ls",
        "RUN --mount=type=bind,target=/c ls",
        "RUN --mount=type=cache,target=/root/.cache --mount=type=secret,id=x ls",
        "ARG DIR=common\nCOPY $DIR/a.py /",
        "COPY $UNSET/a.py /",
        "COPY ${UNSET:-common}/a.py /",
        "ONBUILD COPY requirements.txt /app/",
        "# COPY gone /x",
        "RUN <<EOF\nCOPY gone /x\nEOF",
    ],
)
def test_what_is_there_or_not_known_is_no_problem(line: str) -> None:
    assert problems(f"FROM a\n{line}\n", {"common/a.py": "", "common/b.py": ""}) == []


@pytest.mark.parametrize(
    ("line", "source"),
    [
        ("COPY gone/*.txt /app/", "gone/*.txt"),
        ("COPY common/a.py/x /app/", "common/a.py/x"),
        ('COPY ["with space", "/app/"]', "with space"),
        ("ADD gone.tar.gz /", "gone.tar.gz"),
        ("RUN --mount=type=bind,source=gone,target=/c ls", "gone"),
        ("RUN --mount=source=gone,target=/c ls", "gone"),
        ("ARG DIR=gone\nCOPY $DIR /", "$DIR"),
        ("COPY ${UNSET:-gone} /", "${UNSET:-gone}"),
        ("COPY ../gone /", "../gone"),
        ("COPY \\\n  # why\n  gone /", "gone"),
    ],
)
def test_what_is_not_there_is_a_problem_however_it_is_written(line: str, source: str) -> None:
    found = problems(f"FROM a\n{line}\n", {"common/a.py": ""})

    assert [(each, problem) for _, each, problem in found] == [(source, "missing")]


def test_arguments_of_the_build_decide_and_unknown_ones_leave_it_open() -> None:
    text = "FROM a\nARG DIR=gone\nCOPY $DIR/a.py /\n"
    files = {"common/a.py": ""}

    assert problems(text, files, args=(("DIR", "common"),)) == []
    assert problems(text, files, args=(("DIR", None),)) == []
    assert problems(text, files, unknown=("args",)) == []
    assert problems(text, files) == [(3, "$DIR/a.py", "missing")]


def test_stages_that_the_target_does_not_need_take_nothing() -> None:
    text = "FROM a AS tests\nCOPY gone /x\nFROM a AS runtime\nCOPY common /x\n"
    files = {"common/a.py": ""}

    assert problems(text, files) == []
    assert problems(text, files, target="tests") == [(2, "gone", "missing")]


def test_what_dockerignore_leaves_out_is_told_with_its_line() -> None:
    text = "FROM a\nCOPY data/model.bin common/a.py /app/\nCOPY docs /docs\n"
    files = {"data/model.bin": "", "common/a.py": "", "docs/x": "", ".dockerignore": "# big\ndata\n*.md\n"}
    found = [each for each in taken(text, files) if each.problem]

    assert [(each.source, each.problem, str(each.pattern)) for each in found] == [
        ("data/model.bin", CopyProblem.IGNORED, ".dockerignore:2")
    ]
    assert problems(text, {**files, ".dockerignore": "data\n!data/model.bin\ndocs/*\n"}) == []
    assert problems(text, {**files, ".dockerignore": "docs\n!docs/*.md"}) == [(3, "docs", "ignored")]
    assert problems(text, {**files, ".dockerignore": "docs\n!docs/x"}) == []
    assert problems("FROM a\nCOPY data/*.bin /\n", files) == [(2, "data/*.bin", "ignored")]
    assert problems("FROM a\nCOPY data/*.bin /\n", {**files, ".dockerignore": "data/*"}) == []


def test_a_dockerignore_named_for_the_dockerfile_comes_first() -> None:
    text = "FROM a\nCOPY data /app/\n"
    files = {"data/x": "", ".dockerignore": "data"}

    assert problems(text, files) == [(2, "data", "ignored")]
    assert problems(text, {**files, "web/Dockerfile.dockerignore": ""}) == []
    assert problems(text, {"data/x": "", "web/Dockerfile.dockerignore": "data"}) == [(2, "data", "ignored")]
    assert problems(text, {"data/x": "", "web/.dockerignore": "data"}) == []


def test_links_stay_within_the_context() -> None:
    text = "FROM a\nCOPY in out dead far deep/x /app/\n"
    files: Files = {
        "web/real/x": "",
        "shared/x": "",
        "web/in": Link("real/x"),
        "web/out": Link("../shared/x"),
        "web/dead": Link("real/gone"),
        "web/far": Link("/etc/passwd"),
        "web/deep": Link("./real"),
    }

    assert problems(text, files, context="web") == [
        (2, "dead", "dangling"),
        (2, "far", "outside"),
        (2, "out", "outside"),
    ]
    assert problems("FROM a\nCOPY web/out /app/\n", files) == []


def test_a_named_context_is_looked_up_with_its_own_ignore_file() -> None:
    text = "FROM a\nCOPY --from=lib src/x gone skipped /app/\nCOPY --from=up /x /\n"
    files = {"libs/src/x": "", "libs/skipped": "", "libs/.dockerignore": "skipped", ".dockerignore": "src"}

    assert problems(text, files, contexts=(("lib", "libs"), ("up", "docker-image://alpine"))) == [
        (2, "gone", "missing"),
        (2, "skipped", "ignored"),
    ]


def test_a_stage_on_scratch_holds_what_it_copies() -> None:
    text = """FROM scratch AS files
WORKDIR /srv
COPY conf/ conf/
COPY a.txt /one/
COPY a.txt /two
COPY --from=up /x /unknown
FROM a
COPY --from=files /srv/conf/web.toml /srv /srv/conf /one/a.txt /two /unknown/y /
COPY --from=0 /srv/conf/gone.toml /x
COPY --from=files /one/b.txt /two2 /
"""
    assert problems(text, {"conf/web.toml": "", "a.txt": ""}) == [
        (9, "/srv/conf/gone.toml", "stage"),
        (10, "/one/b.txt", "stage"),
        (10, "/two2", "stage"),
    ]


@pytest.mark.parametrize(
    ("stage", "is_told"),
    [
        ("FROM scratch AS s\nCOPY common /lib", True),
        ("FROM debian:12 AS s\nCOPY common /lib", True),
        ("FROM debian:12 AS s\nWORKDIR /build\nCOPY common .", True),
        ("FROM debian:12 AS s\nRUN make", False),
        ("FROM acme/base:1 AS s\nCOPY common /lib", False),
        ("ARG B\nFROM $B AS s\nCOPY common /lib", False),
        ("FROM scratch AS s\nADD https://files.example/x /", False),
        ("FROM scratch AS s\nONBUILD RUN make", True),
        ("FROM scratch AS p\nONBUILD RUN make\nFROM p AS s", False),
    ],
)
def test_only_of_a_stage_whose_contents_are_known_something_is_missing(stage: str, *, is_told: bool) -> None:
    found = problems(f"{stage}\nFROM a\nCOPY --from=s /dist /x\n", {"common/a.py": ""})

    assert bool(found) is is_told


def test_an_image_of_a_distribution_may_hold_what_stands_in_standard_folders() -> None:
    text = "FROM debian:12 AS s\nFROM a\nCOPY --from=s /etc/ssl/certs /c\nCOPY --from=s /dist /x\n"
    found = [(each.source, each.is_likely) for each in taken(text) if each.problem]

    assert found == [("/dist", True)]


def test_a_dockerfile_that_nothing_builds_may_have_one_of_several_contexts() -> None:
    text = "FROM a\nCOPY app.py common/a.py gone.py /\n"
    files = {"web/app.py": "", "common/a.py": ""}

    assert problems(text, files, origin=BuildOrigin.DEFAULT) == [(2, "gone.py", "missing")]


def test_a_context_that_is_not_known_leaves_all_open() -> None:
    (found,) = taken("FROM a\nCOPY gone /\n", context="", unknown=("context",), reason="it is an address")

    assert (found.exists, found.problem, found.reason) == (None, None, "it is an address")


def test_what_two_builds_find_alike_is_told_once_each_place() -> None:
    repository = Repository(tree({"Dockerfile": "FROM a\nCOPY gone /\n", "empty": FOLDER}))
    build = Build(origin=BuildOrigin.BAKE, location=SourceLocation("b.hcl", 1), dockerfile="Dockerfile")

    assert len(copied_sources(repository, [build, build])) == 1


def test_builds_that_find_the_same_are_told_once_for_all_their_users() -> None:
    repository = Repository(tree({"Dockerfile": "FROM a\nCOPY gone /\n"}))
    builds = [
        Build(
            origin=BuildOrigin.WORKFLOW,
            location=SourceLocation("ci.yml", line),
            dockerfile="Dockerfile",
            services=(f"Service{line}",),
            is_prepared=line == 1,
        )
        for line in (1, 2)
    ]
    (found,) = copied_sources(repository, builds)

    assert (found.services, str(found.built_at), found.is_likely) == (
        ("Service1", "Service2"),
        "ci.yml:2",
        False,
    )


def test_what_cannot_be_read_is_passed_over() -> None:
    assert problems("\0") == []
    assert problems("FROM a\nCOPY gone\n") == []
    assert problems("FROM a\nCOPY --from=s x /\n", target="gone") == []


def test_what_something_makes_before_the_build_is_not_missed() -> None:
    text = "FROM a\nCOPY dist/ gone /app/\n"

    assert problems(text, {".gitignore": "dist/\n"}) == [(2, "gone", "missing")]


def test_a_path_that_no_file_can_have_is_not_looked_for() -> None:
    assert problems(f"FROM a\nCOPY {'a/' * 4000} /x\n") == []


def test_more_sources_than_anyone_writes_are_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_SOURCES", 100)
    text = "FROM a\n" + ("COPY " + "a " * 25 + "/\n") * 5
    repository = Repository(tree({"Dockerfile": text}))
    build = Build(origin=BuildOrigin.BAKE, location=SourceLocation("b.hcl", 1), dockerfile="Dockerfile")

    assert copied_sources(repository, [build]) == ()
    assert [gap.kind for gap in repository.gaps] == ["limit-reached"]


def test_links_that_lead_in_a_circle_end() -> None:
    assert problems("FROM a\nCOPY x /\n", {"x": Link("y"), "y": Link("x")}) == [(2, "x", "dangling")]


def test_a_dockerignore_that_takes_too_long_is_a_gap() -> None:
    names = [f"f{number}" for number in range(1200)]
    files = {"Dockerfile": f"FROM a\nCOPY {' '.join(names)} /\n", ".dockerignore": "x\n" * 2000}
    repository = Repository(tree({**files, **dict.fromkeys(names, "")}))
    build = Build(origin=BuildOrigin.BAKE, location=SourceLocation("b.hcl", 1), dockerfile="Dockerfile")

    assert len(copied_sources(repository, [build])) == len(names)
    assert [(gap.what, gap.kind) for gap in repository.gaps] == [(".dockerignore", "limit-reached")]


def test_a_build_that_names_no_dockerfile_to_follow_may_build_any() -> None:
    files = {"web/Dockerfile": "FROM a\nCOPY app.py gone.py /\n", "src/app.py": ""}
    nobody = Build(
        origin=BuildOrigin.DEFAULT, location=SourceLocation("web/Dockerfile"), dockerfile="web/Dockerfile"
    )
    place = SourceLocation("ci.yml", 5)
    somebody = Build(origin=BuildOrigin.WORKFLOW, location=place, context="src", unknown=("dockerfile",))
    anybody = Build(
        origin=BuildOrigin.WORKFLOW, location=place, context="", unknown=("dockerfile", "context")
    )

    def missing(*builds: Build) -> list[str]:
        return [each.source for each in copied_sources(Repository(tree(files)), builds) if each.problem]

    assert missing(nobody) == ["app.py", "gone.py"]
    assert missing(nobody, somebody) == ["gone.py"]
    assert missing(nobody, anybody) == []


def test_what_a_stage_keeps_is_taken_by_the_stage_that_starts_from_it() -> None:
    text = """FROM a AS base
ONBUILD COPY requirements.txt /app/
ONBUILD COPY $WHERE /app/
ONBUILD RUN --mount=type=bind,source=gone,target=/g ls
FROM base
FROM base AS other
"""
    files = {"requirements.txt": ""}

    assert problems(text, files, target="base") == []
    assert problems(text, files, target="other") == [(6, "gone", "missing")]
    assert problems("FROM a AS b\nONBUILD COPY gone /\nFROM b AS c\nFROM c\n") == [(3, "gone", "missing")]


def test_what_an_image_of_the_repository_keeps_is_taken_with_the_context_of_who_starts_from_it() -> None:
    files = {
        "base/Dockerfile": "FROM a\nONBUILD COPY app.py /app/\n",
        "web/Dockerfile": "FROM registry.example/acme/base:1\n",
        "api/Dockerfile": "FROM registry.example/acme/base:1\n",
        "web/app.py": "",
    }
    place = SourceLocation("compose.yaml", 1)
    base = Build(
        origin=BuildOrigin.COMPOSE,
        location=place,
        dockerfile="base/Dockerfile",
        context="base",
        tags=("registry.example/acme/base:1",),
    )
    users = [
        Build(origin=BuildOrigin.COMPOSE, location=place, dockerfile=f"{name}/Dockerfile", context=name)
        for name in ("web", "api")
    ]
    found = copied_sources(Repository(tree(files)), [base, *users])

    assert [(str(each.location), each.source, each.exists, str(each.kept_at)) for each in found] == [
        ("api/Dockerfile:1", "app.py", False, "base/Dockerfile:2"),
        ("web/Dockerfile:1", "app.py", True, "base/Dockerfile:2"),
    ]


def test_what_a_step_before_may_have_made_is_only_probably_missing() -> None:
    files = {".dockerignore": "*.log\n", "a.log": ""}
    found = taken("FROM a\nCOPY dist a.log /app/\n", files, is_prepared=True)

    assert [(each.source, each.problem, each.is_likely) for each in found] == [
        ("a.log", CopyProblem.IGNORED, False),
        ("dist", CopyProblem.MISSING, True),
    ]


def test_what_is_missing_behind_a_link_is_told_as_missing() -> None:
    files: Files = {"real/a.py": "", "real/deep/b.py": "", "link": Link("real")}
    (found,) = taken("FROM a\nCOPY link/dep/b.py /\n", files)

    assert (found.problem, found.reason) == (
        CopyProblem.MISSING,
        "the folder real of the context holds no 'dep'",
    )
    assert found.near == "real/deep/b.py"


def test_an_image_that_the_repository_makes_holds_what_its_dockerfile_copies() -> None:
    files = {
        "probe/Dockerfile": "FROM scratch\nCOPY probe.sh /bin/\n",
        "probe/probe.sh": "",
        "web/Dockerfile": "FROM a\nCOPY --from=registry.example/acme/probe:1 /bin/probe.sh /prob.sh /\n",
    }
    place = SourceLocation("compose.yaml", 1)
    probe = Build(
        origin=BuildOrigin.COMPOSE,
        location=place,
        dockerfile="probe/Dockerfile",
        context="probe",
        tags=("registry.example/acme/probe:2",),
    )
    web = Build(origin=BuildOrigin.COMPOSE, location=place, dockerfile="web/Dockerfile", context="web")
    found = [each for each in copied_sources(Repository(tree(files)), [probe, web]) if each.stage]

    assert [(each.source, each.exists, each.is_likely) for each in found] == [
        ("/bin/probe.sh", True, True),
        ("/prob.sh", False, True),
    ]
