"""Whether the checks that the manifest requires still run somewhere."""

from textwrap import dedent

import pytest

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.workflows.followed import followed_jobs
from fleet_audit.audit.dockerfiles.workflows.gates import gate_faults
from fleet_audit.audit.dockerfiles.workflows.reading import workflows
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.fleet import Fleet, Manifest
from fleet_audit.audit.model.gates import GateFault, GateFaultKind
from fleet_audit.audit.model.location import SourceLocation
from tests.support import packaged
from tests.support.trees import tree

CI = ".github/workflows/ci.yml"


def missing(check: str, workflow: str, **others: str) -> tuple[list[GateFault], Repository]:
    text = f"version: 1\nfleet: x\nrequired_checks:\n  - {check}\n"
    here = Repository(tree({"fleet.yaml": text, CI: dedent(workflow), **others}))
    manifest = Manifest(version=1, fleet="x", families={}, services=(), required_checks=(check,))
    read = workflows(here)
    fleet = Fleet(manifest, "/r", "fleet.yaml")
    found = gate_faults(read, followed_jobs(read, here), here, packaged.knowledge().scanners, fleet)
    return [fault for fault in found if fault.kind is GateFaultKind.MISSING_CHECK], here


def is_missing(check: str, workflow: str, **others: str) -> bool:
    return bool(missing(check, workflow, **others)[0])


WORKFLOW = """\
name: Images
on: {push: {}, pull_request: {}}
jobs:
  scan:
    name: Scan ${{ matrix.image }}
    strategy: {matrix: {image: [web, gpu]}}
    steps:
      - name: Judge the image
        run: fleet-audit gate --image ${{ matrix.image }}
  lint:
    strategy: {matrix: {python: ['3.11', '3.12']}}
    steps: [{run: make}]
  call:
    uses: ./.github/workflows/called.yml
"""
CALLED = {".github/workflows/called.yml": "on: workflow_call\njobs: {inner: {steps: []}}\n"}


@pytest.mark.parametrize(
    "check",
    [
        "Scan web",
        "Images / Scan gpu",
        "Judge the image",
        "fleet-audit gate",
        "lint (3.11)",
        "lint",
        "call / inner",
    ],
)
def test_a_check_that_runs(check: str) -> None:
    assert not is_missing(check, WORKFLOW, **CALLED)


@pytest.mark.parametrize("check", ["Scan cpu", "fleet-audit deps", "inner", "lint (3.10)", "gate"])
def test_a_check_that_no_workflow_runs(check: str) -> None:
    (fault,), _ = missing(check, WORKFLOW, **CALLED)
    assert (fault.location, fault.gate) == (SourceLocation("fleet.yaml", 4), check)


def test_a_job_whose_name_is_not_known_may_be_the_check() -> None:
    text = "on: push\njobs: {a: {name: 'scan ${{ github.ref_name }}', steps: []}}\n"
    assert not is_missing("scan main", text)
    assert is_missing("lint main", text)


@pytest.mark.parametrize(
    ("workflow", "why"),
    [
        ("on: workflow_dispatch\njobs: {gate: {steps: []}}\n", f"{CI} runs only where somebody starts it"),
        ("on: push\njobs: {gate: {if: false, steps: []}}\n", "its condition never holds"),
    ],
)
def test_a_check_that_never_runs_by_itself(workflow: str, why: str) -> None:
    (fault,), _ = missing("gate", workflow)
    assert fault.detail == why
    assert [place.path for place in fault.related] == [CI]


def test_beside_another_servers_configuration_it_is_not_known() -> None:
    found, here = missing("gate", "on: push\njobs: {}\n", **{".gitlab-ci.yml": "gate: {script: x}\n"})
    assert found == []
    assert [gap.kind for gap in here.gaps] == [GapKind.NOT_EXAMINED]
