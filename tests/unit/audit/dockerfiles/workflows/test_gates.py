"""Gates that cannot fail, and near misses that can."""

from textwrap import dedent, indent

import pytest

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.workflows.followed import followed_jobs
from fleet_audit.audit.dockerfiles.workflows.gates import gate_faults
from fleet_audit.audit.dockerfiles.workflows.reading import workflows
from fleet_audit.audit.model.gates import GateFault, GateFaultKind
from tests.support import packaged
from tests.support.trees import tree

CI = ".github/workflows/ci.yml"

BUILD = "- run: docker build -t acme/web:1 .\n"
TRIVY = "- run: trivy image --exit-code 1 acme/web:1\n"
PUSH = "- run: docker push acme/web:1\n"
ASKED = """\
- {id: scan, run: pip-audit, continue-on-error: true}
- {if: steps.scan.outcome == 'failure', run: exit 1}
"""
SETUP = "- uses: docker/setup-buildx-action@v3\n"


def faults(text: str, **others: str) -> tuple[GateFault, ...]:
    here = Repository(tree({CI: dedent(text), **others}))
    found = workflows(here)
    return gate_faults(found, followed_jobs(found, here), here, packaged.knowledge().scanners)


def kinds(text: str, **others: str) -> list[tuple[str, int]]:
    return [
        (fault.kind.value, fault.location.line)
        for fault in faults(text, **others)
        if fault.kind is not GateFaultKind.MOVABLE_ACTION
    ]


def in_steps(steps: str, head: str = "on: push") -> list[tuple[str, int]]:
    """Return the faults of the steps of one job; the first step stands in line 1."""
    text = f"{head}\njobs:\n  a:\n    steps:\n"
    shift = text.count("\n")
    return [(kind, line - shift) for kind, line in kinds(text + indent(dedent(steps), "      "))]


@pytest.mark.parametrize(
    "scan",
    [
        "- run: trivy image acme/web:1",
        "- run: trivy image --exit-code 0 acme/web:1",
        "- run: trivy --quiet image --severity HIGH,CRITICAL acme/web:1",
        "- run: grype acme/web:1",
        "- run: docker scout cves acme/web:1",
        "- run: docker run --rm -v /var/run/docker.sock:/sock aquasec/trivy:0.50.0 image acme/web:1",
        "- uses: aquasecurity/trivy-action@0.28.0\n  with: {image-ref: acme/web:1}",
        "- uses: docker/scout-action@v1\n  with: {command: cves, image: acme/web:1}",
        "- uses: hadolint/hadolint-action@v3\n  env: {HADOLINT_NOFAIL: 'true'}",
    ],
)
def test_a_scan_that_cannot_fail(scan: str) -> None:
    assert in_steps(scan) == [("no-exit-code", 1)]


def test_a_gate_whose_failure_is_ignored_stands_for_no_other_scan() -> None:
    report, masked = "- run: trivy image acme/web:1\n", "- run: grype --fail-on high acme/web:1 || true\n"

    assert in_steps(report + masked) == [("no-exit-code", 1), ("lost-failure", 2)]
    assert in_steps(report + masked.replace(" || true", "")) == []


def test_beside_a_gate_for_the_same_image_a_scan_may_only_report() -> None:
    masked = "- run: grype --fail-on low acme/web:1 || true\n"

    assert in_steps(masked + TRIVY) == []
    assert in_steps(masked + TRIVY.replace("web", "api")) == [("lost-failure", 1)]


def test_a_failure_that_is_ignored_within_another_shell() -> None:
    assert in_steps("- run: bash -c 'grype --fail-on high acme/web:1 || true'\n") == [("lost-failure", 1)]
    assert in_steps("- run: bash -c 'grype --fail-on high acme/web:1'\n") == []


def test_an_image_that_a_step_uses_is_a_scan() -> None:
    step = "- uses: docker://aquasec/trivy:0.50.0\n  with: {args: image --exit-code 1 acme/web:1}\n"

    assert in_steps(step) == []
    assert in_steps(step.replace("--exit-code 1", "--quiet")) == [("no-exit-code", 1)]
    assert in_steps(step.replace("with: {", "with: {entrypoint: sh, ").replace("exit-code 1", "q")) == []


def test_continue_on_error_under_the_only_event_is_on() -> None:
    step = "- run: pip-audit\n  continue-on-error: ${{ github.event_name == 'push' }}\n"

    assert in_steps(step) == [("continue-on-error", 2)]
    assert in_steps(step, "on: [push, pull_request]") == []


