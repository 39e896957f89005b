"""What is in the example's images, with the real syft, held against other people's validators."""

import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import msgspec
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from fleet_audit.__main__ import run as run_command
from fleet_audit.audit.pipeline.inventories.converted import converted
from fleet_audit.audit.pipeline.inventories.foreign import foreign
from fleet_audit.audit.pipeline.run.scene import open_scene
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.scanners.scanning import packages_found, scan_target
from fleet_audit.audit.sbom.canonical import canonical_purl
from fleet_audit.audit.tools.process import run
from tests.support.example_images import FLEET, example_layout
from tests.support.scanners import real_syft

pytestmark = pytest.mark.integration

VISION, AUDIO = "family-vision-cu121", "family-torch-cu121"
FAMILIES = pytest.mark.parametrize("family", [VISION, AUDIO])

Document = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def layout() -> Path:
    return example_layout(VISION, AUDIO)


@pytest.fixture(autouse=True)
def scanner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_AUDIT_SYFT", str(real_syft().path))


@cache
def folder() -> Path:
    return Path(mkdtemp())


@cache
def documents(family: str) -> tuple[Path, Path]:
    """Return one family's CycloneDX and SPDX document, made once with a cache of their own."""
    files = folder() / f"{family}.cdx.json", folder() / f"{family}.spdx.json"
    assert made(family, folder() / "cache", *files) == 0
    return files


def made(family: str, cache_dir: Path, cyclonedx: Path, spdx: Path) -> int:
    outputs = ["-o", f"cyclonedx-json={cyclonedx}", "-o", f"spdx-json={spdx}"]
    where = ["-f", str(FLEET / "fleet.yaml"), "--cache-dir", str(cache_dir)]
    return run_command(["sbom", family, *where, *outputs, "-q"])


def cyclonedx(family: str) -> Document:
    document: Document = json.loads(documents(family)[0].read_bytes())
    return document


def below(family: str, beginning: str) -> set[str]:
    """Return what the one component whose ref begins so depends on, by the refs."""
    (row,) = (each for each in cyclonedx(family)["dependencies"] if each["ref"].startswith(beginning))
    return set(row.get("dependsOn", ()))


def component(family: str, beginning: str) -> Document:
    (one,) = (each for each in cyclonedx(family)["components"] if each["bom-ref"].startswith(beginning))
    assert isinstance(one, dict)
    return one


def properties(value: Document) -> dict[str, str]:
    return {each["name"]: each["value"] for each in value["properties"]}


@FAMILIES
def test_other_peoples_validators_find_nothing_wrong(family: str) -> None:
    first, second = documents(family)

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(first.read_text()) is None
    assert validate_full_spdx_document(parse_file(str(second))) == []


@pytest.mark.parametrize("cache_dir", ["cache", "another"])
def test_another_run_writes_the_same_bytes_whatever_is_kept(cache_dir: str, tmp_path: Path) -> None:
    files = documents(VISION)
    again = tmp_path / "a.json", tmp_path / "b.json"
    made(VISION, folder() / cache_dir, *again)

    assert [file.read_bytes() for file in again] == [file.read_bytes() for file in files]


@FAMILIES
def test_everything_that_syft_finds_is_in_the_document(family: str, layout: Path) -> None:
    settings = Settings(cache_dir=folder() / "cache", created="2026-11-20T00:00:00Z")
    with open_scene(f"oci:{layout}:{family}", settings) as scene:
        found = packages_found(scene.image, real_syft(), settings).document
    theirs = {canonical_purl(each.purl) for each in found.artifacts}

    assert theirs
    assert theirs <= {each.get("purl") for each in cyclonedx(family)["components"]}


@FAMILIES
def test_every_package_has_its_layer_and_whose_that_is(family: str) -> None:
    packages = [each for each in cyclonedx(family)["components"] if "purl" in each]

    assert len(packages) > 100
    for each in packages:
        assert {"fleet-audit:layer", "fleet-audit:origin"} <= set(properties(each)), each["bom-ref"]


def test_zlib_is_of_the_base_image_and_opencv_of_the_vision_family() -> None:
    assert properties(component(VISION, "pkg:deb/debian/zlib1g@"))["fleet-audit:origin"] == "base"
    assert properties(component(VISION, "pkg:pypi/opencv-python@"))["fleet-audit:origin"] == VISION
    assert properties(component(VISION, "pkg:pypi/numpy@"))["fleet-audit:origin"] == "base-gpu-cu121"


def test_a_package_that_a_dockerfile_names_has_the_line() -> None:
    path, _, line = properties(component(VISION, "pkg:deb/debian/curl@"))[
        "fleet-audit:installed-by"
    ].rpartition(":")

    assert "curl" in (FLEET / path).read_text(encoding="utf-8").splitlines()[int(line) - 1]


def test_the_image_library_inside_pillow_is_known_with_its_release() -> None:
    libwebp = component(VISION, "libwebp#")

    assert libwebp["version"].count(".") == 2
    assert properties(libwebp)["fleet-audit:bundled-in"].startswith("pkg:pypi/pillow@")
    assert libwebp["bom-ref"] in below(VISION, "pkg:pypi/pillow@")


def test_extension_modules_depend_on_packages_of_the_system() -> None:
    assert any(ref.startswith("pkg:deb/debian/libstdc%2B%2B6@") for ref in below(VISION, "pkg:pypi/scipy@"))
    assert any(ref.startswith("pkg:deb/debian/zlib1g@") for ref in below(VISION, "pkg:pypi/opencv-python@"))


def test_the_lines_that_import_opencv_are_evidence() -> None:
    occurrences = component(VISION, "pkg:pypi/opencv-python@")["evidence"]["occurrences"]
    imports = {
        (each["location"], each.get("line"))
        for each in occurrences
        if "imported" in each["additionalContext"]
    }

    assert imports
    for path, line in imports:
        text = (FLEET / path).read_text(encoding="utf-8").splitlines()[line - 1]
        assert "cv2" in text


def test_documents_of_syft_itself_have_the_same_set_of_packages(layout: Path, tmp_path: Path) -> None:
    settings = Settings(cache_dir=folder() / "cache", created="2026-11-20T00:00:00Z")
    files = {form: tmp_path / f"{form}.json" for form in ("cyclonedx-json", "spdx-json", "syft-json")}
    outputs = [word for form, file in files.items() for word in ("-o", f"{form}={file}")]
    with (
        open_scene(f"oci:{layout}:{VISION}", settings) as scene,
        scan_target(scene.image, settings) as target,
    ):
        argv = [str(real_syft().path), "scan", f"docker-archive:{target.archive}", *outputs]
        run(argv, timeout=600, env={"SYFT_CHECK_FOR_APP_UPDATE": "false", "HOME": str(tmp_path)})

    found = [foreign(file) for file in files.values()]

    told = {each.patched.package_set for each in found if each.patched is not None}
    anew = {converted(each.name, each.body).inventory.package_set for each in found}
    assert told == anew == {properties(cyclonedx(VISION)["metadata"])["fleet-audit:package-set"]}


def test_the_set_of_packages_is_the_one_that_deps_tells(tmp_path: Path) -> None:
    file = tmp_path / "deps.json"
    run_command(["deps", VISION, "-f", str(FLEET / "fleet.yaml"), "--offline", "-o", f"json={file}", "-q"])

    told = properties(cyclonedx(VISION)["metadata"])["fleet-audit:package-set"]
    assert told == msgspec.json.decode(file.read_bytes())["package_set"]
