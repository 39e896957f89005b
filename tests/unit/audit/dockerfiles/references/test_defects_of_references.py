"""A repository with one of each drift: each is found at its line, and nothing else is."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.fleet.manifest import load_fleet
from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.model.finding import Finding, Severity
from fleet_audit.audit.model.references import Deviation
from fleet_audit.audit.pipeline.repository.grounds import Grounds
from fleet_audit.audit.pipeline.repository.references import examine
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.policy.evaluation import evaluate
from tests.support.defects import DEFECTS, marked_defects
from tests.support.packaged import with_known_rules

HARBOUR = DEFECTS / "references" / "harbour"
EXAMPLE = Path(__file__).parents[5] / "examples" / "fleet"


def grounds_of(folder: Path, cache: Path) -> Grounds:
    fleet = load_fleet(folder / "fleet.yaml")
    shared = Shared(Settings(cache_dir=with_known_rules(cache), created="2026-11-20T00:00:00Z"), fleet)
    return Grounds(Repository(open_folder(folder)), shared)


def findings(folder: Path, cache: Path) -> Sequence[Finding]:
    grounds = grounds_of(folder, cache)
    judgement = evaluate(grounds.shared.rules, examine(grounds).subjects)
    assert not judgement.gaps
    assert not grounds.repository.gaps
    return judgement.findings


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Finding]:
    return findings(HARBOUR, tmp_path_factory.mktemp("cache"))


def test_every_drift_is_found_at_its_line_and_nothing_else(found: Sequence[Finding]) -> None:
    places = [(each.rule, each.location.path, each.location.line) for each in found if each.location]

    assert sorted(places) == marked_defects(HARBOUR)
    assert len(places) == len(found)


def test_every_rule_on_references_has_its_defect(found: Sequence[Finding]) -> None:
    assert {each.rule for each in found} == {f"FA-REF-{number:03}" for number in range(1, 15)}


def test_a_remedy_says_what_to_write(found: Sequence[Finding]) -> None:
    remedies = {(each.rule, each.location.path): each.remedy for each in found if each.location}

    assert remedies["FA-REF-001", "docker/base-python/Dockerfile"] == (
        "write images.example/acme/healthcheck:0.4.0"
    )
    assert remedies["FA-REF-002", "services/voice/Dockerfile"] == (
        "write registry.example/acme/family-web:20261114-3f9c2ab"
    )
    assert remedies["FA-REF-007", "fleet.yaml"] == "did you mean MACHINE?"


def test_every_deviation_is_listed_with_its_reference(tmp_path: Path) -> None:
    accounts = grounds_of(HARBOUR, tmp_path).references.accounts
    listed = {(each.reference.location.path, each.reference.location.line): each for each in accounts}

    assert {each.deviation for each in accounts} == {None, *Deviation}
    assert listed["services/mail/Dockerfile", 2].deviation is Deviation.FAMILY_CHAIN
    assert listed["deploy/pods.yaml", 16].deviation is None


def test_the_example_fleet_has_no_grave_finding(tmp_path: Path) -> None:
    grave = [each for each in findings(EXAMPLE, tmp_path) if each.severity.rank >= Severity.ERROR.rank]

    assert grave == []