def test_the_line_is_that_of_the_setting_where_there_is_one() -> None:
    scan = """\
    - uses: aquasecurity/trivy-action@0.28.0
      with:
        image-ref: acme/web:1
        exit-code: '0'
    """
    assert in_steps(scan) == [("no-exit-code", 4)]
    assert in_steps("- uses: anchore/scan-action@v6\n  with:\n    fail-build: false\n") == [
        ("no-exit-code", 3)
    ]


@pytest.mark.parametrize(
    "scan",
    [
        TRIVY,
        "- run: trivy image --exit-code=1 acme/web:1",
        "- run: trivy image acme/web:1\n  env: {TRIVY_EXIT_CODE: 1}",
        "- run: grype --fail-on high acme/web:1",
        "- run: docker scout cves --exit-code acme/web:1",
        "- run: snyk container test acme/web:1",
        "- run: trivy image --format cyclonedx --output sbom.json acme/web:1",
        "- run: trivy image --download-db-only",
        "- run: syft acme/web:1",
        "- run: trivy image $OPTIONS acme/web:1",
        "- run: trivy image --config ci/trivy.yaml acme/web:1",
        "- uses: aquasecurity/trivy-action@0.28.0\n  with: {image-ref: acme/web:1, exit-code: '1'}",
        "- uses: aquasecurity/trivy-action@0.28.0\n  with: {image-ref: a:1, exit-code: '${{ inputs.code }}'}",
        "- uses: aquasecurity/trivy-action@0.28.0\n  with: {image-ref: acme/web:1, format: cyclonedx}",
        "- uses: anchore/scan-action@v6\n  with: {image: acme/web:1}",
        "- uses: docker/scout-action@v1\n  with: {command: quickview, image: acme/web:1}",
        "- uses: github/codeql-action/upload-sarif@v3",
        "- run: trivy image acme/web:1\n- run: trivy image --exit-code 1 acme/web:1",
    ],
)
def test_a_scan_that_can_fail_or_is_none(scan: str) -> None:
    assert in_steps(scan) == []


def test_a_configuration_of_the_scanner_in_the_repository_may_make_it_fail() -> None:
    text = "on: push\njobs: {a: {steps: [{run: trivy image acme/web:1}]}}\n"
    assert kinds(text, **{"trivy.yaml": "exit-code: 1\n"}) == []
    assert kinds(text) == [("no-exit-code", 2)]


def test_a_scan_whose_report_is_judged_elsewhere_only_reports() -> None:
    sarif = """\
    - uses: aquasecurity/trivy-action@0.28.0
      with: {image-ref: acme/web:1, format: sarif, output: out.sarif}
    - uses: github/codeql-action/upload-sarif@v3
    """
    assert in_steps(sarif) == [("report-only", 1)]
    assert in_steps(sarif.replace("upload-sarif", "analyze")) == [("no-exit-code", 1)]
    assert in_steps("- run: trivy image -f json -o out.json acme/web:1\n- run: python judge.py out.json") == [
        ("report-only", 1)
    ]


def test_a_report_that_the_same_line_judges() -> None:
    scan = "- run: trivy image -f json -o out.json acme/web:1 && "
    assert in_steps(scan + "python judge.py out.json\n") == [("report-only", 1)]
    assert in_steps(scan + "cat out.json\n") == [("no-exit-code", 1)]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("- run: trivy image --exit-code 1 acme/web:1 || true", ("lost-failure", 1)),
        (
            "- run: |\n    set +e\n    trivy image --exit-code 1 acme/web:1\n    echo done",
            ("lost-failure", 4),
        ),
        ("- run: trivy image --exit-code 1 acme/web:1 | tee report", ("lost-failure", 1)),
        ("- run: fleet-audit gate --all || echo failed", ("lost-failure", 1)),
        ("- shell: bash {0}\n  run: |\n    fleet-audit gate --all\n    echo done", ("lost-failure", 4)),
        ("- run: trivy image --exit-code 1 acme/web:1\n  continue-on-error: true", ("continue-on-error", 2)),
        ("- run: pip-audit\n  continue-on-error: ${{ true }}", ("continue-on-error", 2)),
    ],
)
def test_a_failure_that_is_ignored(step: str, expected: tuple[str, int]) -> None:
    assert in_steps(step) == [expected]


