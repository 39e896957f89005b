"""Which compose and bake files are read together."""

import pytest

from fleet_audit.audit.dockerfiles.contexts.gathering import builds
from fleet_audit.audit.dockerfiles.contexts.scripts import followed_scripts, script_projects
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.workflows.followed import followed_jobs
from fleet_audit.audit.dockerfiles.workflows.projects import workflow_projects
from fleet_audit.audit.dockerfiles.workflows.reading import workflows
from tests.support.trees import tree

BASE = "services: {web: {build: {context: ., dockerfile: docker/web/Dockerfile}}}"
FILES = {
    "compose.yaml": BASE,
    "compose.prod.yaml": "services: {web: {build: {target: prod}}}",
    "deploy/extra.yaml": "services: {job: {build: job}}",
    "docker-bake.hcl": 'target "a" { target = "a" }\ntarget "b" { target = "b" }\n',
    "ci/bake.hcl": 'target "c" { context = "." }\n',
}


def projects(command: str) -> list[tuple[tuple[str, ...], str, tuple[str, ...]]]:
    repository = Repository(tree({**FILES, "build.sh": command}))
    found = script_projects(repository, followed_scripts(repository))
    return [(project.files, project.folder, project.targets) for project in found]


@pytest.mark.parametrize(
    ("command", "files", "folder", "targets"),
    [
        (
            "docker compose -f compose.yaml -f compose.prod.yaml build",
            ("compose.yaml", "compose.prod.yaml"),
            ".",
            (),
        ),
        ("docker-compose --file=deploy/extra.yaml up -d", ("deploy/extra.yaml",), "deploy", ()),
        ("docker compose -f deploy/extra.yaml --project-directory . build", ("deploy/extra.yaml",), ".", ()),
        ("cd deploy && docker compose -p x -f extra.yaml run job", ("deploy/extra.yaml",), "deploy", ()),
        ("docker buildx bake -f docker-bake.hcl --push a b", ("docker-bake.hcl",), ".", ("a", "b")),
        ("cd ci; docker bake -f bake.hcl --set c.x=1", ("ci/bake.hcl",), "ci", ()),
    ],
)
def test_a_command_names_files(
    command: str, files: tuple[str, ...], folder: str, targets: tuple[str, ...]
) -> None:
    assert projects(command) == [(files, folder, targets)]


@pytest.mark.parametrize(
    "command",
    [
        "docker compose build",
        "docker compose -f gone.yaml build",
        "docker compose -f $FILE build",
        "docker compose -f compose.yaml logs -f",
        "docker compose rm -f compose.yaml",
        "docker buildx bake a",
        "echo docker compose -f compose.yaml build",
    ],
)
def test_what_names_no_files_to_build_from_is_none(command: str) -> None:
    assert projects(command) == []


def test_files_that_are_told_are_read_as_they_are_told() -> None:
    alone = {**FILES, "Makefile": "all:\n\tdocker compose -f compose.prod.yaml build\n"}
    together = {**FILES, "Makefile": "all:\n\tdocker compose -f compose.yaml -f compose.prod.yaml build\n"}

    def built(files: dict[str, str]) -> list[tuple[str, str]]:
        found = builds(Repository(tree(files)), None)
        return sorted((each.dockerfile, each.target) for each in found if each.name == "web")

    assert built(alone) == [("Dockerfile", "prod"), ("docker/web/Dockerfile", "")]
    assert built(together) == [("docker/web/Dockerfile", ""), ("docker/web/Dockerfile", "prod")]
    assert built(FILES) == built(together)


def test_steps_of_workflows_name_files_too() -> None:
    text = """
on: push
jobs:
  images:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v4
      - uses: docker/bake-action@v6
        with: {files: "./bake.hcl, gone.hcl", workdir: ci}
      - uses: docker/bake-action@v6
        with: {files: ./bake.hcl, workdir: ci, targets: c}
      - run: docker compose -f compose.prod.yaml build
"""
    repository = Repository(tree({**FILES, ".github/workflows/ci.yml": text}))
    found = workflow_projects(followed_jobs(workflows(repository), repository), repository)

    assert [(project.files, project.folder, project.targets) for project in found] == [
        (("ci/bake.hcl",), "ci", ("c",)),
        (("compose.prod.yaml",), ".", ()),
    ]
