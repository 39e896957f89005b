"""A repository with one of each defect of images: each is found at its line, and nothing else is."""

from pathlib import Path

import pytest

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.fleet.manifest import load_fleet
from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.pipeline.repository.grounds import Grounds
from fleet_audit.audit.pipeline.repository.standards import examine
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.policy.evaluation import evaluate
from tests.support.defects import DEFECTS, Defect, marked_defects
from tests.support.packaged import with_known_rules

HOUSES = DEFECTS / "images" / "houses"
PROFILE_VALUE: Defect = ("FA-IMG-022", "config/mainpc.json", 3)
"""JSON has no comments."""


@pytest.fixture
def found(tmp_path: Path) -> list[Defect]:
    fleet = load_fleet(HOUSES / "fleet.yaml")
    shared = Shared(Settings(cache_dir=with_known_rules(tmp_path), created="2026-11-20T00:00:00Z"), fleet)
    examined = examine(Grounds(Repository(open_folder(HOUSES)), shared))
    judgement = evaluate(shared.rules, examined.subjects)
    assert not judgement.gaps
    places = [(each.rule, each.location) for each in judgement.findings if each.location is not None]
    assert len(places) == len(judgement.findings)
    return sorted((rule, place.path, place.line) for rule, place in places)


def test_every_defect_is_found_at_its_line_and_nothing_else(found: list[Defect]) -> None:
    assert found == sorted([*marked_defects(HOUSES), PROFILE_VALUE])
