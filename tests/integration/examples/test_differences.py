"""How the example's images differ, with the real syft, and that they do not from their own documents."""

import json
from pathlib import Path
from typing import Any

import pytest

from fleet_audit.__main__ import run as run_command
from fleet_audit.audit.pipeline.run.scene import open_scene
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.scanners.scanning import scan_target
from fleet_audit.audit.tools.process import run
from tests.support.example_images import FLEET, example_layout
from tests.support.scanners import real_syft

pytestmark = pytest.mark.integration

BASE, VISION, HEADLESS = "base-gpu-cu121", "family-vision-cu121", "family-vision-cu121-headless"
FORMS = ("cyclonedx-json", "spdx-json", "syft-json")

Document = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def layout() -> Path:
    return example_layout(BASE, VISION, HEADLESS)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def scanner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_AUDIT_SYFT", str(real_syft().path))


@pytest.fixture(scope="module")
def documents(layout: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return syft's own documents of the vision image, in three forms."""
    folder = tmp_path_factory.mktemp("documents")
    files = {form: folder / f"{form}.json" for form in FORMS}
    outputs = [word for form, file in files.items() for word in ("-o", f"{form}={file}")]
    settings = Settings(cache_dir=cache, created="2026-11-20T00:00:00Z")
    with (
        open_scene(f"oci:{layout}:{VISION}", settings) as scene,
        scan_target(scene.image, settings) as target,
    ):
        argv = [str(real_syft().path), "scan", f"docker-archive:{target.archive}", *outputs]
        run(argv, timeout=600, env={"SYFT_CHECK_FOR_APP_UPDATE": "false", "HOME": str(folder)})
    return files


def diff(cache: Path, tmp_path: Path, *words: str) -> Document:
    file = tmp_path / "diff.json"
    where = ["-f", str(FLEET / "fleet.yaml"), "--cache-dir", str(cache), "-o", f"json={file}", "-q"]
    assert run_command(["diff", *words, *where]) == 0
    document: Document = json.loads(file.read_bytes())
    return document


def test_what_the_vision_family_adds_to_its_base(cache: Path, tmp_path: Path) -> None:
    document = diff(cache, tmp_path, BASE, VISION)

    came = {each["name"]: each for each in document["packages"]}
    assert {each["change"] for each in came.values()} == {"added"}
    assert {"opencv-python", "pillow", "scipy", "onnxruntime"} <= came.keys()
    assert {origin for each in came.values() for origin in each["origins_b"]} == {VISION}
    assert document["sizes"]["shared_layers"] >= 6
    assert {each["side"] for each in document["sizes"]["layers"]} == {"b"}
    (stored,) = (each for each in document["sizes"]["totals"] if each["what"] == "layers as stored")
    added = sum(each["stored_bytes"] for each in document["sizes"]["layers"])
    assert stored["b"] - stored["a"] == added
    grown = {each["package"]: each["b"] for each in document["sizes"]["packages"]}
    assert grown["pkg:pypi/opencv-python"] > 100_000_000


def test_the_other_order_tells_the_same_the_other_way(cache: Path, tmp_path: Path) -> None:
    forth, back = diff(cache, tmp_path, BASE, VISION), diff(cache, tmp_path, VISION, BASE)

    assert [each["package"] for each in forth["packages"]] == [each["package"] for each in back["packages"]]
    assert {each["change"] for each in back["packages"]} == {"removed"}
    assert (forth["a"], forth["b"]) == (back["b"], back["a"])


def test_a_headless_opencv_mends_what_services_miss(cache: Path, tmp_path: Path, layout: Path) -> None:
    document = diff(cache, tmp_path, VISION, f"oci:{layout}:{HEADLESS}")

    mended = {
        each["name"]
        for each in document["needs"]
        if each["a"] and each["a"]["status"] == "missing" and each["a"]["tier"] == "required"
    }
    assert "libGL.so.1" in mended
    assert {each["name"]: each["change"] for each in document["packages"]} == {
        "opencv-python": "removed",
        "opencv-python-headless": "added",
    }
    assert any(VISION in note for note in document["notes"])


@pytest.mark.parametrize("form", FORMS)
def test_no_package_differs_between_syfts_own_document_and_the_image(
    form: str, documents: dict[str, Path], cache: Path, tmp_path: Path
) -> None:
    document = diff(cache, tmp_path, str(documents[form]), VISION)

    assert document["packages"] == []
    assert document["same_package_set"]
    assert document["notes"] == []
    told = {each["what"]: each for each in document["not_compared"]}
    assert told["libraries inside packages"]["a"]


def test_nothing_differs_between_our_own_document_and_the_image(cache: Path, tmp_path: Path) -> None:
    files = {form: tmp_path / f"{form}.json" for form in FORMS[:2]}
    outputs = [word for form, file in files.items() for word in ("-o", f"{form}={file}")]
    where = ["-f", str(FLEET / "fleet.yaml"), "--cache-dir", str(cache), "-q"]
    assert run_command(["sbom", VISION, *where, *outputs]) == 0

    for file in files.values():
        document = diff(cache, tmp_path, str(file), VISION)
        assert document["same"], file.name
        assert document["same_package_set"]
        assert {"packages", "libraries inside packages", "licences"} <= set(document["compared"])


def test_nothing_differs_between_an_audit_and_the_image(cache: Path, tmp_path: Path) -> None:
    file = tmp_path / "deps.json"
    where = ["-f", str(FLEET / "fleet.yaml"), "--cache-dir", str(cache), "--offline", "-q"]
    run_command(["deps", VISION, *where, "-o", f"json={file}"])

    document = diff(cache, tmp_path, str(file), VISION)

    assert document["same"]
    assert document["same_package_set"]
    assert document["compared"] == ["needs", "findings"]