@pytest.mark.parametrize(
    "step",
    [
        "- shell: bash\n  run: trivy image --exit-code 1 acme/web:1 | tee report",
        "- run: trivy image --exit-code 1 acme/web:1 || exit 1",
        "- run: fleet-audit gate --all\n  continue-on-error: false",
        "- run: fleet-audit gate --all\n  continue-on-error: ${{ inputs.lenient }}",
        "- run: echo 'trivy image x || true'",
        ASKED,
    ],
)
def test_a_failure_that_counts(step: str) -> None:
    assert in_steps(step) == []


def test_an_outcome_that_is_given_to_another_job_counts() -> None:
    text = """\
    on: push
    jobs:
      a:
        outputs: {result: '${{ steps.scan.outcome }}'}
        steps: [{id: scan, run: pip-audit, continue-on-error: true}]
    """
    assert kinds(text) == []
    assert kinds(text.replace("scan.outcome", "scan.conclusion")) == [("continue-on-error", 5)]


def test_continue_on_error_of_the_job_counts_for_its_gates() -> None:
    text = """\
    on: push
    jobs:
      a:
        strategy: {matrix: {lenient: [true, false]}}
        continue-on-error: ${{ matrix.lenient }}
        steps: [{run: pip-audit}]
      b:
        continue-on-error: true
        steps: [{run: make}]
    """
    assert kinds(text) == [("continue-on-error", 5)]


@pytest.mark.parametrize(
    ("head", "condition", "is_off"),
    [
        ("on: push", "false", True),
        ("on: push", "${{ false }}", True),
        ("on: push", "github.event_name == 'pull_request'", True),
        ("on: [push, pull_request]", "github.event_name == 'pull_request'", False),
        ("on: {push: {branches: [main]}}", "github.ref == 'refs/heads/master'", True),
        ("on: {push: {branches: [main]}}", "github.ref == 'refs/heads/main'", False),
        ("on: {push: {branches: ['rel/*']}}", "github.ref == 'refs/heads/rel/1'", False),
        ("on: {push: {branches: [main], tags: ['v*']}}", "startsWith(github.ref, 'refs/tags/')", False),
        ("on: push", "inputs.scan", False),
        ("on: workflow_call", "github.event_name == 'push'", False),
        ("on: push", "always()", False),
    ],
)
def test_a_gate_that_never_runs(head: str, condition: str, is_off: bool) -> None:
    found = in_steps(f"- run: pip-audit\n  if: {condition}\n", head)
    assert found == ([("never-runs", 2)] if is_off else [])


def test_a_scan_after_the_push() -> None:
    assert in_steps(BUILD + PUSH + TRIVY) == [("after-push", 3)]
    action = """\
    - uses: docker/build-push-action@v6
      with: {push: "${{ github.event_name != 'pull_request' }}", tags: "acme/web:${{ github.sha }}"}
    - run: trivy image --exit-code 1 acme/web:$GITHUB_SHA
    """
    assert in_steps(action) == [("after-push", 3)]


def test_a_push_that_an_input_decides_over_is_one() -> None:
    steps = """\
    - uses: docker/build-push-action@v6
      with: {push: "${{ inputs.push }}", tags: acme/web:1}
    - run: trivy image --exit-code 1 acme/web:1
    """
    head = "on: {workflow_dispatch: {inputs: {push: {default: false}}}}"
    assert in_steps(steps, head) == [("after-push", 3)]
    assert in_steps(steps.replace("${{ inputs.push }}", "false"), head) == []


def test_a_variable_that_a_step_sets_is_the_same_in_scripts_and_expressions() -> None:
    steps = "- run: docker push ${{ env.IMAGE }}\n- run: trivy image --exit-code 1 $IMAGE\n"
    assert in_steps(steps) == [("after-push", 2)]


def test_a_scan_by_the_digest_of_what_was_pushed() -> None:
    action = """\
    - uses: docker/build-push-action@v6
      id: image
      with: {push: true, tags: acme/web:1}
    - run: trivy image --exit-code 1 acme/web@${{ steps.image.outputs.digest }}
    """
    assert in_steps(action) == [("after-push", 4)]


