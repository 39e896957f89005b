"""A repository with one of each defect of pinning: each is found at its line, and nothing else is."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.fleet.manifest import load_fleet
from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.model.finding import Finding, Severity
from fleet_audit.audit.pipeline.repository.grounds import Grounds
from fleet_audit.audit.pipeline.repository.pinning import examine
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.policy.evaluation import evaluate
from tests.support.defects import DEFECTS, marked_defects
from tests.support.packaged import with_known_rules

YARD = DEFECTS / "pinning" / "yard"
EXAMPLE = Path(__file__).parents[5] / "examples" / "fleet"


def findings(folder: Path, cache: Path) -> Sequence[Finding]:
    fleet = load_fleet(folder / "fleet.yaml")
    shared = Shared(Settings(cache_dir=with_known_rules(cache), created="2026-11-20T00:00:00Z"), fleet)
    grounds = Grounds(Repository(open_folder(folder)), shared)
    judgement = evaluate(shared.rules, examine(grounds).subjects)
    assert not judgement.gaps
    assert not grounds.repository.gaps
    return judgement.findings


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Finding]:
    return findings(YARD, tmp_path_factory.mktemp("cache"))


def test_every_defect_is_found_at_its_line_and_nothing_else(found: Sequence[Finding]) -> None:
    places = [(each.rule, each.location.path, each.location.line) for each in found if each.location]

    assert sorted(places) == marked_defects(YARD)
    assert len(places) == len(found)


def test_every_rule_on_pinning_has_its_defect(found: Sequence[Finding]) -> None:
    pinning = {f"FA-PIN-{number:03}" for number in range(1, 20)}

    assert {each.rule for each in found} == {"FA-DF-004", *pinning}


def test_the_example_fleet_has_no_grave_finding(tmp_path: Path) -> None:
    grave = [each for each in findings(EXAMPLE, tmp_path) if each.severity.rank >= Severity.ERROR.rank]

    assert grave == []
