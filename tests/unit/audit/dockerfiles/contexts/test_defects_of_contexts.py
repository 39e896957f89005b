"""A repository with one of each defect of contexts: each is found at its line, and nothing else is."""

import shutil
from pathlib import Path

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.fleet.manifest import load_fleet
from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.pipeline.repository.contexts import examine
from fleet_audit.audit.pipeline.repository.grounds import Grounds
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.policy.evaluation import evaluate
from tests.support.defects import DEFECTS, Defect, marked_defects
from tests.support.packaged import with_known_rules

HARBOUR = DEFECTS / "contexts" / "harbour"
QUAY = DEFECTS / "contexts" / "quay"


def found(folder: Path, cache_dir: Path) -> list[Defect]:
    fleet = load_fleet(folder / "fleet.yaml")
    shared = Shared(Settings(cache_dir=with_known_rules(cache_dir), created="2026-11-20T00:00:00Z"), fleet)
    examined = examine(Grounds(Repository(open_folder(folder)), shared))
    judgement = evaluate(shared.rules, examined.subjects)
    assert not judgement.gaps
    places = [(each.rule, each.location) for each in judgement.findings if each.location is not None]
    assert len(places) == len(judgement.findings)
    return sorted((rule, place.path, place.line) for rule, place in places)


def test_every_defect_is_found_at_its_line_and_nothing_else(tmp_path: Path) -> None:
    harbour = tmp_path / "harbour"
    shutil.copytree(HARBOUR, harbour, symlinks=True)
    # A link that leads out is in no archive of our own: who unpacks one rightly refuses it.
    (harbour / "shared" / "outside").symlink_to("/etc/hosts")
    assert found(harbour, tmp_path / "cache") == marked_defects(harbour)


def test_files_without_effect_are_told_as_a_whole(tmp_path: Path) -> None:
    assert found(QUAY, tmp_path) == [
        ("FA-CTX-005", "compose.yaml", 3),
        ("FA-CTX-006", "Dockerfile.dev.dockerignore", 0),
        ("FA-CTX-006", "lonely/.dockerignore", 0),
        ("FA-CTX-006", "web/.dockerignore", 0),
    ]
