"""Workflows that are refused, not started, or not safe; and near misses."""

from textwrap import dedent

import pytest

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.workflows.builds import workflow_builds
from fleet_audit.audit.dockerfiles.workflows.disabled import disabled_faults
from fleet_audit.audit.dockerfiles.workflows.followed import followed_jobs
from fleet_audit.audit.dockerfiles.workflows.hygiene import hygiene_faults
from fleet_audit.audit.dockerfiles.workflows.reading import workflows
from tests.support import packaged
from tests.support.trees import tree

CI = ".github/workflows/ci.yml"


def kinds(text: str) -> list[tuple[str, int]]:
    here = Repository(tree({CI: dedent(text)}))
    found = workflows(here)
    return [
        (fault.kind.value, fault.location.line)
        for fault in hygiene_faults(found, workflow_builds(followed_jobs(found, here)))
    ]


def test_a_key_that_is_given_twice() -> None:
    assert kinds("on: push\njobs:\n  a:\n    steps: [{run: a}]\n    steps: [{run: b}]\n") == [
        ("repeated-key", 5)
    ]


def test_an_action_by_what_its_owner_can_move_is_told_once_for_all_its_places() -> None:
    text = """\
    jobs:
      a:
        steps:
          - uses: actions/checkout@v4
          - uses: actions/checkout@v4
          - uses: acme/scan@0123456789abcdef0123456789abcdef01234567
          - uses: ./local
          - uses: docker://alpine:3.20
      b: {uses: acme/flows/.github/workflows/x.yml@main}
    """
    assert kinds(text) == [("movable-action", 4), ("movable-action", 9)]


def test_an_action_in_several_workflows_is_told_once() -> None:
    text = "jobs: {a: {steps: [{uses: acme/scan@v1}]}}"
    here = Repository(tree({CI: text, ".github/workflows/other.yml": text}))
    (fault,) = hygiene_faults(workflows(here), ())
    assert fault.detail == "v1 is a branch or tag that its owner can move, at 2 places"
    assert [place.path for place in (fault.location, *fault.related)] == [CI, ".github/workflows/other.yml"]


def test_the_code_of_a_pull_request_with_the_secrets_of_the_repository() -> None:
    text = """\
    on: {event}
    jobs:
      a:
        steps:
          - uses: actions/checkout@0123456789abcdef0123456789abcdef01234567
            with:
              ref: ${{{{ {ref} }}}}
    """
    head = "github.event.pull_request.head.sha"
    assert kinds(dedent(text).format(event="pull_request_target", ref=head)) == [("untrusted-checkout", 7)]
    assert kinds(dedent(text).format(event="pull_request", ref=head)) == []
    assert kinds(dedent(text).format(event="pull_request_target", ref="github.base_ref")) == []


@pytest.mark.parametrize(
    ("trigger", "is_told"),
    [
        ("{paths: ['docs/**']}", True),
        ("{paths: ['docker/**']}", False),
        ("{paths: ['docker/**', '!docker/web/**']}", True),
        ("{paths-ignore: ['**/Dockerfile']}", True),
        ("{paths-ignore: ['docs/**']}", False),
        ("{branches: [main]}", False),
    ],
)
def test_a_dockerfile_whose_change_does_not_start_what_builds_it(trigger: str, is_told: bool) -> None:
    text = f"on: {{push: {trigger}}}\njobs: {{a: {{steps: [{{run: docker build docker/web}}]}}}}\n"
    assert kinds(text) == ([("paths-filter", 1)] if is_told else [])


def test_a_trigger_on_any_change_is_enough() -> None:
    text = (
        "on: {push: {paths: ['docs/**']}, pull_request: {}}\njobs: {a: {steps: [{run: docker build web}]}}\n"
    )
    assert kinds(text) == []


def test_a_workflow_that_was_put_aside_with_its_gate() -> None:
    scanners = packaged.knowledge().scanners
    folder = ".github/workflows/"
    gate, plain = "jobs: {a: {steps: [{run: pip-audit}]}}", "jobs: {a: {steps: [{run: make}]}}"
    here = Repository(
        tree({f"{folder}a.yml.disabled": gate, f"{folder}b.yml.disabled": plain, f"{folder}c.yml": gate})
    )
    assert [fault.location.path for fault in disabled_faults(here, scanners)] == [f"{folder}a.yml.disabled"]
