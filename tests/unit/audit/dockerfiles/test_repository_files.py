"""A repository's files by what reads them."""

import os
from pathlib import Path

import pytest

from fleet_audit.audit.dockerfiles.accounts import dockerfile_accounts
from fleet_audit.audit.dockerfiles.kinds import FileRole, role_of
from fleet_audit.audit.dockerfiles.repository import MAX_INSTRUCTIONS, Repository
from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import ImagePath
from tests.support.trees import Link, tree


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("Dockerfile", FileRole.DOCKERFILE),
        ("docker/web/Dockerfile.prod", FileRole.DOCKERFILE),
        ("docker/Containerfile", FileRole.DOCKERFILE),
        ("web.Dockerfile", FileRole.DOCKERFILE),
        ("Dockerfile.j2", FileRole.DOCKERFILE_TEMPLATE),
        ("deploy/compose.yaml.j2", FileRole.TEMPLATE),
        ("notes.in", None),
        ("Dockerfile.dockerignore", FileRole.IGNORE),
        (".dockerignore", FileRole.IGNORE),
        ("docker-compose.override.yml", FileRole.COMPOSE),
        ("compose.yaml", FileRole.COMPOSE),
        ("docker-bake.hcl", FileRole.BAKE),
        ("ci/bake.prod.hcl", FileRole.BAKE),
        ("main.hcl", None),
        (".github/workflows/ci.yml", FileRole.WORKFLOW),
        ("sub/.github/workflows/ci.yml", FileRole.WORKFLOW),
        ("Containerfile.license", None),
        ("tools/action.yml", FileRole.ACTION),
        ("k8s/deploy.yaml", FileRole.YAML),
        ("GNUmakefile", FileRole.MAKE),
        ("build.sh", FileRole.SHELL),
        ("Dockerfile.md", None),
        ("dockerfile_reader.py", None),
        ("composer.yaml", FileRole.YAML),
        ("notes.txt", None),
    ],
)
def test_a_file_is_known_by_its_name_and_place(path: str, role: FileRole | None) -> None:
    assert role_of(path) is role


def test_folders_that_tools_fill_are_not_searched() -> None:
    repository = Repository(
        tree({"a/Dockerfile": "", "node_modules/x/Dockerfile": "", ".git/Dockerfile": ""})
    )
    assert repository.files(FileRole.DOCKERFILE) == ("a/Dockerfile",)


def test_a_link_out_of_the_repository_is_not_followed_but_said() -> None:
    repository = Repository(tree({"Dockerfile": Link("/etc/passwd"), "a": Link(".."), "b": Link("gone")}))
    assert repository.files(FileRole.DOCKERFILE) == ()
    assert [(gap.what, gap.kind) for gap in repository.gaps] == [("Dockerfile", GapKind.NOT_EXAMINED)]


def test_a_pipe_named_as_a_dockerfile_is_not_opened_but_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "Dockerfile")
    os.mkfifo(tmp_path / "pipe")
    repository = Repository(open_folder(tmp_path))
    assert repository.files(FileRole.DOCKERFILE) == ()
    assert [(gap.what, gap.why) for gap in repository.gaps] == [("Dockerfile", "is no regular file")]


def test_a_link_to_a_file_that_is_read_anyway_adds_nothing() -> None:
    files = {"a/Dockerfile": "FROM a\n", "Dockerfile": Link("a/Dockerfile"), "b.yaml": Link("a")}
    repository = Repository(tree(files))
    assert repository.files(FileRole.DOCKERFILE, FileRole.YAML) == ("a/Dockerfile",)
    assert repository.gaps == ()


def test_a_link_can_make_a_file_a_dockerfile() -> None:
    repository = Repository(tree({"image.txt": "FROM a\n", "Dockerfile": Link("image.txt")}))
    assert repository.files(FileRole.DOCKERFILE) == ("Dockerfile",)
    assert repository.text("Dockerfile") == "FROM a\n"


