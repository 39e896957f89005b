"""What a repository claims is shared out among its images, and nothing of it is lost."""

from pathlib import Path

import pytest

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.fleet.manifest import load_fleet
from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.pipeline.audits.claims import Claims
from fleet_audit.audit.pipeline.audits.gating import built, fleet_subject, images_of
from fleet_audit.audit.pipeline.repository.auditing import part_of_repository
from fleet_audit.audit.pipeline.repository.grounds import Grounds
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.policy.facts import Subject

MANIFEST = """\
version: 1
fleet: small
families:
  base: {dockerfiles: [docker/base/Dockerfile], image: oci:images/base}
  vision: {parent: base, dockerfiles: [./docker/vision/Dockerfile], image: oci:images/vision, aliases: [eyes]}
services:
  - {name: face, family: vision, dockerfiles: [services/face/Dockerfile], image: oci:images/face}
  - {name: hands, family: eyes}
"""
FILES = {
    "docker/base/Dockerfile": "FROM debian:latest\nRUN apt-get install -y curl\n",
    "docker/vision/Dockerfile": "FROM base\nCOPY nothing /x\n",
    "services/face/Dockerfile": "FROM vision\nCOPY nowhere /x\n",
    "tools/Dockerfile": "FROM scratch\nCOPY missing /x\n",
}


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    for name, text in {"fleet.yaml": MANIFEST, **FILES}.items():
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return load_fleet(tmp_path / "fleet.yaml")


@pytest.fixture
def grounds(fleet: Fleet, tmp_path: Path) -> Grounds:
    shared = Shared(Settings(cache_dir=tmp_path / "cache", created="2026-11-20T00:00:00Z"), fleet)
    return Grounds(Repository(open_folder(Path(fleet.root))), shared)


def files_of(subjects: tuple[Subject, ...]) -> set[str]:
    return {subject.location.path for subject in subjects if subject.location is not None}


def test_the_images_of_a_fleet_are_its_families_and_the_services_with_their_own(fleet: Fleet) -> None:
    assert [subject.name for subject in images_of(fleet)] == ["base", "vision", "face"]


def test_an_image_has_what_stands_in_its_own_dockerfiles_and_those_of_its_services(
    fleet: Fleet, grounds: Grounds
) -> None:
    claims = Claims(grounds)
    shares = {subject.name: files_of(claims.of(subject).part.subjects) for subject in images_of(fleet)}

    assert "docker/base/Dockerfile" in shares["base"]
    assert {"docker/vision/Dockerfile", "services/face/Dockerfile"} <= shares["vision"]
    assert "docker/base/Dockerfile" not in shares["vision"] | shares["face"]
    assert "tools/Dockerfile" not in shares["base"] | shares["vision"] | shares["face"]


def test_what_is_of_no_image_is_the_fleets_own(fleet: Fleet, grounds: Grounds) -> None:
    left = files_of(Claims(grounds).left(images_of(fleet)).part.subjects)

    assert "tools/Dockerfile" in left
    assert left.isdisjoint({"docker/base/Dockerfile", "docker/vision/Dockerfile", "services/face/Dockerfile"})


def test_no_claim_and_no_gap_is_lost(fleet: Fleet, grounds: Grounds) -> None:
    claims, subjects = Claims(grounds), images_of(fleet)
    part, gaps = part_of_repository(grounds)

    shares = [*map(claims.of, subjects), claims.left(subjects)]

    assert {claim.name for share in shares for claim in share.part.subjects} == {
        claim.name for claim in part.subjects
    }
    assert {gap for share in shares for gap in share.gaps} == set(gaps)


def test_nothing_is_built_where_nothing_is_there(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "base").mkdir()

    assert [subject.name for subject in built(images_of(fleet))] == ["base"]


def test_the_fleet_is_told_from_an_image_of_its_name(fleet: Fleet) -> None:
    assert fleet_subject(fleet, ["base", "vision"]) == "small"
    assert fleet_subject(fleet, ["small"]) == "fleet small"
