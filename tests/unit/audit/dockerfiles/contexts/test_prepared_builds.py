"""Which builds follow something that may have made files."""

import pytest

from fleet_audit.audit.dockerfiles.contexts.commands import Frame, below_folder, command_builds
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.shell.following import follow
from fleet_audit.audit.dockerfiles.shell.reading import read_script
from fleet_audit.audit.dockerfiles.workflows.builds import workflow_builds
from fleet_audit.audit.dockerfiles.workflows.followed import followed_jobs
from fleet_audit.audit.dockerfiles.workflows.reading import workflows
from fleet_audit.audit.model.builds import BuildOrigin
from tests.support.trees import tree


@pytest.mark.parametrize(
    ("before", "is_prepared"),
    [
        ("", False),
        ("set -e; cd web; echo building", False),
        ("docker login -u x registry.example", False),
        ("git rev-parse HEAD", False),
        ('echo "tag=1" >> "$GITHUB_OUTPUT"', False),
        ("ls missing 2>/dev/null 2>&1", False),
        ("npm run build", True),
        ("mkdir dist", True),
        ("echo x > version.txt", True),
        ("git submodule update --init", True),
        ('docker run -v "$PWD:/x" acme/builder', True),
        ("make dist", True),
    ],
)
def test_a_command_before_may_have_made_files(before: str, *, is_prepared: bool) -> None:
    commands = follow(read_script(f"{before}\ndocker build ."), folder="/r", lookup=lambda _: None, root="/r")
    (build,) = command_builds(commands, Frame(BuildOrigin.COMMAND, "build.sh", below_folder("/r")))

    assert build.is_prepared is is_prepared


@pytest.mark.parametrize(
    ("step", "context", "is_prepared"),
    [
        ("uses: docker/login-action@v3", ".", False),
        ("uses: aws-actions/configure-aws-credentials@v4", ".", False),
        ("run: echo ready", ".", False),
        ("uses: actions/download-artifact@v4", ".", True),
        ("uses: actions/download-artifact@v4", "", False),
        ("run: npm ci && npm run build", ".", True),
        ("run: npm ci && npm run build", "'{{defaultContext}}:web'", False),
    ],
)
def test_a_step_before_may_have_made_files(step: str, context: str, *, is_prepared: bool) -> None:
    text = f"""
on: push
jobs:
  image:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v4
      - {step}
      - uses: docker/build-push-action@v6
        with: {{context: {context or "''"}}}
"""
    repository = Repository(tree({".github/workflows/ci.yml": text}))
    (build,) = workflow_builds(followed_jobs(workflows(repository), repository))

    assert build.is_prepared is is_prepared