def test_a_scan_by_what_another_job_gives() -> None:
    text = """\
    on: push
    jobs:
      build:
        outputs: {digest: '${{ steps.image.outputs.digest }}', tag: 'acme/web:${{ github.sha }}'}
        steps:
          - uses: docker/build-push-action@v6
            id: image
            with: {push: true, tags: 'acme/web:${{ github.sha }}'}
      scan:
        needs: build
        steps:
          - run: trivy image --exit-code 1 acme/web@${{ needs.build.outputs.digest }}
          - run: grype --fail-on high ${{ needs.build.outputs.tag }}
          - run: grype --fail-on high acme/web@${{ steps.image.outputs.digest }}
    """
    assert kinds(text) == [("after-push", 12), ("after-push", 13)]


def test_a_scan_in_one_script_with_the_push() -> None:
    script = "- run: |\n    docker build -t acme/web:1 .\n    {}\n    {}\n"
    scan, push = "trivy image --exit-code 1 acme/web:1", "docker push acme/web:1"
    assert in_steps(script.format(push, scan)) == [("after-push", 4)]
    assert in_steps(script.format(scan, push)) == []


@pytest.mark.parametrize(
    "steps",
    [
        BUILD + TRIVY + PUSH,
        BUILD + TRIVY + PUSH + "- run: grype --fail-on high acme/web:1\n",
        BUILD + PUSH + TRIVY + "- run: crane tag acme/web:1 stable\n",
        BUILD + PUSH + TRIVY + "- run: docker buildx imagetools create -t acme/web:stable acme/web:1\n",
        BUILD + PUSH + TRIVY + "- run: docker tag acme/web:1 acme/web:s\n- run: docker push acme/web:s\n",
        BUILD + "- run: docker push acme/other:1\n" + TRIVY,
        PUSH + "  if: github.event_name == 'push'\n" + TRIVY + "  if: github.event_name != 'push'\n",
    ],
)
def test_a_scan_before_the_release(steps: str) -> None:
    assert [kind for kind, _ in in_steps(steps, "on: [push, pull_request]") if kind == "after-push"] == []


def test_commands_of_one_line_come_one_after_the_other() -> None:
    build, scan, push = "docker build -t acme/web:1 .", "grype -f high acme/web:1", "docker push acme/web:1"

    assert in_steps(f"- run: {build} && {scan} && {push}\n") == []
    assert in_steps(f"- run: {build} && {push} && {scan}\n") == [("after-push", 1)]
    assert in_steps(f"- run: |\n    look() {{ {scan}; }}\n    {build}\n    look\n") == []


def test_a_scan_after_the_push_of_an_earlier_job() -> None:
    text = """\
    on: push
    jobs:
      build: {steps: [{run: docker build -t acme/web:1 .}, {run: docker push acme/web:1}]}
      scan: {needs: build, steps: [{run: trivy image --exit-code 1 acme/web:1}]}
    """
    assert kinds(text) == [("after-push", 4)]
    promotion = "  release: {needs: scan, steps: [{run: crane tag acme/web:1 stable}]}\n"
    assert kinds(dedent(text) + promotion) == []


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (BUILD + "- run: trivy image --exit-code 1 acme/web:2\n", ("other-image", 2)),
        (BUILD + "- run: trivy image --exit-code 1 acme/web\n", ("other-image", 2)),
        (
            "- run: docker build -t acme/web:${{ github.sha }} .\n- run: grype -f high acme/web:latest\n",
            ("other-image", 2),
        ),
        (TRIVY + BUILD, ("before-build", 1)),
        (SETUP + "- run: docker buildx build -t acme/web:1 .\n" + TRIVY, ("not-loaded", 3)),
        (
            SETUP + "- uses: docker/build-push-action@v6\n  with: {tags: acme/web:1}\n" + TRIVY,
            ("not-loaded", 4),
        ),
    ],
)
def test_a_scan_of_something_else(steps: str, expected: tuple[str, int]) -> None:
    assert in_steps(steps) == [expected]