def test_a_folder_that_cannot_be_listed_is_a_gap() -> None:
    closed = tree({"a/Dockerfile": "FROM a\n", "b/Dockerfile": "FROM b\n"})
    closed.unlisted = {ImagePath("/a"): "cannot be listed (Permission denied)"}
    repository = Repository(closed)
    assert repository.files(FileRole.DOCKERFILE) == ("a/Dockerfile", "b/Dockerfile")
    assert [(gap.what, gap.why) for gap in repository.gaps] == [("a", "cannot be listed (Permission denied)")]


def test_what_cannot_be_read_is_a_gap_told_once() -> None:
    repository = Repository(tree({"Dockerfile": b"FROM a\0b\n", "compose.yaml": "a: [", "w.yml": "a: 1"}))
    assert repository.dockerfile("Dockerfile") is None
    assert repository.dockerfile("Dockerfile") is None
    assert repository.yaml("compose.yaml") is None
    assert repository.yaml("w.yml") is not None
    assert [(gap.what, gap.kind) for gap in repository.gaps] == [
        ("Dockerfile", GapKind.UNREADABLE_FILE),
        ("compose.yaml", GapKind.UNREADABLE_FILE),
    ]


@pytest.mark.parametrize(
    "text", ["FROM {{ base }}\n", "{% if gpu %}\nFROM a\n{% endif %}\n", "  from <%= base %>\n"]
)
def test_a_dockerfile_that_is_yet_to_be_made_is_a_template_and_said_to_be(text: str) -> None:
    repository = Repository(tree({"templates/Dockerfile": text}))
    assert repository.files(FileRole.DOCKERFILE) == ()
    assert repository.files(FileRole.DOCKERFILE_TEMPLATE) == ("templates/Dockerfile",)
    assert [gap.kind for gap in repository.gaps] == [GapKind.NOT_EXAMINED]


@pytest.mark.parametrize("text", ["FROM a\nRUN echo '{{ x }}'\n", "FROM a\n# {% if %}\n", "FROM ${BASE}\n"])
def test_braces_elsewhere_make_no_template(text: str) -> None:
    assert Repository(tree({"Dockerfile": text})).files(FileRole.DOCKERFILE) == ("Dockerfile",)


def test_who_only_looks_for_something_in_a_broken_file_blocks_nothing_and_who_needs_it_does() -> None:
    repository = Repository(tree({"chart.yaml": "a: ["}))
    assert repository.yaml("chart.yaml", kind=GapKind.NOT_EXAMINED) is None
    assert [gap.blocking for gap in repository.gaps] == [False]
    assert repository.yaml("chart.yaml") is None
    assert sorted(gap.blocking for gap in repository.gaps) == [False, True]


def test_a_file_that_vanishes_before_it_is_read_is_a_gap(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    repository = Repository(open_folder(tmp_path))
    assert repository.files(FileRole.COMPOSE) == ("compose.yaml",)
    (tmp_path / "compose.yaml").unlink()
    assert repository.yaml("compose.yaml") is None
    assert [(gap.what, gap.kind) for gap in repository.gaps] == [("compose.yaml", GapKind.UNREADABLE_FILE)]


def test_a_dockerfile_of_too_many_instructions_is_a_gap() -> None:
    lines = "RUN true\n" * MAX_INSTRUCTIONS
    repository = Repository(tree({"a/Dockerfile": f"FROM a\n{lines}", "b/Dockerfile": f"{lines}"}))
    assert repository.dockerfile("a/Dockerfile") is None
    assert repository.dockerfile("b/Dockerfile") is not None
    assert [(gap.what, gap.kind) for gap in repository.gaps] == [("a/Dockerfile", GapKind.LIMIT_REACHED)]


def test_the_name_of_another_frontend_is_told_in_short() -> None:
    repository = Repository(tree({"Dockerfile": f"# syntax={'x/' * 100_000}\nFROM a\n"}))
    assert dockerfile_accounts(repository, ())
    assert [len(gap.why) < 300 for gap in repository.gaps] == [True]
