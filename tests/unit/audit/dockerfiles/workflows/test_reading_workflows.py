"""What a workflow says, and where."""

from textwrap import dedent

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.workflows.reading import MAX_NESTED_STEPS, workflows
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.workflows import ActionKind, Workflow
from tests.support.trees import tree

CI = ".github/workflows/ci.yml"


def read(text: str, **others: str) -> Workflow:
    (workflow,) = workflows(Repository(tree({CI: dedent(text), **others})))
    return workflow


def test_every_part_of_a_workflow_is_read_with_its_line() -> None:
    workflow = read(
        """\
        name: Images
        on:
          push: {branches: [main], paths: ['docker/**']}
          workflow_dispatch: {inputs: {tag: {default: dev}, note: {}}}
        env: {REGISTRY: registry.example}
        defaults: {run: {working-directory: docker, shell: bash}}
        jobs:
          build:
            name: Build it
            needs: lint
            runs-on: [self-hosted, linux]
            if: github.ref == 'refs/heads/main'
            continue-on-error: true
            container: {image: python:3.11}
            services: {db: {image: 'postgres:16'}, cache: redis}
            env: {A: 1}
            steps:
              - uses: actions/checkout@v4
              - id: built
                name: Build
                run: |
                  docker build .

                  docker push x
                working-directory: web
                shell: sh
                env: {B: 3.10}
        """
    )
    assert (workflow.path, workflow.name) == (CI, "Images")
    assert [trigger.event for trigger in workflow.triggers] == ["push", "workflow_dispatch"]
    assert workflow.triggers[0].branches == ("main",)
    assert workflow.triggers[0].paths == ("docker/**",)
    assert [(name, text.text) for name, text in workflow.inputs] == [("tag", "dev")]
    assert (workflow.working_directory, workflow.shell) == ("docker", "bash")
    (job,) = workflow.jobs
    assert (job.id, job.name, job.needs, job.location) == (
        "build", "Build it", ("lint",), SourceLocation(CI, 8),
    )  # fmt: skip
    assert job.container is not None
    assert job.container.text == "python:3.11"
    assert [(name, image.text) for name, image in job.services] == [("db", "postgres:16"), ("cache", "redis")]
    checkout, build = job.steps
    assert checkout.uses is not None
    assert (checkout.uses.kind, checkout.uses.name, checkout.uses.ref) == (
        ActionKind.REPOSITORY, "actions/checkout", "v4",
    )  # fmt: skip
    assert (build.id, build.name, build.working_directory, build.shell) == ("built", "Build", "web", "sh")
    assert build.run is not None
    assert build.run.text == "docker build .\n\ndocker push x\n"
    assert [build.run.line(1), build.run.line(3)] == [22, 24]
    assert [(name, text.text) for name, text in build.env] == [("B", "3.1")]


def test_a_folded_script_has_one_line_for_all_of_it() -> None:
    (step,) = read("jobs: {a: {steps: [{run: 'a\n\n b'}]}}\n").jobs[0].steps
    assert step.run is not None
    assert step.run.line(2) == 1


def test_anchors_stand_for_what_they_name() -> None:
    workflow = read(
        """\
        on: [push]
        jobs:
          a: {steps: &steps [{run: make}]}
          b: {steps: *steps}
        """
    )
    assert [job.steps[0].run.text for job in workflow.jobs if job.steps[0].run] == ["make", "make"]


def test_a_key_that_is_given_twice_is_a_fact_with_the_line_of_the_later_one() -> None:
    workflow = read("on: push\njobs:\n  a:\n    env: {X: 1}\n    steps: []\n    env: {X: 2}\n")
    (repeated,) = workflow.repeated
    assert (repeated.key, repeated.location) == ("jobs.a.env", SourceLocation(CI, 6))


def test_what_uses_names_is_taken_apart() -> None:
    steps = (
        read(
            """\
            jobs:
              a:
                steps:
                  - uses: github/CodeQL-action/upload-sarif@0123456789012345678901234567890123456789
                  - uses: docker://alpine:3.20
                  - uses: ./tools/scan
                  - uses: ./../outside
                  - uses: owner/action@${{ matrix.ref }}
                  - uses: nothing
            """
        )
        .jobs[0]
        .steps
    )
    uses = [step.uses for step in steps if step.uses is not None]
    assert [(use.kind.value, use.name, use.path) for use in uses] == [
        ("repository", "github/codeql-action", "upload-sarif"),
        ("docker", "alpine:3.20", ""),
        ("local", "", "tools/scan"),
        ("unknown", "", ""),
        ("unknown", "", ""),
        ("unknown", "", ""),
    ]
    assert uses[0].is_pinned


def test_a_local_composite_action_gives_its_steps_with_their_own_file() -> None:
    action = (
        "inputs: {image: {default: web}, tag: {}}\nruns:\n  using: composite\n  steps:\n    - run: scan\n"
    )
    workflow = read(
        "jobs: {a: {steps: [{uses: ./tools/scan}]}}\n",
        **{"tools/scan/action.yml": action},
    )
    (step,) = workflow.jobs[0].steps
    assert [inner.location for inner in step.steps] == [SourceLocation("tools/scan/action.yml", 5)]
    assert [(name, text.text) for name, text in step.inputs] == [("image", "web")]


def test_actions_that_use_one_another_without_end_are_read_to_their_end() -> None:
    workflow = read(
        "jobs: {a: {steps: [{uses: ./x}]}}\n",
        **{
            "x/action.yml": "runs: {steps: [{uses: ./y}, {run: a}]}",
            "y/action.yml": "runs: {steps: [{uses: ./x}]}",
        },
    )
    (step,) = workflow.jobs[0].steps
    assert [inner.run.text if inner.run else "" for inner in step.steps] == ["", "a"]


def test_actions_that_multiply_one_another_are_cut_off_with_a_gap() -> None:
    files = {
        f"{i}/action.yml": f"runs: {{steps: [{', '.join([f'{{uses: ./{i + 1}}}'] * 10)}]}}" for i in range(9)
    }
    files["9/action.yml"] = "runs: {steps: [{run: a}]}"
    repository = Repository(tree({CI: "jobs: {a: {steps: [{uses: ./0}]}}", **files}))
    workflows(repository)
    assert {gap.kind for gap in repository.gaps} == {GapKind.LIMIT_REACHED}
    assert MAX_NESTED_STEPS < 10**9


def test_workflows_of_folders_below_are_none_of_this_repository() -> None:
    here = Repository(tree({"vendored/.github/workflows/x.yml": "jobs: {}", CI: "jobs: {}"}))
    assert [workflow.path for workflow in workflows(here)] == [CI]


def test_a_file_that_is_no_mapping_is_a_gap_and_no_workflow() -> None:
    repository = Repository(
        tree({CI: "- a\n", ".github/workflows/bad.yml": "a: [", ".github/workflows/e.yml": ""})
    )
    assert workflows(repository) == ()
    assert [gap.what for gap in repository.gaps] == [
        ".github/workflows/bad.yml", CI, ".github/workflows/e.yml",
    ]  # fmt: skip


def test_values_of_an_unexpected_type_are_passed_over() -> None:
    workflow = read("on: 3\nenv: [a]\njobs:\n  a: 1\n  b: {steps: {run: x}, needs: {a: b}, strategy: [1]}\n")
    assert [(job.id, job.steps, job.needs) for job in workflow.jobs] == [("a", (), ()), ("b", (), ())]