@pytest.mark.parametrize(
    "steps",
    [
        BUILD + TRIVY,
        "- run: docker build -t acme/web:1 .\n- run: trivy image --exit-code 1 index.example/other:1\n",
        BUILD + "- run: docker tag acme/web:1 acme/web:2\n- run: trivy image --exit-code 1 acme/web:2\n",
        BUILD + "- run: docker pull acme/web:0\n- run: trivy image --exit-code 1 acme/web:0\n",
        "- run: docker build -t $IMAGE .\n" + TRIVY,
        "- run: docker build -t acme/web:$TAG .\n" + TRIVY,
        SETUP + "- run: docker buildx build --load -t acme/web:1 .\n" + TRIVY,
        SETUP + "- run: docker build -t acme/web:1 .\n" + TRIVY,
        "- run: docker buildx build -t acme/web:1 .\n" + TRIVY,
        SETUP + "- uses: docker/build-push-action@v6\n  with: {tags: acme/web:1, load: true}\n" + TRIVY,
        "- uses: docker/build-push-action@v6\n  with: {tags: acme/web:1}\n" + TRIVY,
        "- uses: docker/build-push-action@v6\n  with: {tags: '${{ steps.meta.outputs.tags }}', load: true}\n"
        + TRIVY,
        BUILD + "- run: trivy image --exit-code 1 --input image.tar\n",
        "- run: docker build -t acme/web .\n- run: trivy image --exit-code 1 acme/web:latest\n",
        BUILD + "- run: make images\n- run: trivy image --exit-code 1 acme/web:2\n",
        BUILD + "- uses: acme/docker-tag@v1\n- run: trivy image --exit-code 1 acme/web:2\n",
        BUILD + "- run: docker compose build\n- run: trivy image --exit-code 1 acme/web:2\n",
    ],
)
def test_a_scan_of_what_is_built(steps: str) -> None:
    assert in_steps(steps) == []


def test_an_image_that_another_job_builds_and_keeps() -> None:
    text = """\
    on: push
    jobs:
      build: {steps: [{run: docker build -t acme/web:1 .}]}
      scan: {needs: build, steps: [{run: trivy image --exit-code 1 acme/web:1}]}
    """
    assert kinds(text) == [("not-handed-over", 4)]
    handed = text.replace("[{run: trivy", "[{uses: actions/download-artifact@v4}, {run: trivy")
    assert kinds(handed) == []
    assert kinds(text.replace("acme/web:1 .}", "acme/web:1 .}, {run: make push}")) == []


def test_a_push_beside_the_scan_that_has_one_of_its_own() -> None:
    text = """\
    on: [push, pull_request]
    jobs:
      check:
        if: github.event_name == 'pull_request'
        steps: [{run: docker build -t acme/web:1 .}, {run: trivy image --exit-code 1 acme/web:1}]
      release:
        steps:
          - run: docker build -t acme/web:1 .
          - run: trivy image --exit-code 1 acme/web:1
          - run: docker push acme/web:1
            if: github.event_name == 'push'
    """
    assert kinds(text) == []
    unguarded = text.replace("      - run: trivy image --exit-code 1 acme/web:1\n    ", "")
    assert kinds(unguarded) == [("skipped-where-pushed", 4)]
    apart = text.replace("[push, pull_request]", "pull_request").replace(
        "if: github.event_name == 'push'", ""
    )
    assert kinds(apart) == []


def test_what_was_scanned_by_another_name_in_its_job_is_guarded() -> None:
    text = """\
    on: push
    jobs:
      release:
        steps:
          - run: docker build -t web:test .
          - run: trivy image --exit-code 1 web:test
          - run: docker build -t acme/web:1 . && docker push acme/web:1
      look: {steps: [{run: trivy image --exit-code 1 acme/web:1}]}
    """
    assert kinds(text) == []
    assert kinds(text.replace("web:test", "tools:test")) == [("beside-push", 8)]


def test_a_push_beside_the_gate_for_everything() -> None:
    text = """\
    on: push
    jobs:
      gate: {steps: [{run: fleet-audit gate --all}]}
      push: {steps: [{run: docker build -t acme/web:1 .}, {run: docker push acme/web:1}]}
    """
    assert kinds(text) == [("beside-push", 3)]
    assert kinds(text.replace("push: {steps", "push: {needs: gate, steps")) == []
    assert kinds(text.replace("gate --all", "dockerfiles")) == []
    assert kinds(text.replace("gate --all", "gate --image docker:acme/other:1")) == []


def test_an_image_behind_an_option() -> None:
    gate = "- run: fleet-audit gate --image docker:acme/web:1\n"
    assert in_steps(BUILD + PUSH + gate) == [("after-push", 3)]
    assert in_steps(BUILD + gate + PUSH) == []


