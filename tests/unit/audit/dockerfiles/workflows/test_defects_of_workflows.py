"""A repository with one of each defect of workflows: each is found at its line, and nothing else is."""

from pathlib import Path

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.fleet.manifest import load_fleet
from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.pipeline.repository.grounds import Grounds
from fleet_audit.audit.pipeline.repository.workflows import examine
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.policy.evaluation import evaluate
from tests.support.defects import DEFECTS, Defect, marked_defects
from tests.support.packaged import with_known_rules

LIGHTHOUSE = DEFECTS / "workflows" / "lighthouse"
PUT_ASIDE: Defect = ("FA-WF-016", ".github/workflows/scan.yml.disabled", 0)
"""Concerns a file as a whole, which no comment can mark."""


def test_every_defect_is_found_at_its_line_and_nothing_else(tmp_path: Path) -> None:
    fleet = load_fleet(LIGHTHOUSE / "fleet.yaml")
    shared = Shared(Settings(cache_dir=with_known_rules(tmp_path), created="2026-11-20T00:00:00Z"), fleet)
    grounds = Grounds(Repository(open_folder(LIGHTHOUSE)), shared)
    judgement = evaluate(shared.rules, examine(grounds).subjects)
    assert not judgement.gaps
    assert not grounds.repository.gaps

    places = [(each.rule, each.location) for each in judgement.findings if each.location is not None]

    found = sorted((rule, place.path, place.line) for rule, place in places)
    assert found == sorted([*marked_defects(LIGHTHOUSE), PUT_ASIDE])
    assert {rule for rule, _, _ in found} == {f"FA-WF-{number:03}" for number in range(1, 19)}
