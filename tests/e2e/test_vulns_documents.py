"""What a document lists and nobody can look up is a gap of ``vulns --sbom``, and not clean."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.scan_reports import scan_report, trivy_saying
from tests.support.trivy_database import write_trivy_database
from tests.support.worlds import Answer, World

RECENT = datetime(2026, 11, 15, tzinfo=UTC)
JINJA = {"type": "library", "name": "jinja2", "version": "3.1.6", "purl": "pkg:pypi/jinja2@3.1.6"}
TORCH = {"type": "library", "name": "torch", "version": "2.4.1"}


def _asked(world: World, *components: dict[str, Any]) -> Answer:
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components}
    (world.folder / "listed.json").write_text(json.dumps(document), encoding="utf-8")
    place = world.folder.parent
    trivy = trivy_saying(place / "bin", scan_report({"jinja2": ("3.1.6", ""), "torch": ("", "")}, {}))
    caches = write_trivy_database(place / "trivy", made=RECENT)
    words = ("--trivy", str(trivy), "--db", str(caches), "-o", "text")
    return world.run("vulns", "--sbom", str(world.folder / "listed.json"), *words)


@pytest.mark.parametrize(
    ("component", "what", "told"),
    [
        (TORCH, "1 package without a package URL", "torch 2.4.1"),
        ({**TORCH, "purl": "torch, or so"}, "1 package without a package URL", "torch 2.4.1"),
        ({**TORCH, "purl": "pkg:pypi/torch"}, "1 package without a version", "pkg:pypi/torch"),
    ],
)
def test_a_package_that_cannot_be_looked_up_is_no_clean_one(
    world: World, component: dict[str, Any], what: str, told: str
) -> None:
    answer = _asked(world, JINJA, component)

    gap = answer.gaps["not-scanned"]
    assert (answer.code, gap["what"]) == (3, what)
    assert told in gap["why"]


@pytest.mark.parametrize(
    "component",
    [
        {"type": "application", "name": "shop", "version": "1"},
        {"type": "file", "name": "/etc/passwd"},
        {"type": "machine-learning-model", "name": "weights"},
    ],
)
def test_what_is_no_package_needs_no_package_url(world: World, component: dict[str, Any]) -> None:
    answer = _asked(world, JINJA, component)

    assert (answer.code, answer.document["gaps"]) == (0, [])
