"""Workflows that are written to exhaust or confuse their reader end soon, and never raise."""

import time

import pytest

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.workflows.followed import followed_jobs
from fleet_audit.audit.dockerfiles.workflows.gates import gate_faults
from fleet_audit.audit.dockerfiles.workflows.reading import workflows
from fleet_audit.audit.model.gates import GateFault
from tests.support import packaged
from tests.support.trees import Link, tree

CI = ".github/workflows/ci.yml"
SCAN = "{run: trivy image --exit-code 1 acme/web:1}"
PUSH = "{run: docker push acme/web:1}"
WORDS = "${{ " + "(" * 1000 + " }}"


def judged(text: str | bytes) -> tuple[tuple[GateFault, ...], Repository]:
    here = Repository(tree({CI: text}))
    found = workflows(here)
    return gate_faults(found, followed_jobs(found, here), here, packaged.knowledge().scanners), here


def many_jobs(count: int) -> str:
    jobs = "".join(
        f"  j{i}: {{needs: [j{i + 1}, j{i - 1}], steps: [{SCAN}, {PUSH}]}}\n" for i in range(count)
    )
    return f"on: push\njobs:\n{jobs}"


def wide_matrix() -> str:
    values = ", ".join(str(i) for i in range(256))
    steps = ", ".join(["{run: 'trivy image --exit-code 1 acme/web:${{ matrix.v }}'}"] * 25)
    return f"on: push\njobs: {{a: {{strategy: {{matrix: {{v: [{values}]}}}}, steps: [{steps}]}}}}\n"


@pytest.mark.parametrize(
    "text",
    [
        many_jobs(1000),
        wide_matrix(),
        f"on: push\njobs: {{a: {{steps: [{', '.join([SCAN, PUSH] * 1500)}]}}}}\n",
        "on: push\njobs: {a: {steps: [{run: '" + "trivy image x || true; " * 6_000 + "'}]}}\n",
        "on: push\njobs: {a: {steps: [{run: '" + "grep -q CRITICAL x; a; " * 3_000 + "'}]}}\n",
        f"on: push\njobs: {{a: {{if: '{WORDS}', name: '{WORDS}', steps: [{SCAN}]}}}}\n",
        "on: {push: {paths: [" + ", ".join(["'**a**b**'"] * 2000) + "]}}\n"
        "jobs: {a: {steps: [{run: docker build x}]}}\n",
        "on: [" + ", ".join(f"e{i}" for i in range(20_000)) + f"]\njobs: {{a: {{if: x, steps: [{SCAN}]}}}}\n",
        "on: push\njobs: {a: {steps: ["
        + ", ".join(
            f"{{id: s{i}, continue-on-error: true, run: 'trivy image -o o{i} ${{{{ steps.s{i}.outcome }}}}'}}"
            for i in range(1500)
        )
        + "]}}\n",
        "a: &a [x, x]\nb: &b [*a, *a]\n" + "".join(f"c{i}: &c{i} [*b, *b, *b]\n" for i in range(2000)),
    ],
    ids=[
        "jobs",
        "matrix",
        "steps",
        "script",
        "greps",
        "parentheses",
        "patterns",
        "events",
        "outcomes",
        "aliases",
    ],
)
def test_the_reader_ends_soon(text: str) -> None:
    start = time.process_time()
    judged(text)
    assert time.process_time() - start < 6


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe\x00",
        b"a: \xff",
        "a: &a *a",
        "[" * 1000,
        "jobs: {a: {steps: [null, 1, [], {run: null}, {run: []}, {uses: {}}]}}",
        "on: null\njobs: null",
        "jobs: {a: {needs: a, uses: ./.github/workflows/ci.yml, steps: [{uses: ./}]}}",
        "jobs: {'\x1b[2J': {steps: [{run: \"trivy image '\\e[2J'\"}]}}",
        "jobs: {a: {steps: [{uses: ./.., with: {context: ../../..}}, {run: cd /; docker build ..}]}}",
    ],
)
def test_what_is_no_workflow_is_a_gap_or_nothing(text: str | bytes) -> None:
    judged(text)


def test_a_link_out_of_the_repository_is_not_read() -> None:
    here = Repository(tree({CI: Link("/etc/passwd"), ".github/actions": Link("/")}))
    assert workflows(here) == ()