def test_a_push_beside_the_scan() -> None:
    text = """\
    on: push
    jobs:
      scan: {steps: [{run: docker build -t acme/web:1 .}, {run: trivy image --exit-code 1 acme/web:1}]}
      push: {steps: [{run: docker build -t acme/web:1 .}, {run: docker push acme/web:1}]}
    """
    assert kinds(text) == [("beside-push", 3)]
    assert kinds(text.replace("push: {steps", "push: {needs: [scan], steps")) == []
    assert kinds(text.replace("docker push acme/web:1", "docker push acme/docs:1")) == []


@pytest.mark.parametrize(
    ("condition", "is_past"),
    [
        ("always()", True),
        ("'!cancelled()'", True),
        ("success() || failure()", True),
        ("always() && needs.scan.result == 'success'", False),
        ("github.ref == 'refs/heads/main'", False),
        ("always() && github.event_name == 'schedule'", False),
    ],
)
def test_a_push_that_the_failed_scan_does_not_stop(condition: str, is_past: bool) -> None:
    text = f"""\
    on: push
    jobs:
      scan: {{steps: [{{run: docker build -t acme/web:1 .}}, {{run: trivy image --exit-code 1 acme/web:1}}]}}
      push:
        needs: scan
        if: {condition}
        steps: [{{run: docker push acme/web:1}}]
    """
    assert kinds(text) == ([("runs-anyway", 6)] if is_past else [])
    steps = BUILD + TRIVY + PUSH + f"  if: {condition.replace('needs.scan.result', 'steps.x.outcome')}\n"
    found = in_steps(steps)
    assert found == ([("runs-anyway", 4)] if is_past else [])


def test_a_push_only_where_the_scan_does_not_run() -> None:
    text = """\
    on: [push, pull_request]
    jobs:
      a:
        steps:
          - run: docker build -t acme/web:1 .
          - run: trivy image --exit-code 1 acme/web:1
            if: github.event_name == 'pull_request'
          - run: docker push acme/web:1
            if: github.event_name == 'push'
    """
    assert kinds(text) == [("skipped-where-pushed", 7)]
    assert kinds(text.replace("name == 'pull_request'", "name != 'schedule'")) == []
    action = """\
    - uses: docker/build-push-action@v6
      with: {load: true, tags: acme/web:1, push: "${{ github.event_name == 'push' }}"}
    - run: trivy image --exit-code 1 acme/web:1
      if: github.event_name == 'pull_request'
    """
    assert in_steps(action, "on: [push, pull_request]") == [("skipped-where-pushed", 4)]


def test_a_filter_that_hides_the_worst() -> None:
    scan = "- run: trivy image --exit-code 1 --severity {} acme/web:1"
    assert in_steps(scan.format("HIGH")) == [("no-critical", 1)]
    assert in_steps(scan.format("HIGH,CRITICAL")) == []
    assert in_steps(scan.format("$SEVERITY")) == []
    assert in_steps(scan.format("HIGH") + "\n" + TRIVY) == []


def test_what_has_no_fix_does_not_count() -> None:
    assert in_steps("- run: trivy image --exit-code 1 --ignore-unfixed acme/web:1") == [("fixed-only", 1)]
    assert in_steps("- run: trivy image --exit-code 1 --ignore-unfixed=false acme/web:1") == []


def test_the_runs_of_a_matrix_are_one_fault() -> None:
    text = """\
    on: push
    jobs:
      a:
        strategy: {matrix: {image: [web, gpu]}}
        steps:
          - run: trivy image acme/${{ matrix.image }}:1
    """
    assert kinds(text) == [("no-exit-code", 6)]


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("if grep -q CRITICAL report.txt; then exit 1; fi", "grep"),
        ("grep -q CRITICAL report.txt", "grep-inverted"),
        ("if grep -qE 'HIGH|CRITICAL' report.txt; then echo found; fi", "grep-passes"),
        ("grep CRITICAL report.txt || true", ""),
        ("grep -q error build.log", ""),
        ("grep -c CRITICAL report.txt", ""),
    ],
)
def test_a_gate_that_is_made_of_grep(command: str, kind: str) -> None:
    assert in_steps(f"- run: {command}\n") == ([(kind, 1)] if kind else [])


def test_another_servers_configuration_is_a_gap_that_does_not_block() -> None:
    here = Repository(tree({".gitlab-ci.yml": "scan: {script: trivy image x}"}))
    assert gate_faults((), (), here, packaged.knowledge().scanners) == ()
    assert [(gap.what, gap.blocking) for gap in here.gaps] == [(".gitlab-ci.yml", False)]
