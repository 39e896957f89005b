"""What workflows build."""

from textwrap import dedent, indent

import pytest

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.workflows.builds import workflow_builds
from fleet_audit.audit.dockerfiles.workflows.followed import followed_jobs
from fleet_audit.audit.dockerfiles.workflows.reading import workflows
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.location import SourceLocation
from tests.support.trees import tree

CI = ".github/workflows/ci.yml"


def builds(text: str, **others: str) -> tuple[Build, ...]:
    here = Repository(tree({CI: dedent(text), **others}))
    return workflow_builds(followed_jobs(workflows(here), here))


def in_steps(steps: str) -> tuple[Build, ...]:
    return builds("jobs:\n  images:\n    steps:\n" + indent(dedent(steps), "      "))


def test_the_action_builds_with_what_it_is_given() -> None:
    (found,) = builds(
        """\
        env: {REGISTRY: registry.example/acme}
        jobs:
          images:
            steps:
              - uses: docker/build-push-action@v6
                with:
                  context: .
                  file: docker/web/Dockerfile
                  target: run
                  platforms: linux/amd64,linux/arm64
                  push: ${{ github.event_name != 'pull_request' }}
                  tags: |
                    ${{ env.REGISTRY }}/web:latest
                    ${{ env.REGISTRY }}/web:${{ github.sha }}
                  build-args: |
                    PYTHON=3.11
                    REVISION=${{ github.sha }}
                  build-contexts: |
                    base=./base
                    other=docker-image://${{ env.REGISTRY }}/base
        """
    )
    assert found == Build(
        origin=BuildOrigin.WORKFLOW,
        location=SourceLocation(CI, 8),
        dockerfile="docker/web/Dockerfile",
        context=".",
        name="images",
        args=(("PYTHON", "3.11"), ("REVISION", None)),
        target="run",
        platforms=("linux/amd64", "linux/arm64"),
        tags=("registry.example/acme/web:latest",),
        contexts=(("base", "base"), ("other", "docker-image://registry.example/acme/base")),
        pushes=True,
    )


@pytest.mark.parametrize(
    ("given", "dockerfile", "context", "unknown"),
    [
        ("{}", "Dockerfile", ".", ()),
        ("{context: docker/web}", "docker/web/Dockerfile", "docker/web", ()),
        ("{context: '{{defaultContext}}:web', file: Dockerfile.x}", "web/Dockerfile.x", "web", ()),
        ("{file: docker/web/Dockerfile}", "docker/web/Dockerfile", ".", ()),
        ("{context: '${{ github.workspace }}/web'}", "web/Dockerfile", "web", ()),
        ("{context: '${{ steps.a.outputs.b }}'}", "", "", ("context",)),
        ("{context: ., file: 'docker/${{ needs.a.outputs.b }}/Dockerfile'}", "", ".", ("dockerfile",)),
        ("{context: '..'}", "", "", ("context",)),
        ("{context: '{{defaultContext}}:../..'}", "", "", ("context",)),
        ("{context: 'https://git.example/x.git'}", "", "", ()),
    ],
)  # fmt: skip
def test_the_action_finds_dockerfile_and_context(
    given: str, dockerfile: str, context: str, unknown: tuple[str, ...]
) -> None:
    (found,) = in_steps(f"- uses: docker/build-push-action@v6\n  with: {given}\n")
    assert (found.dockerfile, found.context, found.unknown) == (dockerfile, context, unknown)


def test_each_run_of_the_matrix_builds() -> None:
    found = builds(
        """\
        jobs:
          images:
            strategy: {matrix: {include: [{image: web}, {image: gpu, args: CUDA=12}]}}
            steps:
              - uses: docker/build-push-action@v6
                with: {context: 'docker/${{ matrix.image }}', build-args: '${{ matrix.args }}'}
        """
    )
    assert [(build.dockerfile, build.args) for build in found] == [
        ("docker/web/Dockerfile", ()),
        ("docker/gpu/Dockerfile", (("CUDA", "12"),)),
    ]


def test_commands_build_in_the_folder_that_the_script_leads_to() -> None:
    found = builds(
        """\
        env: {TAG: web:1}
        jobs:
          images:
            defaults: {run: {working-directory: docker}}
            strategy: {matrix: {image: [web, gpu]}}
            steps:
              - run: |
                  cd ${{ matrix.image }}
                  docker build -t "$TAG" --build-arg 'REVISION=${{ github.sha }}' -f Dockerfile ../..
              - run: docker push $TAG
        """
    )
    assert [(build.dockerfile, build.context, build.location.line) for build in found] == [
        ("docker/web/Dockerfile", ".", 9),
        ("docker/gpu/Dockerfile", ".", 9),
    ]
    assert {(build.tags, build.pushes) for build in found} == {(("web:1",), True)}


def test_a_checkout_in_a_folder_is_the_repository() -> None:
    (found,) = in_steps(
        """\
        - uses: actions/checkout@v4
          with: {path: src}
        - run: docker build src/web
        """
    )
    assert (found.dockerfile, found.context) == ("web/Dockerfile", "web")


def test_a_composite_action_builds_at_its_own_line() -> None:
    action = (
        "inputs: {image: {}}\nruns:\n  steps:\n    - uses: docker/build-push-action@v6\n"
        "      with: {context: 'docker/${{ inputs.image }}'}\n"
    )
    (found,) = builds(
        "jobs: {a: {steps: [{uses: ./build, with: {image: web}}]}}\n", **{"build/action.yml": action}
    )
    assert (found.context, found.location) == ("docker/web", SourceLocation("build/action.yml", 5))


@pytest.mark.parametrize(
    "step",
    [
        "- uses: docker/setup-buildx-action@v3",
        "- {run: 'docker build .', shell: python}",
        "- {run: 'docker build .', shell: pwsh}",
        "- run: echo docker build .",
    ],
)
def test_other_steps_build_nothing(step: str) -> None:
    assert in_steps(step) == ()
