"""The hook that pre-commit runs: which files it is given, and what it calls."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet_audit.audit.dockerfiles.kinds import FileRole, role_of
from fleet_audit.cli.app import COMMANDS

ROOT = Path(__file__).parents[2]
CLAIMS = (
    *(FileRole.DOCKERFILE, FileRole.DOCKERFILE_TEMPLATE, FileRole.IGNORE),
    *(FileRole.COMPOSE, FileRole.BAKE, FileRole.WORKFLOW),
)


def _hook() -> dict[str, Any]:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert isinstance(hook, dict)
    return hook


def test_it_calls_a_command_that_is_there() -> None:
    program, command = shlex.split(_hook()["entry"])
    assert (program, command in COMMANDS) == ("fleet-audit", True)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "Dockerfile",
            "a/Dockerfile.prod",
            "web.Dockerfile",
            "a/Containerfile",
            "Dockerfile.j2",
            "x/dockerfile",
        ),
        *("compose.yaml", "a/docker-compose.override.yml", "docker-bake.hcl", "docker-bake.override.json"),
        *(".dockerignore", "Dockerfile.dockerignore", ".github/workflows/ci.yml"),
    ],
)
def test_it_is_given_every_file_that_is_read_for_its_claims(path: str) -> None:
    assert role_of(path) in CLAIMS
    assert _is_given(path)


@pytest.mark.parametrize(
    "path",
    [
        *("src/docker_file.py", "README.md", "k8s/deploy.yaml", "composer.json"),
        *("Dockerfile.md", "docs/Dockerfile-notes.txt", "web/Dockerfile.bak", "Dockerfile_build.py"),
    ],
)
def test_it_is_not_run_for_other_files(path: str) -> None:
    assert role_of(path) not in CLAIMS
    assert not _is_given(path)


def _is_given(path: str) -> bool:
    hook = _hook()
    return re.search(hook["files"], path) is not None and re.search(hook["exclude"], path) is None


def test_a_change_of_the_manifest_runs_it() -> None:
    assert _is_given("fleet.yaml")
