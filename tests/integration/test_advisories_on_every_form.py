"""Whole commands with real scanners: an image, its root file system and its inventory have the same flaws."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleet_audit.audit.tools import syft, trivy
from fleet_audit.audit.tools.process import run
from fleet_audit.audit.tools.trivy import TrivyKind, TrivyTarget
from tests.support.example_images import example_layout
from tests.support.packaged import with_known_rules
from tests.support.scanners import real_syft, real_trivy
from tests.support.trivy_database import MADE, write_trivy_database
from tests.support.vulnerable_image import FINDINGS, vulnerable_image, vulnerable_root
from tests.support.worlds import World

pytestmark = pytest.mark.integration

VISION = "family-vision-cu121"
Row = tuple[str, str, str, tuple[str, ...]]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    caches = write_trivy_database(tmp_path / "trivy")
    for name, value in {
        syft.VARIABLE: real_syft().path,
        trivy.VARIABLE: real_trivy().path,
        "TRIVY_CACHE_DIR": caches,
        "FLEET_AUDIT_CACHE_DIR": with_known_rules(made.cache),
        # The day after the database was made: nothing is old.
        "SOURCE_DATE_EPOCH": int(MADE.timestamp()) + 86_400,
    }.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.chdir(made.folder)
    return made


def _rows(world: World, *words: str) -> set[Row]:
    document = world.run("vulns", *words).document
    return {
        (each["package"], each["id"], each["severity"], tuple(each["fixed_in"]))
        for each in document["advisories"]
    }


def _inventory(world: World, reference: str, form: str = "cyclonedx-json") -> Path:
    file = world.folder / f"inventory.{form}"
    code, out, err = world.say("sbom", "--image", reference, "-o", f"{form}={file}")
    assert out == ""
    assert code in {0, 3}, err
    return file


def _of_scanners(world: World) -> Iterator[Path]:
    """Have syft and trivy themselves write documents of the image in each of their forms."""
    image, place = world.folder / "image.tar", {"PATH": os.defpath, "HOME": str(world.folder)}
    for form in ("cyclonedx-json", "spdx-json", "syft-json"):
        made = run([str(real_syft().path), "scan", str(image), "--output", form], timeout=60, env=place)
        yield _written(world.folder / f"syft.{form}", made)
    for form in ("cyclonedx", "spdx-json"):
        asked = ("image", "--input", str(image), "--format", form)
        caches = ("--cache-dir", os.environ["TRIVY_CACHE_DIR"], "--skip-db-update", "--offline-scan")
        made = run([str(real_trivy().path), *asked, *caches], timeout=60, env=place)
        yield _written(world.folder / f"trivy.{form}", made)


def _written(file: Path, body: bytes) -> Path:
    file.write_bytes(body)
    return file


def test_every_form_of_the_small_image_has_the_same_advisories(world: World) -> None:
    vulnerable_image().write(world.folder / "oci")
    vulnerable_image().write(world.folder / "image.tar", "docker-archive")
    vulnerable_root(world.folder / "root")

    rows = _rows(world, "--image", "oci:oci")

    assert {identifier for _, identifier, _, _ in rows} == {identifier for _, identifier in FINDINGS}
    assert ("shadow", "CVE-2023-4641", "medium", ("1:4.13+dfsg1-1+deb12u1",)) in rows
    assert ("zlib", "CVE-2023-45853", "critical", ()) in rows
    for words in (
        ("--image", "oci:oci", "--full"),
        ("--image", "docker-archive:image.tar"),
        ("--image", "dir:root"),
        ("--sbom", str(_inventory(world, "oci:oci"))),
        ("--sbom", str(_inventory(world, "oci:oci", "spdx-json"))),
        ("--sbom", str(_inventory(world, "dir:root"))),
        ("--sbom", str(_inventory(world, "dir:root", "spdx-json"))),
        *(("--sbom", str(file)) for file in _of_scanners(world)),
    ):
        assert _rows(world, *words) == rows, words


@pytest.mark.parametrize("form", ["cyclonedx-json", "spdx-json"])
def test_trivy_by_itself_finds_the_same_in_our_inventory(world: World, tmp_path: Path, form: str) -> None:
    vulnerable_image().write(world.folder / "oci")
    target = TrivyTarget(TrivyKind.SBOM, _inventory(world, "oci:oci", form))

    report = trivy.scan(real_trivy(), target, caches=tmp_path / "trivy", folder=tmp_path / "work")

    found = {
        (each.pkg_name, each.vulnerability_id)
        for result in report.results or ()
        for each in result.vulnerabilities or ()
    }
    assert found == FINDINGS


def test_an_example_image_and_its_inventory_have_the_same_advisories(world: World) -> None:
    reference = f"oci:{example_layout(VISION)}:{VISION}"

    rows = _rows(world, "--image", reference)

    assert ("zlib", "CVE-2023-45853", "critical", ()) in rows
    for form in ("cyclonedx-json", "spdx-json"):
        assert _rows(world, "--sbom", str(_inventory(world, reference, form))) == rows


def test_a_report_names_the_day_of_the_database(world: World) -> None:
    vulnerable_image().write(world.folder / "oci")

    document = world.run("vulns", "--image", "oci:oci").document

    tools = {tool["name"]: tool for tool in document["tools"]}
    assert datetime.fromisoformat(tools["trivy"]["database_date"]) == datetime(2026, 11, 1, tzinfo=UTC)
