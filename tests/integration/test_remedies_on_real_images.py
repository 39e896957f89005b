"""A remedy of the example, and the image that is built as it says."""

import json
from pathlib import Path
from typing import Any

import pytest

from fleet_audit.__main__ import run as run_command
from tests.support.example_images import FLEET, example_layout

pytestmark = pytest.mark.integration

VISION, HEADLESS = "family-vision-cu121", "family-vision-cu121-headless"
MEGABYTE = 1_000_000

Document = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def layout() -> Path:
    return example_layout(VISION, HEADLESS)


def deps(folder: Path, *words: str) -> Document:
    file = folder / "deps.json"
    run_command(["deps", VISION, "-f", str(FLEET / "fleet.yaml"), *words, "-o", f"json={file}", "-q"])
    document: Document = json.loads(file.read_bytes())
    return document


def missing(document: Document) -> set[str]:
    """Return the libraries that are required and missing."""
    return {
        f"so:{need['name']}"
        for need in document["needs"]
        if (need["kind"], need["status"], need["tier"]) == ("soname", "missing", "required")
    }


def test_the_build_without_windows_is_told_with_the_lines_to_change(tmp_path: Path) -> None:
    document = deps(tmp_path)

    (remedy,) = document["proposal"]["remedies"]
    assert remedy["id"] == "opencv-headless"
    assert set(remedy["needs"]) == missing(document)
    assert remedy["saved_bytes"] > document["proposal"]["installed_bytes"] > 100 * MEGABYTE
    for place in remedy["locations"]:
        named = (FLEET / place["path"]).read_text(encoding="utf-8").splitlines()[place["line"] - 1]
        assert named.startswith("opencv-python")


def test_an_image_with_that_build_misses_nothing(tmp_path: Path) -> None:
    document = deps(tmp_path, "--image", f"oci:{FLEET}/build/images:{HEADLESS}")

    assert missing(document) == set()
    assert document["proposal"]["remedies"] == []
