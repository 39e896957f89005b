"""The runs of jobs, and the values that hold in their steps."""

from textwrap import dedent

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.shell.symbols import symbol
from fleet_audit.audit.dockerfiles.workflows.expressions import filled
from fleet_audit.audit.dockerfiles.workflows.reading import workflows
from fleet_audit.audit.dockerfiles.workflows.running import JobRun, job_runs
from fleet_audit.audit.model.finding import GapKind
from tests.support.trees import tree

CI = ".github/workflows/ci.yml"


def repository(text: str, **others: str) -> Repository:
    return Repository(tree({CI: dedent(text), **others}))


def runs(text: str, **others: str) -> list[JobRun]:
    here = repository(text, **others)
    return list(job_runs(workflows(here), here))


def test_each_run_of_a_matrix_has_its_own_values() -> None:
    found = runs(
        """\
        env: {REGISTRY: registry.example}
        jobs:
          a:
            strategy: {matrix: {image: [web, gpu]}}
            env: {NAME: '${{ env.REGISTRY }}/${{ matrix.image }}'}
            steps:
              - run: docker build .
                working-directory: docker/${{ matrix.image }}
                env: {TAG: '${{ env.NAME }}:${{ github.sha }}'}
        """
    )
    assert [(run.steps[0].folder, dict(run.steps[0].scope.env)) for run in found] == [
        (
            f"/github/workspace/docker/{image}",
            {
                "REGISTRY": "registry.example",
                "NAME": f"registry.example/{image}",
                "TAG": f"registry.example/{image}:{symbol('github.sha')}",
            },
        )
        for image in ("web", "gpu")
    ]


def test_defaults_of_the_job_come_before_those_of_the_workflow() -> None:
    (run,) = runs(
        """\
        defaults: {run: {working-directory: a, shell: sh}}
        jobs:
          x:
            defaults: {run: {shell: bash}}
            steps: [{run: make}, {run: make, working-directory: b, shell: python}]
        """
    )
    assert [(step.folder, step.shell) for step in run.steps] == [
        ("/github/workspace/a", "bash"),
        ("/github/workspace/b", "python"),
    ]


def test_inputs_have_their_defaults_but_are_not_certain() -> None:
    (run,) = runs(
        """\
        on: {workflow_dispatch: {inputs: {tag: {default: dev}}}}
        jobs: {a: {steps: [{run: x}]}}
        """
    )
    (step,) = run.steps
    assert filled("${{ inputs.tag }}", step.scope) == "dev"
    assert filled("${{ inputs.tag }}", step.certain) == symbol("inputs.tag")


def test_a_called_workflow_runs_with_what_its_callers_give() -> None:
    called = dedent(
        """\
        on: {workflow_call: {inputs: {image: {}, tag: {default: latest}}}}
        jobs: {build: {steps: [{run: x}]}}
        """
    )
    found = runs(
        """\
        on: push
        jobs:
          web: {uses: ./.github/workflows/build.yml, with: {image: web}}
          gpu: {uses: ./.github/workflows/build.yml, with: {image: gpu}}
        """,
        **{".github/workflows/build.yml": called},
    )
    assert [
        (run.callers[0].id, run.job.id, filled("${{ inputs.image }}:${{ inputs.tag }}", run.scope))
        for run in found
    ] == [("web", "build", "web:latest"), ("gpu", "build", "gpu:latest")]
    assert all(run.origin.path == CI for run in found)


def test_a_called_workflow_that_nobody_calls_here_runs_with_its_defaults() -> None:
    (run,) = runs("on: {workflow_call: {inputs: {tag: {default: x}}}}\njobs: {a: {steps: []}}\n")
    assert filled("${{ inputs.tag }}", run.scope) == "x"


def test_the_steps_of_a_composite_action_see_its_inputs_and_no_defaults_of_the_job() -> None:
    (run,) = runs(
        """\
        jobs:
          a:
            defaults: {run: {working-directory: x}}
            strategy: {matrix: {image: [web]}}
            steps: [{uses: ./scan, with: {image: '${{ matrix.image }}'}}]
        """,
        **{
            "scan/action.yml": "inputs: {image: {}, level: {default: high}}\n"
            "runs: {using: composite, steps: [{run: 'scan ${{ inputs.image }}', shell: bash}]}\n"
        },
    )
    (step,) = run.steps
    assert step.step.run is not None
    assert filled(step.step.run.text, step.scope) == "scan web"
    assert (
        filled("${{ inputs.level }} ${{ github.action_path }}", step.certain) == "high /github/workspace/scan"
    )
    assert step.folder == "/github/workspace"
    assert [outer.uses.path for outer in step.within if outer.uses] == ["scan"]


def test_paths_of_the_workspace_stand_in_the_repository_where_it_is_checked_out() -> None:
    (run,) = runs(
        """\
        jobs:
          a:
            steps:
              - {uses: actions/checkout@v4, with: {path: src}}
              - {uses: actions/checkout@v4, with: {path: src/other, repository: acme/other}}
        """
    )
    assert run.in_repository("src/docker") == "docker"
    assert run.in_repository("/github/workspace/src") == "."
    assert run.in_repository("src/other/x") is None
    assert run.in_repository("docker") is None
    assert run.in_repository("../x") is None


def test_without_a_checkout_the_workspace_is_taken_for_the_repository() -> None:
    (run,) = runs("jobs: {a: {steps: []}}")
    assert run.in_repository("docker/./web") == "docker/web"


def test_workflows_that_call_one_another_without_end_are_cut_off_with_a_gap() -> None:
    calls = "".join(f"  j{i}: {{uses: ./{CI}}}\n" for i in range(40))
    here = repository(f"on: push\njobs:\n{calls}")
    assert list(job_runs(workflows(here), here)) == []
    assert [gap.kind for gap in here.gaps] == [GapKind.LIMIT_REACHED]
